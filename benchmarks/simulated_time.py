"""An event loop whose time passes only while nobody has anything to do, and then at once.

What waits for a minute is done in a moment, in the right order, and takes a minute by the loop's clock; what is
computed takes next to no time. Sockets of this process and threads work as ever: before the time jumps to the next
timer, whatever is under way is waited for.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: How long (true seconds) bytes may be on their way from one socket of this process to another.
_GRACE: Final = 0.001
#: What one round of the loop takes (simulated seconds): a wait shorter than a clock can tell must end as well.
_TICK: Final = 1e-7


class _Selector(selectors.DefaultSelector):
    """Instead of waiting for the next timer it moves the time there."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.at_work = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            self.now += _TICK
            return super().select(0)
        if timeout is None or self.at_work:
            return super().select()
        found: list[tuple[selectors.SelectorKey, int]] = super().select(_GRACE)
        if not found:
            self.now += timeout
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = _Selector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self.selector.at_work += 1
        future.add_done_callback(self._answered)
        return future

    def _answered(self, _future: asyncio.Future[Any]) -> None:
        self.selector.at_work -= 1


@contextmanager
def thread_at_work() -> Iterator[None]:
    """Surrounds the wait for a thread that the loop has not started itself: meanwhile no time passes."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _Loop)
    loop.selector.at_work += 1
    try:
        yield
    finally:
        loop.selector.at_work -= 1


def run(story: Coroutine[Any, Any, T]) -> T:
    """Runs a story in simulated time, which begins at 0, and answers its result."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(story)
