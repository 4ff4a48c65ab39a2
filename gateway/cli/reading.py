"""Opens the store for the commands that only look: beside a running daemon, and without its secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from gateway.config import load_gateway_settings
from gateway.store.opening import Store, open_for_reading

T = TypeVar("T")


def look(config: Path, into: Callable[[Store], Awaitable[T]]) -> T:
    """Opens the store that a configuration names, asks it, closes it.

    Raises:
        ConfigError: the configuration does not say where the store is.
        DiskError: there is no store yet.
    """

    async def ask() -> T:
        settings = load_gateway_settings(config)
        store = open_for_reading(settings.state_directory, settings.database_url.get_secret_value() or None)
        try:
            return await into(store)
        finally:
            store.close()

    return asyncio.run(ask())
