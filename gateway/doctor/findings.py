"""What a check finds: how it is, one sentence that says so, and what to do about it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: More lines of one kind than this are counted, not shown.
_MOST: Final = 8


class Grade(StrEnum):
    """How a thing is."""

    OK = "ok"
    #: It works, and may not for long, or not as somebody would expect.
    WARNING = "warning"
    #: Faxes or mails are lost, late or refused because of it.
    WRONG = "wrong"
    #: Not looked at: something else has to be mended first, or there is no such thing.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: ``what`` is so, ``advice`` what to do; neither ever holds a secret."""

    grade: Grade
    what: str
    advice: str = ""


#: What a check answers, as it finds it.
Findings = AsyncGenerator[Finding, None]


def ok(what: str) -> Finding:
    """Makes the finding that something is as it should be."""
    return Finding(Grade.OK, what)


def warning(what: str, advice: str) -> Finding:
    """Makes the finding that somebody should look at this some day soon."""
    return Finding(Grade.WARNING, what, advice)


def wrong(what: str, advice: str) -> Finding:
    """Makes the finding that something is broken."""
    return Finding(Grade.WRONG, what, advice)


def skipped(why: str, advice: str = "") -> Finding:
    """Makes the finding that a thing was not looked at, and why."""
    return Finding(Grade.SKIPPED, why, advice)


class FoundError(Exception):
    """Ends a check at once: ``finding`` is its last one."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


def first_few(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Shows the first findings of each grade and counts the rest: thousands of routes can share one mistake."""
    shown: dict[Grade, int] = {}
    for finding in findings:
        shown[finding.grade] = shown.get(finding.grade, 0) + 1
        if shown[finding.grade] <= _MOST:
            yield finding
    for grade, count in shown.items():
        if count > _MOST:
            yield Finding(grade, f"and {count - _MOST} more of this kind")


def listed(things: Sequence[str]) -> str:
    """Writes a list into a sentence; a long one is cut and counted."""
    shown = ", ".join(things[:_MOST])
    return shown if len(things) <= _MOST else f"{shown} and {len(things) - _MOST} more"


def counted(count: int, one: str, many: str = "") -> str:
    """Writes a count with its noun: ``1 number``, ``3 numbers``."""
    return f"{count} {one}" if count == 1 else f"{count} {many or one + 's'}"
