"""A mail server on loopback that says what a test tells it to, and remembers what it heard."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

#: In place of a reply: closes the connection without a word.
DROP = ""
HOLD = "hold"


@dataclass
class Peer:
    """Answers each verb with a line of ``replies``; "DOT" is the end of the mail, "CONNECT" the greeting."""

    replies: dict[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("DSN", "SIZE 40000000", "8BITMIME")
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    port: int = 0
    heard: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Peer]:
        """Serves until the block ends."""
        tls = self.tls if self.implicit_tls else None
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    def verbs(self) -> list[str]:
        return [line.split(" ")[0].split(":")[0].upper() for line in self.heard]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, EOFError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say(writer, "CONNECT", "220 peer ESMTP"):
            return
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.heard.append(line)
            verb = line.split(" ")[0].upper()
            if not await self._say(writer, verb, self._usual(verb)):
                return
            if verb == "STARTTLS" and self.tls:
                await writer.start_tls(self.tls)
            if verb == "DATA" and self.replies.get(verb, "3").startswith("3"):
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                if not await self._say(writer, "DOT", "250 2.0.0 queued as 7"):
                    return
            if verb == "QUIT":
                return

    def _usual(self, verb: str) -> str:
        if verb == "EHLO":
            return "\r\n".join(["250-peer", *(f"250-{name}" for name in self.extensions), "250 HELP"])
        return {"DATA": "354 go on", "STARTTLS": "220 go on", "QUIT": "221 bye", "AUTH": "235 welcome"}.get(
            verb, "250 ok"
        )

    async def _say(self, writer: asyncio.StreamWriter, moment: str, usual: str) -> bool:
        """Answers; False if the connection shall end now."""
        reply = self.replies.get(moment, usual)
        if reply == HOLD:
            await asyncio.sleep(3600)
        if reply == DROP:
            return False
        writer.write(reply.encode() + b"\r\n")
        await writer.drain()
        return True
