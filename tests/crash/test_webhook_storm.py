"""Webhooks told many times, never, or by a stranger: one mail per address for each true fax, none for a false one."""

from __future__ import annotations

from pathlib import Path

import pytest
from configuration import ADDRESSES
from kind import Kind
from scenes import forged_webhook, lost_webhook, webhook_storm
from sinch_kind import SINCH
from world import World, world

pytestmark = pytest.mark.slow


async def _one_mail_per_address(stage: World) -> None:
    verdict = await stage.settle()
    assert not verdict.broken, f"{stage.folder}\n{verdict}"
    assert verdict.counts["mails with a fax"] == len(ADDRESSES)
    assert verdict.counts["copies of mails"] == 0


async def test_fifty_webhooks_at_once_are_one_mail_per_address(kind: Kind, tmp_path: Path) -> None:
    async with world(tmp_path / "world", kind) as stage, stage.served():
        await webhook_storm(stage)
        await _one_mail_per_address(stage)
        assert await stage.violations() == []


async def test_a_fax_whose_webhook_never_came_is_found(kind: Kind, tmp_path: Path) -> None:
    async with world(tmp_path / "world", kind) as stage, stage.served():
        await lost_webhook(stage)
        await _one_mail_per_address(stage)
        assert {each["result"] for each in await stage.control("webhooks")} == {"lost"}


async def test_a_fax_that_came_while_the_gateway_was_dead_is_found(kind: Kind, tmp_path: Path) -> None:
    async with world(tmp_path / "world", kind) as stage:
        async with stage.served():
            pass
        await stage.fax_comes_in()
        async with stage.served():
            await _one_mail_per_address(stage)


async def test_a_forged_webhook_brings_nobody_a_mail(kind: Kind, tmp_path: Path) -> None:
    async with world(tmp_path / "world", kind) as stage, stage.served():
        await forged_webhook(stage)
        await stage.until("the provider was asked again", lambda: stage.said("not_at_provider") > 2)
        await stage.until("the true fax arrives", lambda: len(stage.mails()) >= len(ADDRESSES))
        verdict = await stage.verdict()
        assert not verdict.broken, f"{stage.folder}\n{verdict}"
        assert verdict.counts["mails with a fax"] == len(ADDRESSES)


async def test_a_webhook_with_a_wrong_password_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path / "world", SINCH) as stage, stage.served():
        assert await stage.webhook(SINCH.received("1", b"%PDF-"), login=("hook", "guess")) == 401


async def test_a_webhook_at_a_wrong_path_is_refused(kind: Kind, tmp_path: Path) -> None:
    """InterFAX has no password: the path is all that a stranger would have to know."""
    async with world(tmp_path / "world", kind) as stage, stage.served():
        wrong = kind.path[:-1] + "2"
        assert await stage.webhook(kind.received("1", b"%PDF-"), path=wrong) == 404
