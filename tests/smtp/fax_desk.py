"""A fax desk in memory, a log that remembers, and a client that speaks lines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network

from gateway.core import policy
from gateway.core.model import Envelope, Sender
from gateway.core.refusal import Refusal

RULES = policy.AccessRules(
    domain="fax.example",
    networks=(ip_network("127.0.0.0/8"),),
    senders=(
        Sender("ana@clinic.example", "+12025550100", "Clinic", "UTC", "main"),
        Sender("@lab.example", "+12025550101", "Lab", "UTC", "main"),
    ),
    countries=frozenset({"US"}),
    home_country="US",
    allow_test_numbers=False,
)
NOW = datetime(2026, 11, 2, 14, 14, 5, tzinfo=UTC)
FAX = "FAX=+12025550143@fax.example"


@dataclass
class StoredReceipt:
    message_id: str
    job_ids: tuple[str, ...]


@dataclass
class StoredIntake:
    """One message at the desk: the pieces in which it came and what became of it."""

    desk: FakeDesk
    envelope: Envelope
    message_id: str
    trace: bytes
    pieces: list[bytes] = field(default_factory=list)
    committed: bool = False
    confirmed_with_it: str | None = None
    discarded: bool = False

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)

    async def write(self, data: bytes) -> None:
        self.desk.fail_if_told("write")
        self.pieces.append(data)
        self.desk.something_happened()

    async def commit(self, confirmed: str | None = None) -> StoredReceipt:
        self.desk.committing = True
        self.desk.something_happened()
        await self.desk.may_commit.wait()
        self.desk.fail_if_told("commit")
        self.committed = True
        self.confirmed_with_it = confirmed
        self.desk.something_happened()
        numbers = dict.fromkeys(r.number for r in self.envelope.recipients if r.number)
        return StoredReceipt(self.message_id, tuple(f"F-{self.message_id}-{n}" for n in range(len(numbers))))

    async def discard(self) -> None:
        self.discarded = True
        self.desk.something_happened()


class FakeDesk:
    """Keeps what it is given; fails and waits as it is told."""

    def __init__(self) -> None:
        self.intakes: list[StoredIntake] = []
        self.confirmed_alone: list[str] = []
        self.committing = False
        self.may_commit = asyncio.Event()
        self.may_commit.set()
        self._failures: dict[str, Exception] = {}
        self._changed = asyncio.Event()

    def will_fail(self, step: str, error: Exception) -> None:
        self._failures[step] = error

    def will_work(self, step: str) -> None:
        del self._failures[step]

    def fail_if_told(self, step: str) -> None:
        if step in self._failures:
            raise self._failures[step]

    def something_happened(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until the condition holds, looking whenever something happens at the desk."""
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    @property
    def committed(self) -> list[StoredIntake]:
        return [intake for intake in self.intakes if intake.committed]

    @property
    def confirmed(self) -> list[str]:
        """All messages that were confirmed, each as often as that was done."""
        carried = [intake.confirmed_with_it for intake in self.committed if intake.confirmed_with_it]
        return [*carried, *self.confirmed_alone]

    def check_client(self, peer: str) -> None:
        self.fail_if_told("check_client")
        policy.check_client(RULES, peer)

    def check_recipient(self, peer: str, mail_from: str, address: str) -> str | None:
        return policy.check_recipient(RULES, peer, mail_from, address)

    def room_for(self, _size: int | None) -> None:
        if "room" in self._failures:
            raise Refusal(452, "4.3.1", "not enough storage, try again later")

    def begin(self, envelope: Envelope, trace: Callable[[str, datetime], bytes]) -> StoredIntake:
        self.fail_if_told("begin")
        message_id = f"M{len(self.intakes) + 1}"
        intake = StoredIntake(self, envelope, message_id, trace(message_id, NOW))
        self.intakes.append(intake)
        return intake

    async def confirm(self, message_id: str) -> None:
        self.fail_if_told("confirm")
        self.confirmed_alone.append(message_id)
        self.something_happened()


class RememberingLog:
    """Keeps every line that the operator would see."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.bugs: list[BaseException] = []

    def refused(self, _peer: str, code: int, status: str, _text: str) -> None:
        self.refusals.append(f"{code} {status}")

    def bug(self, _where: str, _row: str, error: BaseException) -> None:
        self.bugs.append(error)


class Client:
    """One connection to the listener, over a real socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, address: str) -> Client:
        host, _, port = address.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def send(self, *lines: str) -> None:
        await self.send_raw("".join(line + "\r\n" for line in lines).encode("latin-1"))

    async def send_raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def line(self) -> str:
        """The next line from the server; empty at the end of the connection."""
        async with asyncio.timeout(10):
            return (await self.reader.readline()).decode("ascii").rstrip("\r\n")

    async def reply(self) -> str:
        """The next reply; only the last line of one with several."""
        while (line := await self.line())[3:4] == "-":
            pass
        return line

    async def ask(self, line: str) -> str:
        await self.send(line)
        return await self.reply()

    async def begin(self, *recipients: str, mail_from: str = "ana@clinic.example") -> None:
        """Comes as far as the 354."""
        await self.open()
        await self.transact(*recipients, mail_from=mail_from)

    async def open(self) -> None:
        assert (await self.reply()).startswith("220 ")
        assert (await self.ask("EHLO mail.clinic.example")).startswith("250 ")

    async def transact(self, *recipients: str, mail_from: str = "ana@clinic.example") -> None:
        assert (await self.ask(f"MAIL FROM:<{mail_from}>")).startswith("250 2.1.0")
        for recipient in recipients or (FAX,):
            assert (await self.ask(f"RCPT TO:<{recipient}>")).startswith("250 2.1.5")
        assert (await self.ask("DATA")).startswith("354 ")

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):  # the server may have been first
            await self.writer.wait_closed()
