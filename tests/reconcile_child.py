"""``python -m tests.reconcile_child STORE URL WEBHOOK WANTED``: one turn of the real thing, in a process that may die.

STORE is the database file, made by `new_store`; URL a simulator; WANTED is JSON, address -> number -> permission.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.core.ids import make_id
from gateway.core.model import Carrier, Permission, Route, Sender
from gateway.core.notices import MailSettings
from gateway.providers.sinch import Sinch, SinchSettings
from gateway.reconcile import Reconcile
from gateway.simulator.sinch import KEY_ID, KEY_SECRET, PROJECT
from gateway.simulator.sinch_account import DEFAULT_SERVICE
from gateway.store.database import SqliteDatabase
from gateway.store.opening import prepare_schema
from gateway.store.outcomes import Outcomes
from tests.fakes import OPERATOR


def now() -> datetime:
    return datetime.now(UTC)


Table = dict[str, dict[str, str]]


async def new_store(store: Path) -> None:
    """Makes an empty store."""
    database = SqliteDatabase(store)
    await database.write(prepare_schema)
    database.close()


async def turn(store: Path, url: str, webhook: str, wanted: Table) -> None:
    """Takes one turn of the chore."""
    settings = SinchSettings(
        project_id=PROJECT,
        key_id=KEY_ID,
        key_secret=KEY_SECRET,
        services=(DEFAULT_SERVICE,),
        webhook_password="webhook-password",
        base_url=url,
        auth_url=url,
        requests_per_second=1000,
    )
    provider = Sinch("sinch", settings, now)
    database = SqliteDatabase(store)
    rows = [
        (address, number, Permission(held)) for address, numbers in wanted.items() for number, held in numbers.items()
    ]
    outcomes = Outcomes(
        MailSettings(OPERATOR, "f@x.example"), (timedelta(1),), lambda: make_id("M", secrets.token_bytes(5))
    )
    reconcile = Reconcile(
        store=database,
        providers={"sinch": provider},
        routes=[Route(number, (address,), Carrier.PROVIDER) for address, number, held in rows if held.receives],
        senders=[Sender(who, number, "C", "UTC", "sinch", Carrier.BOTH) for who, number, held in rows if held.sends],
        mode="enforce",
        webhook_url=lambda _account: webhook,
        outcomes=outcomes,
        clock=now,
        sleep=asyncio.sleep,
    )
    await reconcile.run()
    await provider.close()
    database.close()


if __name__ == "__main__":
    asyncio.run(turn(Path(sys.argv[1]), *sys.argv[2:4], json.loads(sys.argv[4])))
