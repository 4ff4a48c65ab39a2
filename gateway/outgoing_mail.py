"""Every mail of ours on its way to the smarthost: received faxes, notices to senders, alerts to the operator.

Mail is sent at least once: after a lost reply it goes again, with the same Message-ID and Date (docs/durability.md).
A received fax that its address refuses goes to the fallback; the other addresses are unharmed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from gateway import faxlog
from gateway.core import lifecycle
from gateway.core.lifecycle import MailState, Move, Notice
from gateway.core.model import AttemptState, FaxJob, MailDelivery, MailKind, Message
from gateway.core.reasons import AmbiguousError, GatewayError, PermanentError, Reason
from gateway.core.week import Week
from gateway.failpoint import failpoint
from gateway.mail.compose import (
    AlertMail,
    Heading,
    ReceivedFaxMail,
    compose_alert,
    compose_received_fax,
    spaced,
)
from gateway.mail.dsn import DsnMail, compose_dsn
from gateway.mail.headers import MessageHeaders, read_headers
from gateway.mail.receipts import Call, FaxOutcome, ReceiptMail, compose_follow_up, compose_receipt
from gateway.mail.weekly import WeeklyMail, compose_weekly
from gateway.store import fax_jobs, mail_deliveries, queue, reports
from gateway.store.database import Database, Tx
from gateway.store.documents import Documents
from gateway.store.outcomes import Outcomes
from gateway.store.reports import FaxDetails, InboundDetails
from gateway.store.schema import inbound_fax, mail_delivery

_HEAD: Final = 80 * 1024
_NAME: Final = "Fax gateway"
#: So often a mail whose reply got lost is sent again; then a person looks.
_MOST_COPIES: Final = 5


class NextHop(Protocol):
    """Takes one mail for one recipient (mail/smarthost.Smarthost)."""

    async def send(self, mail_from: str, recipient: str, data: bytes, envid: str | None = None) -> str:
        """Sends it and answers the reply."""


@dataclass(frozen=True, slots=True)
class MailIdentity:
    """How our mails present us.

    Attributes:
        domain: of our fax addresses; a received fax is never mailed back into it.
        hostname: for Message-IDs and Reporting-MTA.
        fax_address: From of mails that bring a received fax.
        fallback: who gets a received fax that its address refuses.
    """

    domain: str
    hostname: str
    fax_address: str
    fallback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMail:
    """Sends mails and records what became of them.

    Attributes:
        store: transactions.
        documents: stored bytes.
        next_hop: the smarthost.
        identity: how we present ourselves.
        outcomes: writes the mails that follow from a refusal.
        delays: waits between tries; the last one repeats until the lifetime of the mail is over.
        clock: the time now, aware.
    """

    store: Database
    documents: Documents
    next_hop: NextHop
    identity: MailIdentity
    outcomes: Outcomes
    delays: tuple[timedelta, ...]
    clock: Callable[[], datetime]

    async def send(self, row: queue.Row) -> None:
        """Sends one mail and records the result (step I8). Safe to repeat: at worst the recipient gets a copy."""
        mail = mail_deliveries.from_row(row)
        try:
            content = await self._compose(mail)
            failpoint("i8.before_send")
            await self.next_hop.send(mail.envelope_from, mail.address, content, mail.id)
            failpoint("i8.after_send")
            step = Move(MailState.SENT, None)
        except PermanentError as error:
            step = Move(MailState.FAILED, None, error.reason, error.detail)
        except GatewayError as error:
            step = self._again(mail, error)
        await self.store.write(self._record, mail, step, self.clock())
        failpoint("i8.after_commit")
        faxlog.mail_moved(mail.id, mail.kind, mail.subject_id, step)

    def _again(self, mail: MailDelivery, error: GatewayError) -> Move:
        spread = random.random()  # noqa: S311 - spreads retries, keeps no secret
        step = lifecycle.after_mail_error(
            mail.tries, error.reason, error.detail, self.delays, mail.deadline, self.clock(), spread
        )
        if not isinstance(error, AmbiguousError):
            return step
        copies = int(mail.facts.get("copies", "0")) + 1
        facts = {**mail.facts, "copies": str(copies)}
        if copies < _MOST_COPIES:
            return replace(step, columns={**step.columns, "facts": facts})
        held_from = {"held_from": MailState.QUEUED.value, "facts": facts}
        return Move(MailState.HELD, None, error.reason, error.detail, columns=held_from)

    # --- the result: who else has to know --------------------------------------------------------------------------

    def _record(self, tx: Tx, mail: MailDelivery, step: Move, now: datetime) -> None:
        queue.move(tx, mail_delivery, mail.id, mail.version, mail.state, step, now)
        if step.to is MailState.FAILED:
            self._after_failure(tx, mail, step, now)
        elif step.to is MailState.HELD:
            sentence = "A mail was sent several times and its acceptance is still unknown; it is held."
            self.outcomes.alert(tx, f"held:{mail.id}", mail.subject_id, sentence, now, step.detail)
        if mail.kind is MailKind.FAX and step.to is not MailState.QUEUED:
            queue.wake(tx, inbound_fax, mail.subject_id, now)

    def _after_failure(self, tx: Tx, mail: MailDelivery, step: Move, now: datetime) -> None:
        if mail.kind in (MailKind.ALERT, MailKind.FORWARD, MailKind.WEEKLY):
            return  # it was for the operator himself: the log and the health page are what is left
        if mail.kind is MailKind.FAX:
            went_on = self.outcomes.deliver_fax(tx, mail.subject_id, self.identity.fallback, now)
            where = "it went to the fallback address" if went_on else "the fallback address has it or refused it too"
            sentence = f"A received fax was refused by one of its addresses; {where}."
        else:
            sentence = "A notice about a fax could not be delivered to its sender."
        self.outcomes.alert(tx, f"undelivered:{mail.id}", mail.subject_id, sentence, now, step.detail)

    # --- the content -----------------------------------------------------------------------------------------------

    async def _compose(self, mail: MailDelivery) -> bytes:
        """Builds the mail from what is stored; the same each time it is sent."""
        if mail.kind is MailKind.ALERT:
            return self._alert(mail)
        if mail.kind is MailKind.FORWARD:
            return await self._forward(mail)
        if mail.kind is MailKind.WEEKLY:
            return compose_weekly(WeeklyMail(self._heading(mail), self.identity.domain, Week.of(mail.facts)))
        details = await self.store.read(reports.show_fax, mail.subject_id)
        if isinstance(details, InboundDetails):
            return await self._received_fax(mail, details)
        if details is None:
            raise LookupError(f"{mail.id} is about {mail.subject_id}, which does not exist")
        return await self._notice(mail, details)

    def _alert(self, mail: MailDelivery) -> bytes:
        facts = [
            ("About", mail.subject_id),
            ("Time", mail.facts["at"]),
            ("Detail", mail.facts.get("detail", "")),
        ]
        shown = tuple((name, value) for name, value in facts if value)
        lines = tuple(mail.facts.get("lines", "").splitlines())
        return compose_alert(AlertMail(self._heading(mail), mail.facts["sentence"], shown, lines))

    async def _forward(self, mail: MailDelivery) -> bytes:
        message = await self.store.read(fax_jobs.get_message, mail.subject_id)
        content = await self.documents.read(message.document)
        return content.partition(b"\n")[2]  # the first line is our envelope

    async def _received_fax(self, mail: MailDelivery, details: InboundDetails) -> bytes:
        fax = details.fax
        if mail.address.lower().rpartition("@")[2] == self.identity.domain.lower():
            raise PermanentError(Reason.LOOP, "a received fax is never mailed to a fax address")
        assert fax.document is not None  # noqa: S101 - a routed fax has its document
        heading, name = self._heading(mail), f"Fax {spaced(fax.caller)}" if fax.caller else "Fax"
        return await asyncio.to_thread(  # megabytes of base64 would hold up everybody else
            compose_received_fax,
            ReceivedFaxMail(
                heading=replace(heading, from_name=name, from_address=self.identity.fax_address),
                fax_id=fax.id,
                number=fax.number or "",
                caller=fax.caller,
                received_at=fax.received_at or fax.created_at,
                pages=fax.pages or 0,
                pdf=await self.documents.read(fax.document),
            ),
        )

    async def _notice(self, mail: MailDelivery, details: FaxDetails) -> bytes:
        job, message = details.job, details.message
        heading = self._heading(mail, await self._original(message))
        outcome = _outcome(mail, details)
        if mail.kind is MailKind.RECEIPT:
            return compose_receipt(ReceiptMail(heading, outcome))
        if mail.kind is MailKind.FOLLOW_UP:
            return compose_follow_up(ReceiptMail(heading, outcome))
        last = max(details.attempts, key=lambda attempt: attempt.ended_at or attempt.intent_at, default=None)
        return compose_dsn(
            DsnMail(
                heading=heading,
                outcome=outcome,
                reporting_mta=self.identity.hostname,
                recipient=job.address,
                arrival=message.received_at,
                envid=message.envid,
                orcpt=job.orcpt,
                last_attempt=(last.ended_at or last.intent_at) if last else None,
                diagnostic=f"{job.account} {mail.facts['detail']}" if last and mail.facts["detail"] else "",
            )
        )

    async def _original(self, message: Message) -> MessageHeaders:
        head = await self.documents.read_head(message.document, _HEAD)
        return read_headers(head.partition(b"\n")[2])

    def _heading(self, mail: MailDelivery, answers: MessageHeaders | None = None) -> Heading:
        return Heading(
            from_name=_NAME,
            from_address=f"postmaster@{self.identity.domain}",
            to=mail.address,
            date=mail.created_at,
            message_id=f"<{mail.id}.{mail.subject_id}@{self.identity.hostname}>",
            answers=answers,
            copy=int(mail.facts.get("copies", "0")),
        )


def _outcome(mail: MailDelivery, details: FaxDetails) -> FaxOutcome:
    """Says how a fax ended when this notice was ordered; late proof changes the job, not the notice."""
    job, facts = details.job, mail.facts
    zone = ZoneInfo(job.header_time_zone)
    ended = datetime.fromisoformat(facts["at"])
    calls = tuple(
        Call(attempt.intent_at.astimezone(zone), attempt.reason, attempt.pages_sent)
        for attempt in details.attempts
        if attempt.state in (AttemptState.DELIVERED, AttemptState.FAILED, AttemptState.UNKNOWN)
    )
    prices = [attempt.price for attempt in details.attempts if attempt.price is not None]
    return FaxOutcome(
        job_id=job.id,
        number=job.number,
        notice=_notice_of(mail, job),
        reason=Reason.of(facts["reason"]),
        accepted_at=details.message.received_at.astimezone(zone),
        ended_at=ended.astimezone(zone),
        pages=int(facts["pages"]) if facts["pages"] else None,
        pages_sent=int(facts["pages_sent"]) if facts["pages_sent"] else None,
        detail="" if details.attempts else facts["detail"],
        calls=calls,
        parts=tuple(details.ledger),
        price=sum(prices, Decimal(0)) if prices else None,
        currency=next((attempt.currency for attempt in details.attempts if attempt.currency), None),
    )


def _notice_of(mail: MailDelivery, job: FaxJob) -> Notice:
    if mail.facts["notice"]:
        return Notice(mail.facts["notice"])
    return Notice.SUCCESS if job.state is lifecycle.FaxState.DELIVERED else Notice.FAILURE
