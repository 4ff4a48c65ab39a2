"""One SMTP connection: lines in, replies out, deadlines, trouble, and the end.

aiosmtpd carries the connection. Its dialogue is replaced: it answers our own trouble with a permanent error
that shows the cause, takes a bare LF for a line end, and cancels its work when the client goes away.

A connection's work is never cancelled: a lost client is the end of the input, seen at the next read. So a
commit that has begun is always finished, whether or not anybody waits for the reply.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol, cast

from aiosmtpd.smtp import SMTP

from gateway.core.reasons import DiskFullError, GatewayError
from gateway.core.refusal import Refusal
from gateway.smtp.desk import FaxDesk, SmtpLog
from gateway.smtp.limits import SmtpLimits

#: Longest command line; RFC 3461 5.4 needs 500 bytes for ORCPT alone.
_LONGEST_LINE: Final = 2048


class HangUp(Refusal):
    """A refusal after which the connection is closed."""


class House(Protocol):
    """What all connections of a listener share."""

    desk: FaxDesk
    hostname: str
    limits: SmtpLimits
    log: SmtpLog
    stopping: bool

    def admit(self, connection: Connection) -> bool:
        """Counts a new connection in; False when there are too many."""

    def leave(self, connection: Connection) -> None:
        """Counts a connection out, when all its work has ended."""

    def crowded(self) -> bool:
        """Says whether slow clients must make room."""


class Connection(SMTP):
    """One client, from the greeting to the end. Subclasses say what the commands do."""

    #: The most that one read gives. A connection holds a few times as much, however large a message is.
    line_length_limit = 128 * 1024

    def __init__(self, house: House) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(None, loop=loop, hostname=house.hostname, timeout=house.limits.command_seconds)
        self.house = house
        self.peer = ""
        self.over = False
        self.finished: asyncio.Future[None] = loop.create_future()
        self._wire: asyncio.Transport
        self._errors = 0
        self._receiving_since: float | None = None
        self._received = 0
        self._committing = False

    async def obey(self, verb: str, argument: str) -> None:
        """Carries out one command and replies to it.

        Raises:
            Refusal: the reply, when the command is refused.
        """
        raise NotImplementedError

    def note_command(self, length: int) -> None:
        """Is told of each command line of ``length`` bytes before it is obeyed."""

    async def last_work(self) -> None:
        """Waits for what the connection still has to do after its end."""

    # Input.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets an admitted client; turns others away with 421 4.7.0."""
        self._wire = cast("asyncio.Transport", transport)
        # A client that is gone already has no name; this one is in no listed network.
        self.peer = (transport.get_extra_info("peername") or ("::",))[0]
        if self.house.admit(self):
            super().connection_made(transport)
        else:
            self.drop(Refusal(421, "4.7.0", "too many connections, try again later"))

    def connection_lost(self, error: Exception | None) -> None:
        """Ends the input. Unlike aiosmtpd it cancels nothing."""
        self._disarm()
        asyncio.StreamReaderProtocol.connection_lost(self, error)

    def eof_received(self) -> bool | None:
        """Ends the input; the commands before it are still answered."""
        return asyncio.StreamReaderProtocol.eof_received(self)

    def data_received(self, data: bytes) -> None:
        """Takes input; inside a message each piece is a sign of life, within the time for the whole."""
        if self._receiving_since is not None:
            self._received += len(data)
            limits = self.house.limits
            allowed = limits.data_seconds + self._received / limits.data_rate
            left = self._receiving_since + allowed - self.loop.time()
            if left <= 0:
                self._timeout_cb()
            else:
                self._reset_timeout(min(limits.data_idle_seconds, left))
        super().data_received(data)

    def unread(self) -> int:
        """Counts the bytes that have arrived and were not read yet."""
        return len(self._reader._buffer)  # type: ignore[attr-defined]  # noqa: SLF001 - told nowhere else

    def must_be_last(self) -> None:
        """Refuses input sent before its time (RFC 2920 3.1): somebody else may have slipped it in.

        Raises:
            HangUp: 554 5.5.0, when there is any.
        """
        if self.unread():
            raise HangUp(554, "5.5.0", "input before its time, closing the connection")

    def begin_receiving(self) -> None:
        """Starts the deadlines of a message."""
        self._receiving_since = self.loop.time()
        self._received = 0
        self._reset_timeout(self.house.limits.data_idle_seconds)

    def begin_commit(self) -> None:
        """Ends all deadlines: from here on the client only waits for our reply.

        Raises:
            ConnectionResetError: the connection has been given up meanwhile; nothing may be promised now.
        """
        self._receiving_since = None
        self._disarm()
        if self._wire.is_closing():
            raise ConnectionResetError
        self._committing = True

    def end_message(self) -> None:
        """Ends what ``begin_receiving`` and ``begin_commit`` started."""
        self._receiving_since = None
        self._committing = False

    # Output.

    async def push(self, status: str) -> None:  # type: ignore[override]  # bytes are never pushed
        """Sends one reply of one or more lines, in one write."""
        if self._wire.is_closing():
            raise ConnectionResetError
        self._wire.write(status.encode("ascii") + b"\r\n")
        await self._writer.drain()

    def drop(self, refusal: Refusal) -> None:
        """Says one last line and closes the connection, even if the client does not read."""
        self.over = True
        if self._wire.is_closing():
            return
        self._note(refusal)
        self._wire.write(refusal.reply.encode("ascii") + b"\r\n")
        if self._wire.get_write_buffer_size():
            self._wire.abort()
        else:
            self._wire.close()

    def stop(self, *, now: bool) -> None:
        """Ends the connection with 421 4.3.2; a message being received may end first, unless ``now``.

        A message being committed always gets its own reply.
        """
        if not self._committing and (now or self._receiving_since is None):
            self.drop(Refusal(421, "4.3.2", "service is shutting down, try again later"))

    async def handle_exception(self, error: Exception) -> str:
        """Chooses the reply to our own trouble, which never shows its cause (RFC 5321 4.2.5)."""
        if not isinstance(error, GatewayError):
            self.house.log.bug("smtp", self.peer, error)
        if isinstance(error, DiskFullError):
            refusal = Refusal(452, "4.3.1", "not enough storage, try again later")
        else:
            refusal = Refusal(451, "4.3.0", "internal trouble, try again later")
        self._note(refusal)
        return refusal.reply

    def _note(self, refusal: Refusal) -> None:
        self.house.log.refused(self.peer, refusal.code, refusal.status, refusal.text)

    # The dialogue.

    async def _handle_client(self) -> None:
        try:
            await self.push(f"220 {self.hostname} ESMTP")
            while not self.over:
                await self._answer_next_command()
                if self.house.stopping:
                    self.stop(now=True)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client is gone: nothing is promised, nobody is told
        finally:
            self._wire.close()
            await self.last_work()
            self.house.leave(self)
            self.finished.set_result(None)

    async def _answer_next_command(self) -> None:
        verb = ""
        try:
            line = await self._read_line()
            self.note_command(len(line))
            verb, _, argument = line[:-2].decode("latin-1").partition(" ")
            verb = verb.upper()
            self._check_conduct(len(line))
            await self.obey(verb, argument.strip(" "))
        except HangUp as refusal:
            self.drop(refusal)
        except Refusal as refusal:
            self._note(refusal)
            self._errors += verb != "RCPT"
            await self.push(refusal.reply)
        except asyncio.IncompleteReadError:
            raise
        except Exception as error:
            if isinstance(error, ConnectionError) and self._wire.is_closing():
                raise
            await self.push(await self.handle_exception(error))

    async def _read_line(self) -> bytes:
        limits = self.house.limits
        crowded = self.house.crowded()
        self._reset_timeout(limits.crowded_command_seconds if crowded else limits.command_seconds)
        try:
            line: bytes = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise HangUp(500, "5.5.2", "line too long") from None
        if not line.endswith(b"\r\n"):
            raise HangUp(554, "5.5.2", "a line ends with CR LF")
        return line

    def _check_conduct(self, length: int) -> None:
        if self._errors >= self.house.limits.max_errors:
            raise HangUp(421, "4.7.0", "too many errors, closing the connection")
        if length > _LONGEST_LINE:
            raise Refusal(500, "5.5.2", "line too long")

    def _timeout_cb(self) -> None:
        self.drop(Refusal(421, "4.4.2", "timeout, closing the connection"))

    def _disarm(self) -> None:
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
