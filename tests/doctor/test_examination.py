"""Checks run side by side; whatever one of them does, the others are told, and nothing of a secret."""

from __future__ import annotations

import asyncio

import pytest

from gateway.doctor.checks import OF_INSTALLATION, OF_MACHINE
from gateway.doctor.examination import checks_of, examine, name_of
from gateway.doctor.findings import Finding, Findings, FoundError, Grade, counted, first_few, listed, ok, skipped, wrong
from gateway.doctor.shared import Shared

PATIENCE = 5.0


async def well(_at: str) -> Findings:
    yield ok("it is well")


async def falls_over(_at: str) -> Findings:
    yield ok("the first half is well")
    raise RuntimeError("the password is letmein")


async def gives_up(_at: str) -> Findings:
    yield ok("the first half is well")
    raise FoundError(skipped("the rest cannot be looked at"))


async def hangs(_at: str) -> Findings:
    yield ok("the first half is well")
    await asyncio.Event().wait()


async def runs_into_its_own_time_limit(_at: str) -> Findings:
    async with asyncio.timeout(0):
        await asyncio.Event().wait()
    yield ok("never")


async def found(*looks: object, deadline: float = PATIENCE) -> list[tuple[str, list[Finding]]]:
    checks = checks_of(looks, "here")  # type: ignore[arg-type]
    return [(check.name, findings) async for check, findings in examine(checks, deadline)]


async def test_findings_come_in_the_order_of_the_checks() -> None:
    first_may_end = asyncio.Event()

    async def first(_at: str) -> Findings:
        await first_may_end.wait()
        yield ok("first")

    async def second(_at: str) -> Findings:
        first_may_end.set()
        yield ok("second")

    assert [name for name, _ in await found(first, second)] == ["first", "second"]


async def test_a_check_that_fails_is_a_finding_without_the_text_of_its_error() -> None:
    (_, failed), (_, others) = await found(falls_over, well)
    assert [finding.grade for finding in failed] == [Grade.OK, Grade.WRONG]
    assert "RuntimeError at test_examination.py" in failed[1].what
    assert "letmein" not in failed[1].what
    assert others == [ok("it is well")]


async def test_a_check_may_end_with_its_last_finding() -> None:
    ((_, findings),) = await found(gives_up)
    assert [finding.grade for finding in findings] == [Grade.OK, Grade.SKIPPED]


async def test_a_check_that_does_not_end_is_told_after_its_deadline() -> None:
    (_, late), (_, others) = await found(hangs, well, deadline=0.05)
    assert [finding.grade for finding in late] == [Grade.OK, Grade.WRONG]
    assert "no end within 0.05 seconds" in late[1].what
    assert others == [ok("it is well")]


async def test_a_time_limit_inside_a_check_is_not_its_deadline() -> None:
    ((_, findings),) = await found(runs_into_its_own_time_limit)
    assert "the check itself failed: TimeoutError" in findings[0].what


async def test_what_several_checks_want_to_know_is_asked_once() -> None:
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return asked

    shared = Shared(ask)
    assert await asyncio.gather(shared(), shared(), shared()) == [1, 1, 1]


async def test_an_error_is_the_same_for_all_who_ask() -> None:
    async def ask() -> None:
        raise OSError("nobody there")

    shared = Shared(ask)
    for _ in range(2):
        with pytest.raises(OSError, match="nobody there"):
            await shared()


async def test_who_gives_up_waiting_takes_the_answer_from_nobody() -> None:
    may_answer = asyncio.Event()

    async def ask() -> str:
        await may_answer.wait()
        return "answer"

    shared = Shared(ask)
    impatient, patient = asyncio.create_task(shared()), asyncio.create_task(shared())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    may_answer.set()
    assert await patient == "answer"


def test_every_check_has_a_name_of_its_own() -> None:
    names = [name_of(look) for look in (*OF_INSTALLATION, *OF_MACHINE)]
    assert len(names) == len(set(names))


def test_a_mistake_that_thousands_share_is_told_a_few_times_and_counted() -> None:
    many = [wrong(f"number {number}", "Mend it.") for number in range(5000)]
    few = list(first_few([*many, ok("one is well")]))
    assert [finding.what for finding in few[:2]] == ["number 0", "number 1"]
    assert few[-1] == Finding(Grade.WRONG, f"and {5000 - (len(few) - 2)} more of this kind")
    assert ok("one is well") in few
    assert listed([str(number) for number in range(100)]).endswith("and 92 more")
    assert (counted(1, "fax", "faxes"), counted(2, "fax", "faxes"), counted(2, "day")) == ("1 fax", "2 faxes", "2 days")
