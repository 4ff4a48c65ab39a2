"""`faxgw reload`, `systemctl reload` and SIGHUP: what has changed holds at once, and nothing under way is disturbed."""

from __future__ import annotations

import asyncio
import json
import signal
import smtplib
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from daemon import OURS, ROUTED, SENDER, Daemon, daemon, until

OPERATOR = "operator@clinic.example"
STRANGER = "eve@elsewhere.example"
FAX = "+12025550143@fax.clinic.example"


def rcpt(port: int, sender: str, recipient: str = FAX) -> int:
    """Asks whether a sender may fax; answers the code."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.ehlo("clinic.example")
        client.mail(sender)
        return client.rcpt(recipient)[0]


class Client:
    """An SMTP client that stays connected."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> Client:
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        assert await client._reply() == 220
        assert await client.say("EHLO clinic.example") == 250
        return client

    async def say(self, line: str) -> int:
        """Sends lines; answers the code of the reply."""
        self._writer.write(f"{line}\r\n".encode())
        return await self._reply()

    async def _reply(self) -> int:
        async with asyncio.timeout(30):
            while (line := await self._reader.readline())[3:4] == b"-":
                pass
        return int(line[:3])

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Daemon]:
    async with daemon(tmp_path) as running:
        yield running


async def test_a_changed_route_holds_for_the_next_fax(gateway: Daemon) -> None:
    gateway.rewrite("addresses", '["lab@clinic.example"]')
    assert await gateway.faxgw("reload") == {"changed": ["[[routes]]"], "restart_needed": []}
    await gateway.simulator.receive_fax(OURS, sender="+13125550177", pages=1)
    await gateway.mail_to("lab@clinic.example")
    assert gateway.mails_to(ROUTED[0]) == []


async def test_a_changed_sender_holds_for_the_next_mail(gateway: Daemon) -> None:
    assert await asyncio.to_thread(rcpt, gateway.smtp_port, STRANGER) == 550
    gateway.rewrite("address", '"@elsewhere.example"')
    assert (await gateway.command("reload")).returncode == 0
    assert await asyncio.to_thread(rcpt, gateway.smtp_port, STRANGER) == 250
    assert await asyncio.to_thread(rcpt, gateway.smtp_port, SENDER) == 550


async def test_a_changed_log_level_holds_at_once(gateway: Daemon) -> None:
    gateway.rewrite("level", '"error"')
    assert await gateway.faxgw("reload") == {"changed": ["[log]"], "restart_needed": []}
    assert await asyncio.to_thread(rcpt, gateway.smtp_port, STRANGER) == 550
    assert "sender may not fax" not in gateway.log.read_text()


async def test_a_network_that_is_no_longer_allowed_is_shut_out_even_on_an_open_connection(gateway: Daemon) -> None:
    client = await Client.connect(gateway.smtp_port)
    gateway.rewrite("allowed_networks", '["192.0.2.0/24"]')
    assert await gateway.faxgw("reload") == {"changed": ["[smtp]"], "restart_needed": []}
    assert await client.say(f"MAIL FROM:<{SENDER}>") == 550
    client.close()


async def test_a_message_that_comes_in_across_a_reload_is_taken_as_it_began(gateway: Daemon) -> None:
    """Its sender loses the right to fax in the middle: what was accepted at RCPT is kept, the next one is refused."""
    client = await Client.connect(gateway.smtp_port)
    assert await client.say(f"MAIL FROM:<{SENDER}>") == 250
    assert await client.say(f"RCPT TO:<{FAX}>") == 250
    gateway.rewrite("address", '"@elsewhere.example"')
    assert (await gateway.command("reload")).returncode == 0
    assert await client.say("DATA") == 354
    assert await client.say("Subject: a letter\r\n\r\nHello.\r\n.") == 250
    assert await client.say(f"MAIL FROM:<{SENDER}>") == 250
    assert await client.say(f"RCPT TO:<{FAX}>") == 550
    client.close()
    assert "Your fax was delivered" in (await gateway.mail_to(SENDER))["Subject"]


async def test_a_submission_under_way_gets_its_answer_and_is_neither_searched_for_nor_sent_again(
    gateway: Daemon,
) -> None:
    gateway.simulator.set_faults([{"fault": "slow", "method": "POST", "path": "/faxes", "times": 1, "seconds": 3}])
    letter = b"Subject: a letter\r\n\r\nHello.\r\n"
    client = await asyncio.to_thread(smtplib.SMTP, "127.0.0.1", gateway.smtp_port, "clinic.example", 30)
    assert await asyncio.to_thread(client.sendmail, SENDER, FAX, letter) == {}

    async def is_there() -> bool:
        return len(gateway.simulator.faxes()) == 1

    await until(is_there)  # the provider has it, and we wait for its answer
    gateway.rewrite("key_id", '"another-key"')  # the new set could not even ask
    assert await gateway.faxgw("reload") == {"changed": ["[providers]"], "restart_needed": []}
    [fax] = await gateway.faxgw("faxes", "list")

    async def has_its_answer() -> bool:
        details = await gateway.faxgw("faxes", "show", fax["id"])
        return details["attempts"][0]["provider_fax_id"] is not None

    await until(has_its_answer)
    assert (await gateway.faxgw("faxes", "show", fax["id"]))["attempts"][0]["searches"] == 0
    assert len(gateway.simulator.faxes()) == 1
    client.close()


async def test_a_hangup_signal_reloads_as_well(gateway: Daemon) -> None:
    gateway.rewrite("address", '"@elsewhere.example"')
    gateway.signal(signal.SIGHUP)

    async def taken_over() -> bool:
        return await asyncio.to_thread(rcpt, gateway.smtp_port, STRANGER) == 250

    await until(taken_over)


# --- a broken file --------------------------------------------------------------------------------------------------


async def test_a_broken_file_changes_nothing_and_is_told_everywhere_but_mailed_once(gateway: Daemon) -> None:
    former = gateway.config.read_text()
    gateway.rewrite("address", '"not an address"')
    for _ in range(2):
        refused = await gateway.command("reload")
        assert refused.returncode == 78
        assert f"{gateway.config}:" in refused.stderr
        assert "senders[0].address" in refused.stderr
    assert await asyncio.to_thread(rcpt, gateway.smtp_port, SENDER) == 250
    mail = await gateway.mail_to(OPERATOR)
    assert "senders[0].address" in mail.get_content()
    assert "senders[0].address" in gateway.log.read_text()
    status, health = await gateway.health()
    assert status == 503
    assert "broken" in health["checks"]["configuration"]

    gateway.rewrite("address", '"@"')  # broken in another way: that is news
    assert (await gateway.command("reload")).returncode == 78
    await gateway.mail_to(OPERATOR, 2)

    gateway.config.write_text(former)
    assert (await gateway.command("reload")).returncode == 0
    assert (await gateway.health())[1]["checks"]["configuration"] == "ok"
    assert len(gateway.mails_to(OPERATOR)) == 2


async def test_a_file_that_is_not_even_toml_is_told_to_a_gateway_under_a_service_manager(gateway: Daemon) -> None:
    gateway.config.write_text("[gateway\n")
    by_hand = await gateway.command("reload")
    assert (by_hand.returncode, "is not TOML" in by_hand.stderr) == (78, True)
    reload = [sys.executable, "-m", "gateway", "reload", "--config", str(gateway.config)]
    reload_unit = await gateway.run("env", f"STATE_DIRECTORY={gateway.folder / 'state'}", *reload)
    assert (reload_unit.returncode, "is not TOML" in reload_unit.stderr) == (78, True)
    await gateway.mail_to(OPERATOR)


async def test_a_file_that_fails_in_a_way_nobody_foresaw_is_told_like_a_broken_one(gateway: Daemon) -> None:
    former = gateway.config.read_text()
    gateway.config.write_text(former + "\n[log.x]\ny = " + "[" * 5000)  # deeper than the reader of TOML can follow
    gateway.signal(signal.SIGHUP)
    mail = await gateway.mail_to(OPERATOR)
    assert "cannot be taken over: RecursionError" in mail.get_content()
    assert "broken" in (await gateway.health())[1]["checks"]["configuration"]
    gateway.config.write_text(former)
    assert (await gateway.command("reload")).returncode == 0
    assert (await gateway.health())[0] == 200


# --- accounts -------------------------------------------------------------------------------------------------------


async def test_a_renamed_account_takes_its_faxes_along_and_none_is_mailed_again(gateway: Daemon) -> None:
    await gateway.simulator.receive_fax(OURS, sender="+13125550177", pages=1)
    await gateway.mail_to(ROUTED[0])
    gateway.config.write_text(gateway.config.read_text().replace("[providers.sinch]", "[providers.main]"))
    assert await gateway.faxgw("reload") == {"changed": ["[[senders]]", "[providers]"], "restart_needed": []}
    await gateway.simulator.receive_fax(OURS, sender="+13125550178", pages=1)
    await gateway.mail_to(ROUTED[0], 2)  # found in the list, in which the first one stands too
    assert {fax["state"] for fax in await gateway.faxgw("faxes", "list")} <= {"done", "routed"}
    assert len(await gateway.faxgw("faxes", "list")) == len(gateway.mails_to(ROUTED[0])) == 2
    await gateway.stop()
    await gateway.start()
    await gateway.simulator.receive_fax(OURS, sender="+13125550179", pages=1)
    await gateway.mail_to(ROUTED[0], 3)
    assert len(gateway.mails_to(ROUTED[0])) == 3


async def test_an_account_that_a_fax_needs_is_not_taken_away_by_a_reload_and_missed_after_a_restart(
    gateway: Daemon,
) -> None:
    project = f'"{gateway.simulator.project}"'
    gateway.simulator.set_faults([{"fault": "status", "method": "GET", "path": "/faxes", "times": 1000, "status": 503}])
    await gateway.simulator.receive_fax(OURS, sender="+13125550177", pages=1)

    async def is_known() -> bool:
        return bool(await gateway.faxgw("faxes", "list"))

    await until(is_known)
    gateway.rewrite("project_id", '"another-project"')
    refused = await gateway.command("reload")
    assert refused.returncode == 78
    assert "is another account now, and faxes of it are open (1 received)" in refused.stderr

    await gateway.stop()
    await gateway.start(well=False)

    async def is_missed() -> bool:
        return "faxes wait for it: 1 received" in (await gateway.health())[1]["checks"].get(
            "account sinch (former)", ""
        )

    await until(is_missed)

    async def is_told() -> bool:
        mails = [mail.get_content() for mail in gateway.mails_to(OPERATOR)]
        return any("account sinch (former) is not in the configuration" in mail for mail in mails)

    await until(is_told)
    gateway.simulator.set_faults([])
    gateway.rewrite("project_id", project)
    assert (await gateway.command("reload")).returncode == 0
    await gateway.mail_to(ROUTED[0])


# --- what needs a restart -------------------------------------------------------------------------------------------


async def test_what_needs_a_restart_is_named_and_the_rest_is_taken_over(gateway: Daemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    before = gateway.config.read_text()
    changed = before.replace(f'listen = ["127.0.0.1:{gateway.smtp_port}"]', f'listen = ["127.0.0.1:{port}"]')
    assert changed != before
    gateway.config.write_text(changed)
    gateway.rewrite("address", '"@elsewhere.example"')
    told = await gateway.command("reload")
    assert told.stdout.splitlines() == ["taken over: [[senders]]; only a restart takes over: [smtp] listen"]
    assert await asyncio.to_thread(rcpt, gateway.smtp_port, STRANGER) == 250
    again = json.loads((await gateway.command("reload", "--json")).stdout)
    assert again == {"changed": [], "restart_needed": ["[smtp] listen"]}


async def test_without_a_gateway_there_is_nothing_to_reload(gateway: Daemon) -> None:
    await gateway.stop()
    assert not (gateway.folder / "state" / "control.socket").exists()
    refused = await gateway.command("reload")
    assert refused.returncode == 69
    assert "no gateway runs" in refused.stderr
