"""Mail catcher: an SMTP server that keeps every message, with fates decided by the recipient."""

import asyncio
import email
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from email import policy
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway import __version__
from gateway.simulator.ledger import Ledger, sync_directory
from gateway.simulator.serving import announce, host_and_port, until_stopped

#: Local parts that decide a fate; `times` limits it to the first so many tries.
FATE = re.compile(
    r"(?P<fate>temp-451|perm-550|drop-after-dot)(?:-(?P<times>\d+))?|slow-(?P<seconds>\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
DSN_MAIL = {"RET", "ENVID"}
DSN_RCPT = {"NOTIFY", "ORCPT"}
MESSAGE_MAX = 100 * 1024 * 1024
REFUSALS = {
    "temp-451": "451 4.3.0 Try again later, this mailbox was made for it",
    "perm-550": "550 5.1.1 No such mailbox, this one was made for it",
}
ACCEPTED = "250 2.0.0 Kept"
UNSAFE = re.compile(r"[^A-Za-z0-9@._+-]")


class Mailbox:
    """Catches mail: one `.eml` file a message and one line in `ledger.jsonl`, both on disk before the 250.

    Args:
        directory: Where they go; created if missing, continued if not.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._ledger_path = directory / "ledger.jsonl"
        self._ledger = Ledger(self._ledger_path)
        self._number = max((int(path.name[:6]) for path in directory.glob("[0-9]*-*.eml")), default=0)
        self._tries: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._sessions: set[_Session] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Starts to accept mail and returns `smtp://HOST:PORT`; port 0 picks a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, host, port)
        real_port = self._server.sockets[0].getsockname()[1]
        return f"smtp://{f'[{host}]' if ':' in host else host}:{real_port}"

    async def stop(self) -> None:
        """Hangs up on everybody and closes the ledger. Safe to repeat."""
        if self._server is None:
            return
        self._server.close()
        for session in list(self._sessions):
            session.hang_up()
        await self._server.wait_closed()
        self._server = None
        await self._ledger.close()

    def messages(self) -> list[dict[str, Any]]:
        """Returns the lines of the ledger, oldest first."""
        lines = self._ledger_path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    async def keep(self, sender: str, recipients: Sequence[str], options: Sequence[str], body: bytes) -> None:
        """Keeps a message; when this returns, it survives a power cut."""
        self._number += 1
        name = f"{self._number:06d}-{UNSAFE.sub('_', recipients[0])[:80]}.eml"
        message = email.message_from_bytes(body, policy=policy.compat32)
        entry = {
            "to": list(recipients),
            "from": sender,
            "message_id": message.get("Message-ID"),
            "sha256": hashlib.sha256(body).hexdigest(),
            "file": name,
            "options": list(options),
        }
        await asyncio.to_thread(self._write, name, body)
        await self._ledger.append([entry])

    def fate_of(self, recipient: str, wanted: set[str]) -> re.Match[str] | None:
        """Returns the fate of a recipient if it is one of those and not used up; counts the try."""
        fate = FATE.fullmatch(recipient.rpartition("@")[0])
        name = (fate["fate"] or "slow").lower() if fate else ""
        if fate is None or name not in wanted:
            return None
        self._tries[recipient.lower()] += 1
        if fate["times"] and self._tries[recipient.lower()] > int(fate["times"]):
            return None
        return fate

    def _write(self, name: str, body: bytes) -> None:
        unfinished = self._directory / f".{name}.unfinished"
        with unfinished.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._directory / name)
        sync_directory(self._directory)

    def _session(self) -> "_Session":
        return _Session(self, self._sessions)


class _Handler:
    """Answers the steps of one SMTP session (the hook names are those of aiosmtpd)."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_EHLO(  # noqa: N802 - aiosmtpd looks the hook up by this name
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-DSN", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks the hook up by this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if fate := self._mailbox.fate_of(address, set(REFUSALS)):
            return REFUSALS[fate["fate"].lower()]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient accepted"

    async def handle_DATA(  # noqa: N802 - aiosmtpd looks the hook up by this name
        self, server: "_Session", _session: Session, envelope: Envelope
    ) -> str:
        recipients = envelope.rcpt_tos
        slow = [fate for rcpt in recipients if (fate := self._mailbox.fate_of(rcpt, {"slow"}))]
        drops = [rcpt for rcpt in recipients if self._mailbox.fate_of(rcpt, {"drop-after-dot"})]
        sender = "" if envelope.mail_from in {None, "<>"} else str(envelope.mail_from)
        body = bytes(envelope.original_content or b"")
        await self._mailbox.keep(sender, recipients, server.dsn_options, body)
        if slow:
            await asyncio.sleep(max(float(fate["seconds"]) for fate in slow))
        if drops:
            server.hang_up()
        return ACCEPTED


class _Session(SMTP):
    """One connection; takes the parameters of RFC 3461 that aiosmtpd itself refuses."""

    def __init__(self, mailbox: Mailbox, open_sessions: "set[_Session]") -> None:
        super().__init__(
            _Handler(mailbox),
            data_size_limit=MESSAGE_MAX,
            enable_SMTPUTF8=True,
            ident=f"Mail catcher {__version__}",
            hostname="mailbox.invalid",
            timeout=300,
        )
        self.dsn_options: list[str] = []
        self._open_sessions = open_sessions
        self.command_size_limits.update({"MAIL": 1024, "RCPT": 1024})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._open_sessions.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._open_sessions.discard(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        """Closes the connection without another word."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - SMTP verb
        self.dsn_options = []
        await super().smtp_MAIL(self._without(DSN_MAIL, arg))

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - SMTP verb
        await super().smtp_RCPT(self._without(DSN_RCPT, arg))

    def _without(self, names: set[str], arg: str | None) -> str | None:
        """Takes the named parameters out of a command and remembers them."""
        words = (arg or "").split(" ")
        taken = [word for word in words if word.partition("=")[0].upper() in names]
        self.dsn_options += taken
        return " ".join(word for word in words if word not in taken) if arg else arg


async def serve_mailbox(listen: str, directory: Path) -> None:
    """Catches mail until SIGTERM or SIGINT; the first line printed is `smtp://HOST:PORT`.

    Args:
        listen: `HOST:PORT`; port 0 picks a free one.
        directory: Where messages and ledger go.
    """
    host, port = host_and_port(listen)
    mailbox = Mailbox(directory)
    try:
        url = await mailbox.start(host, port)
        announce([url, f"messages: {directory}", f"Mail catcher {__version__}; stop it with Ctrl-C"])
        await until_stopped()
    finally:
        await mailbox.stop()
