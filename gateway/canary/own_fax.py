"""The leg ``own fax``: a real fax from one number of ours to another, through every step into mail. It costs a call.

The message and its job are made here as an accepted mail makes them, in the commit that says that they were made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.canary import CanaryLeg, Sending
from gateway.core.canary_verdicts import Verdict, judge_own_fax, nothing_to_try
from gateway.core.ids import ENTROPY_BYTES, MESSAGE, OUTBOUND, make_id
from gateway.core.model import NULL_SENDER, Document, Envelope, FaxJob, InboundFax, Message, Recipient, Sender
from gateway.core.orders import new_jobs
from gateway.failpoint import failpoint
from gateway.mail.canary_mails import compose_fax_message
from gateway.mail.compose import Heading
from gateway.mail.intake import envelope_line
from gateway.store import canary, fax_jobs
from gateway.store.database import Database, Tx
from gateway.store.documents import Documents


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFax:
    """Orders the fax once, then waits until it was delivered there and mailed on here.

    Attributes:
        store: transactions.
        documents: stored bytes.
        senders: one of them has the number that calls.
        numbers: the number that calls and the number that is called; None if nothing is to be sent any more.
        domain: of our fax addresses.
        hostname: for its Message-ID.
        patience: the fax itself lives no longer than its leg.
        clock: the time now, aware.
        entropy: so many random bytes.
    """

    store: Database
    documents: Documents
    senders: Sequence[Sender]
    numbers: tuple[str, str] | None
    domain: str
    hostname: str
    patience: timedelta
    clock: Callable[[], datetime]
    entropy: Callable[[int], bytes]

    async def advance(self, leg: CanaryLeg, *, late: bool) -> Verdict | None:
        """Does what is to be done next. At most one fax exists per leg, whatever dies."""
        caller, number = self.numbers or ("", "")
        sender = next((sender for sender in self.senders if sender.caller_id == caller), None)
        if sender is None:
            return nothing_to_try("it is not configured any more")
        if not late and leg.facts["phase"] == Sending.READY:
            await self._order(leg, sender, number)
        job, arrived = await self.store.read(self._progress, leg, caller, number)
        return judge_own_fax(job, arrived, late=late)

    async def _order(self, leg: CanaryLeg, sender: Sender, number: str) -> None:
        now = self.clock()
        message_id = make_id(MESSAGE, self.entropy(ENTROPY_BYTES))
        job_ids = {number: make_id(OUTBOUND, self.entropy(ENTROPY_BYTES))}
        # Nobody is told how it went: the canary tells.
        recipient = Recipient(f"{number}@{self.domain}", number)
        envelope = Envelope(NULL_SENDER, (recipient,), peer="", helo=self.hostname)
        content = envelope_line(envelope, message_id, job_ids, now) + self._message(leg, sender, recipient.address)
        document = await self.documents.put(message_id, "message", "message/rfc822", content)
        jobs = new_jobs(envelope, message_id, job_ids, sender, now, self.patience)
        if await self.store.write(self._accept, leg, self._noun(leg, document, now), jobs):
            failpoint("c4.after_own_fax")
        else:  # another node was first
            await self.documents.delete(document)

    @staticmethod
    def _accept(tx: Tx, leg: CanaryLeg, message: Message, jobs: Sequence[FaxJob]) -> bool:
        if not canary.intend(tx, leg.token, job_id=jobs[0].id):
            return False
        fax_jobs.add_message(tx, message, jobs)
        canary.note(tx, leg.token, phase=Sending.SENT)
        return True

    @staticmethod
    def _progress(tx: Tx, leg: CanaryLeg, caller: str, number: str) -> tuple[FaxJob | None, InboundFax | None]:
        known = canary.get(tx, leg.token) or leg
        job = fax_jobs.get_job(tx, known.facts.get("job_id", ""))
        return job, canary.arrived(tx, number, caller, leg.started_at)

    def _message(self, leg: CanaryLeg, sender: Sender, address: str) -> bytes:
        return compose_fax_message(
            Heading(
                from_name=sender.header_text,
                from_address=f"postmaster@{self.domain}",
                to=address,
                date=leg.started_at,
                message_id=self._message_id(leg),
            )
        )

    def _noun(self, leg: CanaryLeg, document: Document, now: datetime) -> Message:
        return Message(
            id=document.owner,
            received_at=now,
            mail_from=NULL_SENDER,
            peer="",
            message_id=self._message_id(leg),
            fingerprint=hashlib.sha256(leg.token.encode()).hexdigest(),
            document=document,
            confirmed=True,
        )

    def _message_id(self, leg: CanaryLeg) -> str:
        return f"<{leg.token}@{self.hostname}>"
