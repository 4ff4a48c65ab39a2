"""The provider accepts and its answer gets lost, in every way: no fax twice, every outcome found by search."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest
from judge import Told
from scenes import SENDING
from world import world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

_LETTERS: Final = 40
_LOST: Final = {"share": 0.3, **SENDING}


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([{"fault": "drop_response", **_LOST}], id="connection ends"),
        pytest.param([{"fault": "torn_response", **_LOST}], id="half an answer"),
        pytest.param([{"fault": "status_after", "status": 502, **_LOST}], id="a proxy says 502"),
        pytest.param(
            [
                {"fault": "drop_response", **_LOST},
                {"fault": "list_lag", "seconds": 3},
                {"fault": "lose_callback", "share": 0.3},
                {"fault": "double_callback", "share": 0.3},
            ],
            id="and the list is slow, callbacks are lost and doubled",
        ),
        pytest.param(
            [{"fault": "drop_request", "share": 0.1, **SENDING}, {"fault": "drop_response", **_LOST}],
            id="some never arrive at all",
        ),
    ],
)
async def test_a_lost_answer_is_found_by_search(faults: list[dict[str, object]], tmp_path: Path) -> None:
    async with world(tmp_path / "world") as stage, stage.served():
        await stage.faults(*faults)
        await asyncio.gather(*(stage.client.deliver(stage.post.letter()) for _ in range(_LETTERS)))
        verdict = await stage.settle()
        assert not verdict.broken, f"{stage.folder}\n{verdict}"
        assert verdict.counts[f"told {Told.SUCCESS}"] == _LETTERS
        assert verdict.counts[f"told {Told.UNKNOWN}"] == 0
        assert stage.said('"verdict":"found"') >= _LETTERS // 10, "answers were lost"
        assert await stage.violations() == []


async def test_a_provider_that_hangs_is_searched_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path / "world") as stage, stage.served():
        await stage.faults({"fault": "hang", **SENDING})
        await stage.client.deliver(stage.post.letter())
        await stage.until("the provider has the fax", stage.accepted)
        await stage.faults()
        await stage.kill()
        verdict = await stage.settle()
        assert not verdict.broken, f"{stage.folder}\n{verdict}"
        assert verdict.counts["faxes accepted"] == 1
        assert verdict.counts[f"told {Told.SUCCESS}"] == 1
