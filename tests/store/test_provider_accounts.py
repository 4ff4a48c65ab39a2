"""Provider accounts in trouble: who moves, and what proves that one works again; on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from gateway.core.ids import make_id
from gateway.core.lifecycle import FaxState, Move
from gateway.core.model import Attempt, AttemptState, Document, FaxJob, Message
from gateway.core.reasons import Reason
from gateway.store import fax_jobs, provider_accounts
from gateway.store.database import Database, Tx
from gateway.store.schema import fax_job, journal

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MESSAGE = Message(
    make_id("E", bytes(5)),
    NOW,
    "ana@clinic.example",
    "127.0.0.1",
    "<m@x>",
    "0" * 64,
    Document(make_id("E", bytes(5)), "message", "0" * 64, 10, "message/rfc822"),
)
JOB = FaxJob(
    id=make_id("F", bytes(5)),
    message_id=MESSAGE.id,
    state=FaxState.READY,
    due_at=NOW,
    version=1,
    created_at=NOW,
    deadline=NOW + timedelta(hours=24),
    number="+12025550143",
    address="+12025550143@fax.example",
    notify=None,
    orcpt=None,
    caller_id="+12025550100",
    header_text="Clinic +1 202-555-0100",
    header_time_zone="America/New_York",
    account="sinch",
    other_accounts=("gone", "interfax", "backup"),
)


async def stored(database: Database, *jobs: FaxJob) -> None:
    await database.write(fax_jobs.add_message, MESSAGE, jobs)


async def pause(database: Database, account: str = "sinch", reason: Reason = Reason.PROVIDER_AUTH) -> None:
    await database.write(provider_accounts.pause, account, reason, "", NOW, (MINUTE,))


async def accounts_of(database: Database, job: FaxJob) -> tuple[str, tuple[str, ...]]:
    found = await database.read(fax_jobs.get_job, job.id)
    assert found is not None
    return found.account, found.other_accounts


async def move_waiting(database: Database) -> int:
    return await database.write(provider_accounts.move_waiting, {"sinch", "interfax", "backup"}, NOW)


async def test_waiting_jobs_go_to_the_first_account_that_works_and_the_rest_stay(database: Database) -> None:
    names = ("moves", "stays", "claimed", "calling", "alone")
    moves, stays, claimed, calling, alone = (replace(JOB, id=f"F-{name}") for name in names)
    stays = replace(stays, other_accounts=())
    calling = replace(calling, state=FaxState.SUBMITTING, number="+12025550199")
    alone = replace(alone, other_accounts=("gone",))
    await stored(database, moves, stays, claimed, calling, alone)
    take = sa.update(fax_job).where(fax_job.c.id == claimed.id).values(claimed_by="somebody")
    await database.write(lambda tx: tx.execute(take).rowcount)
    await pause(database)
    await pause(database, "interfax")
    assert await move_waiting(database) == 1
    assert await accounts_of(database, moves) == ("backup", ("gone", "interfax", "sinch"))
    for job in (stays, claimed, calling, alone):
        assert await accounts_of(database, job) == ("sinch", job.other_accounts)
    noted = sa.select(journal.c.subject_id, journal.c.detail).where(journal.c.event == "other account")
    assert await database.read(lambda tx: tx.execute(noted).all()) == [(moves.id, "sinch -> backup")]
    assert await move_waiting(database) == 0


async def test_thousands_of_waiting_jobs_are_moved_by_a_few_statements(database: Database) -> None:
    await stored(database, JOB)
    statements: list[str] = []

    def count(*event: object) -> None:
        statements.append(str(event[2]))

    def multiply(tx: Tx) -> None:
        row = tx.execute(sa.select(fax_job)).mappings().one()
        tx.execute(sa.insert(fax_job), [{**row, "id": f"F-1{number:07}"} for number in range(3000)])

    def move(tx: Tx) -> int:
        sa.event.listen(tx, "before_cursor_execute", count)
        try:
            return provider_accounts.move_waiting(tx, {"sinch", "interfax"}, NOW)
        finally:
            sa.event.remove(tx, "before_cursor_execute", count)

    await database.write(multiply)
    await pause(database)
    assert await database.write(move) == 3001
    assert len(statements) < 10


@pytest.mark.parametrize(
    ("ordered", "to", "proves"),
    [
        (MINUTE, FaxState.DELIVERED, True),
        (MINUTE, FaxState.FAILED, True),
        (MINUTE, FaxState.READY, True),
        (MINUTE, FaxState.UNKNOWN, False),
        (-MINUTE, FaxState.DELIVERED, False),
    ],
)
async def test_credit_is_proven_by_the_end_of_any_call_that_was_ordered_without_it(
    database: Database, *, ordered: timedelta, to: FaxState, proves: bool
) -> None:
    calling = replace(JOB, state=FaxState.SUBMITTED)
    await stored(database, calling)
    await pause(database, reason=Reason.OUT_OF_CREDIT)
    attempt = Attempt(f"{JOB.id}-1", JOB.id, 1, AttemptState.ACCEPTED, "sinch", NOW + ordered)
    await database.write(fax_jobs.begin_attempt, attempt)
    assert await database.read(provider_accounts.proven_by, calling, Move(to, None)) is proves
    assert not await database.read(provider_accounts.proven_by, JOB, Move(FaxState.SUBMITTED, None))


async def test_an_answer_proves_a_mended_key_once_the_pause_is_over_and_no_job_finds_out(database: Database) -> None:
    async def proven(account: str, later: timedelta) -> bool:
        return await database.read(provider_accounts.proven_by_answer, account, NOW + later)

    assert not await proven("sinch", 2 * MINUTE)  # it is not paused
    await pause(database)
    await pause(database, "interfax", Reason.OUT_OF_CREDIT)
    assert not await proven("sinch", MINUTE / 2)
    assert await proven("sinch", 2 * MINUTE)
    assert not await proven("interfax", 2 * MINUTE)
    await stored(database, JOB)
    assert not await proven("sinch", 2 * MINUTE)
