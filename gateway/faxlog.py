"""The business log: one function per event worth telling an operator, with its counter beside it.

Each line carries ids, masked numbers, sizes and codes. Never a subject, a file name, page content or a provider's
free text: the journal has those, under the same id.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.core.lifecycle import Move
from gateway.core.model import MailKind, Verdict
from gateway.core.numbers import mask
from gateway.core.reasons import Reason

registry: Final = CollectorRegistry()

_DIGITS: Final = re.compile(r"\d{5,}")

_log = structlog.get_logger("faxgw")

_accepted = Counter("faxgw_messages_accepted", "Messages answered 250.", ["repeated"], registry=registry)
_refused = Counter("faxgw_smtp_refused", "SMTP commands refused, by status.", ["status"], registry=registry)
_moved = Counter("faxgw_fax_moves", "Moves of outgoing faxes.", ["state", "reason"], registry=registry)
_searched = Counter("faxgw_searches", "Searches for lost submissions.", ["verdict"], registry=registry)
_webhooks = Counter("faxgw_webhook_events", "Webhook events taken.", ["account", "known"], registry=registry)
_webhook_refusals = Counter(
    "faxgw_webhooks_refused", "Webhooks refused, by HTTP status.", ["status"], registry=registry
)
_inbound = Counter("faxgw_inbound_moves", "Moves of received faxes.", ["state", "reason"], registry=registry)
_caught_up = Counter("faxgw_caught_up", "Received faxes found by listing, not by webhook.", registry=registry)
_mails = Counter("faxgw_mails", "Mails of ours, by kind and what became of them.", ["kind", "state"], registry=registry)
_bugs = Counter("faxgw_unexpected_errors", "Unexpected errors of our own.", ["where"], registry=registry)
_waiting = Gauge("faxgw_rows", "Rows by table and state.", ["table", "state"], registry=registry)


def started(version: str, addresses: dict[str, list[str]]) -> None:
    """The daemon is ready."""
    _log.info("started", version=version, **addresses)


def stopping(reason: str) -> None:
    """The daemon has begun to stop."""
    _log.info("stopping", reason=reason)


def disk_error(detail: str) -> None:
    """Nothing may be acknowledged any more; the process ends."""
    _log.critical("disk error: intake stopped, the process ends", detail=detail)


def accepted(message: str, jobs: Sequence[str], *, size: int, repeated: bool) -> None:
    """A message was answered 250; ``repeated`` if it was here already."""
    _accepted.labels(str(repeated).lower()).inc()
    _log.info("accepted", message=message, fax=list(jobs), size=size, repeated=repeated)


def refused(peer: str, code: int, status: str, text: str) -> None:
    """A client was told no, with this sentence of ours; digits that may be a number are left out."""
    _refused.labels(status).inc()
    _log.info("refused", peer=peer, code=code, status=status, why=_DIGITS.sub("•••", text))


def moved(fax: str, step: Move, *, number: str) -> None:
    """An outgoing fax changed its state, or stays for a reason."""
    reason = step.reason.code if step.reason else ""
    _moved.labels(step.to.value, reason).inc()
    due = step.due_at.isoformat() if step.due_at else None
    _log.info("fax", fax=fax, to=mask(number), state=step.to.value, reason=reason or None, due=due)


def rendered(fax: str, *, pages: int | None, size: int) -> None:
    """The pages of a fax are ready."""
    _log.info("rendered", fax=fax, pages=pages, size=size)


def searched(fax: str, verdict: Verdict, *, searches: int) -> None:
    """A lost submission was looked for at the provider."""
    _searched.labels(verdict.value).inc()
    _log.info("searched", fax=fax, verdict=verdict.value, searches=searches)


def marker_failed(account: str, reason: Reason) -> None:
    """The page that proves a list fresh could not be sent; the search goes on without it."""
    _log.warning("marker failed", account=account, reason=reason.code)


def webhook(account: str, provider_fax_id: str, fax: str | None) -> None:
    """A webhook event was taken; ``fax`` is None if it is about no fax of ours."""
    _webhooks.labels(account, str(fax is not None).lower()).inc()
    _log.info("webhook", account=account, provider_fax=provider_fax_id, fax=fax)


def webhook_refused(account: str, status: int) -> None:
    """A webhook was answered with an error."""
    _webhook_refusals.labels(str(status)).inc()
    _log.warning("webhook refused", account=account, status=status)


def received(fax: str, account: str, provider_fax_id: str, *, caught_up: bool) -> None:
    """A received fax is durable here; ``caught_up`` if its webhook never came."""
    if caught_up:
        _caught_up.inc()
    _log.info("received", fax=fax, account=account, provider_fax=provider_fax_id, caught_up=caught_up)


def inbound_moved(fax: str, step: Move, *, addresses: int | None = None) -> None:
    """A received fax changed its state, or stays for a reason."""
    reason = step.reason.code if step.reason else ""
    _inbound.labels(step.to.value, reason).inc()
    _log.info("inbound", fax=fax, state=step.to.value, reason=reason or None, addresses=addresses)


def catch_up_failed(account: str, reason: Reason) -> None:
    """The provider could not list its received faxes; the next turn tries again."""
    _log.warning("catch-up failed", account=account, reason=reason.code)


def mail_moved(mail: str, kind: MailKind, subject: str, step: Move) -> None:
    """A mail of ours was taken, refused or put off."""
    _mails.labels(kind.value, step.to.value).inc()
    reason = step.reason.code if step.reason else None
    _log.info("mail", mail=mail, kind=kind.value, fax=subject, state=step.to.value, reason=reason)


def bug(where: str, row: str, error: BaseException) -> None:
    """An unexpected error of ours. Its text may hold anything, so only its type and place are logged."""
    _bugs.labels(where).inc()
    place = place_of(error)
    _log.error("unexpected error", where=where, row=row, error=type(error).__name__, place=place)


def passing_trouble(where: str, row: str, error: BaseException) -> None:
    """A step could not be done now, because of the disk, the database or the clock; it is done again."""
    _log.warning("put off", where=where, row=row, error=type(error).__name__)


def place_of(error: BaseException) -> str:
    """Names file, line and function at which an error was raised, without its text."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return ""
    code = last.tb_frame.f_code
    return f"{code.co_filename.rpartition('/')[2]}:{last.tb_lineno} {code.co_name}"


def waiting(counts: dict[tuple[str, str], int]) -> None:
    """Publishes how many rows wait, by table and state."""
    _waiting.clear()
    for (table, state), count in counts.items():
        _waiting.labels(table, state).set(count)
