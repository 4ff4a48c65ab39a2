"""The faxes that we received, as their list tells (interfax-rest 10)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.core.model import FaxReport, Phase
from gateway.providers.interfax.client import Client
from gateway.providers.interfax.polling import Page, Shared, Turns, newest_first
from gateway.providers.interfax.words import Record, received_report, record_number

#: Longer than a reception lasts: whether a fax is numbered at its beginning or its end, none is missed.
_DISORDER: Final = timedelta(hours=1)
#: So many reports are kept for who asks after a fax was listed, those with the highest numbers.
_KEPT: Final = 1000


class ReceivedFaxes:
    """Lists received faxes, and answers who asks for one of them; once stored, a received fax does not change.

    Whatever the list of the user shows is the user's: it has no faxes of other users.

    Args:
        client: the user's endpoints.
        turns: when to poll.
        username: the user.
        numbers: ours, E.164; they show them without country code.
    """

    def __init__(self, client: Client, turns: Turns, username: str, numbers: Iterable[str]) -> None:
        self._client = client
        self._turns = turns
        self._username = username
        self._numbers = tuple(numbers)
        self._newest = Shared(self._read_newest)
        self._known: dict[int, FaxReport] = {}

    async def report(self, number: int) -> FaxReport | None:
        """Tells of one fax; None if they do not know it. Safe to repeat.

        Raises:
            TemporaryError, AccountError: they could not be asked.
        """
        if number not in self._known:
            await self._newest.answer()
        if number in self._known:
            return self._known[number]
        async with self._turns.turn():
            record = await self._client.received_fax(number)
        return None if record is None else self._report_of(record)

    async def since(self, since: datetime) -> AsyncIterator[FaxReport]:
        """Yields every fax received at or after ``since``, newest first. Safe to repeat.

        Raises:
            TemporaryError, AccountError: the list could not be read to its end; what was yielded is true.
        """
        since = since.replace(microsecond=0)  # they cut their times to whole seconds

        def is_too_old(fax: FaxReport) -> bool:
            return fax.created_at is not None and fax.created_at < since - _DISORDER

        async for page in newest_first(await self._newest.answer(), self._older, is_too_old):
            for fax in page.values():
                if fax.created_at is None or fax.created_at >= since:
                    yield fax

    async def stop(self) -> None:
        """Gives up what is being asked. Safe to repeat."""
        await self._newest.stop()

    async def _read_newest(self) -> Page:
        return await self._poll(self._client.received_faxes, self._newest)

    async def _older(self, number: int) -> Page:
        return await self._poll(lambda: self._client.received_faxes(below=number))

    async def _poll(self, ask: Callable[[], Awaitable[list[Record]]], shared: Shared[Any] | None = None) -> Page:
        async with self._turns.turn():
            if shared is not None:
                shared.closed()
            records = await ask()
        page = {record_number(record): replace(self._report_of(record), service=self._username) for record in records}
        self._known |= {number: fax for number, fax in page.items() if fax.phase is not Phase.WAITING}
        for number in sorted(self._known)[:-_KEPT]:
            del self._known[number]
        return page

    def _report_of(self, record: Record) -> FaxReport:
        return received_report(record, self._numbers)
