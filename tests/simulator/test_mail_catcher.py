"""The mail catcher: what it accepts is on disk before the 250, and recipients decide their fate."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from gateway.simulator import Mailbox

MESSAGE = b"From: a@b.example\r\nMessage-ID: <1@b.example>\r\nSubject: x\r\n\r\nhello\r\n..dot\r\n"


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Mailbox]:
    mailbox = Mailbox(tmp_path / "mail")
    yield mailbox
    await mailbox.stop()


async def connect(mailbox: Mailbox) -> aiosmtplib.SMTP:
    url = await mailbox.start()
    host, _, port = url.removeprefix("smtp://").partition(":")
    client = aiosmtplib.SMTP(hostname=host, port=int(port), start_tls=False, timeout=30)
    await client.connect()
    return client


async def again(client: aiosmtplib.SMTP) -> None:
    client.close()
    await client.connect()


async def send(client: aiosmtplib.SMTP, *recipients: str, sender: str = "a@b.example", **how: Any) -> Any:
    return await client.sendmail(sender, list(recipients), MESSAGE, **how)


def ledger(mailbox: Mailbox) -> list[dict[str, Any]]:
    lines = (mailbox._directory / "ledger.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.eml"))


async def test_an_accepted_message_is_a_file_and_a_line(mailbox: Mailbox) -> None:
    client = await connect(mailbox)
    await send(client, "x@y.example", "z@y.example")
    await client.quit()

    [entry] = mailbox.messages()
    assert entry == {
        "to": ["x@y.example", "z@y.example"],
        "from": "a@b.example",
        "message_id": "<1@b.example>",
        "sha256": hashlib.sha256(MESSAGE).hexdigest(),
        "file": "000001-x@y.example.eml",
        "options": [],
    }
    assert ledger(mailbox) == [entry]
    assert (mailbox._directory / entry["file"]).read_bytes() == MESSAGE
    assert sorted(path.name for path in mailbox._directory.iterdir()) == [entry["file"], "ledger.jsonl"]


async def test_the_parameters_of_rfc_3461_are_offered_taken_and_kept(mailbox: Mailbox) -> None:
    client = await connect(mailbox)
    await client.ehlo()
    assert client.supports_extension("dsn")
    assert client.supports_extension("smtputf8")
    mail, rcpt = ["RET=HDRS", "ENVID=Abc+2B"], ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;X@y.example"]
    await send(client, "x@y.example", mail_options=mail, rcpt_options=rcpt)
    await send(client, "x@y.example", mail_options=["BODY=8BITMIME"])
    await client.quit()
    assert [entry["options"] for entry in mailbox.messages()] == [[*mail, *rcpt], []]


async def test_unknown_parameters_are_still_refused(mailbox: Mailbox) -> None:
    client = await connect(mailbox)
    with pytest.raises(aiosmtplib.SMTPSenderRefused) as refusal:
        await send(client, "x@y.example", mail_options=["HOLDFOR=1"])
    assert refusal.value.code == 555
    client.close()


async def test_the_empty_sender_of_a_bounce_is_accepted(mailbox: Mailbox) -> None:
    client = await connect(mailbox)
    await send(client, "x@y.example", sender="")
    await client.quit()
    assert mailbox.messages()[0]["from"] == ""


async def test_several_messages_in_one_session_and_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        mailbox = Mailbox(tmp_path)
        client = await connect(mailbox)
        await send(client, "x@y.example")
        await send(client, "x@y.example")
        await client.quit()
        await mailbox.stop()
    assert files(tmp_path) == [f"00000{number}-x@y.example.eml" for number in (1, 2, 3, 4)]


async def test_a_recipient_is_never_a_path(mailbox: Mailbox) -> None:
    client = await connect(mailbox)
    await send(client, '"../../etc/x y"@y.example')
    await client.quit()
    assert files(mailbox._directory) == ["000001-_.._.._etc_x_y_@y.example.eml"]


@pytest.mark.parametrize(("local", "code"), [("temp-451", 451), ("perm-550", 550), ("PERM-550", 550)])
async def test_a_refused_recipient_is_refused_each_time_and_the_others_are_not(
    mailbox: Mailbox, local: str, code: int
) -> None:
    client = await connect(mailbox)
    for _ in range(3):
        refused, _ = await send(client, f"{local}@y.example", "x@y.example")
        assert {address: reply.code for address, reply in refused.items()} == {f"{local}@y.example": code}
    await client.quit()
    assert [entry["to"] for entry in mailbox.messages()] == [["x@y.example"]] * 3


async def test_a_count_limits_a_refusal_to_the_first_tries(mailbox: Mailbox) -> None:
    client = await connect(mailbox)
    for _ in range(2):
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
            await send(client, "temp-451-2@y.example")
    await send(client, "temp-451-2@y.example")
    await client.quit()
    assert len(mailbox.messages()) == 1


async def test_drop_after_dot_keeps_the_message_and_says_nothing(mailbox: Mailbox) -> None:
    client = await connect(mailbox)
    for _ in range(2):
        with pytest.raises(aiosmtplib.SMTPServerDisconnected):
            await send(client, "drop-after-dot-2@y.example")
        await again(client)
    await send(client, "drop-after-dot-2@y.example")
    await client.quit()
    assert len(mailbox.messages()) == 3


async def test_a_slow_recipient_delays_the_reply_to_the_dot_not_the_keeping(mailbox: Mailbox) -> None:
    client = await connect(mailbox)
    client.timeout = 1
    with pytest.raises(aiosmtplib.SMTPReadTimeoutError):
        await send(client, "slow-60@y.example")
    assert len(mailbox.messages()) == 1
    client.close()


async def test_a_slow_recipient_is_answered_in_the_end(mailbox: Mailbox) -> None:
    client = await connect(mailbox)
    await send(client, "slow-0.01@y.example")
    await client.quit()
    assert len(mailbox.messages()) == 1


@pytest.mark.parametrize("local", ["temp-452", "slow", "slow-x", "temp-451x", "user"])
async def test_any_other_recipient_is_an_ordinary_one(mailbox: Mailbox, local: str) -> None:
    client = await connect(mailbox)
    await send(client, f"{local}@y.example")
    await client.quit()
    assert len(mailbox.messages()) == 1


async def test_many_senders_at_once(mailbox: Mailbox) -> None:
    first = await connect(mailbox)

    async def one(number: int) -> None:
        await aiosmtplib.send(
            MESSAGE,
            sender="a@b.example",
            recipients=[f"u{number}@y.example"],
            hostname=first.hostname,
            port=first.port,
            start_tls=False,
        )

    await asyncio.gather(*(one(number) for number in range(30)))
    await first.quit()
    assert {entry["to"][0] for entry in mailbox.messages()} == {f"u{number}@y.example" for number in range(30)}
    assert len(files(mailbox._directory)) == 30
