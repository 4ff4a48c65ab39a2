"""What ends a message, what its content is, and which bytes it may not hold: by an obvious reader."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.refusal import Refusal
from gateway.smtp.content import ContentReader, check_line_ends

#: Endings that some mail system takes for the end of a message. None of them is one.
FALSE_ENDS = (
    b"\n.\n",
    b"\n.\r\n",
    b"\n.\r",
    b"\r.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
)
PIECES = st.sampled_from([b".", b"..", b"\r\n", b"\r\n.", b"\r\n..", b"\r", b"\n", b"\0", b"a", b"xyz" * 9])
CONTENT = st.lists(PIECES, max_size=40).map(b"".join)
CUTS = st.lists(st.integers(min_value=1, max_value=30), max_size=60)


def reference(stream: bytes) -> tuple[bytes, bytes]:
    """Reads a message line by line, as RFC 5321 4.5.2 says; gives content and what follows."""
    content = b""
    place = 0
    while True:
        if stream.startswith(b".\r\n", place):
            return content, stream[place + 3 :]
        if stream.startswith(b".", place):
            place += 1
        end = stream.index(b"\r\n", place) + 2
        content += stream[place:end]
        place = end


def stuffed(content: bytes) -> bytes:
    """Writes content as a client does."""
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def is_refused(block: bytes) -> bool:
    try:
        check_line_ends(block)
    except Refusal:
        return True
    return False


def read_all(stream: bytes, cuts: Sequence[int], limit: int) -> tuple[list[bytes], bytes]:
    """Lets a ContentReader read a stream that arrives in pieces; gives its blocks and what it left unread."""

    async def run() -> tuple[list[bytes], bytes]:
        source = asyncio.StreamReader(limit=limit)
        reader = ContentReader(source)
        feeding = asyncio.create_task(feed(source, stream, cuts))
        blocks = []
        while not reader.ended:
            blocks.append(await reader.read())
        await feeding
        source.feed_eof()
        return blocks, await source.read()

    return asyncio.run(run())


async def feed(source: asyncio.StreamReader, stream: bytes, cuts: Sequence[int]) -> None:
    for cut in cuts:
        source.feed_data(stream[:cut])
        stream = stream[cut:]
        await asyncio.sleep(0)
    source.feed_data(stream)


@settings(max_examples=400, deadline=None)
@given(content=CONTENT, cuts=CUTS, limit=st.integers(min_value=1, max_value=80))
def test_content_comes_through_unchanged_however_it_is_cut(content: bytes, cuts: list[int], limit: int) -> None:
    stream = stuffed(content) + b"NOOP\r\n"
    blocks, rest = read_all(stream, cuts, limit)
    sent, after = reference(stream)
    assert hashlib.sha256(b"".join(blocks)).digest() == hashlib.sha256(sent).digest()
    assert rest == after == b"NOOP\r\n"


@settings(max_examples=400, deadline=None)
@given(
    before=CONTENT,
    false_end=st.sampled_from(FALSE_ENDS),
    cuts=CUTS,
    limit=st.integers(min_value=1, max_value=80),
)
def test_no_false_end_ends_a_message(before: bytes, false_end: bytes, cuts: list[int], limit: int) -> None:
    stream = b"A: b\r\n\r\nx" + before.replace(b"\r\n.", b"-") + b"x" + false_end + b"RSET\r\n.\r\nQUIT\r\n"
    blocks, rest = read_all(stream, cuts, limit)
    assert (b"".join(blocks), rest) == reference(stream)
    assert any(is_refused(block) for block in blocks)


@given(content=st.lists(st.sampled_from([b"a", b"\r\n", b".", b"\r", b"\n", b"\0"]), max_size=12).map(b"".join))
def test_only_whole_line_ends_are_taken(content: bytes) -> None:
    bad = any(byte in content.replace(b"\r\n", b"") for byte in (b"\r", b"\n", b"\0"))
    assert is_refused(content) == bad


@given(cuts=CUTS, limit=st.integers(min_value=1, max_value=80))
def test_no_block_ends_between_cr_and_lf(cuts: list[int], limit: int) -> None:
    blocks, _ = read_all(stuffed(b"ab\r\n..\r\n" * 30), cuts, limit)
    assert not any(block.endswith(b"\r") for block in blocks)


async def test_a_client_that_leaves_in_the_middle_is_noticed() -> None:
    source = asyncio.StreamReader()
    reader = ContentReader(source)
    source.feed_data(b"half a mess")
    source.feed_eof()
    with pytest.raises(asyncio.IncompleteReadError):
        await reader.read()
    with pytest.raises(asyncio.IncompleteReadError):
        ContentReader(source)
