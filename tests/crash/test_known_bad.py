"""Builds that are known to be bad are caught, through real processes, by the same scenes that the true build passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import Scene, forged_webhook, killed_after_the_250, lost_answer, webhook_storm
from world import world

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("known_bad", "scene", "complaint"),
    [
        pytest.param("answer_before_commit", killed_after_the_250, "lost", id="answers before the commit"),
        pytest.param("resend_on_timeout", lost_answer, "sent twice", id="resends on timeout"),
        pytest.param("trust_the_webhook", forged_webhook, "nobody sent", id="trusts the webhook"),
        pytest.param("forget_the_unique_key", webhook_storm, "taken in twice", id="forgets the unique key"),
    ],
)
async def test_a_known_bad_build_is_caught(known_bad: str, scene: Scene, complaint: str, tmp_path: Path) -> None:
    async with world(tmp_path / "world") as stage, stage.served(known_bad=known_bad):
        await scene(stage)
        await stage.until("everything has ended", stage.quiet)
        verdict = await stage.verdict()
        assert complaint in "\n".join(verdict.broken)


@pytest.mark.parametrize("scene", [killed_after_the_250, lost_answer])
async def test_the_true_build_is_not(scene: Scene, tmp_path: Path) -> None:
    """The other two scenes are those of test_webhook_storm.py."""
    async with world(tmp_path / "world") as stage, stage.served():
        await scene(stage)
        verdict = await stage.settle()
        assert not verdict.broken, f"{stage.folder}\n{verdict}"
