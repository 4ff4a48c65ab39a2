"""Opens the store: its directory, its lock, its schema, its leases. Refuses what could lose or double a fax."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from gateway.core.reasons import DiskError
from gateway.store import facts, queue
from gateway.store.database import (
    Database,
    PostgresDatabase,
    SqliteDatabase,
    SqliteReader,
    StoreBusyError,
    Tx,
)
from gateway.store.documents import Documents
from gateway.store.schema import HEAD, fax_job, inbound_fax, mail_delivery, metadata

_DATABASE: Final = "faxgw.sqlite"
_DOCUMENTS: Final = "documents"
_LOCK: Final = "lock"
#: A temporary file older than this belongs to a message that was never acknowledged.
_UNFINISHED: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Store:
    """An open store: transactions and documents."""

    database: Database
    documents: Documents
    lock: int | None = None

    def close(self) -> None:
        """Finishes what is queued and lets go."""
        self.database.close()
        self.documents.close()
        if self.lock is not None:
            os.close(self.lock)


async def open_store(directory: Path, database_url: str | None, on_disk_error: Callable[[DiskError], None]) -> Store:
    """Opens the store for whoever changes it, making it where there is none; what lies in it stays as it is.

    Args:
        directory: state directory; documents lie in it, and the SQLite database.
        database_url: ``postgresql://...``, or None for the embedded database.
        on_disk_error: called once at the first disk error, from any thread.

    Raises:
        StoreBusyError: another process works on this store.
        DiskError: it cannot be opened, is damaged, or is of another release.
    """
    documents = Documents(directory / _DOCUMENTS, on_disk_error)  # makes the state directory as well
    if database_url is not None:
        database: Database = PostgresDatabase(database_url)
        store = Store(database, documents)
        await database.write(prepare_schema)
    else:
        lock = _lock(directory / _LOCK)
        database = SqliteDatabase(directory / _DATABASE, on_disk_error)
        store = Store(database, documents, lock)
        await database.write(_check_integrity)
        await database.write(prepare_schema)
    return store


async def begin_run(store: Store, now: datetime) -> None:
    """Begins a run of the daemon: notes the start, and takes up or puts away what the last run left in the middle."""
    store.documents.sweep((now - _UNFINISHED).timestamp())
    if store.lock is not None:
        await store.database.write(_end_leases, now)
    await store.database.write(facts.note_start, now)


def open_for_reading(directory: Path, database_url: str | None) -> Store:
    """Opens a store beside a running daemon, unable to change it.

    Raises:
        DiskError: there is no store yet.
    """
    path = directory / _DATABASE
    if database_url is None and not path.exists():
        raise DiskError(f"no store at {directory}: the daemon has not been started yet")
    database: Database = SqliteReader(path) if database_url is None else PostgresDatabase(database_url)
    return Store(database, Documents(directory / _DOCUMENTS))


def _lock(path: Path) -> int:
    """Takes the lock that only a living process holds; raises StoreBusyError, even if its owner is paused."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreBusyError(f"another process works on the store at {path.parent}") from None
    return lock


def _check_integrity(tx: Tx) -> None:
    found = tx.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise DiskError(f"the database is damaged: {found}; restore a backup, the messages are in documents/")


def prepare_schema(tx: Tx) -> None:
    """Makes the schema in an empty database, or brings an older one up to date, step by step.

    Raises:
        DiskError: the database belongs to a newer release.
    """
    if not sa.inspect(tx).has_table("alembic_version"):
        metadata.create_all(tx)
        tx.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        tx.execute(sa.text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        return
    version = tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if version != HEAD:
        from gateway.store import migrations  # noqa: PLC0415 - Alembic costs a third of a second, once per release

        migrations.upgrade(tx, version)


def _end_leases(tx: Tx, now: datetime) -> None:
    """The lock proves that nobody works: what a crash left claimed is due at once."""
    for table in (fax_job, inbound_fax, mail_delivery):
        queue.end_leases(tx, table, now)
