"""Transactions: all or nothing, each for itself, durable before the answer, read-only where promised."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pysqlite3 import dbapi2 as sqlite

from gateway.core.reasons import DiskError
from gateway.store import facts
from gateway.store.database import (
    Database,
    SqliteDatabase,
    SqliteReader,
    StoreBusyError,
    Tx,
    assert_durable,
    check_sqlite_version,
)
from gateway.store.migrations import upgrade
from gateway.store.opening import begin_run, open_store, prepare_schema
from gateway.store.schema import metadata, store_fact

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def put(tx: Tx, name: str, value: str) -> str:
    tx.execute(sa.insert(store_fact).values(name=name, value=value))
    return value


def names(tx: Tx) -> list[str]:
    return list(tx.execute(sa.select(store_fact.c.name).order_by(store_fact.c.name)).scalars())


class OurError(Exception):
    pass


async def test_a_transaction_answers_what_its_function_returns(database: Database) -> None:
    assert await database.write(put, "a", "1") == "1"
    assert await database.read(names) == ["a"]


async def test_a_failing_transaction_leaves_nothing_and_harms_no_other(database: Database) -> None:
    def put_and_fail(tx: Tx) -> None:
        put(tx, "bad", "1")
        raise OurError

    results = await asyncio.gather(
        *(database.write(put, f"good{n}", "1") for n in range(5)),
        database.write(put_and_fail),
        *(database.write(put, f"more{n}", "1") for n in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, OurError) for result in results) == 1
    assert len(await database.read(names)) == 10


async def test_a_broken_rule_of_the_database_fails_only_its_own_transaction(database: Database) -> None:
    results = await asyncio.gather(*(database.write(put, "same", "1") for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(result, sa.exc.IntegrityError) for result in results) == 7
    assert await database.read(names) == ["same"]


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        await database.read(put, "a", "1")
    assert await database.read(names) == []


async def test_the_schema_is_made_once(database: Database) -> None:
    await database.write(put, "a", "1")
    await database.write(prepare_schema)
    assert await database.read(names) == ["a"]


async def test_the_first_start_is_remembered(database: Database) -> None:
    assert await database.write(facts.note_start, NOW) == 1
    assert await database.write(facts.note_start, NOW.replace(year=2027)) == 2
    assert await database.read(facts.first_start, NOW) == NOW


async def test_a_first_start_by_a_clock_that_was_ahead_is_put_right(database: Database) -> None:
    await database.write(facts.note_start, NOW.replace(year=2031))
    assert await database.write(facts.first_start, NOW) == NOW
    assert await database.read(facts.first_start, NOW.replace(year=2027)) == NOW


async def test_only_a_run_of_the_daemon_is_a_start(tmp_path: Path) -> None:
    """A command that opens the store alone notes no start, and takes no claim from anybody."""
    store = await open_store(tmp_path, None, lambda _: None)
    assert await store.database.read(names) == []
    await begin_run(store, NOW)
    assert set(await store.database.read(names)) == {"first_start", "starts"}
    store.close()


async def test_a_newer_schema_is_refused(database: Database) -> None:
    await database.write(lambda tx: tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DiskError, match="schema 9999"):
        await database.write(prepare_schema)


def _schema_of(tx: Tx) -> dict[str, object]:
    inspector = sa.inspect(tx)
    return {
        table: (
            sorted(
                (column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)
            ),
            sorted(
                (index["name"], tuple(index["column_names"]), index["unique"]) for index in inspector.get_indexes(table)
            ),
        )
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


async def test_the_migrations_end_in_the_same_schema(database: Database) -> None:
    made_at_once = await database.read(_schema_of)

    def by_migrations(tx: Tx) -> dict[str, object]:
        metadata.drop_all(tx)
        tx.exec_driver_sql("DROP TABLE alembic_version")
        upgrade(tx)
        return _schema_of(tx)

    assert await database.write(by_migrations) == made_at_once


def test_an_sqlite_that_can_corrupt_its_log_is_refused() -> None:
    with pytest.raises(DiskError, match="3.40.1 can corrupt"):
        check_sqlite_version((3, 40, 1))


def test_a_database_that_would_lose_commits_in_a_power_cut_is_refused(tmp_path: Path) -> None:
    engine = sa.create_engine(
        "sqlite://",
        module=sqlite,
        creator=lambda: sqlite.connect(tmp_path / "x"),
        isolation_level="AUTOCOMMIT",
    )
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
        with pytest.raises(DiskError, match="synchronous=1"):
            assert_durable(connection)
    engine.dispose()


async def test_a_second_process_on_the_same_store_is_refused(tmp_path: Path) -> None:
    first = await open_store(tmp_path, None, lambda _: None)
    with pytest.raises(StoreBusyError, match="another process works on the store"):
        await open_store(tmp_path, None, lambda _: None)
    first.close()
    (await open_store(tmp_path, None, lambda _: None)).close()


async def test_a_damaged_database_is_noticed_at_start(tmp_path: Path) -> None:
    (await open_store(tmp_path, None, lambda _: None)).close()
    database = tmp_path / "faxgw.sqlite"
    content = bytearray(database.read_bytes())
    content[4096 * 2 : 4096 * 2 + 200] = b"\xff" * 200
    database.write_bytes(content)
    with pytest.raises(DiskError, match="damaged|malformed"):
        await open_store(tmp_path, None, lambda _: None)


async def test_a_reader_sees_what_the_daemon_commits_and_cannot_change_it(tmp_path: Path) -> None:
    store = await open_store(tmp_path, None, lambda _: None)
    reader = SqliteReader(tmp_path / "faxgw.sqlite")
    await store.database.write(put, "a", "1")
    assert "a" in await reader.read(names)
    with pytest.raises(StoreBusyError):
        await reader.write(put, "b", "1")
    with pytest.raises(sa.exc.OperationalError, match="readonly"):
        await reader.read(put, "b", "1")
    reader.close()
    store.close()


async def test_after_the_first_disk_error_nothing_is_acknowledged_any_more(tmp_path: Path) -> None:
    told: list[DiskError] = []
    database = SqliteDatabase(tmp_path / "store.sqlite", told.append)
    await database.write(prepare_schema)

    def device_fails(tx: Tx) -> None:
        raise sa.exc.OperationalError("INSERT", {}, sqlite.OperationalError("disk I/O error"))

    with pytest.raises(DiskError):
        await database.write(device_fails)
    with pytest.raises(DiskError):
        await database.write(put, "a", "1")
    assert len(told) == 1
    assert await database.read(names) == []
    database.close()
