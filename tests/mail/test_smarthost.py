"""What sending promises: exactly what is known afterwards, nothing in clear, never a stuffed dot too few."""

from __future__ import annotations

import asyncio
import email
import ssl
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest
import trustme
from aiosmtpd.smtp import SMTP as AiosmtpdServer  # noqa: N811 - a class with a name in capitals
from aiosmtpd.smtp import AuthResult, Envelope, Session
from smtp_peer import DROP, HOLD, Peer

from gateway.core.reasons import AmbiguousError, GatewayError, PermanentError, Reason, TemporaryError
from gateway.mail.smarthost import Smarthost, Timeouts

MAIL = b"From: fax@fax.example\r\nSubject: s\r\n\r\nThree pages\r\n.\r\n..\r\nend\r\n"
QUICK = Timeouts(greeting=5, command=5, data=5, final_dot=0.2, bytes_per_second=1e9)
Tls = Literal["starttls", "implicit", "none"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def smarthost(port: int, tls: Tls = "none", **settings: Any) -> Smarthost:
    settings = {"hostname": "fax.example", "timeouts": QUICK} | settings
    return Smarthost(host="127.0.0.1", port=port, tls=tls, **settings)


async def send(peer: Peer, tls: Tls = "none", mail_from: str = "b@fax.example", **settings: Any) -> str:
    async with peer.listening():
        return await smarthost(peer.port, tls, **settings).send(mail_from, "front@clinic.example", MAIL, "M-7=1")


async def failure(peer: Peer, tls: Tls = "none", **settings: Any) -> GatewayError:
    with pytest.raises(GatewayError) as error:
        await send(peer, tls, **settings)
    return error.value


async def test_a_mail_arrives_byte_for_byte_and_its_reply_is_kept() -> None:
    peer = Peer()
    assert await send(peer) == "250 2.0.0 queued as 7"
    (stuffed,) = peer.mails
    assert stuffed == MAIL.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    assert peer.verbs() == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
    assert peer.heard[0] == "EHLO fax.example"


async def test_a_fax_mail_asks_for_reports_that_name_it() -> None:
    peer = Peer()
    await send(peer)
    assert peer.heard[1] == f"MAIL FROM:<b@fax.example> SIZE={len(MAIL)} RET=HDRS ENVID=M-7+3D1"
    assert peer.heard[2] == "RCPT TO:<front@clinic.example> NOTIFY=FAILURE,DELAY"


async def test_a_notice_never_causes_another() -> None:
    peer = Peer()
    await send(peer, mail_from="")
    assert peer.heard[1].startswith("MAIL FROM:<> ")
    assert peer.heard[2] == "RCPT TO:<front@clinic.example> NOTIFY=NEVER"


async def test_only_what_the_server_offers_is_asked_for() -> None:
    peer = Peer(extensions=())
    await send(peer)
    assert peer.heard[1:3] == ["MAIL FROM:<b@fax.example>", "RCPT TO:<front@clinic.example>"]


async def test_lone_line_ends_cannot_end_the_mail_early() -> None:
    peer = Peer()
    async with peer.listening():
        await smarthost(peer.port).send("a@x", "b@y", b"one\n.\nRSET\r.\rtwo")
    assert peer.mails == [b"one\r\n..\r\nRSET\r\n..\r\ntwo\r\n.\r\n"]
    assert "RSET" not in peer.verbs()


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize(("reply", "family"), [("550 5.1.1 no", PermanentError), ("451 4.3.0 later", TemporaryError)])
async def test_a_refusal_keeps_its_class_and_its_words(moment: str, reply: str, family: type[GatewayError]) -> None:
    error = await failure(Peer({moment: reply}))
    assert type(error) is family
    assert error.reason is (Reason.MAIL_REFUSED if family is PermanentError else Reason.MAIL_TEMPORARY)
    assert error.detail == reply


@pytest.mark.parametrize("moment", ["CONNECT", "EHLO", "AUTH"])
@pytest.mark.parametrize("reply", ["554 5.7.1 go away", "421 4.3.2 busy"])
async def test_trouble_before_the_mail_is_the_servers_not_the_recipients(moment: str, reply: str) -> None:
    peer = Peer({moment: reply}, extensions=("AUTH PLAIN",))
    if moment == "EHLO":
        peer.replies["HELO"] = reply
    error = await failure(peer, username="u", password="p")
    assert type(error) is TemporaryError
    assert reply in error.detail
    assert peer.mails == []


async def test_authentication_required_is_about_us() -> None:
    assert type(await failure(Peer({"MAIL": "530 5.7.0 authenticate first"}))) is TemporaryError


@pytest.mark.parametrize("moment", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_connection_lost_before_the_mail_is_no_doubt(moment: str) -> None:
    assert type(await failure(Peer({moment: DROP}))) is TemporaryError


@pytest.mark.parametrize("end", [DROP, HOLD])
async def test_silence_after_the_final_dot_is_ambiguous(end: str) -> None:
    peer = Peer({"DOT": end})
    error = await failure(peer)
    assert type(error) is AmbiguousError
    assert error.reason is Reason.MAIL_TEMPORARY
    assert len(peer.mails) == 1


async def test_a_lost_quit_changes_nothing() -> None:
    assert await send(Peer({"QUIT": DROP})) == "250 2.0.0 queued as 7"


async def test_nobody_listening_is_temporary() -> None:
    peer = Peer()
    async with peer.listening():
        port = peer.port
    with pytest.raises(TemporaryError):
        await smarthost(port).send("a@x", "b@y", MAIL)


@pytest.mark.parametrize(
    "recipient", ["front\r\nRCPT TO:<evil@x>@y", "front@\x00", "frönt@x.example", "a b@x", "<a@x>"]
)
async def test_an_address_that_cannot_be_written_is_refused(recipient: str) -> None:
    peer = Peer()
    async with peer.listening():
        with pytest.raises(PermanentError) as error:
            await smarthost(peer.port).send("a@x", recipient, MAIL)
    assert error.value.reason is Reason.MAIL_REFUSED
    assert "RCPT" not in peer.verbs()


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_the_mail_travels_encrypted(tls: Tls, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    peer = Peer(extensions=("STARTTLS",), tls=server_tls, implicit_tls=tls == "implicit")
    assert await send(peer, tls, tls_context=client_tls) == "250 2.0.0 queued as 7"
    before = ["EHLO", "STARTTLS"] if tls == "starttls" else []
    assert peer.verbs() == [*before, "EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_certificate_of_strangers_holds_the_mail_back(tls: Tls, server_tls: ssl.SSLContext) -> None:
    peer = Peer(extensions=("STARTTLS", "AUTH PLAIN"), tls=server_tls, implicit_tls=tls == "implicit")
    error = await failure(peer, tls, username="u", password="secret")
    assert type(error) is TemporaryError
    assert "certificate" in error.detail.lower()
    assert set(peer.verbs()) <= {"EHLO", "STARTTLS"}


@pytest.mark.parametrize(
    "peer", [Peer(extensions=("AUTH PLAIN",)), Peer({"STARTTLS": "454 4.7.0 no"}, extensions=("STARTTLS",))]
)
async def test_a_server_without_starttls_gets_nothing_in_clear(peer: Peer, client_tls: ssl.SSLContext) -> None:
    error = await failure(peer, "starttls", username="u", password="secret", tls_context=client_tls)
    assert type(error) is TemporaryError
    assert set(peer.verbs()) <= {"EHLO", "STARTTLS"}


class Postbox:
    """An aiosmtpd handler that keeps what it is given."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, _server: AiosmtpdServer, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.envelopes.append(envelope)
        return "250 2.0.0 kept"


@pytest.fixture
async def postbox(server_tls: ssl.SSLContext) -> AsyncIterator[tuple[Postbox, int]]:
    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (b"faxgw", b"right")
        return AuthResult(success=right, handled=False)

    box = Postbox()

    def session() -> AiosmtpdServer:
        return AiosmtpdServer(
            box,
            hostname="peer",
            tls_context=server_tls,
            require_starttls=True,
            authenticator=check,
            auth_required=True,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    async with server:
        yield box, server.sockets[0].getsockname()[1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # aiosmtpd's own
async def test_a_real_server_takes_the_mail_after_starttls_and_auth(
    postbox: tuple[Postbox, int], client_tls: ssl.SSLContext
) -> None:
    box, port = postbox
    account = {"username": "faxgw", "password": "right", "tls_context": client_tls}
    assert await smarthost(port, "starttls", **account).send("a@x", "b@y", MAIL) == "250 2.0.0 kept"
    (envelope,) = box.envelopes
    assert envelope.original_content == MAIL
    assert envelope.rcpt_tos == ["b@y"]
    assert email.message_from_bytes(envelope.original_content)["Subject"] == "s"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
async def test_a_wrong_password_holds_the_mail_back(postbox: tuple[Postbox, int], client_tls: ssl.SSLContext) -> None:
    box, port = postbox
    account = {"username": "faxgw", "password": "wrong", "tls_context": client_tls}
    with pytest.raises(TemporaryError, match="535"):
        await smarthost(port, "starttls", **account).send("a@x", "b@y", MAIL)
    assert box.envelopes == []
