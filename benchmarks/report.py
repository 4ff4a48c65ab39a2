"""Figures with their aims, for people as a table and for programs as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure, or its ratio to what stands beside it, should be."""

    of: Literal["value", "ratio"]
    must_be: Literal["at least", "below"]
    limit: float

    def met_by(self, figure: Figure) -> bool:
        """Says whether the figure is as it should be."""
        found = figure.value if self.of == "value" else figure.ratio
        if found is None:
            return False
        return found >= self.limit if self.must_be == "at least" else found < self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, with what the same measurement gave for something to compare with.

    Attributes:
        name: what was measured.
        value: in ``unit``.
        unit: as it is written behind a number.
        beside: the same of the other program; None if there is none.
        measured_ratio: where the rounds were compared pair by pair; else it is value / beside.
        aim: None where the figure is for information.
    """

    name: str
    value: float
    unit: str
    beside: float | None = None
    measured_ratio: float | None = None
    aim: Aim | None = None

    @property
    def ratio(self) -> float | None:
        """Ours divided by the other's."""
        if self.measured_ratio is not None or not self.beside:
            return self.measured_ratio
        return self.value / self.beside

    @property
    def verdict(self) -> str:
        """``ok``, ``MISSED``, or nothing where nothing was aimed at."""
        if self.aim is None:
            return ""
        return "ok" if self.aim.met_by(self) else "MISSED"


@dataclass(frozen=True, slots=True)
class Result:
    """What one benchmark found.

    Attributes:
        title: what it measures.
        beside: the program it was compared with; empty if none.
        figures: in order.
        notes: what a reader must know to judge them; of a benchmark that was skipped, why.
    """

    title: str
    beside: str = ""
    figures: list[Figure] = field(default_factory=list)
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Gives everything as plain values."""
        figures = [
            {**asdict(figure), "ratio": figure.ratio, "verdict": figure.verdict or None} for figure in self.figures
        ]
        for figure in figures:
            del figure["measured_ratio"]
        return {"title": self.title, "beside": self.beside or None, "notes": list(self.notes), "figures": figures}


def show(console: Console, result: Result) -> None:
    """Prints one result as a table."""
    table = Table(title=result.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("")
    for name in ("faxgw", result.beside, "ratio" if result.beside else "", "aim"):
        table.add_column(name, justify="right")
    table.add_column("")
    for figure in result.figures:
        table.add_row(*_cells(figure), style="bold red" if figure.verdict == "MISSED" else None)
    if result.figures:
        console.print(table)
    else:
        console.print(f"\n[bold]{result.title}[/]")
    for note in result.notes:
        console.print(f"  {note}", style="dim", highlight=False)


def _cells(figure: Figure) -> Iterable[str]:
    aim = figure.aim
    yield figure.name
    yield f"{_number(figure.value)} {figure.unit}"
    yield "" if figure.beside is None else f"{_number(figure.beside)} {figure.unit}"
    yield "" if figure.ratio is None else f"{figure.ratio:.2f}"
    unit = figure.unit if aim and aim.of == "value" else "x"
    yield "" if aim is None else f"{aim.must_be} {aim.limit:g} {unit}"
    yield figure.verdict


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def quantile(values: Iterable[float], share: float) -> float:
    """Gives the value that so large a share of all does not exceed; of few values the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
