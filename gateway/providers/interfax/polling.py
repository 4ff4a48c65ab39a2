"""Few questions for many who ask: InterFAX takes six polls a minute of a user (interfax-rest 12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeAlias, TypeVar

from gateway.core.model import FaxReport
from gateway.core.reasons import Reason, TemporaryError
from gateway.providers.interfax.return_codes import TooFrequentError

T = TypeVar("T")

#: Faxes by their number.
Page: TypeAlias = Mapping[int, FaxReport]

#: How long (seconds) no poll goes out after they said that there were too many.
_REST: Final = 60.0


class Turns:
    """Lets polls out one at a time, each a while after the one before has been answered.

    Evenly spaced they never use up the minute, so that a question that cannot wait (an event said that there is
    news) has its turn soon. Counted from the answer, the spacing holds at the other end too, however long a poll was
    on its way. One poll of a minute is kept in reserve: the HTTP library may send one that got lost twice.

    Args:
        per_minute: most polls in any minute.
        check: raises what makes asking pointless at the moment; then nobody waits.
    """

    def __init__(self, per_minute: float, check: Callable[[], None]) -> None:
        #: Seconds between the answer to one poll and the next poll.
        self.pause = 60 / max(per_minute - 1, per_minute / 2)
        self._check = check
        self._next = asyncio.Lock()
        self._free_at = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Surrounds one poll, when its turn has come; first come, first served."""
        async with self._next:
            self._check()
            clock = asyncio.get_running_loop().time
            await asyncio.sleep(max(0.0, self._free_at - clock()))
            wait = 2 * self.pause  # without an answer it may have been two
            try:
                yield
                wait = self.pause
            except TooFrequentError:
                wait = max(wait, _REST)
                raise
            finally:
                self._free_at = clock() + wait


class Shared(Generic[T]):
    """A question that all who want to know at the same time ask together.

    Args:
        ask: asks it; whoever comes before it calls `closed` gets the same answer.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._open: asyncio.Future[T] | None = None
        self._running: set[asyncio.Future[T]] = set()

    async def answer(self) -> T:
        """Gives the answer to the question that is about to be asked. Raises what asking raises."""
        if self._open is None or self._open.done():
            self._open = asyncio.ensure_future(self._ask())
            self._running.add(self._open)
            self._open.add_done_callback(self._ended)
        # A task of its own: those who wait may give up, one by one, without harm to the others.
        return await asyncio.shield(self._open)

    def closed(self) -> None:
        """Says that the question goes out now: who comes from here on needs the next answer."""
        self._open = None

    async def stop(self) -> None:
        """Gives up what is being asked. Safe to repeat."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Future[T]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it


async def newest_first(
    first: Page, older: Callable[[int], Awaitable[Page]], is_too_old: Callable[[FaxReport], bool]
) -> AsyncIterator[Page]:
    """Yields a list page by page, down to the page with a fax that is too old, or to its end: an empty page.

    A page with fewer faxes than we asked for is no end: how many they give at most is not documented.

    Args:
        first: the page with the newest faxes.
        older: reads the next faxes below a number.
        is_too_old: nothing below is wanted.

    Raises:
        TemporaryError: the list does not advance; taking that for its end would make a part look like the whole.
    """
    page = first
    while page:
        yield page
        if any(map(is_too_old, page.values())):
            return
        lowest = min(page)
        page = await older(lowest)
        if page and max(page) >= lowest:
            raise TemporaryError(Reason.PROVIDER_DOWN, f"the list below {lowest} begins above it")
