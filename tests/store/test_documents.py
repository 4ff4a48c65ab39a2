"""Documents are durable before they are named, check themselves, and belong to one owner."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.core.reasons import DiskError, DiskFullError
from gateway.store.documents import Documents, LostDocumentError


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    return Documents(tmp_path / "documents")


async def test_a_document_comes_back_as_it_was_stored(documents: Documents) -> None:
    document = await documents.put("E-1", "message", "message/rfc822", b"hello")
    assert await documents.read(document) == b"hello"
    assert document.name == f"E-1.message.{document.sha256}"
    assert await documents.read_head(document, 3) == b"hel"


async def test_a_large_document_reaches_the_disk_in_pieces(documents: Documents) -> None:
    writer = documents.create("E-1", "message", "message/rfc822")
    piece = os.urandom(100_000)
    for _ in range(30):
        await writer.write(piece)
    document = await writer.commit()
    assert document.size == 3_000_000
    assert await documents.read(document) == piece * 30


async def test_an_empty_document_is_a_document(documents: Documents) -> None:
    document = await documents.create("E-1", "message", "message/rfc822").commit()
    assert (document.size, await documents.read(document)) == (0, b"")


async def test_nothing_is_left_of_a_discarded_document(documents: Documents) -> None:
    writer = documents.create("E-1", "message", "message/rfc822")
    await writer.write(b"x" * 1_000_000)
    assert [name for name, _ in documents.names()] != []
    await writer.discard()
    await writer.discard()
    assert list(documents.names()) == []


async def test_discarding_after_the_commit_keeps_the_document(documents: Documents) -> None:
    writer = documents.create("E-1", "message", "message/rfc822")
    await writer.write(b"x")
    document = await writer.commit()
    await writer.discard()
    assert await documents.read(document) == b"x"


@pytest.mark.parametrize("damage", [b"", b"hell", b"hellO", b"hello!"])
async def test_a_torn_or_changed_document_is_never_read_as_whole(documents: Documents, damage: bytes) -> None:
    document = await documents.put("E-1", "message", "message/rfc822", b"hello")
    documents.path(document).write_bytes(damage)
    with pytest.raises(LostDocumentError):
        await documents.read(document)


async def test_a_missing_document_is_told(documents: Documents) -> None:
    document = await documents.put("E-1", "message", "message/rfc822", b"hello")
    await documents.delete(document)
    await documents.delete(document)
    with pytest.raises(LostDocumentError, match="No such file"):
        await documents.read(document)


async def test_the_same_content_of_two_owners_is_two_files(documents: Documents) -> None:
    first = await documents.put("E-1", "message", "message/rfc822", b"hello")
    second = await documents.put("E-2", "message", "message/rfc822", b"hello")
    await documents.delete(first)
    assert await documents.read(second) == b"hello"


async def test_the_sweep_removes_only_old_unfinished_files(documents: Documents) -> None:
    kept = await documents.put("E-1", "message", "message/rfc822", b"hello")
    writer = documents.create("E-2", "message", "message/rfc822")
    await writer.write(b"x" * 1_000_000)
    [unfinished] = [name for name, _ in documents.names() if name.endswith(".new")]
    changed = dict(documents.names())[unfinished]
    assert documents.sweep(changed - 1) == 0
    assert documents.sweep(changed + 1) == 1
    assert [name for name, _ in documents.names()] == [kept.name]
    await writer.discard()


async def test_documents_are_readable_by_nobody_else(documents: Documents) -> None:
    document = await documents.put("E-1", "message", "message/rfc822", b"hello")
    assert documents.path(document).stat().st_mode & 0o777 == 0o600


async def test_after_the_first_disk_error_nothing_is_written_any_more(tmp_path: Path) -> None:
    told: list[DiskError] = []
    documents = Documents(tmp_path / "documents", told.append)
    (tmp_path / "documents").rmdir()  # like a device that has gone
    with pytest.raises(DiskError):
        await documents.put("E-1", "message", "message/rfc822", b"hello")
    with pytest.raises(DiskError):
        await documents.put("E-2", "message", "message/rfc822", b"hello")
    assert len(told) == 1


async def test_a_full_disk_refuses_one_document_and_leaves_nothing(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "documents")
    writer = documents.create("E-1", "message", "message/rfc822")
    await writer.write(b"x")
    writer.flush(tmp_path / "documents")
    os.close(writer._fd)
    writer._fd = os.open("/dev/full", os.O_WRONLY)
    await writer.write(b"y")
    with pytest.raises(DiskFullError):
        await writer.commit()
    assert list(documents.names()) == []
    assert await documents.put("E-2", "message", "message/rfc822", b"hello")
