"""E-mail to fax, from the RCPT command to the last word to the sender; read it from top to bottom.

Order of durable steps: docs/durability.md. The intent of a submission is committed before its first byte goes out,
and an answer that got lost is searched for by reference, never repeated (6.4): at most one fax that could arrive.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from gateway import faxlog
from gateway.core import lifecycle, policy
from gateway.core.account_choice import AccountRule, choose_account, choose_accounts, stay
from gateway.core.addresses import canary_token
from gateway.core.attempts import (
    NEVER_ARRIVED,
    current_attempt,
    fax_request,
    hinted_after_all,
    next_attempt,
    outcome_columns,
)
from gateway.core.ids import ENTROPY_BYTES, MESSAGE, OUTBOUND, make_id
from gateway.core.lifecycle import FaxState, FaxTiming, Move
from gateway.core.model import (
    Attempt,
    AttemptState,
    Document,
    Envelope,
    FaxEvent,
    FaxJob,
    FaxReport,
    Found,
    LedgerEntry,
    Message,
    Phase,
    Verdict,
)
from gateway.core.orders import new_jobs
from gateway.core.policy import AccessRules
from gateway.core.reasons import (
    AccountError,
    AmbiguousError,
    DiskFullError,
    GatewayError,
    NotSentError,
    PermanentError,
    Reason,
    TemporaryError,
)
from gateway.core.refusal import Refusal
from gateway.failpoint import failpoint
from gateway.mail.intake import Intake, Receipt
from gateway.providers.base import FaxProvider, UnknownFaxError
from gateway.store import canary, fax_jobs, provider_accounts, queue
from gateway.store.database import Database, StoreBusyError, Tx
from gateway.store.documents import Documents
from gateway.store.outcomes import Outcomes
from gateway.store.rows import document_columns
from gateway.store.schema import fax_job

#: How long a message whose 250 the client may have missed is remembered: as long as its mail server would retry.
_TWIN_WINDOW: Final = timedelta(hours=72)
_MARKER: Final = "K"
#: Below this much free room nothing is accepted, so that what was accepted can be finished.
_LEAST_FREE: Final = 256 * 1024 * 1024


def room_needed(largest_message: int) -> int:
    """Tells how many bytes have to be free on the disk before a message is accepted."""
    return max(_LEAST_FREE, largest_message * 3 // 2)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One document made of a message, and what became of each part."""

    content: bytes
    pages: int
    ledger: tuple[LedgerEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailToFax:
    """Accepts messages, renders them, hands them to a provider, asks how it went, tells the sender.

    Attributes:
        store: transactions.
        documents: stored bytes.
        providers: by the name of their account.
        rules: who may fax where.
        timing: all waits of a job.
        outcomes: writes what a step found out, and the mails that follow.
        make_document: turns a stored message into pages for a look, in a limited child process; raises
            PermanentError or TemporaryError.
        look: how pages look here (paper), the key of a shared rendering.
        callback_url: the webhook URL of an account for one reference.
        submit_lease: how long a submission may take in all.
        request_timeout: how long its request may take; less left of the lease means that it is not begun.
        largest_message: bytes.
        clock: the time now, aware.
        entropy: so many random bytes.
        account_rules: which provider accounts carry which faxes, beside the sender's own.
    """

    store: Database
    documents: Documents
    providers: Mapping[str, FaxProvider]
    rules: AccessRules
    timing: FaxTiming
    outcomes: Outcomes
    make_document: Callable[[Path, str], Awaitable[Rendered]]
    look: str
    callback_url: Callable[[str, str], str]
    submit_lease: timedelta
    request_timeout: timedelta
    largest_message: int
    clock: Callable[[], datetime]
    entropy: Callable[[int], bytes]
    account_rules: Sequence[AccountRule] = ()

    # --- accept: RCPT, DATA, 250 ----------------------------------------------------------------------------------

    def check_client(self, peer: str) -> None:
        """Lets a client in, or raises Refusal. Who may fax is decided at RCPT: everybody may write to postmaster."""
        policy.check_client(self.rules, peer)

    def check_recipient(self, peer: str, mail_from: str, address: str) -> str | None:
        """Reads the number of a fax address that this sender may dial; None for postmaster and canary.

        Raises Refusal.
        """
        return policy.check_recipient(self.rules, peer, mail_from, address)

    def room_for(self, size: int | None) -> None:
        """Raises Refusal if a message of this size (None: not announced) cannot be taken now."""
        if size is not None and size > self.largest_message:
            raise Refusal(552, "5.3.4", f"limit is {self.largest_message}")
        if self.documents.free_bytes() < room_needed(self.largest_message):
            raise Refusal(452, "4.3.1", "low disk space, try again later")

    def begin(self, envelope: Envelope, trace: Callable[[str, datetime], bytes]) -> Intake:
        """Begins to receive one message. Its ids exist from here on, so that the stored file can name them.

        ``trace`` makes our Received header, with its line end, from our id of the message and its time.
        """
        now = self.clock()
        message_id = make_id(MESSAGE, self.entropy(ENTROPY_BYTES))
        numbers = dict.fromkeys(recipient.number for recipient in envelope.recipients if recipient.number)
        return Intake(
            envelope=envelope,
            message_id=message_id,
            job_ids={number: make_id(OUTBOUND, self.entropy(ENTROPY_BYTES)) for number in numbers},
            received_at=now,
            trace=trace(message_id, now),
            writer=self.documents.create(message_id, "message", "message/rfc822"),
            keep=self._keep,
        )

    async def _keep(self, intake: Intake, document: Document, confirmed: str | None) -> Receipt:
        """Makes the promise behind the 250: message and one job per number in one commit (steps O4 and O5).

        A repetition of a message whose 250 the client may not have seen is answered with the ids of the first.
        ``confirmed`` is one whose 250 it has seen (step O5).
        """
        tokens = [canary_token(recipient.address) for recipient in intake.envelope.recipients]
        if all(tokens):  # beside other recipients it is not the canary's mail: the operator gets it
            if confirmed is not None:
                await self.confirm(confirmed)
            return await self._count_canary(intake, document, list(filter(None, tokens)))
        message, jobs = intake.message(document), self._jobs(intake)
        try:
            receipt = await self.store.write(self._accept, message, jobs, intake.envelope, confirmed)
        except (StoreBusyError, DiskFullError):  # provably not kept; the client comes again
            await self.documents.delete(document)
            raise
        failpoint("o4.after_commit")
        if receipt.repeated:
            await self.documents.delete(document)
        faxlog.accepted(receipt.message_id, receipt.job_ids, size=document.size, repeated=receipt.repeated)
        return receipt

    async def _count_canary(self, intake: Intake, document: Document, tokens: Sequence[str]) -> Receipt:
        """Notes that the canary's own mail came back; nothing of it is kept. Raises Refusal if it is none of ours."""
        await self.documents.delete(document)
        if not await self.store.write(canary.note_mails, tokens, intake.received_at):
            raise Refusal(550, "5.1.1", "no such address")
        failpoint("c3.after_return")
        return Receipt(intake.message_id, (), repeated=False)

    def _jobs(self, intake: Intake) -> list[FaxJob]:
        if not intake.job_ids:  # for postmaster only
            return []
        envelope, now = intake.envelope, intake.received_at
        sender = policy.find_sender(self.rules, envelope.peer, envelope.mail_from)
        accounts_for = partial(choose_accounts, self.account_rules, sender, envelope.mail_from)
        return new_jobs(envelope, intake.message_id, intake.job_ids, sender, now, self.timing.lifetime, accounts_for)

    def _accept(
        self, tx: Tx, message: Message, jobs: Sequence[FaxJob], envelope: Envelope, confirmed: str | None
    ) -> Receipt:
        now = message.received_at
        if confirmed is not None:  # first: an equal message is a new order now
            fax_jobs.confirm_message(tx, confirmed)
        twin = fax_jobs.unconfirmed_twin(tx, message.fingerprint, now - _TWIN_WINDOW)
        if twin is not None:
            return Receipt(twin[0], tuple(twin[1]), repeated=True)
        fax_jobs.add_message(tx, message, jobs)
        if any(not recipient.number for recipient in envelope.recipients):
            self.outcomes.forward(tx, message.id, now)
        failpoint("o4.in_transaction")
        return Receipt(message.id, tuple(job.id for job in jobs), repeated=False)

    async def confirm(self, message_id: str) -> None:
        """Notes that the client has seen our 250: the same message again is a new order. Safe to repeat."""
        await self.store.write(fax_jobs.confirm_message, message_id)
        failpoint("o5.after_confirm")

    # --- wake: a webhook says "look at fax X now" -----------------------------------------------------------------

    async def wake(self, account: str, event: FaxEvent) -> None:
        """Makes the job of an event due, so that the API is asked. Safe to repeat; durable when it returns.

        The event may overtake the answer to our own submission: then its reference tells whose it is.
        """
        job_id = await self.store.write(self._wake, account, event, self.clock())
        failpoint("o11.after_wake")
        faxlog.webhook(account, event.provider_fax_id, job_id)

    def _wake(self, tx: Tx, account: str, event: FaxEvent, now: datetime) -> str | None:
        attempt = fax_jobs.get_attempt(tx, event.reference) if event.reference else None
        attempt = attempt or fax_jobs.attempt_of_provider_fax(tx, account, event.provider_fax_id)
        if attempt is None or attempt.account != account:
            return None
        if attempt.provider_fax_id is None:
            fax_jobs.update_attempt(tx, attempt.reference, hinted_fax_id=event.provider_fax_id)
            if attempt.state in NEVER_ARRIVED:
                self._came_too_late(tx, attempt, now)
        queue.wake(tx, fax_job, attempt.job_id, now)
        return attempt.job_id

    def _came_too_late(self, tx: Tx, attempt: Attempt, now: datetime) -> None:
        """Tells the operator of a fax that should not exist, unless its job still waits and will look for it first."""
        job = fax_jobs.get_job(tx, attempt.job_id)
        if job is not None and job.state is not FaxState.READY:
            sentence = f"The provider account {attempt.account} has a fax that it had answered it did not take."
            line = f"The fax is {job.state} through {job.account}: it may arrive twice, or its sender was told wrongly."
            self.outcomes.alert(tx, f"after-all:{attempt.reference}", job.id, sentence, now, lines=[line])

    # --- render: queued -> ready ----------------------------------------------------------------------------------

    async def render(self, row: queue.Row) -> None:
        """Turns the message into one document with a known page count (step O6); once for all jobs of a message."""
        job = fax_jobs.job_from_row(row)
        if self.clock() >= job.deadline:
            return await self._end(job)
        message = await self.store.read(fax_jobs.get_message, job.message_id)
        document = await self.store.read(fax_jobs.get_rendering, message.id, self.look)
        ledger: tuple[LedgerEntry, ...] = ()
        if document is None:
            await self.documents.check(message.document)
            try:
                rendered = await self.make_document(self.documents.path(message.document), self.look)
            except (PermanentError, TemporaryError) as error:
                return await self._rendering_failed(job, error)
            failpoint("o6.after_render")
            role, ledger = f"pages-{self.look}", rendered.ledger
            document = await self.documents.put(message.id, role, "application/pdf", rendered.content, rendered.pages)
            failpoint("o6.after_document")
        await self.store.write(self._rendered, job, document, ledger, self.clock())
        failpoint("o6.after_commit")
        faxlog.rendered(job.id, pages=document.pages, size=document.size)
        return None

    def _rendered(self, tx: Tx, job: FaxJob, document: Document, ledger: Sequence[LedgerEntry], now: datetime) -> None:
        fax_jobs.add_rendering(tx, job.message_id, self.look, document, ledger)
        columns = document_columns(document) | {"pages": document.pages}
        self._record_all(tx, self._waiting_with(tx, job), Move(FaxState.READY, now, columns=columns), now)

    async def _rendering_failed(self, job: FaxJob, error: PermanentError | TemporaryError) -> None:
        now = self.clock()
        temporary = isinstance(error, TemporaryError)
        step = lifecycle.after_render_error(
            job, error.reason, error.detail, temporary=temporary, timing=self.timing, now=now
        )
        jobs = await self.store.write(self._not_rendered, job, step, now)
        for each in jobs:
            faxlog.moved(each.id, step, number=each.number)

    def _not_rendered(self, tx: Tx, job: FaxJob, step: Move, now: datetime) -> list[FaxJob]:
        jobs = [job] if step.to is FaxState.QUEUED else self._waiting_with(tx, job)
        return self._record_all(tx, jobs, step, now)

    def _record_all(self, tx: Tx, jobs: Sequence[FaxJob], step: Move, now: datetime) -> list[FaxJob]:
        """Moves the first job, and those of its siblings that nobody has taken meanwhile; answers them."""
        self._record(tx, jobs[0], step, now)
        moved = [jobs[0]]
        for sibling in jobs[1:]:
            with suppress(queue.LostRaceError):
                self._record(tx, sibling, step, now)
                moved.append(sibling)
        return moved

    @staticmethod
    def _waiting_with(tx: Tx, job: FaxJob) -> list[FaxJob]:
        others = fax_jobs.jobs_of_message(tx, job.message_id)
        waiting = [o for o in others if o.id != job.id and o.state is FaxState.QUEUED and o.claimed_by is None]
        return [job, *waiting]

    # --- submit: ready -> submitting -> submitted -----------------------------------------------------------------

    async def submit(self, row: queue.Row) -> None:
        """Commits the intent, then hands the fax to its provider (steps O8 to O10). Never repeats blindly."""
        job = fax_jobs.job_from_row(row)
        if self.clock() >= job.deadline and not await self.store.read(self._came_after_all, job):
            return await self._end(job)
        assert job.document is not None  # noqa: S101 - a ready job has its document
        provider = self.providers[job.account]
        content = await self.documents.read(job.document)
        intended = time.monotonic()
        try:
            job, attempt = await self.store.write(self._intend, job, self.clock())
        except sa.exc.IntegrityError:  # another job of ours is calling this number (index fax_job_one_call_per_number)
            later = Move(FaxState.READY, self.clock() + self.timing.number_busy_delay)
            return await self._finish(job, later)
        failpoint("o8.after_intent")
        if attempt.hinted_fax_id is not None:  # a webhook said meanwhile that it arrived after all: look first
            return await self._finish(job, stay(Move(FaxState.SUBMITTING, self.clock())))
        if self._lease_left(intended) < self.request_timeout:
            stalled = NotSentError(Reason.PROVIDER_DOWN, "the lease was used up before the first byte")
            return await self._not_sent(job, attempt, stalled)
        try:
            callback = self.callback_url(job.account, attempt.reference)
            fax_id = await provider.submit(fax_request(job, attempt, content, callback))
        except NotSentError as error:
            return await self._not_sent(job, attempt, error)
        except AccountError as error:
            step = lifecycle.after_account_trouble(error.reason, error.detail, self.clock())
            return await self._finish(job, step, attempt, state=AttemptState.NOT_SENT, detail=error.detail)
        except PermanentError as error:
            step = lifecycle.after_refusal(error.reason, error.detail)
            return await self._finish(job, step, attempt, state=AttemptState.REFUSED, reason=error.reason)
        except AmbiguousError as error:
            step = lifecycle.after_ambiguous(attempt, error.detail, self.timing)
            return await self._finish(job, step, attempt, detail=error.detail)
        failpoint("o9.after_answer")
        await self._submitted(job, attempt, fax_id)
        failpoint("o10.after_commit")
        return None

    def _intend(self, tx: Tx, job: FaxJob, now: datetime) -> tuple[FaxJob, Attempt]:
        attempt = next_attempt(fax_jobs.attempts_of(tx, job.id), job, now)
        fax_jobs.begin_attempt(tx, attempt)
        keep_claim = {"claimed_by": job.claimed_by, "tries": job.tries}
        step = Move(FaxState.SUBMITTING, now + self.submit_lease, columns={**keep_claim, "account": attempt.account})
        queue.move(tx, fax_job, job.id, job.version, job.state, step, now)
        failpoint("o8.in_transaction")
        return replace(job, state=FaxState.SUBMITTING, version=job.version + 1, account=attempt.account), attempt

    @staticmethod
    def _came_after_all(tx: Tx, job: FaxJob) -> bool:
        return hinted_after_all(fax_jobs.attempts_of(tx, job.id)) is not None

    def _lease_left(self, since: float) -> timedelta:
        return self.submit_lease - timedelta(seconds=time.monotonic() - since)

    async def _not_sent(self, job: FaxJob, attempt: Attempt, error: NotSentError) -> None:
        step = lifecycle.after_not_sent(job, error.reason, error.detail, error.retry_after, self.timing, self.clock())
        await self._finish(job, step, attempt, state=AttemptState.NOT_SENT, detail=error.detail)

    async def _submitted(self, job: FaxJob, attempt: Attempt, fax_id: str, due_at: datetime | None = None) -> None:
        now = self.clock()
        due_at = due_at or now + self.timing.poll_delays[0]
        step = Move(FaxState.SUBMITTED, due_at, columns={"calls": job.calls + 1})
        await self._finish(job, step, attempt, state=AttemptState.ACCEPTED, provider_fax_id=fax_id)

    # --- recover: submitting -> submitted, ready or unknown -------------------------------------------------------

    async def recover(self, row: queue.Row) -> None:
        """After a crash or a lost answer: asks the provider whether it got the fax (docs/durability.md)."""
        job = fax_jobs.job_from_row(row)
        attempt = current_attempt(await self.store.read(fax_jobs.attempts_of, job.id))
        if attempt.provider_fax_id is not None:  # its answer was written although the move had lost its race
            return await self._submitted(job, attempt, attempt.provider_fax_id)
        now = self.clock()
        first_search = attempt.intent_at + self.timing.search_times[0]
        if attempt.hinted_fax_id is None and now < first_search:
            return await self._finish(job, Move(FaxState.SUBMITTING, first_search))
        provider = self.providers[job.account]
        try:
            found = await provider.find(attempt, job.number, attempt.intent_at + self.timing.fresh_after)
        except TemporaryError as error:
            step = lifecycle.after_unanswered_search(job, error.reason, error.detail, self.timing, self.clock())
            return await self._finish(job, replace(step, pauses_account=isinstance(error, AccountError)))
        failpoint("o9.after_search")
        faxlog.searched(job.id, found.verdict, searches=attempt.searches + 1)
        if found.verdict is Verdict.FOUND and found.provider_fax_id is not None:
            return await self._adopt(job, attempt, found)
        if not lifecycle.search_is_due(attempt, self.timing, now):
            return await self._finish(job, lifecycle.after_early_search(attempt, self.timing))
        useful_from = attempt.intent_at + self.timing.fresh_after
        if found.verdict is Verdict.CANNOT_TELL and now >= useful_from:
            await self._send_marker(job, provider, useful_from)
        return await self._not_found(job, attempt, found)

    async def _adopt(self, job: FaxJob, attempt: Attempt, found: Found) -> None:
        assert found.provider_fax_id is not None  # noqa: S101 - the caller has looked
        if found.others:
            sentence = f"The provider has {len(found.others) + 1} faxes with the reference {attempt.reference}."
            key = f"twice:{attempt.reference}"
            await self.store.write(self.outcomes.alert, key, job.id, sentence, self.clock())
        await self._submitted(job, attempt, found.provider_fax_id, due_at=self.clock())
        failpoint("o9.after_adoption")

    async def _not_found(self, job: FaxJob, attempt: Attempt, found: Found) -> None:
        now = self.clock()
        absent = found.verdict is Verdict.NOT_THERE
        step = lifecycle.after_fruitless_search(attempt, job, proven_absent=absent, timing=self.timing, now=now)
        columns: dict[str, Any] = {"searches": attempt.searches + 1}
        if absent and attempt.absent_since is None:
            columns["absent_since"] = now
        if step.to is FaxState.READY:
            columns |= {"state": AttemptState.NOT_SENT, "resends": attempt.resends + 1}
            columns |= {"absent_since": None, "hinted_fax_id": None}
        if step.to is FaxState.UNKNOWN:
            columns |= {"state": AttemptState.UNKNOWN, "ended_at": now}
        await self._finish(job, stay(step), attempt, **columns)

    async def _send_marker(self, job: FaxJob, provider: FaxProvider, useful_from: datetime) -> None:
        reference = make_id(_MARKER, self.entropy(ENTROPY_BYTES))
        opened = await self.store.write(
            provider_accounts.open_marker, job.account, reference, self.clock(), useful_from
        )
        if not opened:
            return
        failpoint("o9.after_marker_intent")
        try:
            await provider.send_marker(reference)
            failpoint("o9.after_marker")
        except GatewayError as error:
            faxlog.marker_failed(job.account, error.reason)

    # --- check: submitted -> delivered, failed, ready or unknown --------------------------------------------------

    async def check(self, row: queue.Row) -> None:
        """Asks the provider how the call went; one transaction writes state, journal and notice (O11, O12)."""
        job = fax_jobs.job_from_row(row)
        attempt = current_attempt(await self.store.read(fax_jobs.attempts_of, job.id))
        report, trouble = None, None
        try:
            report = await self._report(job, attempt)
        except AccountError as error:
            trouble = error
        failpoint("o11.after_report")
        now = self.clock()
        if report is None or report.phase is Phase.WAITING:
            step = lifecycle.after_waiting(job, self.timing, now)
            if trouble is not None:
                step = replace(step, reason=step.reason or trouble.reason, detail=trouble.detail, pauses_account=True)
            ended = {"state": AttemptState.UNKNOWN} if step.to is FaxState.UNKNOWN else {}
            return await self._finish(job, step, attempt, **ended)
        spread = self.entropy(1)[0] / 255
        step = lifecycle.after_report(job, report, self.timing, now, spread)
        step = replace(step, columns={**step.columns, "pages_sent": report.pages_sent})
        await self._finish(job, step, attempt, **outcome_columns(step, report))
        failpoint("o12.after_commit")
        return None

    async def _report(self, job: FaxJob, attempt: Attempt) -> FaxReport | None:
        """Fetches the truth about an attempt; None if the provider cannot say now."""
        fax_id = attempt.provider_fax_id or attempt.hinted_fax_id
        if fax_id is None:
            return None
        try:
            report = await self.providers[job.account].report(fax_id)
        except (UnknownFaxError, TemporaryError) as error:
            if isinstance(error, AccountError):
                raise
            return None
        hinted_only = attempt.provider_fax_id is None
        return None if hinted_only and attempt.reference not in report.references else report

    # --- settle: unknown -> delivered or failed, when late proof comes --------------------------------------------

    async def settle(self, row: queue.Row) -> None:
        """Takes late proof of how an unknown fax went: one follow-up mail, no second report, never a second fax."""
        job = fax_jobs.job_from_row(row)
        attempt = current_attempt(await self.store.read(fax_jobs.attempts_of, job.id))
        try:
            report = await self._report(job, attempt)
        except AccountError:
            report = None  # asked again later; submissions and checks find out about the account
        failpoint("o11.after_late_report")
        now = self.clock()
        final = report if report is not None and report.phase is not Phase.WAITING else None
        step = lifecycle.after_late_report(job, final, self.timing, now)
        outcome = outcome_columns(step, final) if final is not None and step.to is not FaxState.UNKNOWN else {}
        return await self._finish(job, step, attempt, **outcome)

    # --- expire: held rows at the end of their lifetime -----------------------------------------------------------

    async def expire(self, row: queue.Row) -> None:
        """Ends a held job whose lifetime is over: failed, or unknown if a call of it may be open."""
        await self._end(fax_jobs.job_from_row(row))

    async def _end(self, job: FaxJob) -> None:
        await self._finish(job, lifecycle.at_deadline(job))

    # --- what every step ends with --------------------------------------------------------------------------------

    async def _finish(self, job: FaxJob, step: Move, attempt: Attempt | None = None, **answer: Any) -> None:
        """Writes the result of a step in one transaction: what the provider answered, state, journal, notice.

        If somebody else moved the job first, only the answer is kept, on its attempt.
        """
        reference = attempt.reference if attempt else None
        written = await self.store.write(self._write_result, job, step, self.clock(), reference, answer)
        if written is not None:
            faxlog.moved(job.id, written, number=job.number)

    def _write_result(
        self, tx: Tx, job: FaxJob, step: Move, now: datetime, reference: str | None, answer: dict[str, Any]
    ) -> Move | None:
        if reference is not None and answer:
            fax_jobs.update_attempt(tx, reference, **answer)
        try:
            return self._record(tx, job, step, now)
        except queue.LostRaceError:
            return None

    def _record(self, tx: Tx, job: FaxJob, step: Move, now: datetime) -> Move:
        """Records a step, with the account that carries the job from now on; answers it so."""
        accounts = self.providers.keys()
        if job.other_accounts:
            step = choose_account(job, step, accounts, provider_accounts.paused(tx, now), self.timing, now)
        if self.outcomes.record_fax(tx, job, step, now):
            provider_accounts.move_waiting(tx, accounts, now)
        return step
