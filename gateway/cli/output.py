"""How the commands print: JSON for programs, tables for people. Nothing here decides anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, repeat

import typer

from gateway.core.plain import plain
from gateway.core.reasons import Reason

_UNFOLDED = 10_000


def print_json(value: object) -> None:
    """Prints any value of ours as indented JSON: times as ISO 8601, reasons by their code."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], styles: Iterable[str] = ()) -> None:
    """Prints a table; a cell that is None stays empty. ``styles`` colour the rows, one each, on a terminal."""
    from rich.console import Console  # noqa: PLC0415 - only tables pay for it
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True, overflow="ignore")  # half an id or number is worse than a long line
    for row, style in zip(rows, chain(styles, repeat("")), strict=False):
        table.add_row(*(Text(shown(cell)) for cell in row), style=style)
    Console(highlight=False, width=_UNFOLDED).print(table, crop=False, soft_wrap=True)


def print_facts(facts: Mapping[str, object]) -> None:
    """Prints names and values, one pair on a line; a value that is None is left out."""
    facts = {name: value for name, value in facts.items() if value is not None}
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        typer.echo(f"{name:<{width}}  {shown(value)}")


def shown(value: object) -> str:
    """Writes one value for people: times in UTC to the second, nothing for None; control characters never."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    text = value.code if isinstance(value, Reason) else str(value)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
