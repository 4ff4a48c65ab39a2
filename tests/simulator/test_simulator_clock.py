"""The simulated clock: what is due happens in order, at its time, and by itself."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from simulated import NOON, standing_clock, until

from gateway.simulator import Clock
from gateway.simulator.clock import Action


def noting(clock: Clock, log: list[tuple[str, float]], name: str) -> Action:
    async def note() -> None:
        log.append((name, clock.now().timestamp() - NOON))

    return note


def test_now_is_utc_in_whole_milliseconds() -> None:
    assert Clock(lambda: NOON + 0.0129).now() == datetime(2026, 11, 20, 12, 0, 0, 12_000, tzinfo=UTC)


async def test_advance_runs_what_is_due_in_order_and_each_at_its_time() -> None:
    clock, log = standing_clock(), []
    for name, seconds in (("late", 10), ("soon", 1), ("never", 11), ("also soon", 1)):
        clock.after(seconds, noting(clock, log, name))
    await clock.advance(10)
    assert log == [("soon", 1), ("also soon", 1), ("late", 10)]
    assert clock.now().timestamp() == NOON + 10


async def test_advance_runs_what_its_actions_plan_within_the_time() -> None:
    clock, log = standing_clock(), []

    async def again() -> None:
        log.append(clock.now().timestamp() - NOON)
        clock.after(3, again)

    clock.after(3, again)
    await clock.advance(10)
    assert log == [3, 6, 9]


async def test_speed_divides_each_planned_duration() -> None:
    clock, log = standing_clock(speed=60), []
    clock.after(300, noting(clock, log, "retry"))
    await clock.advance(5)
    assert log == [("retry", 5)]


@pytest.mark.parametrize("speed", [0, -1])
def test_time_cannot_stand_still_or_go_back(speed: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Clock(speed=speed)


async def test_actions_start_by_themselves_when_due() -> None:
    clock, log = Clock(speed=100), []
    clock.start()
    clock.after(1, noting(clock, log, "second"))
    clock.after(0, noting(clock, log, "first"))
    await until(lambda: len(log) == 2)
    assert [name for name, _ in log] == ["first", "second"]
    await clock.stop()
    await clock.stop()


async def test_clear_ends_what_runs_and_forgets_what_is_planned() -> None:
    clock, log = standing_clock(), []
    ended = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    clock.start()
    clock.after(0, hang)
    clock.after(5, noting(clock, log, "planned"))
    await until(lambda: clock._running)
    await clock.clear()
    await clock.advance(10)
    assert ended.is_set()
    assert log == []
    await clock.stop()


async def test_a_failing_action_is_reported_and_stops_nothing() -> None:
    clock, log, reports = standing_clock(), [], []

    async def fail() -> None:
        raise RuntimeError("broken")

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        reports.append(context["message"])

    loop = asyncio.get_running_loop()
    handler: Callable[..., Any] = report
    loop.set_exception_handler(handler)
    clock.after(1, fail)
    clock.after(2, noting(clock, log, "next"))
    await clock.advance(2)
    assert reports == ["a simulated action failed"]
    assert log == [("next", 2)]


@pytest.mark.parametrize("steps", range(4))
async def test_it_stops_although_something_was_planned_a_moment_ago(steps: int) -> None:
    clock, log = standing_clock(), []
    clock.start()
    clock.after(5, noting(clock, log, "first"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.after(5, noting(clock, log, "second"))
    for _ in range(steps):
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await clock.stop()
    assert log == []
