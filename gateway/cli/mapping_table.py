"""A plan as people read it: a table with one line for each mapping and setting, and one sentence with the sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import typer

from gateway.cli.output import print_table
from gateway.core.mappings import Kind

_SIGNS: Final = {Kind.CREATED: "+", Kind.CHANGED: "~", Kind.REMOVED: "-", Kind.SAME: ""}
_COLOURS: Final = {Kind.CREATED: "green", Kind.CHANGED: "yellow", Kind.REMOVED: "red", Kind.SAME: "dim"}
_UNSURE: Final = ("?", "magenta")
_SUMS: Final = {
    Kind.CREATED: "to create",
    Kind.CHANGED: "to change",
    Kind.REMOVED: "to remove",
    Kind.FOREIGN: "of somebody else, left alone",
    Kind.UNKNOWN_NUMBER: "for a number that no service has",
    Kind.SAME: "as wanted",
}
_NOTHING: Final = "nothing"
_COLUMNS: Final = ("", "", "account", "service")
_LAST: Final = "at the provider"


def print_plan(plan: Mapping[str, Any], *, everything: bool) -> None:
    """Prints a plan as the control socket tells it.

    Args:
        plan: mappings and settings.
        everything: also what is as it should be.
    """
    print_lines(line for line in (*plan["lines"], *plan["settings"]) if everything or line["kind"] != Kind.SAME)
    typer.echo(f"{_sum('mapping', plan['lines'])}; {_sum('setting', plan['settings'])}.")


def print_lines(lines: Iterable[Mapping[str, Any]]) -> None:
    """Prints lines of a plan, mappings first, then settings, and an empty line after each table."""
    told = list(lines)
    mappings = [line for line in told if "name" not in line]
    settings = [line for line in told if "name" in line]
    if mappings:
        print_table((*_COLUMNS, "number", "address", _LAST), map(_mapping_row, mappings), map(_colour, mappings))
        typer.echo()
    if settings:
        print_table((*_COLUMNS, "setting", _LAST), map(_setting_row, settings), map(_colour, settings))
        typer.echo()


def _mapping_row(line: Mapping[str, Any]) -> tuple[str, ...]:
    return (*_head(line), line["account"], line["service"], line["number"], line["address"], _change(line))


def _setting_row(line: Mapping[str, Any]) -> tuple[str, ...]:
    return (*_head(line), line["account"], line["service"], line["name"], _setting(line))


def _head(line: Mapping[str, Any]) -> tuple[str, str]:
    return _SIGNS.get(line["kind"], _UNSURE[0]), line["kind"]


def _colour(line: Mapping[str, Any]) -> str:
    return _COLOURS.get(line["kind"], _UNSURE[1])


def _change(line: Mapping[str, Any]) -> str:
    found, wanted = line["found"] or _NOTHING, line["wanted"] or _NOTHING
    match line["kind"]:
        case Kind.SAME:
            return found if line["owned"] else f"{found} (not under our care)"
        case Kind.FOREIGN:
            return f"{found} ({wanted} is wanted)" if line["wanted"] else found
        case Kind.UNKNOWN_NUMBER:
            return f"{wanted} is wanted"
    return f"{found} -> {wanted}"


def _setting(line: Mapping[str, Any]) -> str:
    match line["kind"]:
        case Kind.SAME:
            return str(line["found"])
        case Kind.FOREIGN:
            return f"{line['found']} ({line['wanted']} is wanted)"
    if line["agrees"]:
        return "our credentials have changed since they were set"
    return f"{line['found'] or _NOTHING} -> {line['wanted']}"


def _sum(what: str, lines: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(line["kind"] for line in lines)
    parts = [f"{counts[kind]} {words}" for kind, words in _SUMS.items() if counts[kind]]
    return f"{len(lines)} {what}{'' if len(lines) == 1 else 's'}" + (f": {', '.join(parts)}" if parts else "")
