"""Opens the store for the commands that only look: beside a running daemon, and without its secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa

from gateway.config import load_gateway_settings
from gateway.core.reasons import DiskError
from gateway.store.opening import Store, open_for_reading

T = TypeVar("T")
#: What SQLite says where a file of the database may not be opened, or not be written beside the daemon.
_NOT_OURS: Final = ("unable to open database file", "attempt to write a readonly database")


def look(config: Path, into: Callable[[Store], Awaitable[T]]) -> T:
    """Opens the store that a configuration names, asks it, closes it.

    Raises:
        ConfigError: the configuration does not say where the store is.
        DiskError: there is no store yet, or it is not for this user.
    """

    async def ask() -> T:
        settings = load_gateway_settings(config)
        with _told_whose(settings.state_directory):
            store = open_for_reading(settings.state_directory, settings.database_url.get_secret_value() or None)
            try:
                return await into(store)
            finally:
                store.close()

    return asyncio.run(ask())


@contextmanager
def _told_whose(directory: Path) -> Iterator[None]:
    """Says as whom to look, where the store is not for this user."""
    whose = DiskError(f"{directory} cannot be read: run this as root or faxgw")
    try:
        yield
    except PermissionError:
        raise whose from None
    except sa.exc.OperationalError as error:
        if not any(said in str(error.orig) for said in _NOT_OURS):
            raise
        raise whose from None
