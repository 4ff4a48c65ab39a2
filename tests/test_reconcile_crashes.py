"""The process dies, or its disk fails, at each durable step of a turn: the next turn ends where this one would have."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.core.mappings import Pair
from gateway.failpoint import KILLED
from gateway.simulator.sinch import SinchSimulator
from gateway.simulator.sinch_account import DEFAULT_SERVICE, EmailRecord
from gateway.store import mappings
from gateway.store.database import SqliteReader
from tests.reconcile_child import Table, new_store, turn

ROOT = Path(__file__).parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

FIRST, SECOND = "+12025550100", "+12025550101"
ANA, BEN, CY, DI, EVE = (f"{name}@clinic.example" for name in ("ana", "ben", "cy", "di", "eve"))
BEFORE = {ANA: {FIRST: "receive"}, BEN: {FIRST: "send"}, CY: {FIRST: "both", SECOND: "receive"}}
#: Widens BEN, narrows CY, makes DI, removes ANA; EVE is somebody else's, and so is a number of BEN.
AFTER = {BEN: {FIRST: "both"}, CY: {FIRST: "receive", SECOND: "receive"}, DI: {SECOND: "receive"}}
STRANGERS = {BEN: {SECOND: "receive"}, EVE: {FIRST: "both"}}

OLD_WEBHOOK, WEBHOOK = (f"https://{host}.example/webhooks/sinch/secret" for host in ("old", "new"))

#: Every point of the product, with the passes at which it acts: addresses widened come first, then those narrowed.
PASSES = {
    "r2.after_read": (1, 2, 3, 4),
    "r2.after_intent": (1, 4),
    "r2.after_request": (1, 2, 3, 4),
    "r3.after_intent": (1,),
    "r3.after_request": (1,),
    "r4.after_reading": (1,),
    "r4.after_commit": (1,),
    "store.before_commit": (1, 2, 3, 4),
}


class Provider:
    """The simulated provider, which outlives the gateway."""

    def __init__(self, simulator: SinchSimulator, url: str) -> None:
        self.url = url
        self._account = simulator._account

    def strangers_edit(self) -> None:
        """Somebody else has an address there, and a number on one of ours."""
        now = datetime.now(UTC)
        self._account.emails[DEFAULT_SERVICE, EVE] = EmailRecord(EVE, DEFAULT_SERVICE, STRANGERS[EVE], now, now)
        self._account.emails[DEFAULT_SERVICE, BEN].permissions.update(STRANGERS[BEN])

    @property
    def table(self) -> Table:
        return {record.email: dict(record.permissions) for record in self._account.emails.values()}

    @property
    def webhook(self) -> str:
        return str(self._account.services[DEFAULT_SERVICE].settings["incomingWebhookUrl"])


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    simulator = SinchSimulator(numbers=[FIRST, SECOND])
    yield Provider(simulator, await simulator.start())
    await simulator.stop()


async def dying_turn(store: Path, url: str, webhook: str, wanted: Table, failpoint: str) -> int | None:
    """Takes a turn in a process of its own; answers how that ended."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.reconcile_child", str(store), url, webhook, json.dumps(wanted)),
        cwd=ROOT,
        env={**os.environ, "FAXGW_FAILPOINT": failpoint},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await child.wait()


@pytest.mark.parametrize(
    "point",
    [
        *(f"{name}:kill:{nth}" for name, passes in PASSES.items() for nth in passes),
        *(f"{name}:error:1" for name in PASSES),
    ],
)
async def test_a_death_at_any_step_is_made_good_by_the_next_turn(
    point: str, provider: Provider, tmp_path: Path
) -> None:
    store = tmp_path / "store.sqlite"
    await new_store(store)
    await turn(store, provider.url, OLD_WEBHOOK, BEFORE)
    assert provider.table == BEFORE
    provider.strangers_edit()
    ended = await dying_turn(store, provider.url, WEBHOOK, AFTER, point)
    assert ended == (KILLED if ":kill:" in point else 1), "the point was passed"
    await turn(store, provider.url, WEBHOOK, AFTER)
    assert provider.table == {**AFTER, EVE: STRANGERS[EVE], BEN: AFTER[BEN] | STRANGERS[BEN]}
    assert provider.webhook == WEBHOOK.replace("://", "://faxgw:webhook-password@")
    reader = SqliteReader(store)
    owned = await reader.read(mappings.owned_pairs)
    reader.close()
    wanted = {
        Pair("sinch", DEFAULT_SERVICE, address, number) for address, numbers in AFTER.items() for number in numbers
    }
    strangers = {Pair("sinch", DEFAULT_SERVICE, address, number) for address, of in STRANGERS.items() for number in of}
    assert wanted <= owned
    assert not owned & strangers


def test_every_point_is_tried() -> None:
    sources = [path.read_text() for path in (ROOT / "gateway" / "reconcile").glob("*.py")]
    assert {name for source in sources for name in re.findall(r'failpoint\("([^"]+)"\)', source)} == {
        name for name in PASSES if name.startswith("r")
    }
