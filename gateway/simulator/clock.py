"""Simulated time: runs with the wall clock, can be moved ahead, and starts what falls due."""

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

Action = Callable[[], Awaitable[None]]


class Clock:
    """Tells the simulated time and starts each planned action when its time has come.

    Args:
        wall: Seconds since the epoch; a test passes a function that stands still.
        speed: Every planned duration is divided by it.
    """

    def __init__(self, wall: Callable[[], float] = time.time, *, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError("speed must be greater than 0")
        self._wall = wall
        self._speed = speed
        self._ahead = 0.0
        self._planned: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._starter: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        """Returns the simulated time in UTC, in whole milliseconds as the services write it."""
        return datetime.fromtimestamp(int(self._seconds() * 1000) / 1000, UTC)

    def after(self, seconds: float, action: Action) -> None:
        """Plans an action for `seconds` of simulated time from now, divided by the speed."""
        due = self._seconds() + seconds / self._speed
        heapq.heappush(self._planned, (due, next(self._order), action))
        self._changed.set()

    async def advance(self, seconds: float) -> None:
        """Moves the time ahead; when it returns, everything due by then has happened, in order."""
        target = self._seconds() + seconds
        await self._settle()
        while self._planned and self._planned[0][0] <= target:
            self._move_to(self._planned[0][0])
            self._start_due()
            await self._settle()
        self._move_to(target)

    def start(self) -> None:
        """Begins to start actions by themselves as time passes."""
        self._starter = asyncio.create_task(self._start_when_due())

    async def stop(self) -> None:
        """Ends every running action and plans none any more. Safe to repeat."""
        if self._starter is not None:
            self._starter.cancel()
            await asyncio.gather(self._starter, return_exceptions=True)
            self._starter = None
        await self.clear()

    async def clear(self) -> None:
        """Forgets all plans, ends every running action, and returns to the wall clock. Safe to repeat."""
        self._planned.clear()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._ahead = 0.0

    def _seconds(self) -> float:
        return self._wall() + self._ahead

    def _move_to(self, moment: float) -> None:
        self._ahead += max(0.0, moment - self._seconds())

    async def _settle(self) -> None:
        while self._running:
            await asyncio.wait(self._running)

    def _start_due(self) -> None:
        while self._planned and self._planned[0][0] <= self._seconds():
            task = asyncio.ensure_future(_run(heapq.heappop(self._planned)[2]))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            context = {"message": "a simulated action failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)

    async def _start_when_due(self) -> None:
        while True:
            self._changed.clear()
            self._start_due()
            wait = max(0.0, self._planned[0][0] - self._seconds()) if self._planned else None
            # Not wait_for: before Python 3.12 it may swallow the cancellation by which `stop` ends this task.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()


def stamp(time: datetime) -> str:
    """Returns a time as text: UTC with milliseconds and a Z."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _run(action: Action) -> None:
    await action()
