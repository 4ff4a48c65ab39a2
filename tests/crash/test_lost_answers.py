"""The provider accepts and its answer gets lost, in every way: no fax twice, every outcome found by search."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest
from interfax_kind import INTERFAX, MINUTES_A_SECOND
from judge import Told
from kind import Fault, Kind
from world import World, world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

_LETTERS: Final = 40
_LOST: Final = {"fault": "drop_response", "share": 0.3}
_NEVER_ARRIVES: Final = {"fault": "drop_request", "share": 0.1}
#: Faults that strike requests; here those that submit.
_OF_REQUESTS: Final = frozenset({"drop_response", "drop_request", "torn_response", "status_after"})


async def _every_outcome_is_found(stage: World, faults: Iterable[Fault], *, doubts: int = 0) -> None:
    """Sends letters into these faults; at most so many of them may end in an honest "may have been sent"."""
    sending = stage.kind.sending
    await stage.faults(*({**fault, **sending} if fault["fault"] in _OF_REQUESTS else fault for fault in faults))
    await asyncio.gather(*(stage.client.deliver(stage.post.letter()) for _ in range(_LETTERS)))
    verdict = await stage.settle()
    assert not verdict.broken, f"{stage.folder}\n{verdict}"
    unknown = verdict.counts[f"told {Told.UNKNOWN}"]
    assert verdict.counts[f"told {Told.SUCCESS}"] + unknown == _LETTERS, f"{stage.folder}\n{verdict}"
    assert unknown <= doubts
    assert stage.said('"verdict":"found"') >= _LETTERS // 10, "answers were lost"
    assert await stage.violations() == []


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([_LOST], id="connection ends"),
        pytest.param([{**_LOST, "fault": "torn_response"}], id="half an answer"),
        pytest.param([{**_LOST, "fault": "status_after", "status": 502}], id="a proxy says 502"),
        pytest.param(
            [
                _LOST,
                {"fault": "list_lag", "seconds": 3},
                {"fault": "lose_callback", "share": 0.3},
                {"fault": "double_callback", "share": 0.3},
            ],
            id="and the list is slow, callbacks are lost and doubled",
        ),
        pytest.param([_NEVER_ARRIVES, _LOST], id="some never arrive at all"),
    ],
)
async def test_a_lost_answer_is_found_by_search(kind: Kind, faults: list[Fault], tmp_path: Path) -> None:
    async with world(tmp_path / "world", kind) as stage, stage.served():
        await _every_outcome_is_found(stage, faults)


@pytest.mark.parametrize("minutes", [0, 1, 5, 15])
async def test_however_late_their_search_shows_a_fax_it_is_found_and_not_sent_again(
    minutes: int, tmp_path: Path
) -> None:
    """How soon InterFAX's lists show a fax, and what its search takes for a match, is not documented."""
    async with world(tmp_path / "world", INTERFAX) as stage, stage.served():
        lag = {"fault": "list_lag", "seconds": minutes / MINUTES_A_SECOND}
        likeness = {"fault": "reference_match", "match": "substring"}
        # A second of a busy machine is three of their minutes: then a proof may come too late.
        await _every_outcome_is_found(stage, [_NEVER_ARRIVES, _LOST, lag, likeness], doubts=2)


async def test_a_provider_that_hangs_is_searched_after_a_restart(kind: Kind, tmp_path: Path) -> None:
    async with world(tmp_path / "world", kind) as stage, stage.served():
        await stage.faults({"fault": "hang", **kind.sending})
        await stage.client.deliver(stage.post.letter())
        await stage.until("the provider has the fax", stage.accepted)
        await stage.faults()
        await stage.kill()
        verdict = await stage.settle()
        assert not verdict.broken, f"{stage.folder}\n{verdict}"
        assert verdict.counts["faxes accepted"] == 1
        assert verdict.counts[f"told {Told.SUCCESS}"] == 1
