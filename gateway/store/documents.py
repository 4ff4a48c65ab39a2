"""Stored bytes: one file per document, named by owner, role and sha256, never shared.

The order that survives a power cut: temporary file in the same directory, write, fsync, rename, fsync of the directory.
A failed fsync is never repeated on the same file: the kernel may have dropped the page, and the next one "succeeds".
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from gateway.core.model import Document
from gateway.core.reasons import DiskError, DiskFullError
from gateway.failpoint import failpoint
from gateway.store.directory_sync import DirectorySync

T = TypeVar("T")

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_THREADS: Final = 8
#: Below this a document stays in memory until its one write; above it, it goes to disk piece by piece.
_BUFFER: Final = 256 * 1024
_TEMPORARY: Final = ".new"


class LostDocumentError(Exception):
    """A document is missing, torn or changed: its row is held and the operator is told."""


class Documents:
    """A directory of documents. Its threads are its own, so that slow DNS elsewhere cannot stall a disk write.

    Args:
        directory: where the files lie; made if it is not there.
        on_disk_error: called once, from any thread, at the first error after which nothing may be acknowledged.
    """

    def __init__(self, directory: Path, on_disk_error: Callable[[DiskError], None] = lambda _: None) -> None:
        self._directory = directory
        self._on_disk_error = on_disk_error
        self._broken: DiskError | None = None
        self._threads = ThreadPoolExecutor(_THREADS, "documents")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory_sync = DirectorySync(directory)

    def create(self, owner: str, role: str, media_type: str, pages: int | None = None) -> DocumentWriter:
        """Begins a new document; nothing is kept before its ``commit``."""
        draft = Document(owner, role, "", 0, media_type, pages)
        return DocumentWriter(self, draft)

    async def put(self, owner: str, role: str, media_type: str, content: bytes, pages: int | None = None) -> Document:
        """Stores one document durably. Safe to repeat: the same content gives the same file.

        Raises:
            DiskFullError: no room; nothing was kept.
            DiskError: the device failed; the process has to end.
        """
        writer = self.create(owner, role, media_type, pages)
        await writer.write(content)
        return await writer.commit()

    def path(self, document: Document) -> Path:
        """Tells where a document lies."""
        return self._directory / document.name

    async def read(self, document: Document) -> bytes:
        """Reads a document and checks it against its hash.

        Raises:
            LostDocumentError: it is missing, torn or changed.
        """
        return await self._run(self._read, document)

    def _read(self, document: Document) -> bytes:
        try:
            content = self.path(document).read_bytes()
        except OSError as error:
            raise LostDocumentError(f"document {document.name}: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != document.sha256:
            raise LostDocumentError(f"document {document.name}: its content does not match its name")
        return content

    async def check(self, document: Document) -> None:
        """Makes sure that a document is whole, for those who read it by its path.

        Raises:
            LostDocumentError: it is missing, torn or changed.
        """
        await self._run(self._read, document)

    async def read_head(self, document: Document, size: int) -> bytes:
        """Reads the first ``size`` bytes of a document, unchecked."""
        return await self._run(self._read_head, document, size)

    def _read_head(self, document: Document, size: int) -> bytes:
        with self.path(document).open("rb") as file:
            return file.read(size)

    async def delete(self, document: Document) -> None:
        """Removes a document for good. Safe to repeat."""
        await self._run_durably(self._delete, document)

    def _delete(self, document: Document) -> None:
        self.path(document).unlink(missing_ok=True)
        failpoint("o4.after_unlink")
        self._directory_sync.sync()

    def free_bytes(self) -> int:
        """Tells how much room the device has for us."""
        return shutil.disk_usage(self._directory).free

    def names(self) -> Iterator[tuple[str, float]]:
        """Yields each stored file's name and time of change (seconds since 1970), unfinished ones included."""
        with os.scandir(self._directory) as entries:
            for entry in entries:
                yield entry.name, entry.stat().st_mtime

    def sweep(self, older_than: float) -> int:
        """Removes unfinished files last changed before ``older_than`` (seconds since 1970): never acknowledged."""
        old = [name for name, at in self.names() if name.endswith(_TEMPORARY) and at < older_than]
        for name in old:
            (self._directory / name).unlink(missing_ok=True)
        return len(old)

    def close(self) -> None:
        """Waits for running writes."""
        self._threads.shutdown()
        self._directory_sync.close()

    async def _run(self, fn: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, fn, *args)

    async def _run_durably(self, fn: Callable[..., T], *args: Any) -> T:
        return await self._run(self._durably, fn, *args)

    def _durably(self, fn: Callable[..., T], *args: Any) -> T:
        if self._broken is not None:
            raise self._broken
        try:
            return fn(*args)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise DiskFullError(str(error)) from error
            self._broken = DiskError(f"document directory: {error}")
            self._on_disk_error(self._broken)
            raise self._broken from error

    def _flush(self, writer: DocumentWriter) -> None:
        writer.flush(self._directory)

    def _commit(self, writer: DocumentWriter) -> Document:
        temporary, document = writer.finish(self._directory)
        failpoint("o3.before_rename")
        temporary.rename(self._directory / document.name)
        failpoint("o3.before_directory_fsync")
        self._directory_sync.sync()
        failpoint("o3.after_document")
        return document


class DocumentWriter:
    """One document on its way to disk. ``commit`` makes it durable, ``discard`` leaves nothing."""

    def __init__(self, documents: Documents, draft: Document) -> None:
        self._documents = documents
        self._draft = draft
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._size = 0
        self._hash = hashlib.sha256()
        self._temporary: Path | None = None
        self._fd = -1

    async def write(self, data: bytes) -> None:
        """Adds bytes; they reach the disk when enough of them have come together.

        Raises:
            DiskFullError, DiskError: as Documents.put.
        """
        self._pending.append(data)
        self._pending_size += len(data)
        if self._pending_size >= _BUFFER:
            await self._documents._run_durably(self._documents._flush, self)  # noqa: SLF001 - two halves of one thing

    async def commit(self) -> Document:
        """Makes the document durable under its final name. Not to be repeated.

        Raises:
            DiskFullError, DiskError: as Documents.put; nothing was kept.
        """
        return await self._documents._run_durably(self._documents._commit, self)  # noqa: SLF001 - two halves of one thing

    async def discard(self) -> None:
        """Drops what was written. Safe to repeat, also after ``commit``, which it does not undo."""
        if self._temporary is not None:
            await self._documents._run(self._drop)  # noqa: SLF001 - two halves of one thing

    def flush(self, directory: Path) -> None:
        """Writes what is pending (in a thread of Documents)."""
        if self._fd < 0:
            self._temporary = directory / f"{self._draft.owner}.{self._draft.role}.{os.urandom(4).hex()}{_TEMPORARY}"
            self._fd = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_size = 0
        self._hash.update(data)
        self._size += len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def finish(self, directory: Path) -> tuple[Path, Document]:
        """Writes the rest and syncs the file (in a thread of Documents); the rename is still to come."""
        try:
            self.flush(directory)
            failpoint("o3.before_fsync")
            os.fsync(self._fd)
        except OSError:
            self._drop()
            raise
        os.close(self._fd)
        self._fd = -1
        assert self._temporary is not None  # noqa: S101 - flush has made it
        return self._temporary, replace(self._draft, sha256=self._hash.hexdigest(), size=self._size)

    def _drop(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
