"""Death and error at every named point of the product code: nothing is lost, nothing is sent twice."""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path
from typing import Final

import pytest
from interfax_kind import INTERFAX
from kind import Kind
from scenes import (
    Scene,
    both_directions,
    impatient_client,
    lost_answer,
    lost_request,
    lost_webhook,
    unconfirmed_pages,
)
from sinch_kind import SINCH
from world import DISK_ERROR, KILLED, world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROOT: Final = Path(__file__).parents[2]
#: Points of the canary and of the mappings are tried by tests of their own, which name each of them.
ELSEWHERE: Final = {
    "c": ROOT / "tests" / "test_canary_crashes.py",
    "r": ROOT / "tests" / "test_reconcile_crashes.py",
}
_AT_ONCE: Final = 4


def names_in_source() -> list[str]:
    """Finds the name of every failpoint() call of the product."""
    return sorted(
        {
            call.args[0].value
            for path in (ROOT / "gateway").rglob("*.py")
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "failpoint"
            and isinstance(call.args[0], ast.Constant)
            and isinstance(call.args[0].value, str)
        }
    )


#: Points that the ordinary way does not pass.
SCENES: Final[dict[str, Scene]] = {
    "i10.after_list": lost_webhook,
    "i10.after_commit": lost_webhook,
    "o4.after_unlink": impatient_client,
    "o9.after_search": lost_answer,
    "o9.after_adoption": lost_answer,
    "o9.after_marker_intent": lost_request,
    "o9.after_marker": lost_request,
    "o11.after_late_report": unconfirmed_pages,
}
#: Points that are passed often: at which passes.
PASSES: Final[dict[str, tuple[int, ...]]] = {
    "store.before_commit": (1, 2, 4, *range(8, 21, 3)),
    "o7.after_claim": (1, 2, 3),
}
#: Points around what is asked of a provider or heard from it; the others pass in the same way with every provider.
AT_PROVIDER: Final = re.compile(r"(i2\.after_commit|i4|i5|i10|o8|o9|o10|o11|o12)\b.*")


async def play(kind: Kind, folder: Path, name: str, action: str, nth: int) -> None:
    """Arms one point, lets the faxes go, restarts, and asks the judge."""
    async with world(folder, kind) as stage:
        async with stage.served(failpoint=f"{name}:{action}:{nth}"):
            await SCENES.get(name, both_directions)(stage)
            verdict = await stage.settle(40 if action == "kill" else 5)
            if verdict.broken and action == "error":  # what an error left claimed is free after a restart
                await stage.stop()
            verdict = await stage.settle()
            assert not verdict.broken, f"{folder} {stage.exits}\n{verdict}"
            assert await stage.violations() == []
        if action == "kill":
            assert stage.exits[:-1] == [KILLED], f"{name} was passed: {stage.exits}"
        else:
            passed = stage.said("failpoint.py") or DISK_ERROR in stage.exits
            assert passed, f"{name} was passed: {stage.exits}"
            assert set(stage.exits[:-1]) <= {0, DISK_ERROR}


@pytest.mark.parametrize("action", ["kill", "error"])
@pytest.mark.parametrize(
    ("kind", "side"),
    [(SINCH, "i"), (SINCH, "o"), (SINCH, "store"), (INTERFAX, "i"), (INTERFAX, "o")],
    ids=str,
)
async def test_no_point_loses_or_doubles_a_fax(kind: Kind, side: str, action: str, tmp_path: Path) -> None:
    """Points of fax to e-mail begin with i, those of e-mail to fax with o, as their steps in docs/durability.md."""
    few = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str, nth: int) -> str | None:
        async with few:
            try:
                await play(kind, tmp_path / f"{name}-{nth}", name, action, nth)
            except Exception as error:  # noqa: BLE001 - all points are tried, then all failures are told
                return f"{name}:{action}:{nth}: {type(error).__name__} {error}"
        return None

    names = [name for name in names_in_source() if re.match(rf"{side}[0-9.]", name)]
    if kind is not SINCH:
        names = list(filter(AT_PROVIDER.fullmatch, names))
    failed = await asyncio.gather(*(one(name, nth) for name in names for nth in PASSES.get(name, (1,))))
    assert not any(failed), "\n".join(filter(None, failed))


def test_every_point_is_tried() -> None:
    names = names_in_source()
    others = [name for name in names if not re.match(r"(i|o|store)[0-9.]", name)]
    assert [name for name in others if f'"{name}' not in ELSEWHERE[name[0]].read_text(encoding="utf-8")] == []
    assert {*SCENES, *PASSES} <= set(names)
