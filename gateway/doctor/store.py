"""What is on disk: room for it, the schema, and what waits there for a person."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa

from gateway.core.reasons import DiskError
from gateway.doctor.findings import Finding, Findings, FoundError, counted, ok, skipped, warning, wrong
from gateway.doctor.installation import Installation
from gateway.store import reports
from gateway.store.database import StoreBusyError, Tx
from gateway.store.opening import open_for_reading
from gateway.store.reports import AccountTrouble
from gateway.store.schema import HEAD

T = TypeVar("T")

#: Advice for whoever may not look at something.
AS_WHOM: Final = "Run faxgw doctor as root or as the user faxgw."

#: So many times what the daemon needs to accept anything: there is time to make room.
_AMPLE: Final = 10
_FEW_FILES: Final = 10_000
_FEWEST_FILES: Final = 100
#: Dialling, redialling and pauses take minutes; an outgoing fax that is open for longer is worth a look.
_LONG: Final = timedelta(hours=2)


async def room(at: Installation) -> Findings:
    """There is room for what will come, in bytes and in files."""
    place = _existing(at.state_directory)
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize
    what = f"{_megabytes(free)} free for {at.state_directory}"
    if free < at.room_needed:
        yield wrong(f"{what}: below {_megabytes(at.room_needed)} nothing is accepted", "Make room.")
    elif free < _AMPLE * at.room_needed:
        yield warning(f"{what}; below {_megabytes(at.room_needed)} nothing is accepted", "Make room.")
    else:
        yield ok(what)
    if disk.f_files and disk.f_favail < _FEW_FILES:  # some file systems have no such limit, and say 0
        what = f"room for {counted(disk.f_favail, 'more file')} only (inodes) at {at.state_directory}"
        few = disk.f_favail < _FEWEST_FILES
        yield wrong(what, "Delete small files there.") if few else warning(what, "Delete small files there.")


def _existing(directory: Path) -> Path:
    """Finds the directory, or the one that it will be made in."""
    return next(path for path in (directory, *directory.parents) if path.exists())


def _megabytes(size: int) -> str:
    return f"{size / 10**9:.1f} GB" if size >= 10**9 else f"{size // 10**6} MB"


@dataclass(frozen=True, slots=True)
class _Rows:
    counts: dict[tuple[str, str], int]
    oldest: datetime | None
    troubled: list[AccountTrouble]


async def store(at: Installation) -> Findings:
    """The store can be read, is of this release, and nothing in it waits for a person."""
    rows = await read_store(at, _read_rows)
    waiting = list(_judge_rows(rows, at.clock()))
    yield ok(f"the store is of this release (schema {HEAD}){'' if waiting else ', and nothing in it needs a person'}")
    for finding in waiting:
        yield finding


def _read_rows(tx: Tx) -> _Rows:
    return _Rows(reports.count_rows(tx), reports.oldest_waiting(tx), reports.troubled_accounts(tx))


def _judge_rows(rows: _Rows, now: datetime) -> Iterator[Finding]:
    held = sum(count for (_, state), count in rows.counts.items() if state == "held")
    unknown = rows.counts.get(("fax_job", "unknown"), 0)
    if held:
        advice = "faxgw faxes list --state held, then faxgw faxes show ID; see docs/operations.md."
        yield warning(f"{counted(held, 'fax or mail is', 'faxes and mails are')} held for a person", advice)
    if unknown:
        advice = "Their senders were told; faxgw faxes list --state unknown names them."
        what = f"{counted(unknown, 'fax has', 'faxes have')} an unknown outcome: they may have arrived, or not"
        yield warning(what, advice)
    if rows.oldest is not None and now - rows.oldest > _LONG:
        hours = round((now - rows.oldest) / timedelta(hours=1))
        yield warning(f"the oldest open fax waits for {hours} hours", "faxgw faxes list shows what it waits for.")
    for account in rows.troubled:
        what = f"{account.name} is paused since {account.paused_since:%Y-%m-%d %H:%M} UTC: {account.reason}"
        yield wrong(what, "Mend it at the provider; one fax finds out by itself, the others follow.")


async def read_store(at: Installation, read: Callable[[Tx], T]) -> T:
    """Reads something from the store, beside a running daemon or without one.

    Raises:
        FoundError: there is no store, it is of another release, or it cannot be read.
    """
    if not at.state_directory.is_dir():
        raise FoundError(skipped(f"there is no store at {at.state_directory}: the daemon has not been started yet"))
    try:
        opened = open_for_reading(at.state_directory, at.database_url)
    except DiskError as error:  # there is none yet
        raise FoundError(skipped(str(error))) from error
    except PermissionError as error:
        raise FoundError(skipped(f"you may not look into {at.state_directory}", AS_WHOM)) from error
    try:
        version = await opened.database.read(_schema)
        if version == HEAD:
            return await opened.database.read(read)
    except (DiskError, StoreBusyError, sa.exc.SQLAlchemyError) as error:
        # What SQLAlchemy says may hold the password of the database.
        said = str(error) if isinstance(error, DiskError | StoreBusyError) else type(error).__name__
        raise FoundError(wrong(f"the store cannot be read: {said}", f"{AS_WHOM} Is the database up?")) from error
    finally:
        opened.close()
    raise FoundError(_judge_schema(version))


def _schema(tx: Tx) -> str | None:
    if not sa.inspect(tx).has_table("alembic_version"):
        return None
    version: str | None = tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return version


def _judge_schema(version: str | None) -> Finding:
    if version is None:
        return skipped("the store is empty: the daemon has not been started yet")
    what = f"the store has schema {version}, this release {HEAD}"
    if version > HEAD:
        return wrong(f"{what}: a newer release has been here", "Install that release again; this one cannot use it.")
    return warning(what, "The next start of the daemon brings it up to date: systemctl restart faxgw.")


CHECKS: Final[tuple[Callable[[Installation], Findings], ...]] = (room, store)
