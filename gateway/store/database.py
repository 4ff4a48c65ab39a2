"""Transactions: plain functions `fn(tx, ...)`, run off the event loop. The only code that knows a dialect.

A transaction cannot await, so no network call can happen inside one. On SQLite one writer thread puts waiting
transactions, each in its own savepoint, into one fsynced commit; nobody is answered before that commit.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa
from pysqlite3 import dbapi2 as sqlite

from gateway.core.reasons import DiskError, DiskFullError
from gateway.failpoint import failpoint

P = ParamSpec("P")
T = TypeVar("T")
Tx = sa.Connection

#: The first SQLite without the WAL-reset bug (two connections that write and checkpoint at the same instant).
SAFE_SQLITE: Final = (3, 51, 3)
_MOST_GROUPED: Final = 64
_BUSY_MILLISECONDS: Final = 5000
_READERS: Final = 2
_POSTGRES_THREADS: Final = 8
_SQLITE_SYNCHRONOUS_FULL: Final = 2


#: Queues (table, state) that a commit has put rows into; whoever drives them looks at once.
Queues = frozenset[tuple[str, str]]
_DUE: Final = "due"


def announce(tx: Tx, table: str, state: str) -> None:
    """Notes that this transaction may make a row of a queue due; told to ``on_due`` after the commit."""
    tx.info.setdefault(_DUE, set()).add((table, state))


def serialise(tx: Tx, key: str) -> None:
    """Lets transactions that name the same key run one after the other: for "look, then insert" on several nodes.

    SQLite has one writer anyway; on PostgreSQL the key is locked until the transaction ends.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def _announced(tx: Tx) -> Queues:
    return frozenset(tx.info.pop(_DUE, ()))


class StoreBusyError(Exception):
    """Another process holds the store; nothing was changed."""


class Database(Protocol):
    """Runs transactions. Both implementations pass the same conformance suite.

    ``on_due`` is called after each commit that made rows due, with their queues, from the thread that committed.
    """

    on_due: Callable[[Queues], None]

    async def write(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``fn(tx, ...)`` in one transaction and returns its answer after the durable commit.

        Safe to repeat exactly as far as ``fn`` is. Whatever ``fn`` raises undoes its transaction and is raised here.

        Raises:
            DiskError: the commit failed on the device; the process has to end.
            DiskFullError: no room; nothing was kept.
            StoreBusyError: another process holds the database.
        """

    async def read(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``fn(tx, ...)`` on a connection that cannot write. Safe to repeat."""

    def close(self) -> None:
        """Finishes what is queued and lets go of the database."""


def _disk_trouble(error: sa.exc.DBAPIError) -> Exception:
    """Translates what the driver says into what the gateway does about it."""
    text = str(error.orig)
    if "disk is full" in text:
        return DiskFullError(text)
    if "locked" in text or "busy" in text:
        return StoreBusyError(text)
    if "I/O error" in text or "malformed" in text or "readonly" in text or "unable to open" in text:
        return DiskError(f"database: {text}")
    return error


class SqliteDatabase:
    """The embedded database: WAL, synchronous=FULL (asserted), one writer thread with group commit.

    Args:
        path: the database file; its directory must exist.
        on_disk_error: called once, from the writer thread, at the first error after which nothing may be acknowledged.
    """

    def __init__(self, path: Path, on_disk_error: Callable[[DiskError], None] = lambda _: None) -> None:
        check_sqlite_version(sqlite.sqlite_version_info)
        self.on_due: Callable[[Queues], None] = lambda _: None
        self._on_disk_error = on_disk_error
        self._broken: DiskError | None = None
        self._engine = _sqlite_engine(f"file:{path}?mode=rwc", sa.StaticPool)
        self._connection = self._engine.connect()
        assert_durable(self._connection)
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = _SqliteReaders(path)
        self._writer = threading.Thread(target=self._write_forever, name="store-writer", daemon=True)
        self._writer.start()

    async def write(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs one transaction in the writer thread (see Database)."""
        job = _Job(lambda tx: fn(tx, *args, **kwargs))
        self._queue.put(job)
        return await asyncio.wrap_future(job.future)

    async def read(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs one read in a reader thread (see Database)."""
        return await self._readers.run(fn, *args, **kwargs)

    def close(self) -> None:
        """Finishes what is queued, then closes; the last one out folds the WAL into the file."""
        self._queue.put(None)
        self._writer.join()
        self._readers.close()
        self._connection.close()
        self._engine.dispose()

    def _write_forever(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            stop = False
            while len(group) < _MOST_GROUPED and not self._queue.empty():
                job = self._queue.get()
                if job is None:
                    stop = True
                    break
                group.append(job)
            self._commit(group)
            if stop:
                return

    def _commit(self, group: list[_Job]) -> None:
        if self._broken is not None:
            _fail(group, self._broken)
            return
        tx = self._connection
        try:
            tx.exec_driver_sql("BEGIN IMMEDIATE")
            for job in group:
                job.run(tx)
            failpoint("store.before_commit")
            tx.exec_driver_sql("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was: nobody of this group may be told that it was kept
            self._give_up(group, error)
        else:
            if due := _announced(tx):
                self.on_due(due)
            for job in group:
                job.answer()

    def _give_up(self, group: list[_Job], error: Exception) -> None:
        if isinstance(error, OSError):
            error = DiskError(f"database: {error}")
        elif isinstance(error, sa.exc.DBAPIError):
            error = _disk_trouble(error)
        try:
            self._connection.exec_driver_sql("ROLLBACK")
        except sa.exc.DBAPIError:
            logging.getLogger(__name__).debug("nothing to roll back")
        if isinstance(error, DiskError):
            # After one failed sync SQLite goes on acknowledging; we must not.
            self._broken = error
            self._on_disk_error(error)
        _fail(group, error)


class _Job:
    """One waiting transaction: a savepoint inside the group's commit, so that its failure is its own."""

    def __init__(self, fn: Callable[[Tx], Any]) -> None:
        self._fn = fn
        self._answer: Any = None
        self._error: Exception | None = None
        self.future: Future[Any] = Future()

    def run(self, tx: Tx) -> None:
        if not self.future.set_running_or_notify_cancel():
            return  # nobody waits for it any more, and it has not begun
        tx.exec_driver_sql("SAVEPOINT one")
        try:
            self._answer = self._fn(tx)
        except Exception as error:
            trouble = _disk_trouble(error) if isinstance(error, sa.exc.DBAPIError) else error
            if isinstance(trouble, (DiskError, DiskFullError)):
                raise  # the whole transaction is lost
            tx.exec_driver_sql("ROLLBACK TO one")
            self._error = trouble
        tx.exec_driver_sql("RELEASE one")

    def answer(self) -> None:
        if self.future.cancelled():
            return
        if self._error is None:
            self.future.set_result(self._answer)
        else:
            self.future.set_exception(self._error)


def _fail(group: Iterable[_Job], error: Exception) -> None:
    for job in group:
        if not job.future.cancelled():
            job.future.set_exception(error)


class SqliteReader:
    """Reads a store beside a running daemon; cannot write, whatever it is given."""

    def __init__(self, path: Path) -> None:
        self.on_due: Callable[[Queues], None] = lambda _: None
        self._readers = _SqliteReaders(path)

    async def write(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:  # noqa: ARG002 - as Database
        """Refuses: this store was opened for reading."""
        raise StoreBusyError("this store was opened for reading only")

    async def read(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs one read (see Database)."""
        return await self._readers.run(fn, *args, **kwargs)

    def close(self) -> None:
        """Closes the connections."""
        self._readers.close()


class _SqliteReaders:
    def __init__(self, path: Path) -> None:
        self._engine = _sqlite_engine(f"file:{path}?mode=rw", sa.QueuePool, query_only=True)
        self._threads = ThreadPoolExecutor(_READERS, "store-reader")

    async def run(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, fn, args, kwargs)

    def _read(self, fn: Callable[..., T], args: Any, kwargs: Any) -> T:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                return fn(connection, *args, **kwargs)
            except sa.exc.DBAPIError as error:
                if "readonly" in str(error.orig):
                    raise  # a mistake of the caller, not of the disk
                raise _disk_trouble(error) from error
            finally:
                connection.exec_driver_sql("ROLLBACK")

    def close(self) -> None:
        self._threads.shutdown()
        self._engine.dispose()


def _sqlite_engine(uri: str, pool: type[sa.Pool], *, query_only: bool = False) -> sa.Engine:
    engine = sa.create_engine(
        "sqlite://",
        module=sqlite,
        creator=lambda: sqlite.connect(uri, uri=True, check_same_thread=False, isolation_level=None),
        poolclass=pool,
        hide_parameters=True,  # they hold what no error text may show
        isolation_level="AUTOCOMMIT",  # we say BEGIN and COMMIT ourselves, around the whole group
    )

    def prepare(connection: Any, _record: Any) -> None:
        pragmas = [
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_MILLISECONDS}",
        ]
        if query_only:
            # Only the writer's connection checkpoints; a reader must not fold the WAL when it leaves last.
            pragmas = [*pragmas[2:], "query_only=ON"]
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(engine, "connect", prepare)
    return engine


def check_sqlite_version(version: tuple[int, ...]) -> None:
    """Refuses an SQLite that can corrupt a WAL database; raises ``DiskError`` with what to do."""
    if version < SAFE_SQLITE:
        found = ".".join(map(str, version))
        needed = ".".join(map(str, SAFE_SQLITE))
        raise DiskError(f"SQLite {found} can corrupt its log; {needed} or newer is needed (package pysqlite3)")


def assert_durable(connection: sa.Connection) -> None:
    """Checks that this connection's commits survive a power cut; raises ``DiskError`` if not.

    A kill cannot show the difference (the page cache survives it), so it is checked at each start.
    """
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    if mode != "wal" or synchronous != _SQLITE_SYNCHRONOUS_FULL:
        raise DiskError(f"database would lose commits: journal_mode={mode}, synchronous={synchronous}")


class PostgresDatabase:
    """PostgreSQL for more than one machine: a small pool of connections, one thread each.

    Args:
        url: ``postgresql://user:password@host/name``; needs the extra ``faxgw[postgres]``.
    """

    def __init__(self, url: str) -> None:
        target = sa.make_url(url).set(drivername="postgresql+psycopg")
        self.on_due: Callable[[Queues], None] = lambda _: None
        # A commit is on the server's disk before anybody is answered, whatever the server's default.
        durable = {"options": "-c synchronous_commit=on"}
        self._engine = sa.create_engine(
            target, pool_size=_POSTGRES_THREADS, pool_pre_ping=True, hide_parameters=True, connect_args=durable
        )
        self._threads = ThreadPoolExecutor(_POSTGRES_THREADS, "store")

    async def write(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs one transaction in a thread (see Database)."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, fn, args, kwargs)

    async def read(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs one read in a thread (see Database)."""
        run = asyncio.get_running_loop().run_in_executor
        return await run(self._threads, self._run, fn, args, kwargs, "SET TRANSACTION READ ONLY")

    def _run(self, fn: Callable[..., T], args: Any, kwargs: Any, first: str | None = None) -> T:
        with self._engine.begin() as connection:
            if first is not None:
                connection.exec_driver_sql(first)
            answer = fn(connection, *args, **kwargs)
            failpoint("store.before_commit")
            due = _announced(connection)
        if due:
            self.on_due(due)
        return answer

    def close(self) -> None:
        """Waits for running transactions and closes the connections."""
        self._threads.shutdown()
        self._engine.dispose()
