"""A mail server that hands messages in: the same bytes again until it has read a final reply (RFC 5321 4.5.4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from itertools import count
from pathlib import Path
from typing import Any, Final

SENDER: Final = "ana@clinic.example"
DOMAIN: Final = "fax.example"
_PAUSE: Final = 0.05
_PATIENCE: Final = 30.0


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to be faxed: always the same bytes, whichever try it is."""

    message_id: str
    recipients: tuple[str, ...]
    content: bytes
    reports: bool


class Post:
    """Makes letters, each to numbers that no other letter has.

    Args:
        pages: the document that each letter carries.
    """

    def __init__(self, pages: bytes) -> None:
        self._pages = pages
        self._numbers: Iterator[int] = count(2000000)
        self._letters = count(1)

    def letter(self, recipients: int = 1, *, reports: bool = False, number: str | None = None) -> Letter:
        """Writes one letter. With ``reports`` it asks for RFC 3461 reports on success and failure."""
        numbers = [number or f"+1312{next(self._numbers)}" for _ in range(recipients)]
        message = EmailMessage(policy=SMTP)
        message["From"] = SENDER
        message["To"] = ", ".join(f"<{each}@{DOMAIN}>" for each in numbers)
        message["Subject"] = "Referral"
        message["Date"] = "Mon, 02 Nov 2026 09:14:03 -0500"
        message["Message-ID"] = f"<m{next(self._letters)}.{numbers[0][1:]}@clinic.example>"
        message.set_content("")
        message.add_attachment(self._pages, maintype="application", subtype="pdf", filename="referral.pdf")
        addresses = tuple(f"{each}@{DOMAIN}" for each in numbers)
        return Letter(str(message["Message-ID"]), addresses, message.as_bytes(), reports)


class NoReplyError(Exception):
    """The connection ended, or was never made, before the final reply was read."""


class MailClient:
    """Hands letters to the gateway and writes down what it was told.

    Args:
        port: of the gateway.
        ledger: one line for each try, written after its reply was read.
    """

    def __init__(self, port: int, ledger: Path) -> None:
        self._port = port
        self._ledger = ledger

    async def deliver(self, letter: Letter) -> str:
        """Tries until a 250 or a 5xx was read; answers it. Raises TimeoutError when that never happens."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                reply = await self.attempt(letter)
                if reply is not None and not reply.startswith("4"):
                    return reply
                await asyncio.sleep(_PAUSE)

    async def attempt(self, letter: Letter, *, hang_up: bool = False) -> str | None:
        """Tries once; None if no reply was read. With ``hang_up`` it does not wait for the last one."""
        try:
            reply = await self._transact(letter, hang_up=hang_up)
        except (NoReplyError, OSError, asyncio.IncompleteReadError):
            reply = None
        self.note(msg=letter.message_id, rcpts=letter.recipients, reply=reply)
        return reply

    def note(self, **line: Any) -> None:
        """Writes one line into the ledger."""
        with self._ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    async def _transact(self, letter: Letter, *, hang_up: bool) -> str | None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await _reply(reader)
            notify = " NOTIFY=SUCCESS,FAILURE" if letter.reports else ""
            for command in (
                "EHLO mail.clinic.example",
                f"MAIL FROM:<{SENDER}> SIZE={len(letter.content)}",
                *(f"RCPT TO:<{address}>{notify}" for address in letter.recipients),
                "DATA",
            ):
                writer.write(command.encode() + b"\r\n")
                reply = await _reply(reader)
                if reply[0] not in "23":
                    return reply
            stuffed = (b"\r\n" + letter.content).replace(b"\r\n.", b"\r\n..")[2:]
            writer.write(stuffed + b".\r\n")
            await writer.drain()
            if hang_up:
                return None
            reply = await _reply(reader)
            writer.write(b"QUIT\r\n")  # from here on the gateway knows that we have seen its reply
            await writer.drain()
            await reader.read()
            return reply
        finally:
            writer.close()


async def _reply(reader: asyncio.StreamReader) -> str:
    """Reads one reply; a half one is none."""
    lines = []
    while True:
        line = await reader.readline()
        if not line.endswith(b"\r\n"):
            raise NoReplyError
        lines.append(line.decode().strip())
        if line[3:4] == b" ":
            return " ".join(lines)
