"""The process dies at each durable step of a night: nothing is sent twice, nothing stays unjudged, all is told once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.failpoint import KILLED
from gateway.store import canary, invariants
from gateway.store.database import SqliteReader, Tx
from gateway.store.schema import fax_job, mail_delivery
from tests.canary_world import FIRST

ROOT = Path(__file__).parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

#: Point -> the legs that may be lost by dying there, because nobody can know any more whether they went out.
POINTS = {
    "c1.after_rows": set(),
    "c2.after_intent": {"fax sinch"},
    "c3.after_test_fax": set(),
    "c3.after_callback": set(),
    "c3.after_return": set(),
    "c4.after_own_fax": set(),
    "c5.after_end:kill:1": set(),
    "c5.after_end:kill:3": set(),
}


def live(folder: Path, minute: int, failpoint: str = "") -> int:
    return subprocess.run(
        [sys.executable, "-m", "tests.canary_child", str(folder), str(minute)],
        cwd=ROOT,
        env={**os.environ, "FAXGW_FAILPOINT": failpoint},
        check=False,
    ).returncode


def read(tx: Tx) -> dict[str, Any]:
    return {
        "legs": canary.of_night(tx, FIRST),
        "jobs": tx.execute(sa.select(sa.func.count()).select_from(fax_job)).scalar_one(),
        "alerts": tx.execute(sa.select(mail_delivery.c.facts).where(mail_delivery.c.kind == "alert")).scalars().all(),
        "violations": invariants.find_violations(tx),
    }


@pytest.mark.parametrize("point", POINTS)
async def test_a_death_at_any_step_sends_nothing_twice_and_is_told_once(point: str, tmp_path: Path) -> None:
    armed = point if ":" in point else f"{point}:kill"
    assert await asyncio.to_thread(live, tmp_path, 0, armed) == KILLED, "the point was passed"
    assert await asyncio.to_thread(live, tmp_path, 15) == 0
    reader = SqliteReader(tmp_path / "store.sqlite")
    found = await reader.read(read)
    reader.close()
    sent = Counter((tmp_path / "provider.ledger").read_text().split()) if "intent" not in point else Counter()
    assert all(times == 1 for times in sent.values()), "a test fax went out twice"
    assert found["jobs"] == 1, "the own fax was ordered twice, or never"
    assert {leg.leg for leg in found["legs"] if not leg.well} == POINTS[point]
    assert all(leg.ended_at is not None for leg in found["legs"])
    assert len(found["alerts"]) == bool(POINTS[point])
    assert found["violations"] == []
