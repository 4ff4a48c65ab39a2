"""Runs checks side by side, each with a deadline; none of them can take the others down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from gateway.doctor.findings import Finding, Findings, FoundError, wrong
from gateway.faxlog import place_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Attributes:
        name: what ``--only`` calls it.
        subject: what it is about, one word that several checks share.
        look: looks, each time anew.
    """

    name: str
    subject: str
    look: Callable[[], Findings]


def checks_of(looks: Iterable[Callable[[T], Findings]], at: T) -> list[Check]:
    """Makes checks of functions, which look at the same thing."""
    return [Check(name_of(look), subject_of(look), partial(look, at)) for look in looks]


def name_of(look: Callable[..., Findings]) -> str:
    """Gives the name of the check that a function makes: that of the function."""
    return look.__name__.replace("_", "-")


def subject_of(look: Callable[..., Findings]) -> str:
    """Gives the subject of the check that a function makes: that of its file."""
    return look.__module__.rpartition(".")[2]


async def examine(checks: Sequence[Check], deadline: float) -> AsyncIterator[tuple[Check, list[Finding]]]:
    """Runs all checks at once and yields what each found, in the order given, as soon as it is there.

    Args:
        checks: independent of each other.
        deadline: seconds that one check may take.
    """
    tasks = [asyncio.create_task(_run(check, deadline), name=check.name) for check in checks]
    try:
        for check, task in zip(checks, tasks, strict=True):
            yield check, await task
    finally:
        for task in tasks:
            task.cancel()


async def _run(check: Check, deadline: float) -> list[Finding]:
    """Runs one check; raises nothing."""
    found: list[Finding] = []
    try:
        async with asyncio.timeout(deadline) as patience, aclosing(check.look()) as findings:
            async for finding in findings:
                found.append(finding)  # noqa: PERF401 - what was found before a failure is kept
    except FoundError as error:
        found.append(error.finding)
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding like any other
        if patience.expired():
            found.append(wrong(f"no end within {deadline:g} seconds", "Try again, with --only and the name in front."))
        else:  # its text may hold anything, also a secret
            what = f"the check itself failed: {type(error).__name__} at {place_of(error)}"
            found.append(wrong(what, "This is a mistake in faxgw: please report this line."))
    return found
