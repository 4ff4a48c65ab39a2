"""Hands one mail for one recipient to the smarthost, and says exactly what is known afterwards."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

from aiosmtplib import SMTP, SMTPException, SMTPResponse, SMTPResponseException

from gateway.core.reasons import AmbiguousError, GatewayError, PermanentError, Reason, TemporaryError
from gateway.mail.headers import clean
from gateway.mail.xtext import encode_xtext

_MOST_REPLY: Final = 300
_PERMANENT: Final = range(500, 600)
#: "Authentication required" and "encryption required": said at MAIL, but about our account, not this mail.
_ABOUT_US: Final = frozenset({530, 538})
_SUCCESS, _START_INPUT = range(200, 300), range(354, 355)
#: Printable ASCII without blanks and angle brackets; empty for the null sender.
_WRITABLE: Final = re.compile(r"[!-;=?-~]*")
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each reply is waited for, in seconds (RFC 5321 4.5.3.2)."""

    greeting: float = 300
    command: float = 300
    data: float = 120
    final_dot: float = 600
    #: A slow line gets this much longer before the final dot counts as unanswered.
    bytes_per_second: float = 16_000


class Smarthost:
    """The mail server that takes all our mail.

    Args:
        host: its name, which its certificate must show.
        port: 587 for "starttls", 465 for "implicit" as a rule.
        tls: "starttls" and "implicit" are required and verified, never left out; "none" is for a server on
            this host.
        username: for AUTH; None sends without.
        password: for AUTH.
        hostname: our own name, for EHLO.
        timeouts: waits for replies.
        tls_context: how certificates are verified; by default against the system's authorities.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: Literal["starttls", "implicit", "none"],
        hostname: str,
        username: str | None = None,
        password: str | None = None,
        timeouts: Timeouts | None = None,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._hostname = hostname
        self._username = username
        self._password = password or ""
        self._timeouts = timeouts or Timeouts()
        self._tls_context = None if tls == "none" else tls_context or ssl.create_default_context()

    async def send(self, mail_from: str, recipient: str, data: bytes, envid: str | None = None) -> str:
        """Sends one mail and returns the reply that accepted it. Safe to repeat: at worst it is a copy.

        Args:
            mail_from: envelope sender; empty for a notice, which then never causes another.
            recipient: the one address.
            data: the mail, as RFC 5322 has it.
            envid: what reports on this mail shall name it, where the server offers DSN (RFC 3461).

        Raises:
            PermanentError: MAIL_REFUSED, the server refused this sender, recipient or mail for good.
            TemporaryError: MAIL_TEMPORARY, it was not taken and may be later; trouble with the server, its
                certificate or our account is always this.
            AmbiguousError: MAIL_TEMPORARY, the whole mail was sent and no reply came (RFC 1047).
        """
        client = SMTP(
            hostname=self._host,
            port=self._port,
            local_hostname=self._hostname,
            use_tls=self._tls == "implicit",
            start_tls=False,  # done below, so that its failures are told apart
            tls_context=self._tls_context,
            timeout=self._timeouts.greeting,
        )
        try:
            with _trouble_of_the_server():
                await self._open(client)
            reply = await self._transact(client, mail_from, recipient, data, envid)
            with suppress(SMTPException, OSError):  # it has the mail: a lost QUIT changes nothing
                await client.quit(timeout=self._timeouts.data)
            return reply
        finally:
            client.close()

    async def _open(self, client: SMTP) -> None:
        await client.connect()
        client.timeout = self._timeouts.command
        await client.ehlo()
        if self._tls == "starttls":
            await client.starttls()
            await client.ehlo()
        if self._username is not None:
            await client.login(self._username, self._password)

    async def _transact(self, client: SMTP, mail_from: str, recipient: str, data: bytes, envid: str | None) -> str:
        mail_options, rcpt_options = _options(client, mail_from, data, envid)
        await _command(client, "MAIL", f"FROM:{_path(mail_from)}", *mail_options)
        await _command(client, "RCPT", f"TO:{_path(recipient)}", *rcpt_options)
        client.timeout = self._timeouts.data
        await _command(client, "DATA", expect=_START_INPUT)
        reply = await self._send_content(client, data)
        if reply.code not in _SUCCESS:
            raise _refusal(reply.code, reply.message)
        return _words(reply.code, reply.message)

    async def _send_content(self, client: SMTP, data: bytes) -> SMTPResponse:
        """Writes the mail and its final dot; from its first byte on, silence is ambiguous."""
        lines = _LINE_END.sub(b"\r\n", data)  # a lone LF before a dot must not end the mail (SMTP smuggling)
        content = lines if lines.endswith(b"\r\n") else lines + b"\r\n"
        patience = self._timeouts.final_dot + len(content) / self._timeouts.bytes_per_second
        protocol = client.protocol
        if protocol is None:
            raise TemporaryError(Reason.MAIL_TEMPORARY, "the connection was lost before the mail was sent")
        try:
            protocol.write((b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
            return await protocol.read_response(timeout=patience)
        except SMTPResponseException as error:
            return SMTPResponse(error.code, error.message)
        except (SMTPException, OSError) as error:
            raise AmbiguousError(Reason.MAIL_TEMPORARY, "no reply after the end of the mail") from error


def _options(client: SMTP, mail_from: str, data: bytes, envid: str | None) -> tuple[list[str], list[str]]:
    """Chooses the parameters of MAIL and RCPT among what the server offers (RFC 3461 4)."""
    mail, rcpt = [], []
    if client.supports_extension("size"):
        mail.append(f"SIZE={len(data)}")
    if client.supports_extension("8bitmime") and not data.isascii():
        mail.append("BODY=8BITMIME")
    if client.supports_extension("dsn"):
        mail.append("RET=HDRS")
        mail += [f"ENVID={encode_xtext(envid)}"] if envid else []
        rcpt.append("NOTIFY=FAILURE,DELAY" if mail_from else "NOTIFY=NEVER")
    return mail, rcpt


@contextmanager
def _trouble_of_the_server() -> Iterator[None]:
    """Makes everything that fails before MAIL temporary: it is not about the mail."""
    try:
        yield
    except SMTPResponseException as error:
        raise TemporaryError(Reason.MAIL_TEMPORARY, _words(error.code, error.message)) from error
    except (SMTPException, OSError) as error:  # ssl.SSLError is an OSError
        raise TemporaryError(Reason.MAIL_TEMPORARY, clean(f"{type(error).__name__}: {error}", _MOST_REPLY)) from error


async def _command(client: SMTP, *words: str, expect: range = _SUCCESS) -> None:
    """Sends one command before the mail itself and waits for its reply; nothing was accepted if it fails."""
    try:
        line = [word.encode("ascii") for word in words]
        reply = await client.execute_command(*line)
    except SMTPResponseException as error:
        raise _refusal(error.code, error.message) from error
    except (SMTPException, OSError) as error:
        raise TemporaryError(Reason.MAIL_TEMPORARY, f"connection lost: {type(error).__name__}") from error
    if reply.code not in expect:
        raise _refusal(reply.code, reply.message)


def _path(address: str) -> str:
    """Writes an address as a command needs it, exactly: a library's parser might cut a strange one to another."""
    if not _WRITABLE.fullmatch(address):
        raise PermanentError(Reason.MAIL_REFUSED, "an address that cannot be written")
    return f"<{address}>"


def _refusal(code: int, message: str) -> GatewayError:
    if code in _PERMANENT and code not in _ABOUT_US:
        return PermanentError(Reason.MAIL_REFUSED, _words(code, message))
    return TemporaryError(Reason.MAIL_TEMPORARY, _words(code, message))


def _words(code: int, message: str) -> str:
    return clean(f"{code} {message}", _MOST_REPLY)
