"""Builds that are known to be bad are caught, through real processes, by the same scenes that the true build passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from interfax_kind import INTERFAX
from kind import Kind
from scenes import Scene, forged_webhook, killed_after_the_250, late_list, lost_answer, lying_callback, webhook_storm
from sinch_kind import SINCH
from world import world

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "known_bad", "scene", "complaint"),
    [
        pytest.param(SINCH, "answer_before_commit", killed_after_the_250, "lost", id="answers before the commit"),
        pytest.param(SINCH, "resend_on_timeout", lost_answer, "sent twice", id="resends on timeout, sinch"),
        pytest.param(INTERFAX, "resend_on_timeout", lost_answer, "sent twice", id="resends on timeout, interfax"),
        pytest.param(SINCH, "trust_the_webhook", forged_webhook, "nobody sent", id="trusts the webhook"),
        pytest.param(INTERFAX, "believe_a_late_list", late_list, "sent twice", id="believes a late list"),
        pytest.param(INTERFAX, "trust_the_callback", lying_callback, "no fax of it", id="trusts the callback"),
        pytest.param(SINCH, "forget_the_unique_key", webhook_storm, "twice", id="forgets the unique key, sinch"),
        pytest.param(INTERFAX, "forget_the_unique_key", webhook_storm, "twice", id="forgets the unique key, interfax"),
    ],
)
async def test_a_known_bad_build_is_caught(
    kind: Kind, known_bad: str, scene: Scene, complaint: str, tmp_path: Path
) -> None:
    async with world(tmp_path / "world", kind) as stage, stage.served(known_bad=known_bad):
        await scene(stage)
        await stage.until("everything has ended", stage.quiet)
        verdict = await stage.verdict()
        assert complaint in "\n".join(verdict.broken)


@pytest.mark.parametrize(
    ("kind", "scene"),
    [(SINCH, killed_after_the_250), (SINCH, lost_answer), (INTERFAX, late_list), (INTERFAX, lying_callback)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_the_true_build_is_not(kind: Kind, scene: Scene, tmp_path: Path) -> None:
    """The other two scenes are those of test_webhook_storm.py."""
    async with world(tmp_path / "world", kind) as stage, stage.served():
        await scene(stage)
        verdict = await stage.settle()
        assert not verdict.broken, f"{stage.folder}\n{verdict}"
