"""Claim, move, wake: the same promises on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from gateway.core.ids import make_id
from gateway.core.lifecycle import FaxState, Move
from gateway.core.model import Document, FaxJob, Message
from gateway.core.reasons import Reason
from gateway.store import fax_jobs, provider_accounts, queue
from gateway.store.database import Database, Tx
from gateway.store.schema import fax_job, journal

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LEASE = NOW + timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


def a_message(number: int = 0) -> Message:
    message_id = make_id("E", number.to_bytes(5, "big"))
    document = Document(message_id, "message", "0" * 64, 10, "message/rfc822")
    return Message(message_id, NOW, "ana@clinic.example", "127.0.0.1", "<m@x>", f"{number:064d}", document)


def a_job(number: int = 0, to: str = "+12025550143", state: FaxState = FaxState.QUEUED) -> FaxJob:
    return FaxJob(
        id=make_id("F", number.to_bytes(5, "big")),
        message_id=a_message(number).id,
        state=state,
        due_at=NOW,
        version=1,
        created_at=NOW,
        deadline=NOW + timedelta(hours=24),
        number=to,
        address=f"{to}@fax.example",
        notify=None,
        orcpt=None,
        caller_id="+12025550100",
        header_text="Clinic +1 202-555-0100",
        header_time_zone="America/New_York",
        account="sinch",
    )


async def stored(database: Database, *jobs: FaxJob) -> None:
    for job in jobs:
        message = replace(a_message(), id=job.message_id, fingerprint=job.id)
        await database.write(fax_jobs.add_message, message, [job])


async def claim(database: Database, state: FaxState, now: datetime = NOW, limit: int = 10) -> list[queue.Row]:
    return await database.write(
        queue.claim, fax_job, state, now=now, lease_end=now + timedelta(minutes=5), worker="w1", limit=limit
    )


async def the_job(database: Database, job_id: str) -> FaxJob:
    job = await database.read(fax_jobs.get_job, job_id)
    assert job is not None
    return job


def move(tx: Tx, row: queue.Row, step: Move) -> None:
    queue.move(tx, fax_job, row["id"], row["version"], FaxState(row["state"]), step, NOW)


async def test_a_due_row_is_claimed_once_until_its_lease_ends(database: Database) -> None:
    await stored(database, a_job())
    [row] = await claim(database, FaxState.QUEUED)
    assert (row["claimed_by"], row["due_at"], row["version"]) == ("w1", LEASE, 2)
    assert await claim(database, FaxState.QUEUED) == []
    [again] = await claim(database, FaxState.QUEUED, now=LEASE)
    assert again["version"] == 3


async def test_a_row_that_is_not_due_is_left_alone_and_its_time_is_told(database: Database) -> None:
    await stored(database, replace(a_job(), due_at=NOW + MINUTE))
    assert await claim(database, FaxState.QUEUED) == []
    assert await database.read(queue.next_due, fax_job, FaxState.QUEUED, NOW) == NOW + MINUTE


async def test_a_hundred_claimers_take_each_row_once(database: Database) -> None:
    await stored(database, *(a_job(n, f"+1202555{n:04}") for n in range(40)))
    taken = await asyncio.gather(*(claim(database, FaxState.QUEUED, limit=3) for _ in range(30)))
    ids = [row["id"] for rows in taken for row in rows]
    assert len(ids) == len(set(ids)) == 40


async def test_a_move_ends_the_claim_and_is_journalled(database: Database) -> None:
    await stored(database, a_job())
    [row] = await claim(database, FaxState.QUEUED)
    await database.write(move, row, Move(FaxState.READY, NOW, Reason.BUSY, "why"))
    job = await the_job(database, row["id"])
    assert (job.state, job.claimed_by, job.version, job.reason) == (FaxState.READY, None, 3, Reason.BUSY)
    entries = await database.read(lambda tx: tx.execute(sa.select(journal)).mappings().all())
    assert [(e["old_state"], e["new_state"], e["detail"]) for e in entries] == [
        (None, "queued", ""),
        ("queued", "ready", "why"),
    ]


async def test_a_late_result_never_overwrites_a_newer_truth(database: Database) -> None:
    await stored(database, a_job())
    [late] = await claim(database, FaxState.QUEUED)
    [current] = await claim(database, FaxState.QUEUED, now=LEASE)
    await database.write(move, current, Move(FaxState.READY, NOW))
    with pytest.raises(queue.LostRaceError):
        await database.write(move, late, Move(FaxState.FAILED, None))
    assert (await the_job(database, late["id"])).state is FaxState.READY


async def test_a_move_that_the_table_forbids_is_a_bug(database: Database) -> None:
    await stored(database, a_job())
    [row] = await claim(database, FaxState.QUEUED)
    with pytest.raises(ValueError, match="queued -> delivered is not allowed"):
        await database.write(move, row, Move(FaxState.DELIVERED, None))


async def submitted(database: Database, job: FaxJob) -> queue.Row:
    await stored(database, job)
    for step in (
        Move(FaxState.READY, NOW),
        Move(FaxState.SUBMITTING, NOW),
        Move(FaxState.SUBMITTED, NOW + MINUTE),
    ):
        current = await the_job(database, job.id)
        await database.write(lambda tx, c=current, s=step: queue.move(tx, fax_job, c.id, c.version, c.state, s, NOW))
    return {"id": job.id}


async def test_a_wake_makes_a_waiting_row_due_at_once(database: Database) -> None:
    await submitted(database, a_job())
    assert await claim(database, FaxState.SUBMITTED) == []
    assert await database.write(queue.wake, fax_job, a_job().id, NOW)
    assert len(await claim(database, FaxState.SUBMITTED)) == 1


async def test_a_wake_never_shortens_a_lease_but_is_not_forgotten(database: Database) -> None:
    await submitted(database, a_job())
    [row] = await claim(database, FaxState.SUBMITTED, now=NOW + MINUTE)
    await database.write(queue.wake, fax_job, row["id"], NOW + MINUTE)
    assert await claim(database, FaxState.SUBMITTED, now=NOW + MINUTE) == []
    await database.write(move, row, Move(FaxState.SUBMITTED, NOW + timedelta(hours=1)))
    assert (await the_job(database, row["id"])).due_at == NOW


async def test_a_wake_does_not_shorten_the_pause_between_two_calls(database: Database) -> None:
    await submitted(database, a_job())
    [row] = await claim(database, FaxState.SUBMITTED, now=NOW + MINUTE)
    await database.write(queue.wake, fax_job, row["id"], NOW + MINUTE)
    await database.write(move, row, Move(FaxState.READY, NOW + timedelta(minutes=3), Reason.BUSY))
    assert not await database.write(queue.wake, fax_job, row["id"], NOW)
    assert (await the_job(database, row["id"])).due_at == NOW + timedelta(minutes=3)


async def test_one_number_is_called_by_one_job_at_a_time(database: Database) -> None:
    first, second = a_job(1), a_job(2)
    await submitted(database, first)
    await stored(database, second)
    [row] = await claim(database, FaxState.QUEUED)
    await database.write(move, row, Move(FaxState.READY, NOW))
    assert await claim(database, FaxState.READY) == []
    assert await database.read(queue.next_due, fax_job, FaxState.READY, NOW) is None
    [calling] = await claim(database, FaxState.SUBMITTED, now=NOW + MINUTE)
    await database.write(move, calling, Move(FaxState.DELIVERED, None))
    assert [r["id"] for r in await claim(database, FaxState.READY)] == [second.id]


async def test_two_jobs_of_one_number_are_not_claimed_together(database: Database) -> None:
    for n in (1, 2, 3):
        await stored(database, a_job(n))
    for row in await claim(database, FaxState.QUEUED):
        await database.write(move, row, Move(FaxState.READY, NOW))
    assert len(await claim(database, FaxState.READY)) == 1


async def test_the_database_itself_refuses_a_second_call_to_a_number(database: Database) -> None:
    await submitted(database, a_job(1))
    await stored(database, a_job(2))
    job = await the_job(database, a_job(2).id)
    await database.write(lambda tx: queue.move(tx, fax_job, job.id, 1, job.state, Move(FaxState.READY, NOW), NOW))
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(
            lambda tx: queue.move(tx, fax_job, job.id, 2, FaxState.READY, Move(FaxState.SUBMITTING, NOW), NOW)
        )
    assert (await the_job(database, job.id)).state is FaxState.READY


async def test_a_paused_account_lets_nothing_out_then_one_probe(database: Database) -> None:
    jobs = [a_job(n, f"+1202555{n:04}") for n in (1, 2, 3)]
    await stored(database, *jobs)
    for row in await claim(database, FaxState.QUEUED):
        await database.write(move, row, Move(FaxState.READY, NOW))
    assert await database.write(provider_accounts.pause, "sinch", Reason.OUT_OF_CREDIT, "402", NOW, (MINUTE,))
    assert not await database.write(provider_accounts.pause, "sinch", Reason.OUT_OF_CREDIT, "402", NOW, (MINUTE,))
    assert await claim(database, FaxState.READY) == []
    assert await database.read(queue.next_due, fax_job, FaxState.READY, NOW) == NOW + MINUTE
    later = NOW + MINUTE
    assert len(await claim(database, FaxState.READY, now=later)) == 1
    assert await claim(database, FaxState.READY, now=later) == []
    assert await database.write(provider_accounts.resume, "sinch", later) == NOW
    assert len(await claim(database, FaxState.READY, now=later)) == 2


async def test_a_start_ends_every_lease(database: Database) -> None:
    await stored(database, a_job())
    await claim(database, FaxState.QUEUED)
    assert await database.write(queue.end_leases, fax_job, NOW) == 1
    assert len(await claim(database, FaxState.QUEUED)) == 1


async def test_a_commit_announces_the_queues_it_filled(database: Database) -> None:
    announced: list[frozenset[tuple[str, str]]] = []
    database.on_due = announced.append
    await stored(database, a_job())
    assert announced == [frozenset({("fax_job", "queued")})]
