"""How findings are printed: one line each, its advice below it, everything in columns."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from gateway.cli.output import shown
from gateway.doctor.examination import Check
from gateway.doctor.findings import Finding, Grade, counted

_STYLES: Final = {
    Grade.OK: "green",
    Grade.WARNING: "bold yellow",
    Grade.WRONG: "bold red",
    Grade.SKIPPED: "dim",
}
_MANY: Final = {Grade.WARNING: "warnings"}
_GRADE_WIDTH: Final = max(map(len, Grade))
_GAP: Final = "  "
_ADVICE: Final = "→ "
#: Longer lines are hard to read. What is not read by people is not folded at all.
_WIDEST: Final = 110
_NARROWEST: Final = 30
_UNFOLDED: Final = 100_000


class FindingsPrinter:
    """Prints findings to people, check by check.

    Args:
        checks: those that will be printed.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        terminal = Console(highlight=False)
        width = min(terminal.width, _WIDEST) if terminal.is_terminal else _UNFOLDED
        self._names = max((len(check.name) for check in checks), default=0)
        self._indent = 2 * len(_GAP) + _GRADE_WIDTH + self._names + len(_GAP)
        self._room = max(width - self._indent, _NARROWEST)
        self._console = terminal if terminal.is_terminal else Console(highlight=False, width=_UNFOLDED)
        self._subject = ""

    def waiting(self) -> AbstractContextManager[object]:
        """Shows on a terminal that more will come, while the block runs."""
        return self._console.status("looking ...") if self._console.is_terminal else nullcontext()

    def print(self, check: Check, findings: Iterable[Finding]) -> None:
        """Prints what one check found, below a heading if it is about something new."""
        if check.subject != self._subject:
            title = check.subject.upper() if check.subject == "dns" else check.subject.capitalize()
            self._console.print(Text(f"\n{title}" if self._subject else title, style="bold"))
            self._subject = check.subject
        for finding in findings:
            self._print_finding(check.name, finding)

    def _print_finding(self, name: str, finding: Finding) -> None:
        first, *rest = _folded(finding.what, self._room)
        style = _STYLES[finding.grade]
        line = Text.assemble(
            _GAP, (f"{finding.grade:<{_GRADE_WIDTH}}", style), _GAP, f"{name:<{self._names}}", _GAP, first
        )
        self._print_line(line)
        for each in rest:
            self._print_line(Text(" " * self._indent + each))
        for number, each in enumerate(_folded(finding.advice, self._room - len(_ADVICE))):
            mark = " " * len(_ADVICE) if number else _ADVICE
            self._print_line(Text.assemble(" " * self._indent, (mark + each, "cyan")))

    def sum_up(self, grades: Counter[Grade]) -> None:
        """Prints how many findings of each grade there are."""
        words = {grade: counted(grades[grade], grade, _MANY.get(grade, grade)) for grade in Grade if grades[grade]}
        line = Text("\n")
        for number, (grade, text) in enumerate(words.items()):
            line.append(", " if number else "")
            line.append(text, _STYLES[grade])
        self._console.print(line)

    def _print_line(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)


def _folded(text: str, width: int) -> list[str]:
    """Folds a text between words only, so that commands and paths can be copied; no stranger steers the terminal."""
    return textwrap.wrap(shown(text), width, break_long_words=False, break_on_hyphens=False)


def as_json(found: Iterable[tuple[Check, Iterable[Finding]]], grades: Counter[Grade]) -> dict[str, Any]:
    """Gives findings as what ``--json`` prints: all of them, and how many there are of each grade."""
    return {
        "findings": [
            {
                "subject": check.subject,
                "check": check.name,
                "grade": finding.grade,
                "what": finding.what,
                "advice": finding.advice,
            }
            for check, findings in found
            for finding in findings
        ],
        "summary": {grade: grades[grade] for grade in Grade},
    }
