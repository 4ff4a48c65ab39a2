"""The SMTP commands, and the moment at which a message becomes ours (RFC 5321, 3461, 2920, 2034)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import ClassVar, Final

from gateway.core.model import Envelope, Recipient
from gateway.core.refusal import Refusal
from gateway.smtp.arguments import MailArguments, parse_mail, parse_rcpt
from gateway.smtp.confirmation import Confirmation
from gateway.smtp.connection import Connection, HangUp, House
from gateway.smtp.content import ContentReader
from gateway.smtp.desk import Intake, Receipt
from gateway.smtp.reception import receive
from gateway.smtp.trace import received_header

_HELO_NAME: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
#: Ids on one reply line, which RFC 5321 4.5.3.1.5 limits to 512 bytes.
_IDS_PER_LINE: Final = 32


class Session(Connection):
    """The dialogue with one client: at most one transaction at a time."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._desk = house.desk
        self._helo = ""
        self._extended = False
        self._mail: MailArguments | None = None
        self._recipients: list[Recipient] = []
        self._commands = 0
        self._confirmation = Confirmation(self._confirm)

    async def obey(self, verb: str, argument: str) -> None:
        """Carries out one command and replies to it; raises Refusal when it is refused."""
        self._commands += 1
        if self._commands > self.house.limits.max_commands:
            raise HangUp(421, "4.7.0", "too many commands, closing the connection")
        command = self._COMMANDS.get(verb)
        if command is None:
            raise Refusal(500, "5.5.2", "command not recognized")
        await command(self, argument)

    # Commands.

    async def _do_helo(self, argument: str) -> None:
        self._begin(argument, extended=False)
        await self.push(f"250 {self.hostname}")

    async def _do_ehlo(self, argument: str) -> None:
        self._begin(argument, extended=True)
        size = self.house.limits.max_message_size
        offers = ("PIPELINING", f"SIZE {size}", "8BITMIME", "ENHANCEDSTATUSCODES")
        lines = [f"250-{line}" for line in (self.hostname, *offers)]
        await self.push("\r\n".join([*lines, "250 DSN"]))

    def _begin(self, name: str, *, extended: bool) -> None:
        self.must_be_last()
        if not _HELO_NAME.fullmatch(name):
            raise Refusal(501, "5.5.4", "syntax: EHLO hostname")
        self._forget_transaction()
        self._helo = name
        self._extended = extended

    async def _do_mail(self, argument: str) -> None:
        if not self._helo:
            raise Refusal(503, "5.5.1", "send EHLO first")
        if self._mail is not None:
            raise Refusal(503, "5.5.1", "a transaction is open already")
        mail = parse_mail(argument, max_size=self.house.limits.max_message_size)
        self._desk = self.house.desk  # until its end a transaction has the rules under which it began
        self._desk.check_client(self.peer)
        self._desk.room_for(mail.size)
        self._mail = mail
        await self.push("250 2.1.0 ok")

    async def _do_rcpt(self, argument: str) -> None:
        if self._mail is None:
            raise Refusal(503, "5.5.1", "send MAIL first")
        if len(self._recipients) >= self.house.limits.max_recipients:
            raise Refusal(452, "4.5.3", "too many recipients")
        rcpt = parse_rcpt(argument)
        number = self._desk.check_recipient(self.peer, self._mail.address, rcpt.address)
        self._recipients.append(Recipient(rcpt.address, number or "", rcpt.notify, rcpt.orcpt))
        # Where digits had to be read as a number of some country, the client is shown how.
        read_as = f", read as {number}" if number and "+" not in rcpt.address else ""
        await self.push(f"250 2.1.5 <{rcpt.address}> ok{read_as}")

    async def _do_data(self, argument: str) -> None:
        if argument:
            raise Refusal(501, "5.5.4", "syntax: DATA")
        if self._mail is None:
            raise Refusal(503, "5.5.1", "send MAIL first")
        if not self._recipients:
            raise Refusal(503, "5.5.1", "no valid recipients")
        self.must_be_last()
        self._desk.room_for(self._mail.size)
        intake = self._desk.begin(self._envelope(self._mail), self._trace)
        try:
            receipt = await self._take_message(intake)
        except Exception:
            await self._discard(intake)
            raise
        finally:
            self.end_message()
            self._forget_transaction()
        self._commands = 0
        self._confirmation.replied(receipt.message_id, self.unread())
        await self.push(_queued(receipt))

    async def _do_rset(self, argument: str) -> None:
        if argument:
            raise Refusal(501, "5.5.4", "syntax: RSET")
        self._forget_transaction()
        await self.push("250 2.0.0 ok")

    async def _do_noop(self, _argument: str) -> None:
        await self.push("250 2.0.0 ok")

    async def _do_vrfy(self, argument: str) -> None:
        if not argument:
            raise Refusal(501, "5.5.4", "syntax: VRFY address")
        # Who may fax where is said only at RCPT, which knows who asks.
        await self.push("252 2.5.0 send a message to find out")

    async def _do_expn(self, _argument: str) -> None:
        raise Refusal(502, "5.5.1", "EXPN is not implemented")

    async def _do_help(self, _argument: str) -> None:
        await self.push(f"214 2.0.0 commands: {' '.join(self._COMMANDS)}")

    async def _do_quit(self, argument: str) -> None:
        if argument:
            raise Refusal(501, "5.5.4", "syntax: QUIT")
        self.over = True
        await self.push("221 2.0.0 bye")

    _COMMANDS: ClassVar[Mapping[str, Callable[[Session, str], Awaitable[None]]]] = {
        "HELO": _do_helo,
        "EHLO": _do_ehlo,
        "MAIL": _do_mail,
        "RCPT": _do_rcpt,
        "DATA": _do_data,
        "RSET": _do_rset,
        "NOOP": _do_noop,
        "VRFY": _do_vrfy,
        "EXPN": _do_expn,
        "HELP": _do_help,
        "QUIT": _do_quit,
    }

    # One message.

    def _envelope(self, mail: MailArguments) -> Envelope:
        return Envelope(
            mail_from=mail.address,
            recipients=tuple(self._recipients),
            peer=self.peer,
            helo=self._helo,
            ret=mail.ret,
            envid=mail.envid,
        )

    async def _take_message(self, intake: Intake) -> Receipt:
        content = ContentReader(self._reader)
        self.begin_receiving()
        await self.push("354 end with <CRLF>.<CRLF>")
        await receive(
            content,
            intake,
            for_fax=any(recipient.number for recipient in self._recipients),
            max_size=self.house.limits.max_message_size,
        )
        self.begin_commit()
        return await intake.commit(await self._confirmation.carried())

    def _trace(self, message_id: str, now: datetime) -> bytes:
        return received_header(
            helo=self._helo,
            peer=self.peer,
            hostname=self.hostname,
            protocol="ESMTP" if self._extended else "SMTP",
            message_id=message_id,
            now=now,
        )

    async def _discard(self, intake: Intake) -> None:
        try:
            await intake.discard()
        except Exception as error:  # noqa: BLE001 - nothing was promised; what is left is swept later
            self.house.log.bug("smtp", self.peer, error)

    def _forget_transaction(self) -> None:
        self._mail = None
        self._recipients = []

    # Has the client seen our 250?

    def note_command(self, length: int) -> None:
        """Confirms the last message with the first command that came after its 250 was sent."""
        self._confirmation.command(length)

    async def _confirm(self, message_id: str) -> None:
        try:
            await self.house.desk.confirm(message_id)
        except Exception as error:  # noqa: BLE001 - unconfirmed is the safe side
            self.house.log.bug("smtp", self.peer, error)

    async def last_work(self) -> None:
        """Waits until everything that the client has seen is confirmed."""
        await self._confirmation.flush()


def _queued(receipt: Receipt) -> str:
    ids = receipt.job_ids or (receipt.message_id,)
    lines = [", ".join(ids[i : i + _IDS_PER_LINE]) for i in range(0, len(ids), _IDS_PER_LINE)]
    first = [f"250-2.0.0 queued as {line}" for line in lines[:-1]]
    return "\r\n".join([*first, f"250 2.0.0 queued as {lines[-1]}"])
