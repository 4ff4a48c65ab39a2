"""One gateway, two providers: the number chooses, the other one stands in, received faxes of both arrive."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from daemon import OURS, ROUTED, SENDER, Daemon, daemon

from gateway.simulator.interfax import InterfaxSimulator

LONDON = "+442079460000"
AT_LONDON = "london@clinic.example"
SECRET = "another-path-secret-0002"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Daemon]:
    async with daemon(tmp_path) as running:
        yield running


@pytest.fixture
async def interfax(gateway: Daemon) -> AsyncIterator[InterfaxSimulator]:
    """The second provider, taken into the configuration of the running gateway: for faxes to Britain."""
    url = f"http://127.0.0.1:{gateway.web_port}/webhooks/interfax/{SECRET}"
    ledger = gateway.folder / "interfax.jsonl"
    simulator = InterfaxSimulator(
        numbers=[LONDON], ledger=ledger, speed=4, polls_per_minute=0, callback_url=url, inbound_callback_url=url
    )
    base_url = await simulator.start()
    gateway.rewrite("account", '"sinch"')
    gateway.rewrite("countries", '["US", "GB"]')
    with gateway.config.open("a") as file:
        file.write(f"""
[providers.interfax]
kind = "interfax"
username = "{simulator.username}"
password = "{simulator.password}"
numbers = ["{LONDON}"]
base_url = "{base_url}"
webhook_path_secret = "{SECRET}"
polls_per_minute = 6000.0

[[account_rules]]
number = "+44"
accounts = ["interfax", "sinch"]

[[routes]]
number = "{LONDON}"
addresses = ["{AT_LONDON}"]
""")
    await gateway.faxgw("reload")
    yield simulator
    await simulator.stop()


async def test_both_providers_serve_one_gateway(gateway: Daemon, interfax: InterfaxSimulator) -> None:
    await send(gateway, "+442079460123", "+12025550143")
    for count in (1, 2):
        assert "Your fax was delivered" in (await gateway.mail_to(SENDER, count))["Subject"]
    assert numbers(interfax) == ["+442079460123"]
    assert numbers(gateway.simulator) == ["+12025550143"]

    interfax.set_faults([{"fault": "refuse", "method": "POST", "path": "/outbound/faxes", "api_code": -677}])
    await send(gateway, "+442079460124")
    assert "Your fax was delivered" in (await gateway.mail_to(SENDER, 3))["Subject"]
    assert numbers(interfax) == ["+442079460123"]
    assert numbers(gateway.simulator) == ["+12025550143", "+442079460124"]
    told = (await gateway.mail_to("operator@clinic.example")).get_content()
    assert "The provider account interfax does not work" in told

    await gateway.simulator.receive_fax(OURS, sender="+13125550177", pages=2)
    await interfax.receive_fax(LONDON, sender="+441632960177", pages=3)
    assert (await gateway.mail_to(ROUTED[0]))["Subject"] == "Fax from +1 312 555 0177, 2 pages"
    assert (await gateway.mail_to(AT_LONDON))["Subject"] == "Fax from +44 1632 960177, 3 pages"
    assert [len(gateway.mails_to(address)) for address in (ROUTED[0], AT_LONDON)] == [1, 1]

    figures = (await gateway.faxgw("status"))["last_30_days"]
    assert (figures["sinch"]["calls"], figures["sinch"]["received"]) == ({"delivered": 2}, 1)
    assert (figures["interfax"]["calls"], figures["interfax"]["received"]) == ({"delivered": 1, "not_sent": 1}, 1)
    assert [figures[account]["pages"] for account in ("sinch", "interfax")] == [2, 1]


async def send(gateway: Daemon, *numbers: str) -> None:
    """Hands in one letter to several numbers."""

    def hand_in() -> None:
        addresses = [f"{number}@fax.clinic.example" for number in numbers]
        with smtplib.SMTP("127.0.0.1", gateway.smtp_port, "clinic.example", 30) as client:
            assert client.sendmail(SENDER, addresses, f"Subject: to {numbers[0]}\r\n\r\nHello.\r\n".encode()) == {}

    await asyncio.to_thread(hand_in)


def numbers(simulator: Any) -> list[str]:
    """Lists the numbers that a provider was asked to fax to, in order."""
    return [fax["to"] for fax in simulator.faxes()]
