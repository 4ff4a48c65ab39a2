"""However much there is to ask, and whoever says so: InterFAX is not asked more often than it allows."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from configuration import ADDRESSES
from interfax_kind import interfax
from world import world

pytestmark = pytest.mark.slow


async def test_forged_callbacks_cost_turns_at_most_and_nobody_a_fax(tmp_path: Path) -> None:
    """One poll a second; a hundred callbacks at once about faxes that do not exist; then true ones."""
    kind = interfax(polls_per_minute=60)
    async with world(tmp_path / "world", kind) as stage, stage.served():
        began, before = time.monotonic(), (await stage.control("polls"))["answered"]
        forged = [kind.ended({"id": 2_150_000_001 + number, "code": 0}) for number in range(96)]
        forged += [kind.received(str(292_000_001 + number), b"") for number in range(4)]
        assert set(await asyncio.gather(*map(stage.webhook, forged))) == {200}
        await asyncio.gather(stage.client.deliver(stage.post.letter()), stage.fax_comes_in())

        async def is_done() -> bool:
            verdict = await stage.verdict()
            return not verdict.broken and verdict.counts["mails with a fax"] == len(ADDRESSES)

        await stage.until("everybody has his mail", is_done, patience=60)
        polls = await stage.control("polls")
        assert polls["refused"] == 0
        assert polls["answered"] - before <= time.monotonic() - began + 1
