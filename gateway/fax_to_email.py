"""Fax to e-mail, from the webhook to the last mailbox; read it from top to bottom.

Order of durable steps: docs/durability.md. A webhook is only a hint, durable before its 200; the truth is what we
fetch ourselves. Mail is sent at least once: a copy is harmless, a loss is not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from gateway import faxlog
from gateway.core import lifecycle
from gateway.core.ids import ENTROPY_BYTES, INBOUND, make_id
from gateway.core.lifecycle import InboundState, MailState, Move
from gateway.core.model import Carrier, Document, FaxEvent, FaxReport, InboundFax, MailKind, Phase, Route
from gateway.core.reasons import GatewayError, PermanentError, Reason, TemporaryError
from gateway.core.routing import addresses_for
from gateway.failpoint import failpoint
from gateway.providers.base import FaxProvider, NoDocumentError, UnknownFaxError
from gateway.store import facts, inbound_faxes, mail_deliveries, mappings, provider_accounts, queue
from gateway.store.database import Database, StoreBusyError, Tx
from gateway.store.documents import Documents
from gateway.store.outcomes import Outcomes
from gateway.store.rows import document_columns
from gateway.store.schema import inbound_fax

_PDF: Final = "application/pdf"
#: A fax that the provider does not know yet may still appear; after this long it never existed.
_UNKNOWN_FOR: Final = timedelta(minutes=10)
#: So often a document whose pages do not match the report is fetched again before it is delivered as it is.
_FETCHES: Final = 3
_LISTED_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class RouteTiming:
    """All waits of a received fax.

    Attributes:
        delays: waits after the provider could not be asked; the last one repeats.
        lifetime: after this long without its document a fax is held for the operator.
        reading: for so long a fax that the provider should have mailed waits for the reading of its table that proves
            it; after that we mail it.
        reading_delay: how often it is looked whether that reading has come.
    """

    delays: tuple[timedelta, ...] = (
        timedelta(seconds=10),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(hours=1),
    )
    lifetime: timedelta = timedelta(days=5)
    reading: timedelta = timedelta(hours=3)
    reading_delay: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxToEmail:
    """Takes received faxes in, fetches the truth about them, and brings each to everybody it is for.

    Attributes:
        store: transactions.
        documents: stored bytes.
        providers: by the name of their account.
        routes: number to addresses, and whose mails bring them.
        fallback: who gets a fax that no route claims.
        timing: all waits.
        outcomes: writes the mails that follow.
        count_pages: opens a received document in a limited child process; raises PermanentError if it does not open.
        clock: the time now, aware.
        entropy: so many random bytes.
    """

    store: Database
    documents: Documents
    providers: Mapping[str, FaxProvider]
    routes: Sequence[Route]
    fallback: str
    timing: RouteTiming
    outcomes: Outcomes
    count_pages: Callable[[Path], Awaitable[int]]
    clock: Callable[[], datetime]
    entropy: Callable[[int], bytes]

    # --- accept: the webhook, or a list that shows a fax whose webhook never came ---------------------------------

    async def accept(self, account: str, event: FaxEvent) -> None:
        """Stores a received fax once per (account, provider fax id); durable when it returns. Safe to repeat.

        The document inside the event is stored too, and first: an account may keep none at the provider.
        """
        row = await self.store.read(inbound_faxes.find, account, event.provider_fax_id)
        fax_id = row.id if row else self._new_id()
        document: Document | None = None
        if event.document is not None and (row is None or row.event_document is None):
            failpoint("i2.before_document")
            document = await self.documents.put(fax_id, "event", _PDF, event.document)
            failpoint("i2.after_document")
        new = self._new_fax(fax_id, account, event.provider_fax_id, document)
        try:
            kept = await self.store.write(self._accept, new)
        except (StoreBusyError, TemporaryError):  # provably not kept; the provider comes again
            if document is not None:
                await self.documents.delete(document)
            raise
        failpoint("i2.after_commit")
        if kept == fax_id:
            if row is None:
                faxlog.received(fax_id, account, event.provider_fax_id, caught_up=False)
        elif document is not None:  # the row came to be meanwhile: it may still lack this document
            await self.documents.delete(document)
            await self.accept(account, event)

    def _accept(self, tx: Tx, new: InboundFax) -> str:
        inbound_faxes.serialise_account(tx, new.account, self.providers[new.account].identity)
        row = inbound_faxes.find(tx, new.account, new.provider_fax_id)
        if row is None:
            inbound_faxes.add(tx, new)
            return new.id
        if new.event_document is not None and row.id == new.id:
            inbound_faxes.keep_event_document(tx, row.id, new.event_document)
        queue.wake(tx, inbound_fax, row.id, new.created_at)
        return row.id

    def _new_id(self) -> str:
        return make_id(INBOUND, self.entropy(ENTROPY_BYTES))

    def _new_fax(self, fax_id: str, account: str, provider_fax_id: str, document: Document | None) -> InboundFax:
        now = self.clock()
        return InboundFax(
            id=fax_id,
            account=account,
            provider_fax_id=provider_fax_id,
            state=InboundState.RECEIVED,
            due_at=now,
            version=1,
            created_at=now,
            deadline=now + self.timing.lifetime,
            event_document=document,
        )

    async def catch_up(self, window: timedelta) -> int:
        """Finds received faxes whose webhook never came (step I10). Safe to repeat.

        Never looks further back than this store's first start: a newcomer's old faxes are not mailed out.

        Returns:
            How many were found.
        """
        now = self.clock()
        since = max(await self.store.write(facts.first_start, now), now - window)
        found = 0
        for account, provider in self.providers.items():
            try:
                found += await self._catch_up_account(account, provider, since)
                await self.store.write(self._answered, account, self.clock())
            except GatewayError as error:
                faxlog.catch_up_failed(account, error.reason)
        return found

    async def _catch_up_account(self, account: str, provider: FaxProvider, since: datetime) -> int:
        found = 0
        listed: list[str] = []
        async for report in provider.list_inbound(since):
            if report.phase is not Phase.WAITING and provider.serves(report):
                listed.append(report.provider_fax_id)
            if len(listed) >= _LISTED_AT_ONCE:
                found += await self._take_in(account, listed)
                listed = []
        return found + await self._take_in(account, listed)

    def _answered(self, tx: Tx, account: str, now: datetime) -> None:
        if self.outcomes.account_answered(tx, account, now):
            provider_accounts.move_waiting(tx, self.providers.keys(), now)

    async def _take_in(self, account: str, listed: list[str]) -> int:
        if not listed:
            return 0
        failpoint("i10.after_list")
        new = [self._new_fax(self._new_id(), account, fax_id, None) for fax_id in listed]
        added = await self.store.write(_add_unknown, account, self.providers[account].identity, new)
        failpoint("i10.after_commit")
        for fax in added:
            faxlog.received(fax.id, account, fax.provider_fax_id, caught_up=True)
        return len(added)

    # --- route: received -> routed, or done where the provider mails them all -----------------------------------------

    async def route(self, row: queue.Row) -> None:
        """Fetches report and document, chooses addresses, queues one mail each in one commit (steps I4 to I7)."""
        fax = inbound_faxes.from_row(row)
        provider = self.providers[fax.account]
        try:
            report = await provider.report(fax.provider_fax_id)
            failpoint("i4.after_report")
        except UnknownFaxError:
            return await self._unknown(fax)
        except TemporaryError as error:
            return await self._later(fax, error)
        if not report.inbound or not provider.serves(report):
            return await self._fail(fax, Reason.NOT_AT_PROVIDER, "it belongs to no service of ours")
        if report.phase is Phase.WAITING:
            return await self._later(fax, TemporaryError(Reason.RECEPTION_FAILED, "still being received"))
        if report.phase is Phase.FAILED:
            return await self._reception_failed(fax, report)
        if await self._provider_may_have_mailed(fax, report):
            return await self._finish(fax, Move(InboundState.RECEIVED, self.clock() + self.timing.reading_delay))
        try:
            document = await self._document(fax, provider, report)
        except TemporaryError as error:
            return await self._later(fax, error)
        failpoint("i5.after_document")
        await self._deliver(fax, report, document)
        failpoint("i7.after_commit")
        return None

    async def _unknown(self, fax: InboundFax) -> None:
        if self.clock() - fax.created_at >= _UNKNOWN_FOR:
            return await self._fail(fax, Reason.NOT_AT_PROVIDER, "the provider does not know it")
        return await self._later(fax, TemporaryError(Reason.NOT_AT_PROVIDER, "not known yet"))

    async def _document(self, fax: InboundFax, provider: FaxProvider, report: FaxReport) -> Document:
        """Gets the pages, from the provider or else from the event, and makes sure that they open."""
        last_try = fax.tries + 1 >= _FETCHES
        problem = ""
        async for candidate in self._candidates(fax, provider):
            try:
                pages = await self.count_pages(self.documents.path(candidate))
            except PermanentError as error:
                problem = error.detail
                continue
            if report.pages in (None, 0, pages) or last_try:
                return replace(candidate, pages=pages)
            problem = f"{pages} pages, {report.pages} reported"
        raise TemporaryError(Reason.RENDER_TEMPORARY, problem or "no document yet")

    async def _candidates(self, fax: InboundFax, provider: FaxProvider) -> AsyncIterator[Document]:
        try:
            content = await provider.fetch_document(fax.provider_fax_id)
        except (NoDocumentError, UnknownFaxError):
            content = b""
        except TemporaryError:
            if fax.event_document is None or fax.tries + 1 < _FETCHES:
                raise
            content = b""  # the copy inside the event is here, and the fax is waited for
        failpoint("i5.after_download")
        if content:
            yield await self.documents.put(fax.id, "fax", _PDF, content)
        if fax.event_document is not None:
            yield fax.event_document

    async def _deliver(self, fax: InboundFax, report: FaxReport, document: Document) -> None:
        columns = document_columns(document) | {
            "number": report.number,
            "caller": report.caller,
            "pages": document.pages,
            "received_at": report.completed_at or report.created_at,
        }
        step, addresses = await self.store.write(self._delivered, fax, columns, report, self.clock())
        faxlog.inbound_moved(fax.id, step, addresses=len(addresses))

    def _delivered(
        self, tx: Tx, fax: InboundFax, columns: dict[str, Any], report: FaxReport, now: datetime
    ) -> tuple[Move, tuple[str, ...]]:
        """Decides whom we mail by what the provider is known to have mailed, in the commit that queues our mails."""
        mailed = self._mailed_by_provider(tx, fax, report)
        addresses = addresses_for(report.number, self.routes, self.fallback, mailed or ())
        step = Move(InboundState.ROUTED, fax.deadline, columns=columns)
        if not addresses:
            step = Move(InboundState.DONE, None, detail="the provider delivers it", columns=columns)
        queue.move(tx, inbound_fax, fax.id, fax.version, fax.state, step, now)
        for address in addresses:
            self.outcomes.deliver_fax(tx, fax.id, address, now)
        if report.pages not in (None, 0, columns["pages"]):
            sentence = "A received fax has another number of pages than its provider reported; it was delivered."
            self.outcomes.alert(tx, f"pages:{fax.id}", fax.id, sentence, now)
        return step, addresses

    async def _provider_may_have_mailed(self, fax: InboundFax, report: FaxReport) -> bool:
        """Says that whether the provider mails this fax will be known soon: nobody has to get it twice."""
        route = next((route for route in self.routes if route.number == report.number), None)
        if route is None or route.delivered_by is not Carrier.PROVIDER:
            return False
        if self.clock() - fax.created_at >= self.timing.reading:
            return False
        return await self.store.read(self._mailed_by_provider, fax, report) is None

    @staticmethod
    def _mailed_by_provider(tx: Tx, fax: InboundFax, report: FaxReport) -> frozenset[str] | None:
        began = report.created_at or fax.created_at
        ended = max(report.completed_at or began, began)
        return mappings.mailed_by_provider(tx, report.number, began, ended) if report.number else frozenset()

    async def _later(self, fax: InboundFax, error: TemporaryError) -> None:
        step = lifecycle.after_route_error(
            fax.tries, error.reason, error.detail, self.timing.delays, fax.deadline, self.clock()
        )
        sentence = None
        if step.to is InboundState.HELD:
            sentence = "A received fax could not be fetched for days; it is held."
        elif fax.tries == len(self.timing.delays) - 1:
            sentence = "A received fax cannot be fetched from the provider; it is tried on for days."
        await self._finish(fax, step, sentence)

    async def _reception_failed(self, fax: InboundFax, report: FaxReport) -> None:
        columns = {"number": report.number, "caller": report.caller, "received_at": report.created_at}
        step = Move(InboundState.FAILED, None, Reason.RECEPTION_FAILED, report.raw, columns=columns)
        caller, number = report.caller or "an unknown caller", report.number or "an unknown number"
        await self._finish(fax, step, f"A fax from {caller} to {number} could not be received; ask for it again.")

    async def _fail(self, fax: InboundFax, reason: Reason, detail: str) -> None:
        step = Move(InboundState.FAILED, None, reason, detail)
        await self._finish(fax, step, f"A received fax was not delivered: {reason.sentence}")

    async def _finish(self, fax: InboundFax, step: Move, alert: str | None = None) -> None:
        await self.store.write(self._write_result, fax, step, alert, self.clock())
        faxlog.inbound_moved(fax.id, step)

    def _write_result(self, tx: Tx, fax: InboundFax, step: Move, alert: str | None, now: datetime) -> None:
        queue.move(tx, inbound_fax, fax.id, fax.version, fax.state, step, now)
        if alert is not None:
            self.outcomes.alert(tx, f"inbound:{fax.id}:{step.to}", fax.id, alert, now, step.detail)

    # --- acknowledge: routed -> done, when the last delivery has ended --------------------------------------------

    async def acknowledge(self, row: queue.Row) -> None:
        """Ends a fax that reached somebody; holds one that reached nobody, and tells the operator (step I9)."""
        fax = inbound_faxes.from_row(row)
        deliveries = await self.store.read(mail_deliveries.about, fax.id, MailKind.FAX)
        now = self.clock()
        if any(mail.state in (MailState.QUEUED, MailState.HELD) for mail in deliveries):
            await self._finish(fax, Move(InboundState.ROUTED, now + self.timing.lifetime))
        elif any(mail.state is MailState.SENT for mail in deliveries):
            await self._finish(fax, Move(InboundState.DONE, None))
            failpoint("i9.after_commit")
        else:
            columns = {"held_from": InboundState.ROUTED.value}
            step = Move(InboundState.HELD, None, Reason.REACHED_NOBODY, columns=columns)
            await self._finish(fax, step, "A received fax reached nobody; it is held.")


def _add_unknown(tx: Tx, account: str, identity: str, listed: Sequence[InboundFax]) -> list[InboundFax]:
    inbound_faxes.serialise_account(tx, account, identity)
    known = inbound_faxes.known(tx, account, [fax.provider_fax_id for fax in listed])
    added = [fax for fax in listed if fax.provider_fax_id not in known]
    for fax in added:
        inbound_faxes.add(tx, fax)
    return added
