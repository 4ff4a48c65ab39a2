"""The clock that drives the queues: claim a due row, run its step. Every step and every chore is listed here.

Each step has at most one effect outside the database. A row whose step dies becomes due again when its lease ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from gateway import faxlog
from gateway.canary import Canary
from gateway.core import lifecycle
from gateway.core.lifecycle import FaxState, InboundState, MailState, State
from gateway.core.reasons import DiskError, DiskFullError
from gateway.email_to_fax import EmailToFax
from gateway.failpoint import failpoint
from gateway.fax_to_email import FaxToEmail
from gateway.outgoing_mail import OutgoingMail
from gateway.store import queue
from gateway.store.database import Database, StoreBusyError, Tx
from gateway.store.outcomes import Outcomes
from gateway.store.schema import fax_job, inbound_fax, mail_delivery

_LEASE_MARGIN: Final = timedelta(seconds=30)
#: After so many failures in a row of one chore the operator is told.
_FAILURES_UNTIL_ALERT: Final = 3
#: Even with nothing due the queue is looked at this often: another node may have put something in.
_LONGEST_SLEEP: Final = 5.0
_AFTER_TROUBLE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """What is done with a due row of one state.

    Attributes:
        table: one of the three queues.
        state: which rows.
        run: does it; records its own result.
        limit: how many at once in this process.
        timeout: after this long it is given up; the row becomes due again when its lease ends.
    """

    table: sa.Table
    state: State
    run: Callable[[queue.Row], Awaitable[None]]
    limit: int
    timeout: timedelta

    @property
    def key(self) -> tuple[str, str]:
        """The queue that it serves: table and state."""
        return self.table.name, self.state.value

    @property
    def name(self) -> str:
        """Names the step in logs."""
        return ".".join(self.key)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something done again and again, first at once, then every ``every``."""

    name: str
    run: Callable[[], Awaitable[object]]
    every: timedelta


def steps(
    email_to_fax: EmailToFax,
    fax_to_email: FaxToEmail,
    outgoing_mail: OutgoingMail,
    *,
    renderers: int,
    calls: int,
) -> list[Step]:
    """Lists every step: which rows, what is done with them, how many at once."""
    minute = timedelta(minutes=1)
    return [
        Step(fax_job, FaxState.QUEUED, email_to_fax.render, renderers, 5 * minute),
        Step(fax_job, FaxState.READY, email_to_fax.submit, calls, 5 * minute),
        Step(fax_job, FaxState.SUBMITTING, email_to_fax.recover, 4, 5 * minute),
        Step(fax_job, FaxState.SUBMITTED, email_to_fax.check, 8, 2 * minute),
        Step(fax_job, FaxState.UNKNOWN, email_to_fax.settle, 2, 2 * minute),
        Step(fax_job, FaxState.HELD, email_to_fax.expire, 2, minute),
        Step(inbound_fax, InboundState.RECEIVED, fax_to_email.route, 4, 5 * minute),
        Step(inbound_fax, InboundState.ROUTED, fax_to_email.acknowledge, 4, minute),
        Step(mail_delivery, MailState.QUEUED, outgoing_mail.send, 8, 20 * minute),
    ]


def chores(
    fax_to_email: FaxToEmail,
    canary: Canary,
    *,
    reconcile: Callable[[], Awaitable[object]],
    count_rows: Callable[[], Awaitable[object]],
    look_after_accounts: Callable[[], Awaitable[object]],
    catch_up_every: timedelta,
    reconcile_every: timedelta,
) -> list[Chore]:
    """Lists every chore. The windows of the catch-up overlap: the webhooks of a provider repeat for 73 hours."""
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    return [
        Chore("catch up 2 h", lambda: fax_to_email.catch_up(2 * hour), catch_up_every),
        Chore("catch up 4 d", lambda: fax_to_email.catch_up(4 * day), 12 * catch_up_every),
        Chore("catch up 14 d", lambda: fax_to_email.catch_up(14 * day), day),
        Chore("reconcile", reconcile, reconcile_every),
        Chore("canary", canary.run, minute),
        Chore("count rows", count_rows, timedelta(seconds=15)),
        Chore("look after accounts", look_after_accounts, minute),
    ]


class Worker:
    """Runs steps and chores until it is stopped.

    Args:
        store: transactions.
        outcomes: writes the result of an unexpected error.
        steps: what to do with due rows.
        chores: what to do on a timer.
        name: who claims, different for each process.
        bug_delays: waits after an unexpected error of ours; after the last one the row is held.
        clock: the time now, aware.
    """

    def __init__(
        self,
        *,
        store: Database,
        outcomes: Outcomes,
        steps: Sequence[Step],
        chores: Sequence[Chore],
        name: str,
        bug_delays: Sequence[timedelta],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._outcomes = outcomes
        self._steps = {step.key: step for step in steps}
        self._chores = list(chores)
        self._name = name
        self._bug_delays = bug_delays
        self._clock = clock
        self._pokes = {key: asyncio.Event() for key in self._steps}
        self._busy = dict.fromkeys(self._pokes, 0)
        self._stopping = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._repeating: dict[str, asyncio.Task[None]] = {}
        self._chores_changed = asyncio.Event()
        self._failures: dict[str, tuple[int, datetime]] = {}

    @property
    def failing(self) -> dict[str, datetime]:
        """Names the chores that fail again and again, each with the time since when."""
        return {name: since for name, (times, since) in self._failures.items() if times >= _FAILURES_UNTIL_ALERT}

    def poke(self, queues: Iterable[tuple[str, str]]) -> None:
        """Says that rows of these queues (table, state) may have become due: their steps look at once."""
        for key in queues:
            if key in self._pokes:
                self._pokes[key].set()

    async def run(self) -> None:
        """Works until ``stop``; ends with the first error that must end the process (DiskError)."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for key in self._steps:
                group.create_task(self._drive(key, group), name=".".join(key))
            self._begin_chores(group)

    def replace(
        self, *, steps: Sequence[Step], chores: Sequence[Chore], outcomes: Outcomes, bug_delays: Sequence[timedelta]
    ) -> set[asyncio.Task[None]]:
        """Goes on with other steps for the same queues, and with other chores, which begin at once.

        Nothing under way is interrupted: a step or chore that has begun is finished as it was, and a chore begins
        anew only after its namesake has ended.

        Returns:
            What is still under way with the former ones.
        """
        former = self._running | set(self._repeating.values())
        self._steps = {step.key: step for step in steps}
        self._chores = list(chores)
        self._outcomes, self._bug_delays = outcomes, bug_delays
        self._chores_changed.set()
        self._chores_changed = asyncio.Event()
        if self._group is not None and not self._stopping.is_set():
            self._begin_chores(self._group)
        return former

    def _begin_chores(self, group: asyncio.TaskGroup) -> None:
        former, self._repeating = self._repeating, {}
        for chore in self._chores:
            repeat = self._repeat(chore, self._chores_changed, former.get(chore.name))
            self._repeating[chore.name] = group.create_task(repeat, name=chore.name)

    async def stop(self, grace: float) -> None:
        """Claims nothing more, lets running steps finish for ``grace`` seconds, then gives them up to their leases."""
        self._stopping.set()
        self._chores_changed.set()
        self.poke(self._pokes)
        running = set(self._running)
        if running:
            _, late = await asyncio.wait(running, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _drive(self, key: tuple[str, str], group: asyncio.TaskGroup) -> None:
        poke = self._pokes[key]
        while not self._stopping.is_set():
            poke.clear()
            step = self._steps[key]
            slots = step.limit - self._busy[key]
            if slots <= 0:  # the next step to finish pokes
                await poke.wait()
                continue
            rows, pause = await self._claim(step, slots)
            if self._stopping.is_set():
                for row in rows:
                    await self._release(step, row)
                return
            for row in rows:
                self._busy[key] += 1
                task = group.create_task(self._run(self._steps[key], row), name=f"{step.name} {row['id']}")
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            await _wait(poke, pause)

    async def _claim(self, step: Step, slots: int) -> tuple[list[queue.Row], float]:
        """Claims due rows; answers them and how long to wait for the next, in seconds."""
        now = self._clock()
        try:
            rows, due = await self._store.write(_claim, step, now, self._name, slots)
            if rows:
                failpoint("o7.after_claim")
        except (DiskError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - a full disk or a database that is away: it comes back
            faxlog.bug(f"claim {step.name}", "", error)
            return [], _AFTER_TROUBLE
        if len(rows) == slots:
            return rows, 0.0
        pause = _LONGEST_SLEEP if due is None else (due - self._clock()).total_seconds()
        return rows, min(max(pause, 0.001), _LONGEST_SLEEP)

    async def _run(self, step: Step, row: queue.Row) -> None:
        try:
            async with asyncio.timeout(step.timeout.total_seconds()):
                await step.run(row)
        except queue.LostRaceError:
            pass  # somebody else was first; our result is dropped
        except (StoreBusyError, DiskFullError, TimeoutError) as error:  # it passes; nobody's bug
            faxlog.passing_trouble(step.name, row["id"], error)
            await self._release(step, row)
        except (DiskError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - our own bugs never bounce mail: again, then held
            await self._record_bug(step, row, error)
        finally:
            if self._busy[step.key] >= self._steps[step.key].limit:  # only then does the drive wait for a slot
                self._pokes[step.key].set()
            self._busy[step.key] -= 1

    async def _record_bug(self, step: Step, row: queue.Row, error: Exception) -> None:
        faxlog.bug(step.name, row["id"], error)
        now = self._clock()
        detail = f"{type(error).__name__} at {faxlog.place_of(error)}"  # its text may hold anything
        move = lifecycle.after_bug(step.state, row["bugs"], detail, self._bug_delays, row["deadline"], now)
        try:
            await self._store.write(self._outcomes.hold, step.table, row, step.state, move, now)
        except queue.LostRaceError:  # the step had moved the row itself before it failed
            await self._release(step, row)
        except (StoreBusyError, DiskFullError):
            pass  # then its lease ends, and it is tried again

    async def _release(self, step: Step, row: queue.Row) -> None:
        """Lets go of a row before its lease ends, so that it is tried again soon."""
        with contextlib.suppress(StoreBusyError, DiskFullError):
            await self._store.write(queue.release, step.table, row, self._clock() + self._bug_delays[0])

    async def _repeat(self, chore: Chore, over: asyncio.Event, former: asyncio.Task[None] | None) -> None:
        if former is not None:
            await asyncio.wait([former])
        while not over.is_set():
            try:
                await chore.run()
                await self._note_success(chore)
            except DiskError:
                raise
            except Exception as error:  # noqa: BLE001 - a chore that fails is tried again at its next turn
                faxlog.bug(chore.name, "", error)
                await self._note_failure(chore, error)
            await _wait(over, chore.every.total_seconds())

    async def _note_failure(self, chore: Chore, error: Exception) -> None:
        """Tells the operator once of a chore that fails again and again."""
        now = self._clock()
        times, since = self._failures.get(chore.name, (0, now))
        self._failures[chore.name] = times + 1, since
        if times + 1 >= _FAILURES_UNTIL_ALERT:
            sentence = f'The chore "{chore.name}" fails since {since:%Y-%m-%d %H:%M} UTC; it is tried again.'
            await self._tell(f"chore:{chore.name}:{since.isoformat()}", sentence, now, faxlog.place_of(error))

    async def _note_success(self, chore: Chore) -> None:
        times, since = self._failures.pop(chore.name, (0, self._clock()))
        if times >= _FAILURES_UNTIL_ALERT:
            sentence = f'The chore "{chore.name}" works again; it failed since {since:%Y-%m-%d %H:%M} UTC.'
            await self._tell(f"chore-works:{chore.name}:{since.isoformat()}", sentence, self._clock())

    async def _tell(self, key: str, sentence: str, now: datetime, detail: str = "") -> None:
        try:
            await self._store.write(self._outcomes.alert, key, "chores", sentence, now, detail)
        except DiskError:
            raise
        except Exception as error:  # noqa: BLE001 - the store is what is in trouble; the log has both
            faxlog.bug("chores", "", error)


def _claim(tx: Tx, step: Step, now: datetime, worker: str, limit: int) -> tuple[list[queue.Row], datetime | None]:
    lease_end = now + step.timeout + _LEASE_MARGIN
    rows = queue.claim(tx, step.table, step.state, now=now, lease_end=lease_end, worker=worker, limit=limit)
    return rows, None if len(rows) == limit else queue.next_due(tx, step.table, step.state, now)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Waits for an event, but no longer. (On Python 3.11 `wait_for` can swallow a cancellation that comes with it.)"""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
