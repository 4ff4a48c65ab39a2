"""The content after DATA: found, unstuffed and checked in blocks, never line by line (RFC 5321 4.5.2)."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.core.refusal import Refusal

_END: Final = b"\r\n.\r\n"
_ORDINARY: Final = bytes(byte for byte in range(256) if byte not in b"\0\r\n")


class ContentReader:
    """Reads one message up to its final dot, in blocks no larger than the reader's limit.

    Only CRLF "." CRLF ends it. What follows stays in the reader: it may be the client's next commands.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        """Takes a reader that holds no input; the next byte that arrives is the first of the content.

        Raises:
            asyncio.IncompleteReadError: the client went away.
        """
        self._reader = reader
        self._held_back = b""
        self._at_start = True
        self.ended = False
        if reader.at_eof():
            raise asyncio.IncompleteReadError(b"", None)
        # The CRLF of the DATA line is also the first half of the mark that ends an empty message (RFC 5321
        # 4.1.1.4). Given back to the reader, it makes the first line a line like any other.
        reader.feed_data(b"\r\n")

    async def read(self) -> bytes:
        """Gives the next block of content, which may be empty; sets ``ended`` with the last one.

        No block ends between CR and LF.

        Raises:
            asyncio.IncompleteReadError: the client went away before the end.
        """
        try:
            block = self._held_back + await self._reader.readuntil(_END)
            self.ended = True
            block = block[:-3]
            self._held_back = b""
        except asyncio.LimitOverrunError as overrun:
            # So many bytes hold no part of the mark.
            block = self._held_back + await self._reader.readexactly(overrun.consumed)
            keep = 2 if block.endswith(b"\r\n") else 1 if block.endswith(b"\r") else 0
            self._held_back = block[len(block) - keep :]
            block = block[: len(block) - keep]
        block = block.replace(b"\r\n.", b"\r\n")
        if self._at_start and block:
            block = block[2:]
            self._at_start = False
        return block


def check_line_ends(block: bytes) -> None:
    """Refuses (554 5.5.2) a bare CR, a bare LF or a NUL in a block that does not end between CR and LF.

    Other mail systems take such bytes for line ends, and so for the end of a message.
    """
    # Each CRLF counts two; anything over is a CR, LF or NUL that stands alone.
    if len(block.translate(None, _ORDINARY)) != 2 * block.count(b"\r\n"):
        raise Refusal(554, "5.5.2", "bare CR, bare LF or NUL in the message")
