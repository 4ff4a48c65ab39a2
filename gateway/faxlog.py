"""The business log: one function per event worth telling an operator, with its counter beside it.

Each line carries ids, masked numbers, sizes and codes. Never a subject, a file name, page content or a provider's
free text: the journal has those, under the same id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
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
_drift = Gauge(
    "faxgw_mapping_drift",
    "Mappings and settings at a provider that are not as configured.",
    ["account", "kind"],
    registry=registry,
)
_bugs = Counter("faxgw_unexpected_errors", "Unexpected errors of our own.", ["where"], registry=registry)
_waiting = Gauge("faxgw_rows", "Rows by table and state.", ["table", "state"], registry=registry)
_canary_well = Gauge(
    "faxgw_canary_well", "How each leg of the canary went last: 1 well, 0 not.", ["leg"], registry=registry
)
_canary_last_well = Gauge(
    "faxgw_canary_last_well_seconds",
    "When each leg of the canary was last well, Unix time.",
    ["leg"],
    registry=registry,
)


def started(version: str, addresses: dict[str, list[str]]) -> None:
    """The daemon is ready."""
    _log.info("started", version=version, **addresses)


def stopping(reason: str) -> None:
    """The daemon has begun to stop."""
    _log.info("stopping", reason=reason)


def reloaded(changed: Sequence[str], restart_needed: Sequence[str]) -> None:
    """The configuration was read again and taken over, but for keys that need a restart."""
    _log.info("reloaded", changed=list(changed), restart_needed=list(restart_needed))


def account_renamed(old: str, new: str) -> None:
    """A provider account has another name in the configuration; its faxes have taken it over."""
    _log.info("account renamed", account=new, before=old)


def reload_refused(problems: Sequence[str]) -> None:
    """The configuration was read again and cannot be used; each problem names file, line and key."""
    for problem in problems:
        _log.error("configuration not taken over", problem=problem)


def verb(name: str, outcome: str) -> None:
    """A command reached us through the control socket; ``outcome`` is ``done`` or the kind of trouble."""
    _log.info("verb", verb=name, outcome=outcome)


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


def mappings_read(account: str, number: int, drift: Mapping[str, int]) -> None:
    """The mappings of an account were read whole; ``drift`` counts by kind what is not as configured."""
    for kind in ("created", "changed", "removed", "foreign", "unknown number"):
        _drift.labels(account, kind).set(drift.get(kind, 0))
    _log.info("mappings", account=account, number=number, drift=dict(drift))


def mapping_changed(change: str, noun: str, account: str, service: str, *, what: str) -> None:
    """A mapping or setting was changed at the provider; ``what`` is its number, or the name of the setting."""
    shown = {"number": mask(what)} if what.startswith("+") else {"name": what}
    _log.info(f"{noun} {change}", account=account, service=service, **shown)


def numbers_unknown(number: int) -> None:
    """So many mappings are wanted for numbers that no account has."""
    _drift.labels("", "unknown number").set(number)


def mappings_unread(account: str, reason: Reason) -> None:
    """The mappings of an account could not be read; nothing is concluded from that."""
    _log.warning("mappings not read", account=account, reason=reason.code)


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


def canary_ended(leg: str, token: str, well: bool | None) -> None:  # noqa: FBT001 - as the row has it
    """A leg of the canary was judged; ``well`` is None if there was nothing to try."""
    log = _log.warning if well is False else _log.info
    log("canary", leg=leg, token=token, well=well)


def canary_stands(legs: Mapping[str, tuple[bool, datetime | None]]) -> None:
    """Publishes how each leg of the canary went last, and when it was last well."""
    _canary_well.clear()
    _canary_last_well.clear()
    for leg, (well, last_well) in legs.items():
        _canary_well.labels(leg).set(well)
        if last_well is not None:
            _canary_last_well.labels(leg).set(last_well.timestamp())
