"""Verbs: one table for the daemon and for a lone command, every refusal a kind and a sentence, one at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.config import ConfigError, Problem
from gateway.core.mappings import Kind, Line, Plan, SettingLine
from gateway.core.model import Permission, Setting
from gateway.core.reasons import AccountError, DiskError, DiskFullError, Reason
from gateway.core.verbs import Trouble, VerbError
from gateway.operations import NEED_DAEMON, VERBS, Operations
from gateway.reconcile import Applied, Failed, ManyRemovalsError, PlanChangedError, UnreadableError
from gateway.reloading import Reloaded
from gateway.store.database import StoreBusyError

LINE = Line(Kind.CREATED, "sinch", "s-1", "ana@clinic.example", "+12025550100", None, Permission.RECEIVE, owned=False)
SETTING = Setting("incomingWebhookUrl", "http://old", "http://new", agrees=False, untouched=True, fingerprint="f00d")
PLAN = Plan((LINE,), (SettingLine(Kind.CHANGED, "sinch", "s-1", SETTING, owned=False),), "3f9a2c71")


@dataclass
class FakeReconcile:
    """Answers or fails as it is told; counts how many of it work at a time."""

    error: Exception | None = None
    applied: Applied = field(default_factory=lambda: Applied(PLAN, (Failed(LINE, "refused"),)))
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    at_a_time: int = 0
    most: int = 0

    async def _work(self, *call: Any) -> None:
        self.calls.append(call)
        self.at_a_time += 1
        self.most = max(self.most, self.at_a_time)
        for _ in range(3):
            await asyncio.sleep(0)
        self.at_a_time -= 1
        if self.error is not None:
            raise self.error

    async def run(self) -> None:
        await self._work("run")

    async def plan(self) -> Plan:
        await self._work("plan")
        return PLAN

    async def apply(self, digest: str, *, remove_many: bool, progress: Callable[[int, int], None]) -> Applied:
        await self._work("apply", digest, remove_many)
        progress(1, 2)
        return self.applied

    async def adopt(self, words: Sequence[str]) -> list[Line]:
        await self._work("adopt", *words)
        return [LINE]


@dataclass
class FakeParts:
    reconcile: FakeReconcile


@pytest.fixture
def reconcile() -> FakeReconcile:
    return FakeReconcile()


@pytest.fixture
def operations(reconcile: FakeReconcile) -> Operations:
    async def reload() -> Reloaded:
        raise ConfigError(
            [Problem("c.toml", 3, "smtp.listen", "is wrong"), Problem("c.toml", None, None, "so is this")]
        )

    return Operations(lambda: FakeParts(reconcile), reload)  # type: ignore[arg-type, return-value]


def no_progress(_done: int, _total: int) -> None:
    pass


async def refusal(operations: Operations, name: str, **arguments: Any) -> VerbError:
    with pytest.raises(VerbError) as refused:
        await operations.run(name, arguments, no_progress)
    return refused.value


APPLY = {"digest": "3f9a2c71"}


async def test_an_applied_plan_is_told_in_plain_types_with_what_was_not_done(operations: Operations) -> None:
    heard: list[tuple[int, int]] = []
    told = await operations.run("mappings_apply", APPLY, lambda done, total: heard.append((done, total)))
    assert json.loads(json.dumps(told)) == told
    assert heard == [(1, 2)]
    assert told["proven"] is False
    assert told["failed"][0]["why"] == "refused"
    assert told["failed"][0]["address"] == "ana@clinic.example"
    assert told["after"]["changes"] == 2


async def test_no_fingerprint_of_a_secret_leaves_the_gateway(operations: Operations) -> None:
    told = await operations.run("mappings_apply", APPLY, no_progress)
    assert told["after"]["settings"][0]["name"] == "incomingWebhookUrl"
    assert "f00d" not in json.dumps(told)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("nonsense", {}),
        ("run", {}),
        ("mappings_apply", {}),
        ("mappings_apply", {"digest": "x", "more": 1}),
        ("mappings_adopt", {"progress": 1}),
    ],
)
async def test_an_unknown_verb_and_wrong_arguments_are_the_callers_mistake(
    operations: Operations, reconcile: FakeReconcile, name: str, arguments: dict[str, Any]
) -> None:
    assert (await refusal(operations, name, **arguments)).trouble is Trouble.USAGE
    assert reconcile.calls == []


@pytest.mark.parametrize(
    ("error", "trouble", "says"),
    [
        (PlanChangedError(PLAN), Trouble.REFUSED, "the plan is now 3f9a2c71; nothing was changed"),
        (ManyRemovalsError("3 of 4 would be removed"), Trouble.REFUSED, "--remove-many"),
        (
            UnreadableError("sinch", AccountError(Reason.PROVIDER_AUTH, "401")),
            Trouble.TEMPORARY,
            "provider account sinch: 401",
        ),
        (StoreBusyError("locked"), Trouble.TEMPORARY, "locked"),
        (DiskFullError("no room"), Trouble.DISK, "no room"),
        (DiskError("the device has gone"), Trouble.DISK, "the device has gone"),
    ],
)
async def test_what_can_go_wrong_has_a_kind_and_a_sentence(
    operations: Operations, reconcile: FakeReconcile, error: Exception, trouble: Trouble, says: str
) -> None:
    reconcile.error = error
    refused = await refusal(operations, "mappings_apply", **APPLY)
    assert refused.trouble is trouble
    assert says in str(refused)


async def test_a_broken_configuration_is_told_problem_by_problem(operations: Operations) -> None:
    refused = await refusal(operations, "reload")
    assert refused.trouble is Trouble.CONFIG
    assert refused.problems == ("c.toml:3: smtp.listen: is wrong", "c.toml: so is this")


async def test_a_bug_of_ours_is_not_explained_away(operations: Operations, reconcile: FakeReconcile) -> None:
    reconcile.error = KeyError("a bug of ours")
    with pytest.raises(KeyError):
        await operations.run("mappings_apply", APPLY, no_progress)


async def test_mappings_are_changed_by_one_at_a_time_the_chore_included(
    operations: Operations, reconcile: FakeReconcile
) -> None:
    await asyncio.gather(
        operations.run("mappings_apply", APPLY, no_progress),
        operations.reconcile(),
        operations.run("mappings_adopt", {"words": ["ana@clinic.example"]}, no_progress),
        operations.run("mappings_apply", APPLY, no_progress),
    )
    assert len(reconcile.calls) == 4
    assert reconcile.most == 1


async def test_each_turn_uses_the_parts_of_its_time(reconcile: FakeReconcile) -> None:
    """What a reload has exchanged is used from the next turn on, also by a chore that was made before it."""
    in_use = [FakeParts(reconcile)]
    operations = Operations(lambda: in_use[0], None)  # type: ignore[arg-type, return-value]
    await operations.reconcile()
    in_use[0] = FakeParts(FakeReconcile())
    await operations.reconcile()
    assert len(reconcile.calls) == len(in_use[0].reconcile.calls) == 1


def test_verbs_that_need_a_daemon_are_verbs() -> None:
    assert set(VERBS) > NEED_DAEMON
