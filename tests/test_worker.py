"""The worker claims, runs, records; our own bugs never bounce mail; a stop loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.core.lifecycle import FaxState, Move
from gateway.core.reasons import DiskError, DiskFullError
from gateway.store import fax_jobs, queue
from gateway.store.database import StoreBusyError
from gateway.store.schema import fax_job
from gateway.worker import Chore, Step, Worker
from tests.fakes import OPERATOR, Gateway

TINY = timedelta(milliseconds=1)


def a_worker(gateway: Gateway, run: Callable[[queue.Row], Awaitable[None]], *chores: Chore, limit: int = 4) -> Worker:
    step = Step(fax_job, FaxState.QUEUED, run, limit, timedelta(seconds=30))
    worker = Worker(
        store=gateway.database,
        outcomes=gateway.outcomes,
        steps=[step],
        chores=chores,
        name="test",
        bug_delays=(TINY, TINY),
        clock=gateway.clock,
    )
    loop = asyncio.get_running_loop()
    gateway.database.on_due = lambda queues: loop.call_soon_threadsafe(worker.poke, queues) and None
    return worker


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - the worker makes it happen
            await asyncio.sleep(0)


async def test_a_row_is_worked_on_as_soon_as_it_is_stored(gateway: Gateway) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def run(row: queue.Row) -> None:
        await seen.put(row["id"])

    worker = a_worker(gateway, run)
    working = asyncio.create_task(worker.run())
    receipt = await gateway.accept()
    async with asyncio.timeout(3):  # far below the longest sleep: it was poked
        assert await seen.get() == receipt.job_ids[0]
    await worker.stop(1)
    await working


async def test_no_more_rows_at_once_than_the_step_allows(gateway: Gateway) -> None:
    running, most, done = 0, 0, 0

    async def run(_row: queue.Row) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        done += 1

    for number in range(9):
        await gateway.accept(f"+1202555010{number}")
    worker = a_worker(gateway, run, limit=2)
    working = asyncio.create_task(worker.run())

    async def all_done() -> bool:
        return done == 9

    await until(all_done)
    await worker.stop(1)
    await working
    assert most == 2


async def test_our_own_bug_is_tried_again_then_held_and_told(gateway: Gateway) -> None:
    tries = 0

    async def run(_row: queue.Row) -> None:
        nonlocal tries
        tries += 1
        gateway.clock.advance(milliseconds=2)
        raise KeyError("a bug of ours")

    receipt = await gateway.accept()
    worker = a_worker(gateway, run)
    working = asyncio.create_task(worker.run())

    async def held() -> bool:
        gateway.clock.advance(milliseconds=2)
        worker.poke([("fax_job", "queued")])
        job = await gateway.database.read(fax_jobs.get_job, receipt.job_ids[0])
        return job is not None and job.state is FaxState.HELD

    await until(held)
    await worker.stop(1)
    await working
    assert tries == 3
    job = await gateway.database.read(fax_jobs.get_job, receipt.job_ids[0])
    assert job is not None
    assert job.held_from is FaxState.QUEUED
    assert job.detail.startswith("KeyError at test_worker.py:")  # never its text, which may hold anything
    await gateway.run_until_idle()
    assert len(gateway.next_hop.to(OPERATOR)) == 1


async def test_a_stop_lets_running_steps_finish_and_claims_no_more(gateway: Gateway) -> None:
    started, may_end = asyncio.Event(), asyncio.Event()
    finished = []

    async def run(row: queue.Row) -> None:
        started.set()
        await may_end.wait()
        finished.append(row["id"])

    first = await gateway.accept()
    worker = a_worker(gateway, run)
    working = asyncio.create_task(worker.run())
    await started.wait()
    stopping = asyncio.create_task(worker.stop(10))
    await asyncio.sleep(0)
    await gateway.accept("+12025550199")
    may_end.set()
    await stopping
    await working
    assert finished == list(first.job_ids)


async def test_a_step_that_does_not_end_is_left_to_its_lease(gateway: Gateway) -> None:
    started = asyncio.Event()

    async def run(_row: queue.Row) -> None:
        started.set()
        await asyncio.Event().wait()

    receipt = await gateway.accept()
    worker = a_worker(gateway, run)
    working = asyncio.create_task(worker.run())
    await started.wait()
    await worker.stop(0)
    await working
    job = await gateway.database.read(fax_jobs.get_job, receipt.job_ids[0])
    assert job is not None
    assert (job.state, job.claimed_by) == (FaxState.QUEUED, "test")


async def test_a_disk_error_ends_the_worker(gateway: Gateway) -> None:
    async def run(_row: queue.Row) -> None:
        raise DiskError("the device has gone")

    await gateway.accept()
    with pytest.RaisesGroup(DiskError):
        await a_worker(gateway, run).run()


async def test_a_chore_that_fails_is_done_again_at_its_next_turn(gateway: Gateway) -> None:
    turns: asyncio.Queue[int] = asyncio.Queue()

    async def chore() -> None:
        await turns.put(1)
        raise KeyError("a bug of ours")

    async def run(_row: queue.Row) -> None:
        raise AssertionError("nothing is due")

    worker = a_worker(gateway, run, Chore("a chore", chore, TINY))
    working = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        for _ in range(3):
            await turns.get()
    await worker.stop(1)
    await working
    assert gateway.clock() >= datetime(2026, 11, 2, tzinfo=UTC)


async def test_a_step_that_failed_after_it_had_moved_its_row_does_not_hold_it_until_its_lease_ends(
    gateway: Gateway,
) -> None:
    receipt = await gateway.accept()
    states = []

    async def run(row: queue.Row) -> None:
        states.append(row["state"])
        if len(states) == 1:
            keep = Move(
                FaxState.QUEUED, gateway.clock() + timedelta(hours=1), columns={"claimed_by": row["claimed_by"]}
            )
            await gateway.database.write(
                queue.move, fax_job, row["id"], row["version"], FaxState.QUEUED, keep, gateway.clock()
            )
            raise KeyError("a bug of ours")

    worker = a_worker(gateway, run)
    working = asyncio.create_task(worker.run())

    async def again() -> bool:
        gateway.clock.advance(milliseconds=2)
        worker.poke([("fax_job", "queued")])
        return len(states) > 1

    await until(again)
    await worker.stop(1)
    await working
    assert receipt.job_ids


async def test_a_full_disk_under_a_claim_is_waited_out(gateway: Gateway) -> None:
    done = asyncio.Event()

    async def run(_row: queue.Row) -> None:
        done.set()

    full = iter([DiskFullError("no room"), StoreBusyError("locked")])
    write = gateway.database.write

    async def fails_at_first(fn: Any, *args: Any, **kwargs: Any) -> Any:
        if (error := next(full, None)) is not None:
            raise error
        return await write(fn, *args, **kwargs)

    await gateway.accept()
    worker = a_worker(gateway, run)
    gateway.database.write = fails_at_first  # type: ignore[method-assign]
    working = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        await done.wait()
    await worker.stop(1)
    await working


# --- a reload -----------------------------------------------------------------------------------------------------


def exchange(
    worker: Worker, gateway: Gateway, run: Callable[[queue.Row], Awaitable[None]], *chores: Chore
) -> set[asyncio.Task[None]]:
    step = Step(fax_job, FaxState.QUEUED, run, 4, timedelta(seconds=30))
    return worker.replace(steps=[step], chores=chores, outcomes=gateway.outcomes, bug_delays=(TINY,))


async def test_after_a_reload_new_rows_take_the_new_step_and_what_has_begun_is_finished(gateway: Gateway) -> None:
    seen: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    may_end = asyncio.Event()

    async def former(row: queue.Row) -> None:
        await seen.put(("former", row["id"]))
        await may_end.wait()
        await seen.put(("former ended", row["id"]))

    async def new(row: queue.Row) -> None:
        await seen.put(("new", row["id"]))

    worker = a_worker(gateway, former)
    working = asyncio.create_task(worker.run())
    first = (await gateway.accept()).job_ids[0]
    async with asyncio.timeout(10):
        assert await seen.get() == ("former", first)
        under_way = exchange(worker, gateway, new)
        second = (await gateway.accept("+12025550199")).job_ids[0]
        assert await seen.get() == ("new", second)
        assert len(under_way) == 1
        may_end.set()
        assert await seen.get() == ("former ended", first)
        await asyncio.wait(under_way)
    await worker.stop(1)
    await working


async def test_a_reload_begins_chores_anew_with_their_new_interval(gateway: Gateway) -> None:
    turns: asyncio.Queue[str] = asyncio.Queue()

    async def nothing(_row: queue.Row) -> None:
        raise AssertionError("nothing is due")

    day = timedelta(days=1)
    worker = a_worker(gateway, nothing, Chore("a chore", lambda: turns.put("former"), day))
    working = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        assert await turns.get() == "former"
        former = exchange(worker, gateway, nothing, Chore("a chore", lambda: turns.put("new"), TINY))
        await asyncio.wait(former)
        assert [await turns.get() for _ in range(3)] == ["new"] * 3
    await worker.stop(1)
    await working
    assert turns.empty() or await turns.get() == "new"


async def test_a_chore_that_fails_again_and_again_is_told_once_and_so_is_its_recovery(gateway: Gateway) -> None:
    turns = 0
    failing: list[list[str]] = []
    over = asyncio.Event()

    async def nothing(_row: queue.Row) -> None:
        raise AssertionError("nothing is due")

    async def fail_five_times() -> None:
        nonlocal turns
        failing.append(sorted(worker.failing))
        turns += 1
        if turns <= 5:
            raise KeyError("a bug of ours")
        if turns > 7:
            over.set()

    worker = a_worker(gateway, nothing, Chore("a chore", fail_five_times, TINY))
    working = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        await over.wait()
    await worker.stop(1)
    await working
    assert failing[:8] == [[], [], [], ["a chore"], ["a chore"], ["a chore"], [], []]
    await gateway.run_until_idle()
    told = [mail.content for mail in gateway.next_hop.to(OPERATOR)]
    assert [b"fails since" in told[0], b"works again" in told[1], len(told)] == [True, True, 2]
    assert b"a bug of ours" not in told[0]  # its text may hold anything


async def test_a_chore_that_fails_twice_is_nobodys_business(gateway: Gateway) -> None:
    turns = 0
    over = asyncio.Event()

    async def nothing(_row: queue.Row) -> None:
        raise AssertionError("nothing is due")

    async def fail_now_and_then() -> None:
        nonlocal turns
        turns += 1
        if turns > 9:
            over.set()
        if turns % 3:
            raise KeyError("a bug of ours")

    worker = a_worker(gateway, nothing, Chore("a chore", fail_now_and_then, TINY))
    working = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        await over.wait()
    await worker.stop(1)
    await working
    await gateway.run_until_idle()
    assert gateway.next_hop.to(OPERATOR) == []


async def test_a_chore_never_works_beside_its_former_self(gateway: Gateway) -> None:
    may_end, began = asyncio.Event(), asyncio.Event()
    order = []

    async def nothing(_row: queue.Row) -> None:
        raise AssertionError("nothing is due")

    async def former() -> None:
        order.append("former begins")
        began.set()
        await may_end.wait()
        order.append("former ends")

    done = asyncio.Event()

    async def new() -> None:
        order.append("new")
        done.set()

    day = timedelta(days=1)
    worker = a_worker(gateway, nothing, Chore("a chore", former, day))
    working = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        await began.wait()
        exchange(worker, gateway, nothing, Chore("a chore", new, day))
        exchange(worker, gateway, nothing, Chore("a chore", new, day))
        for _ in range(10):
            await asyncio.sleep(0)
        may_end.set()
        await done.wait()
    await worker.stop(1)
    await working
    assert order == ["former begins", "former ends", "new"]
