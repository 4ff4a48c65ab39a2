"""What a dialogue alone does not show: durability, limits, deadlines, our own trouble, the end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import shutil
import socket
from collections.abc import Awaitable, Callable

import pytest
from fax_desk import FAX, Client, FakeDesk, RememberingLog
from test_content import FALSE_ENDS

from gateway.core.reasons import DiskError, DiskFullError
from gateway.smtp import SmtpLimits, SmtpListener

Connect = Callable[..., Awaitable[Client]]
Listen = Callable[..., Awaitable[str]]


async def test_a_message_reaches_the_desk_with_its_envelope_and_trace(connect: Connect, desk: FakeDesk) -> None:
    client = await connect()
    await client.open()
    await client.ask("MAIL FROM:<ana@clinic.example> RET=FULL ENVID=Q+3D1")
    await client.ask(f"RCPT TO:<{FAX}> NOTIFY=Success ORCPT=rfc822;a@b")
    await client.ask("RCPT TO:<postmaster>")
    await client.ask("DATA")
    assert await client.ask("Subject: x\r\n\r\n..stuffed\r\n.") == "250 2.0.0 queued as F-M1-0"
    (intake,) = desk.intakes
    assert intake.content == b"Subject: x\r\n\r\n.stuffed\r\n"
    assert len(intake.pieces) == 1, "a small message is one write"
    assert intake.trace == (
        b"Received: from mail.clinic.example ([127.0.0.1])\r\n"
        b"  by fax.example with ESMTP id M1;\r\n"
        b"  Mon, 02 Nov 2026 14:14:05 +0000\r\n"
    )
    envelope = intake.envelope
    assert (envelope.mail_from, envelope.ret, envelope.envid) == ("ana@clinic.example", "FULL", "Q+3D1")
    assert (envelope.peer, envelope.helo) == ("127.0.0.1", "mail.clinic.example")
    fax, postmaster = envelope.recipients
    assert (fax.address, fax.number, fax.notify, fax.orcpt) == (FAX, "+12025550143", "Success", "rfc822;a@b")
    assert (postmaster.address, postmaster.number) == ("postmaster", "")


async def test_a_large_message_comes_in_small_blocks_and_unchanged(connect: Connect, desk: FakeDesk) -> None:
    body = b"Subject: x\r\n\r\n" + (b".%076d\r\n" * 1024 % tuple(range(1024))) * 640  # 50 MB
    client = await connect(max_message_size=64 * 1024 * 1024)
    await client.begin()
    await client.send_raw(body.replace(b"\r\n.", b"\r\n..") + b".\r\nNOOP\r\n")
    assert await client.reply() == "250 2.0.0 queued as F-M1-0"
    assert await client.reply() == "250 2.0.0 ok"
    (intake,) = desk.committed
    assert hashlib.sha256(intake.content).digest() == hashlib.sha256(body).digest()
    assert max(map(len, intake.pieces)) <= 1024 * 1024


@pytest.mark.parametrize("false_end", FALSE_ENDS, ids=repr)
async def test_a_false_end_never_makes_a_second_message(connect: Connect, desk: FakeDesk, false_end: bytes) -> None:
    client = await connect()
    await client.begin()
    smuggled = f"MAIL FROM:<ana@clinic.example>\r\nRCPT TO:<{FAX}>\r\nDATA\r\nhidden".encode()
    client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"Subject: x\r\n\r\nbefore" + false_end + smuggled + b"\r\n.\r\n":
        await client.send_raw(bytes([byte]))
    assert await client.reply() == "554 5.5.2 bare CR, bare LF or NUL in the message"
    assert await client.ask("NOOP") == "250 2.0.0 ok"
    assert len(desk.intakes) == 1
    assert desk.intakes[0].discarded
    assert not desk.committed


async def test_automatic_mail_is_refused_at_the_dot(connect: Connect, desk: FakeDesk) -> None:
    client = await connect()
    await client.begin()
    assert await client.ask("Auto-Submitted: auto-replied\r\n\r\n.") == "550 5.7.1 automatic mail is not faxed"
    await client.transact("postmaster", mail_from="")
    assert await client.ask("Auto-Submitted: auto-replied\r\n\r\n.") == "250 2.0.0 queued as M2"
    assert [intake.committed for intake in desk.intakes] == [False, True]


async def test_a_hundred_recipients_are_accepted_and_the_next_is_put_off(connect: Connect, desk: FakeDesk) -> None:
    client = await connect()
    await client.open()
    await client.ask("MAIL FROM:<ana@clinic.example>")
    for n in range(100):
        assert (await client.ask(f"RCPT TO:<FAX=+1202555{n:04}@fax.example>")).startswith("250 2.1.5")
    for _ in range(30):
        assert await client.ask("RCPT TO:<FAX=+12025559999@fax.example>") == "452 4.5.3 too many recipients"
    await client.ask("DATA")
    await client.send("x: y", ".")
    lines = [await client.line() for _ in range(4)]
    assert [line[:10] for line in lines] == ["250-2.0.0 "] * 3 + ["250 2.0.0 "]
    assert all(len(line) <= 510 for line in lines)
    assert sum(line.count("F-M1-") for line in lines) == 100
    assert len(desk.committed[0].envelope.recipients) == 100


async def test_a_message_over_the_limit_is_read_to_its_dot_and_refused(connect: Connect, desk: FakeDesk) -> None:
    client = await connect(max_message_size=200_000)
    await client.begin()
    await client.send_raw(b"x: y\r\n\r\n" + b"x" * 300_000 + b"\r\n.\r\n")
    assert await client.reply() == "552 5.3.4 limit is 200000"
    assert await client.ask("NOOP") == "250 2.0.0 ok"
    assert desk.intakes[0].discarded


async def test_an_endless_message_is_cut_off(connect: Connect, desk: FakeDesk) -> None:
    client = await connect(max_message_size=200_000)
    await client.begin()
    with contextlib.suppress(ConnectionError):
        while True:
            await client.send_raw(b"x" * 100_000)
    await desk.until(lambda: desk.intakes[0].discarded)


# Promises about the final dot.


async def test_a_client_that_leaves_inside_data_leaves_nothing(connect: Connect, desk: FakeDesk) -> None:
    client = await connect()
    await client.begin()
    await client.send_raw(b"Subject: half a message\r\n.\r")
    await client.close()
    await desk.until(lambda: desk.intakes[0].discarded)
    assert not desk.committed


async def test_a_client_that_leaves_after_the_dot_is_committed_and_not_confirmed(
    connect: Connect, listen: Listen, desk: FakeDesk
) -> None:
    desk.may_commit.clear()
    client = await connect()
    await client.begin()
    await client.send("x: y", ".")
    await desk.until(lambda: desk.committing)
    client.writer.transport.abort()
    desk.may_commit.set()
    await desk.until(lambda: bool(desk.committed))
    await listen.listeners[0].stop(0)  # type: ignore[attr-defined]
    assert desk.confirmed == []
    assert not desk.intakes[0].discarded


async def test_the_next_command_confirms_that_the_client_saw_our_250(connect: Connect, desk: FakeDesk) -> None:
    client = await connect()
    await client.begin()
    assert (await client.ask("x: y\r\n.")).startswith("250")
    assert desk.confirmed == []
    await client.ask("NOOP")
    await desk.until(lambda: desk.confirmed == ["M1"])
    await client.ask("NOOP")
    assert desk.confirmed == ["M1"]


async def test_a_command_pipelined_behind_the_dot_confirms_nothing(connect: Connect, desk: FakeDesk) -> None:
    desk.may_commit.clear()
    client = await connect()
    await client.begin()
    await client.send("x: y", ".", "NOOP", "NOOP")
    await desk.until(lambda: desk.committing)
    desk.may_commit.set()
    assert [(await client.reply())[:3] for _ in range(3)] == ["250"] * 3
    assert desk.confirmed == []
    await client.ask("QUIT")
    await desk.until(lambda: desk.confirmed == ["M1"])


async def test_messages_that_follow_one_another_are_confirmed_by_the_commit_of_the_next(
    connect: Connect, desk: FakeDesk
) -> None:
    client = await connect()
    await client.begin()
    await client.ask("x: y\r\n.")
    await client.transact()
    await client.ask("x: y\r\n.")
    assert [intake.confirmed_with_it for intake in desk.committed] == [None, "M1"]
    assert desk.confirmed_alone == []
    await client.ask("QUIT")
    await desk.until(lambda: desk.confirmed_alone == ["M2"])


async def test_a_confirmation_outlives_the_commit_that_failed_to_carry_it(connect: Connect, desk: FakeDesk) -> None:
    client = await connect()
    await client.begin()
    await client.ask("x: y\r\n.")
    await client.transact()
    desk.will_fail("commit", DiskFullError("sda1"))
    assert (await client.ask("x: y\r\n.")).startswith("452")
    desk.will_work("commit")
    await client.transact()
    assert (await client.ask("x: y\r\n.")).startswith("250")
    assert "M1" in desk.confirmed


async def test_what_the_client_has_seen_is_confirmed_when_it_vanishes_with_the_next_message_half_sent(
    connect: Connect, desk: FakeDesk
) -> None:
    client = await connect()
    await client.begin()
    await client.ask("x: y\r\n.")
    await client.transact()
    await client.send("x: y")
    client.writer.transport.abort()
    await desk.until(lambda: desk.confirmed == ["M1"])


async def test_what_the_client_has_seen_is_confirmed_before_a_stop_ends(
    connect: Connect, listen: Listen, desk: FakeDesk
) -> None:
    client = await connect()
    await client.begin()
    await client.ask("x: y\r\n.")
    await client.ask("MAIL FROM:<ana@clinic.example>")
    await listen.listeners[0].stop(0)  # type: ignore[attr-defined]
    assert desk.confirmed == ["M1"]


async def test_a_client_that_only_stops_sending_still_gets_its_replies(connect: Connect, desk: FakeDesk) -> None:
    client = await connect()
    await client.begin()
    await client.send("x: y", ".", "QUIT")
    client.writer.write_eof()
    assert (await client.reply()).startswith("250 2.0.0 queued")
    assert await client.reply() == "221 2.0.0 bye"
    assert len(desk.committed) == 1


# Our own trouble.


@pytest.mark.parametrize(
    ("step", "error", "reply"),
    [
        ("commit", OSError(28, "No space on /secret/path"), "451 4.3.0 internal trouble, try again later"),
        ("commit", DiskError("sda1 failed"), "451 4.3.0 internal trouble, try again later"),
        ("commit", DiskFullError("sda1"), "452 4.3.1 not enough storage, try again later"),
        ("commit", ConnectionResetError("database"), "451 4.3.0 internal trouble, try again later"),
        ("write", DiskFullError("sda1"), "452 4.3.1 not enough storage, try again later"),
        ("write", ValueError("secret"), "451 4.3.0 internal trouble, try again later"),
    ],
    ids=repr,
)
async def test_trouble_is_temporary_and_shows_no_cause(
    connect: Connect, desk: FakeDesk, step: str, error: Exception, reply: str
) -> None:
    desk.will_fail(step, error)
    client = await connect()
    await client.begin()
    await client.send_raw(b"Subject: x\r\n\r\n" + b"x" * 500_000 + b"\r\n.\r\n")
    assert await client.reply() == reply
    assert await client.ask("NOOP") == "250 2.0.0 ok"
    assert desk.intakes[0].discarded


async def test_trouble_before_data_is_temporary_too(connect: Connect, desk: FakeDesk, log: RememberingLog) -> None:
    desk.will_fail("check_client", KeyError("secret"))
    client = await connect()
    await client.open()
    assert await client.ask("MAIL FROM:<ana@clinic.example>") == "451 4.3.0 internal trouble, try again later"
    assert [type(bug) for bug in log.bugs] == [KeyError]
    assert log.refusals == ["451 4.3.0"]


async def test_no_room_is_said_at_mail(connect: Connect, desk: FakeDesk) -> None:
    desk.will_fail("room", OSError())
    client = await connect()
    await client.open()
    reply = await client.ask("MAIL FROM:<ana@clinic.example>")
    assert reply == "452 4.3.1 not enough storage, try again later"


async def test_a_failed_confirmation_disturbs_nobody(
    connect: Connect, listen: Listen, desk: FakeDesk, log: RememberingLog
) -> None:
    desk.will_fail("confirm", RuntimeError("secret"))
    client = await connect()
    await client.begin()
    await client.ask("x: y\r\n.")
    assert await client.ask("QUIT") == "221 2.0.0 bye"
    await listen.listeners[0].stop(0)  # type: ignore[attr-defined]
    assert [type(bug) for bug in log.bugs] == [RuntimeError]


async def test_nothing_that_a_client_said_is_logged(
    connect: Connect, log: RememberingLog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = await connect()
    await client.open()
    await client.ask("MAIL FROM:<canary@clinic.example>")
    await client.ask("RCPT TO:<canary@elsewhere.example>")
    await client.ask("CANARY canary")
    assert "canary" not in caplog.text.lower()
    assert log.refusals == ["550 5.7.1", "500 5.5.2"]


# Limits.


async def test_connections_are_limited_in_all(connect: Connect) -> None:
    first = await connect(max_connections=1)
    await first.open()
    second = await connect()
    assert await second.line() == "421 4.7.0 too many connections, try again later"
    assert await second.line() == ""
    assert await first.ask("QUIT") == "221 2.0.0 bye"
    assert await first.line() == ""
    await (await connect()).open()


async def test_connections_are_limited_per_client(connect: Connect) -> None:
    for _ in range(2):
        await (await connect(max_connections_per_client=2)).open()
    assert (await (await connect()).line()).startswith("421 4.7.0")


async def test_errors_are_limited(connect: Connect) -> None:
    client = await connect(max_errors=3)
    await client.open()
    for _ in range(3):
        assert (await client.ask("WHAT")).startswith("500")
    assert await client.ask("NOOP") == "421 4.7.0 too many errors, closing the connection"
    assert await client.line() == ""


async def test_commands_without_a_message_are_limited(connect: Connect) -> None:
    client = await connect(max_commands=6)
    await client.begin()
    await client.ask("x: y\r\n.")
    for _ in range(6):
        await client.ask("NOOP")
    assert await client.ask("NOOP") == "421 4.7.0 too many commands, closing the connection"


async def test_long_lines_are_refused(connect: Connect) -> None:
    client = await connect()
    await client.open()
    assert await client.ask("NOOP " + "x" * 3000) == "500 5.5.2 line too long"
    assert await client.ask("NOOP") == "250 2.0.0 ok"
    await client.send_raw(b"x" * 600_000)
    assert await client.reply() == "500 5.5.2 line too long"


async def test_a_silent_client_is_sent_away(connect: Connect) -> None:
    client = await connect(command_seconds=0.05)
    assert (await client.line()).startswith("220")
    assert await client.line() == "421 4.4.2 timeout, closing the connection"
    assert await client.line() == ""


async def test_slow_clients_make_room_when_it_is_crowded(connect: Connect) -> None:
    client = await connect(max_connections=1, crowded_command_seconds=0.05)
    assert (await client.line()).startswith("220")
    assert (await client.line()).startswith("421 4.4.2")


async def test_silence_inside_a_message_ends_it(connect: Connect, desk: FakeDesk) -> None:
    client = await connect(data_idle_seconds=0.05)
    await client.begin()
    assert (await client.line()).startswith("421 4.4.2")
    await desk.until(lambda: desk.intakes[0].discarded)


async def test_a_message_that_trickles_ends_at_its_deadline(
    connect: Connect, desk: FakeDesk, log: RememberingLog
) -> None:
    client = await connect(data_seconds=0.1, data_rate=10**9)
    await client.begin()
    with contextlib.suppress(ConnectionError):
        while True:
            await client.send_raw(b"x")
            await asyncio.sleep(0)
    assert log.refusals == ["421 4.4.2"]
    await desk.until(lambda: desk.intakes[0].discarded)


# The end.


async def test_shutdown_sends_idle_clients_away(connect: Connect, listen: Listen) -> None:
    client = await connect()
    await client.open()
    await listen.listeners[0].stop(10)  # type: ignore[attr-defined]
    assert await client.line() == "421 4.3.2 service is shutting down, try again later"
    assert await client.line() == ""


async def test_shutdown_lets_a_message_finish(connect: Connect, listen: Listen, desk: FakeDesk) -> None:
    client = await connect()
    await client.begin()
    stopping = asyncio.create_task(listen.listeners[0].stop(10))  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    await client.send("x: y", ".", "QUIT")
    assert await client.reply() == "250 2.0.0 queued as F-M1-0"
    assert (await client.reply()).startswith("421 4.3.2")
    await stopping
    assert len(desk.committed) == 1


async def test_shutdown_cuts_a_message_off_after_the_grace_time(
    connect: Connect, listen: Listen, desk: FakeDesk
) -> None:
    client = await connect()
    await client.begin()
    await listen.listeners[0].stop(0.01)  # type: ignore[attr-defined]
    assert (await client.line()).startswith("421 4.3.2")
    assert desk.intakes[0].discarded


async def test_shutdown_waits_for_a_commit_and_answers_it(connect: Connect, listen: Listen, desk: FakeDesk) -> None:
    desk.may_commit.clear()
    client = await connect()
    await client.begin()
    await client.send("x: y", ".")
    await desk.until(lambda: desk.committing)
    stopping = asyncio.create_task(listen.listeners[0].stop(0))  # type: ignore[attr-defined]
    await asyncio.sleep(0.01)
    desk.may_commit.set()
    await stopping
    assert (await client.line()).startswith("250 2.0.0 queued")


async def test_bound_sockets_are_taken_as_they_are(desk: FakeDesk, log: RememberingLog) -> None:
    bound = socket.create_server(("127.0.0.1", 0))
    listener = SmtpListener(desk, "fax.example", SmtpLimits(), log)
    addresses = await listener.start([bound, "127.0.0.1:0"])
    assert addresses[0] == f"127.0.0.1:{bound.getsockname()[1]}"
    for address in addresses:
        client = await Client.connect(address)
        await client.open()
        await client.ask("QUIT")
        await client.close()
    await listener.stop(1)


async def test_an_address_in_use_is_an_error_and_leaves_nothing_open(desk: FakeDesk, log: RememberingLog) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listener = SmtpListener(desk, "fax.example", SmtpLimits(), log)
        with pytest.raises(OSError, match="in use"):
            await listener.start(["127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}"])


# Real clients.


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
async def test_swaks_delivers(listen: Listen, desk: FakeDesk) -> None:
    host, _, port = (await listen()).partition(":")
    assert await run("swaks", "--server", host, "--port", port, "--from", "ana@clinic.example", "--to", FAX) == 0
    assert len(desk.committed) == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_delivers(listen: Listen, desk: FakeDesk) -> None:
    url = f"smtp://{await listen()}/mail.clinic.example"
    mail = ("--mail-from", "ana@clinic.example", "--mail-rcpt", FAX, "--upload-file", __file__, "--crlf")
    assert await run("curl", "--silent", "--noproxy", "*", url, *mail) == 0
    assert b"async def test_curl_delivers" in desk.committed[0].content


async def run(*command: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(30):
        return await process.wait()
