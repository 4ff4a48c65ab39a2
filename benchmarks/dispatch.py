"""How long an accepted message takes to the provider, at a steady rate.

What is measured: messages with a PDF of one page, each on a connection of its own and to a number of its own (the
gateway makes one call per number at a time), begun at even intervals whether or not the last one has ended. The time
runs from our client having read the 250 to the provider accepting the fax, by the clock of this machine and in the
provider's whole milliseconds. In between lie rendering in a fresh limited child process, two durable commits and the
upload. Everything else that a fax brings goes on as usual: webhooks, the question how it went, the receipt by mail.

What is not: the provider's network. Client, simulated provider and mail catcher run on the same processors. The
configuration allows 1000 requests per second, so that the pace meant for a real provider is not what is measured.
"""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import datetime
from pathlib import Path
from typing import Final

from fpdf import FPDF

from benchmarks.report import Aim, Figure, Result, quantile
from benchmarks.smtp_client import SmtpClient
from benchmarks.world import DOMAIN, SENDER, GaveUpError, until, world

_PER_SECOND: Final = 20
_SECONDS: Final = 20
#: The first ones find caches empty and connections closed; they are sent and not counted.
_WARM_UP: Final = 20
#: After the last 250; the provider must have everything by then.
_LONGEST: Final = 60.0


async def run(folder: Path) -> Result:
    """Measures with all data below ``folder``."""
    async with world(folder) as gateway:
        await gateway.start_gateway()
        accepted = await _send_steadily(gateway.smtp_port, _WARM_UP + _PER_SECOND * _SECONDS)
        expected = len(accepted)

        async def all_there() -> bool:
            return len(await gateway.faxes_at_provider()) >= expected

        await until("the provider has every fax", all_there, _LONGEST)
        faxes = await gateway.faxes_at_provider()
    arrived = {fax["to"]: datetime.fromisoformat(fax["createTime"]).timestamp() for fax in faxes}
    if len(arrived) != expected or len(faxes) != expected:
        raise GaveUpError(f"{expected} messages became {len(faxes)} faxes to {len(arrived)} numbers")
    took = [1000 * (arrived[number] - at) for number, at in list(accepted.items())[_WARM_UP:]]
    return Result(
        f"dispatch: from the 250 to the provider, at {_PER_SECOND} messages/s",
        figures=[
            Figure("accept to provider, p50", quantile(took, 0.5), "ms"),
            Figure("accept to provider, p99", quantile(took, 0.99), "ms", aim=Aim("value", "below", 100)),
            Figure("accept to provider, slowest", max(took), "ms"),
        ],
        notes=[f"{len(took)} messages with a PDF of one page; provider, mail catcher and client on the same machine."],
    )


async def _send_steadily(port: int, count: int) -> dict[str, float]:
    """Sends one message to each of ``count`` numbers; answers when each 250 came, seconds since 1970."""
    loop = asyncio.get_running_loop()
    document = _one_page()
    started = loop.time()
    sending: dict[str, asyncio.Task[float]] = {}
    for place in range(count):
        await asyncio.sleep(started + place / _PER_SECOND - loop.time())
        number = f"+1202{2100000 + place}"
        sending[number] = asyncio.create_task(_send(port, number, document))
    return dict(zip(sending, await asyncio.gather(*sending.values()), strict=True))


async def _send(port: int, number: str, document: bytes) -> float:
    client = await SmtpClient.connect(port)
    accepted = await client.send(f"{number}@{DOMAIN}", _message(number, document))
    await client.close()
    return accepted.at


def _message(number: str, document: bytes) -> bytes:
    head = (
        f"From: <{SENDER}>\r\nTo: <{number}@{DOMAIN}>\r\nSubject: measurement\r\n"
        f"Message-ID: <{number[1:]}.{time.time_ns()}@clinic.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    ).encode()
    return head + base64.encodebytes(document).replace(b"\n", b"\r\n")


def _one_page() -> bytes:
    pdf = FPDF(format="letter")
    pdf.add_page()
    pdf.set_font("helvetica", size=12)
    for line in range(1, 31):
        pdf.cell(text=f"{line:2}  Observation {line}", new_x="LMARGIN", new_y="NEXT", h=8)
    return bytes(pdf.output())
