"""How the faxes that we sent are doing, from few polls for all who ask (interfax-rest 4, 6, 12)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gateway.core.model import FaxReport, Phase
from gateway.providers.interfax.client import PAGE_SIZE, Client, gmt
from gateway.providers.interfax.polling import Page, Shared, Turns, newest_first
from gateway.providers.interfax.words import Record, record_number, sent_report

#: Characters for the ids in a query; a whole URL may have 2000.
_IDS_LENGTH: Final = 1500
#: A fax that nobody has asked for so long (seconds) is not asked for along with others any more.
_FORGOTTEN_AFTER: Final = 900.0
_ANY_TIME: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Followed:
    """A fax that is open, or whose end nobody has heard of. Times are those of the event loop.

    ``report`` is from a poll that began at ``read_at``, after so many events. ``wanted_at`` is when somebody last
    needed a newer one, ``event`` the last event about it.
    """

    asked_at: float
    wanted_at: float = -math.inf
    read_at: float = -math.inf
    events_before: int = 0
    report: FaxReport | None = None
    event: int = 0

    @property
    def ended(self) -> bool:
        """Says that nothing will change any more."""
        return self.report is not None and self.report.phase is not Phase.WAITING

    @property
    def is_wanted(self) -> bool:
        """Says that somebody waits for news of it."""
        return self.read_at < self.wanted_at and not self.ended


class SentFaxes:
    """Answers who asks for sent faxes; each poll asks for all that are open, not only for the one that is wanted.

    A report is good for as long as asking for all open faxes takes; one that says how it ended is good for ever. An
    event about a fax spoils its report: the next answer is asked for afterwards.

    Args:
        client: the user's endpoints.
        turns: when to poll.
    """

    def __init__(self, client: Client, turns: Turns) -> None:
        self._client = client
        self._turns = turns
        self._newest = Shared(self._read_newest)
        self._neighbours = Shared(self._read_neighbours)
        self._named = Shared(self._read_named)
        self._list = Shared(self._read_list)
        self._followed: dict[int, _Followed] = {}
        self._events = 0
        self._floor = 0
        self._since = _ANY_TIME

    async def report(self, number: int) -> FaxReport | None:
        """Tells how a fax is doing; None if they do not know it. Safe to repeat.

        Raises:
            TemporaryError, AccountError: they could not be asked.
        """
        now = _time()
        fax = self._followed.setdefault(number, _Followed(now))
        fax.asked_at = now
        if not self._is_good(fax, now):
            fax.wanted_at = now
            if not await self._is_known(number, fax):
                self._followed.pop(number, None)
                return None
        if fax.ended:
            self._followed.pop(number, None)
        return fax.report

    def event(self, number: int) -> None:
        """Hears that there may be news of a fax. May be called from any thread."""
        fax = self._followed.get(number)
        if fax is not None:
            self._events += 1
            fax.event = self._events

    async def listed_since(self, since: datetime) -> list[FaxReport]:
        """Reads the list of sent faxes, newest first, down to one that was submitted before ``since``.

        Raises:
            TemporaryError, AccountError: it could not be read whole.
        """
        self._since = min(self._since, since)
        return await self._list.answer()

    async def search(self, reference: str, since: datetime) -> list[FaxReport]:
        """Has them search for a reference; what they take for a match is not documented, so look again.

        Raises:
            TemporaryError, AccountError: they could not be asked.
        """
        found = await self._poll(lambda: self._client.search(reference=reference, dateFrom=gmt(since)))
        return list(found.values())

    async def stop(self) -> None:
        """Gives up what is being asked. Safe to repeat."""
        for question in (self._list, self._newest, self._neighbours, self._named):
            await question.stop()

    # --- how a report is found -------------------------------------------------------------------------------------

    def _is_good(self, fax: _Followed, now: float) -> bool:
        if fax.report is None or fax.ended:
            return fax.ended
        still_open = sum(not followed.ended for followed in self._followed.values())
        # Half of the turns are left to received faxes and to searches.
        round_trip = 2 * self._turns.pause * math.ceil(still_open / PAGE_SIZE)
        return fax.event <= fax.events_before and now - fax.read_at <= round_trip

    async def _is_known(self, number: int, fax: _Followed) -> bool:
        """Polls until one poll has told of a fax; says whether one did.

        The newest faxes come in one list. Older ones are asked for by their numbers; the first one that we hear of
        (after a start, say) brings its neighbours with it, because they are likely to be asked for next. It is not
        documented how soon these lists show a new fax, so one that none shows is asked for alone.
        """
        if number >= self._floor:  # numbers only grow: what was below the newest faxes once stays there
            await self._newest.answer()
        elif fax.report is None:
            await self._neighbours.answer()
        if fax.is_wanted:
            await self._named.answer()
        if fax.is_wanted:
            await self._poll(lambda: self._alone(number))
        return not fax.is_wanted

    async def _read_newest(self) -> Page:
        page = await self._poll(self._client.sent_faxes, self._newest, follow=True)
        self._floor = min(page, default=0)
        return page

    async def _read_neighbours(self) -> None:
        await self._poll(self._upwards, self._neighbours, follow=True)

    async def _upwards(self) -> list[Record]:
        unheard = {fax.wanted_at: number for number, fax in self._followed.items() if fax.is_wanted and not fax.report}
        return await self._client.sent_faxes(above=unheard[min(unheard)] - 1) if unheard else []

    async def _read_named(self) -> None:
        await self._poll(self._all_open, self._named)

    async def _all_open(self) -> list[Record]:
        numbers = self._stalest(_time())
        return await self._client.search(ids=",".join(map(str, numbers))) if numbers else []

    def _stalest(self, now: float) -> list[int]:
        """Chooses the faxes to ask for: those that somebody waits for, then those not heard of for longest."""
        self._followed = {
            number: fax for number, fax in self._followed.items() if now - fax.asked_at <= _FORGOTTEN_AFTER
        }
        waiting = {number: fax for number, fax in self._followed.items() if not fax.ended}
        numbers = sorted(waiting, key=lambda number: (not waiting[number].is_wanted, waiting[number].read_at))
        longest = max((len(str(number)) for number in numbers), default=0)
        return numbers[: min(PAGE_SIZE, _IDS_LENGTH // (longest + 1))]

    async def _alone(self, number: int) -> list[Record]:
        record = await self._client.sent_fax(number)
        return [] if record is None else [record]

    # --- the whole list --------------------------------------------------------------------------------------------

    async def _read_list(self) -> list[FaxReport]:
        listed: list[FaxReport] = []
        try:
            async for page in newest_first(await self._newest.answer(), self._below, self._is_too_old):
                listed += page.values()
        finally:
            self._since = _ANY_TIME
        return listed

    async def _below(self, number: int) -> Page:
        return await self._poll(lambda: self._client.sent_faxes(below=number))

    def _is_too_old(self, fax: FaxReport) -> bool:
        return fax.created_at is not None and fax.created_at < self._since

    # --- one poll --------------------------------------------------------------------------------------------------

    async def _poll(
        self,
        ask: Callable[[], Awaitable[list[Record]]],
        shared: Shared[Any] | None = None,
        *,
        follow: bool = False,
    ) -> Page:
        """Asks when it is our turn and notes what is new about the faxes that we follow, or ``follow`` from now on."""
        async with self._turns.turn():
            if shared is not None:
                shared.closed()
            began, events = _time(), self._events
            page = {record_number(record): sent_report(record) for record in await ask()}
        for number, report in page.items():
            fax = self._followed.setdefault(number, _Followed(began)) if follow else self._followed.get(number)
            if fax is not None and not fax.ended:
                fax.report, fax.read_at, fax.events_before = report, began, events
        return page


def _time() -> float:
    return asyncio.get_running_loop().time()
