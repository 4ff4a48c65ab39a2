"""Append-only ledger: what a simulator accepted, on disk before it says so."""

import asyncio
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class Ledger:
    """Writes one JSON object a line; lines that wait at the same time share one fsync.

    Args:
        path: The file, created if missing and continued if not. A last line that a crash has torn is cut off:
            nobody was told of it.
    """

    def __init__(self, path: Path) -> None:
        if path.is_file() and (torn := len(path.read_bytes().rpartition(b"\n")[2])):
            os.truncate(path, path.stat().st_size - torn)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        sync_directory(path.parent)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Adds the entries; when it returns, they survive a power cut."""
        lines = b"".join(json.dumps(entry, ensure_ascii=False).encode() + b"\n" for entry in entries)
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((lines, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await written

    async def close(self) -> None:
        """Writes what waits and closes the file."""
        if self._writer is not None:
            await self._writer
        os.close(self._file)

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._write_durably, b"".join(lines for lines, _ in batch))
            except OSError as error:
                _end(batch, error)
            else:
                _end(batch, None)

    def _write_durably(self, lines: bytes) -> None:
        view = memoryview(lines)
        while view:
            view = view[os.write(self._file, view) :]
        os.fsync(self._file)


def _end(batch: list[tuple[bytes, "asyncio.Future[None]"]], error: OSError | None) -> None:
    for _, written in batch:
        if written.done():  # the request that waited was cancelled
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)


def sync_directory(directory: Path) -> None:
    """Makes names created or renamed in a directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
