"""How quick a webhook that brings a received fax is answered 200, beside a handler that only reads the body.

What is measured: JSON bodies of about 200 KB with the document inside, each of a fax of its own and with valid
credentials, over kept connections, to both servers in turn, several times; the ratio is the median of the ratios of
the pairs. The gateway checks the credentials, reads the event, decodes the document, fsyncs it and its directory
and commits the new row before each 200; the bare aiohttp handler keeps nothing. The store is counted afterwards.

What is not: what comes after the 200. The gateway would at once ask the provider about each fax; the simulated
provider stands still (SIGSTOP) meanwhile, so that these questions wait.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.report import Figure, Result
from benchmarks.world import OURS, WEBHOOK_PASSWORD, WEBHOOK_USER, GaveUpError, World, basic_credentials, paused, world
from gateway.store.opening import open_for_reading
from gateway.store.reports import count_rows

_CONNECTIONS: Final = (1, 16)
_ROUNDS: Final = 3
_SECONDS: Final = 1.5
_DOCUMENT: Final = 150_000


async def run(folder: Path) -> Result:
    """Measures both servers with all data below ``folder``."""
    async with world(folder) as gateway, _bare_handler() as bare:
        await gateway.start_gateway()
        events = _events(gateway.webhook_path)
        answered = 0
        figures = []
        with paused(gateway.simulator.pid):
            for connections in _CONNECTIONS:
                await _rate(bare, events, connections)
                ours, theirs = [], []
                for _ in range(_ROUNDS):
                    done, seconds = await _rate(gateway.web_port, events, connections)
                    answered += done
                    ours.append(done / seconds)
                    done, seconds = await _rate(bare, events, connections)
                    theirs.append(done / seconds)
                ratio = median(our / their for our, their in zip(ours, theirs, strict=True))
                name = f"webhooks answered 200, {connections} connection{'s' if connections > 1 else ''}"
                figures.append(Figure(name, median(ours), "/s", median(theirs), ratio))
            await _check_stored(gateway, answered)
    return Result(
        "webhook: a received fax of 200 KB, to the 200",
        beside="bare aiohttp",
        figures=figures,
        notes=["The gateway's 200 comes after two fsyncs and a commit; the bare handler keeps nothing."],
    )


async def _check_stored(gateway: World, answered: int) -> None:
    store = open_for_reading(gateway.state, None)
    try:
        rows = await store.database.read(count_rows)
    finally:
        store.close()
    stored = sum(number for (table, _), number in rows.items() if table == "inbound_fax")
    if stored != answered:
        raise GaveUpError(f"{answered} webhooks were answered 200 and {stored} faxes stored")


@asynccontextmanager
async def _bare_handler() -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.bare_handler"), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


def _events(path: str) -> Iterator[bytes]:
    """Yields whole HTTP requests, each about a fax of its own."""
    document = base64.b64encode(b"%PDF-1.4\n" + os.urandom(_DOCUMENT))
    login = basic_credentials(WEBHOOK_USER, WEBHOOK_PASSWORD)
    for number in count(1):
        body = (
            (
                f'{{"event": "INCOMING_FAX", "eventTime": "2026-11-02T14:14:03Z", "fax": {{"id": "BENCH{number:021}", '
                f'"direction": "INBOUND", "from": "+13125550177", "to": "{OURS}", "numberOfPages": 3}}, '
                '"fileType": "PDF", "file": "'
            ).encode()
            + document
            + b'"}'
        )
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {login}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        yield head + body


async def _rate(port: int, events: Iterator[bytes], connections: int) -> tuple[int, float]:
    """Posts for a while; answers how many were answered 200, and in what time."""
    started = time.perf_counter()
    done = await asyncio.gather(*(_post(port, events, started + _SECONDS) for _ in range(connections)))
    return sum(done), time.perf_counter() - started


async def _post(port: int, events: Iterator[bytes], until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    done = 0
    while time.perf_counter() < until:
        writer.write(next(events))
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise GaveUpError(f"a webhook was answered {answer.decode().splitlines()[0]}")
        done += 1
    writer.close()
    return done
