"""How soon the gateway is ready, and how much memory it takes when it has nothing to do.

What is measured: from starting the process to the first 200 of its health page, asked for every few milliseconds,
with an empty store and with 100,000 finished faxes as a store has them: message, job, attempt, rendering, a part,
its journal and the receipt. Program files, with their
bytecode, and database are in the page cache. Memory is the proportional set size (PSS)
of the daemon and its renderer together, so that pages that they share count once; RSS is shown beside it.

What is not: documents; finished faxes have none on disk here, and a start reads none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

import sqlalchemy as sa

from benchmarks.report import Aim, Figure, Result
from benchmarks.smtp_client import SmtpClient, plain_message
from benchmarks.world import DOMAIN, OURS, SENDER, World, until, world
from gateway.store import schema
from gateway.store.database import SqliteDatabase, Tx

_FINISHED: Final = 100_000
_AT_ONCE: Final = 10_000
_STARTS: Final = 3
#: How long the gateway is left alone before its memory is read, seconds.
_REST: Final = 3.0
_STEPS: Final = ("queued", "ready", "submitting", "submitted", "delivered")


async def run(folder: Path) -> Result:
    """Measures with all data below ``folder``."""
    async with world(folder) as gateway:
        await _start_with_empty_store(gateway, folder / "empty")  # reads every program file once
        empty = [await _start_with_empty_store(gateway, folder / f"empty-{number}") for number in range(_STARTS)]
        await gateway.start_gateway()
        await asyncio.sleep(_REST)
        fresh = _memory(gateway)
        await _one_fax(gateway)
        await asyncio.sleep(_REST)
        used = _memory(gateway)
        await gateway.stop_gateway()
        await asyncio.to_thread(_fill, gateway.state)
        full = []
        for _ in range(_STARTS):
            full.append(await gateway.start_gateway())
            await gateway.stop_gateway()
    return Result(
        "startup: time to ready, memory at rest",
        figures=[
            Figure("start to ready, empty store", median(empty), "s", aim=Aim("value", "below", 1)),
            Figure(f"start to ready, {_FINISHED:,} finished faxes", median(full), "s"),
            Figure("memory at rest (PSS), after the start", fresh["Pss"], "MB", aim=Aim("value", "below", 120)),
            Figure("memory at rest (PSS), after one fax", used["Pss"], "MB", aim=Aim("value", "below", 120)),
            Figure("the same as RSS, shared pages counted twice", used["Rss"], "MB"),
        ],
        notes=["Memory is that of the daemon and its renderer together."],
    )


async def _start_with_empty_store(gateway: World, kept: Path) -> float:
    took = await gateway.start_gateway()
    await gateway.stop_gateway()
    gateway.state.rename(kept)
    return took


async def _one_fax(gateway: World) -> None:
    client = await SmtpClient.connect(gateway.smtp_port)
    await client.send(f"+12025550143@{DOMAIN}", plain_message(5000))
    await client.close()

    async def receipt_came() -> bool:
        return any((gateway.folder / "mails").glob("*.eml"))

    await until("the receipt comes", receipt_came)


def _memory(gateway: World) -> dict[str, float]:
    """Adds up what daemon and renderer take, in MB."""
    found = {"Pss": 0.0, "Rss": 0.0}
    for pid in (gateway.pid, gateway.renderer_pid):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if name in found:
                found[name] += int(rest.split()[0]) * 1024 / 1e6
    return found


# --- the finished faxes ---------------------------------------------------------------------------------------------


def _fill(state: Path) -> None:
    """Writes the finished faxes into the store of a gateway that does not run."""
    database = SqliteDatabase(state / "faxgw.sqlite")
    try:
        numbers = iter(range(_FINISHED))
        while batch := list(islice(numbers, _AT_ONCE)):
            asyncio.run(database.write(_add_finished, batch))
    finally:
        database.close()


def _add_finished(tx: Tx, batch: list[int]) -> None:
    for table, rows in (
        (schema.message, _messages(batch)),
        (schema.fax_job, _jobs(batch)),
        (schema.attempt, _attempts(batch)),
        (schema.rendering, _renderings(batch)),
        (schema.part, _parts(batch)),
        (schema.mail_delivery, _receipts(batch)),
        (schema.journal, _journal(batch)),
    ):
        tx.execute(sa.insert(table), list(rows))


def _at(number: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)


def _document(owner: str, role: str, media_type: str, size: int) -> dict[str, Any]:
    document = {"owner": owner, "role": role, "sha256": "0" * 64, "size": size, "type": media_type, "pages": 1}
    return {f"document_{name}": value for name, value in document.items()}


def _messages(batch: list[int]) -> Iterator[dict[str, Any]]:
    for number in batch:
        yield {
            "id": f"E-{number:08}",
            "received_at": _at(number),
            "mail_from": SENDER,
            "peer": "127.0.0.1",
            "message_id": f"<{number}@clinic.example>",
            "fingerprint": f"{number:064}",
            "confirmed": True,
            **_document(f"E-{number:08}", "message", "message/rfc822", 20_000),
        }


def _jobs(batch: list[int]) -> Iterator[dict[str, Any]]:
    for number in batch:
        dialled = f"+1202{2000000 + number % 1000000}"
        yield {
            "id": f"F-{number:08}",
            "message_id": f"E-{number:08}",
            "state": "delivered",
            "version": 6,
            "created_at": _at(number),
            "deadline": _at(number) + timedelta(days=1),
            "ended_at": _at(number),
            "number": dialled,
            "address": f"{dialled}@{DOMAIN}",
            "caller_id": OURS,
            "header_text": "North Clinic +1 202-555-0100",
            "header_time_zone": "America/New_York",
            "account": "sinch",
            "calls": 1,
            "pages": 1,
            "pages_sent": 1,
            **_document(f"E-{number:08}", "pages-letter", "application/pdf", 15_000),
        }


def _attempts(batch: list[int]) -> Iterator[dict[str, Any]]:
    for number in batch:
        yield {
            "reference": f"F-{number:08}-1",
            "job_id": f"F-{number:08}",
            "number": 1,
            "state": "delivered",
            "account": "sinch",
            "intent_at": _at(number),
            "provider_fax_id": f"01BENCH{number:019}",
            "pages_sent": 1,
            "price": "0.045",
            "currency": "USD",
            "ended_at": _at(number),
        }


def _renderings(batch: list[int]) -> Iterator[dict[str, Any]]:
    for number in batch:
        document = _document(f"E-{number:08}", "pages-letter", "application/pdf", 15_000)
        yield {"message_id": f"E-{number:08}", "look": "letter", **document}


def _parts(batch: list[int]) -> Iterator[dict[str, Any]]:
    for number in batch:
        yield {
            "message_id": f"E-{number:08}",
            "look": "letter",
            "index": 1,
            "media_type": "application/pdf",
            "size": 15_000,
            "fate": "pages",
            "first": 1,
            "last": 1,
        }


def _receipts(batch: list[int]) -> Iterator[dict[str, Any]]:
    for number in batch:
        yield {
            "id": f"M-{number:08}",
            "state": "sent",
            "version": 3,
            "created_at": _at(number),
            "deadline": _at(number) + timedelta(days=5),
            "ended_at": _at(number),
            "kind": "receipt",
            "subject_id": f"F-{number:08}",
            "address": SENDER,
            "envelope_from": "",
            "unique_key": f"receipt:F-{number:08}",
            "facts": {},
        }


def _journal(batch: list[int]) -> Iterator[dict[str, Any]]:
    for number in batch:
        for old, new in zip((None, *_STEPS), _STEPS, strict=False):
            yield {
                "at": _at(number),
                "subject_id": f"F-{number:08}",
                "event": "state",
                "old_state": old,
                "new_state": new,
            }
