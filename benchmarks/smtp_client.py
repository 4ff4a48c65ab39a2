"""A mail client that does nothing but send, as quick as one process of Python can, and looks at the clock."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from benchmarks.world import SENDER


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a 250 said, and when.

    Attributes:
        reply: the last reply line.
        at: the wall clock when it had been read, seconds since 1970.
        waited: from the last byte handed to the kernel to the 250, seconds.
    """

    reply: str
    at: float
    waited: float


class SmtpClient:
    """One connection."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire

    @classmethod
    async def connect(cls, port: int) -> SmtpClient:
        """Connects to a server of this machine and greets it."""
        wire = socket.socket()
        wire.setblocking(False)  # noqa: FBT003 - its only argument
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(wire, ("127.0.0.1", port))
        client = cls(wire)
        await client._reply()
        await client._command("EHLO clinic.example")
        return client

    async def send(self, recipient: str, message: bytes) -> Accepted:
        """Sends one message, which needs no dot-stuffing; raises ConnectionError if it is not accepted."""
        await self._command(f"MAIL FROM:<{SENDER}>")
        await self._command(f"RCPT TO:<{recipient}>")
        await self._command("DATA")
        await asyncio.get_running_loop().sock_sendall(self._wire, message + b".\r\n")
        handed_over = time.perf_counter()
        reply = await self._reply()
        return Accepted(reply, time.time(), time.perf_counter() - handed_over)

    async def close(self) -> None:
        """Says goodbye."""
        await self._command("QUIT")
        self._wire.close()

    async def _command(self, line: str) -> str:
        await asyncio.get_running_loop().sock_sendall(self._wire, f"{line}\r\n".encode())
        return await self._reply()

    async def _reply(self) -> str:
        received = b""
        while not _complete(received):
            piece = await asyncio.get_running_loop().sock_recv(self._wire, 4096)
            if not piece:
                raise ConnectionError("the server has closed the connection")
            received += piece
        last = received.decode().splitlines()[-1]
        if last[0] not in "23":
            raise ConnectionError(f"the server said {last}")
        return last


def _complete(reply: bytes) -> bool:
    last = reply[:-2].rpartition(b"\n")[2]
    return reply.endswith(b"\r\n") and last[3:4] != b"-"


async def waits(port: int, recipient: str, messages: list[bytes], connections: int) -> list[float]:
    """Sends all messages over so many connections at once; answers how long each waited for its 250, seconds."""
    left = iter(messages)
    clients = [await SmtpClient.connect(port) for _ in range(connections)]
    found = await asyncio.gather(*(_send_all(client, recipient, left) for client in clients))
    return [seconds for each in found for seconds in each]


async def _send_all(client: SmtpClient, recipient: str, left: Iterator[bytes]) -> list[float]:
    found = [(await client.send(recipient, message)).waited for message in left]
    await client.close()
    return found


_serial = count(1)


def plain_message(size: int) -> bytes:
    """Writes a message of ``size`` bytes of text that is like no other."""
    head = (
        f"From: <{SENDER}>\r\nTo: <fax@clinic.example>\r\nSubject: measurement\r\n"
        f"Message-ID: <{next(_serial)}.{time.time_ns()}@clinic.example>\r\n\r\n"
    ).encode()
    line = b"X" * 78 + b"\r\n"
    return head + line * max(1, (size - len(head)) // len(line))
