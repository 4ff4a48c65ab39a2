"""The exact command that is next after a plan, or after it was carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import typer

from gateway.cli.options import command
from gateway.core.mappings import Kind

#: More commands than this are left out: `faxgw mappings plan` shows what they would name.
_MOST: Final = 5
_UNKNOWN: Final = "A number that no service has: is it written right, and is its service among the account's services?"


def apply_command(plan: Mapping[str, Any], config: Path) -> str:
    """Writes the command that carries this plan out, also where it is refused without a word of the operator."""
    meant = ["--remove-many"] if plan["refusal"] else []
    return command("mappings", "apply", plan["digest"], *meant, config=config)


def say_next(plan: Mapping[str, Any], config: Path) -> None:
    """Says what can be done about a plan."""
    kinds = {line["kind"] for line in (*plan["lines"], *plan["settings"])}
    if plan["changes"]:
        if plan["refusal"]:
            typer.echo(f"Look twice: {plan['refusal']}.")
        typer.echo(f"To carry it out:  {apply_command(plan, config)}")
    if Kind.FOREIGN in kinds:
        typer.echo(f"To take over what somebody else made:  {command('mappings', 'adopt', 'WORD...', config=config)}")
    if Kind.UNKNOWN_NUMBER in kinds:
        typer.echo(_UNKNOWN)
    if plan["outdated"]:
        again = command("reload", config=config)
        typer.echo(f"The file has changed since the gateway read it, and this is from before:  {again}", err=True)


def say_remaining(plan: Mapping[str, Any], config: Path) -> None:
    """Names on standard error what is not as the configuration wants it, and is not ours to change."""
    mappings, settings = _of_somebody_else(plan)
    if mappings or settings:
        counts = ((len(mappings), "mapping"), (len(settings), "setting"))
        what = " and ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count)
        verb = "remains" if len(mappings) + len(settings) == 1 else "remain"
        typer.echo(f"{what} of somebody else {verb}, not as configured. To change that:", err=True)
        adopting = _adopting(mappings, settings)
        for words in islice(adopting, _MOST):
            typer.echo(f"  {command('mappings', 'adopt', *words, config=config)}", err=True)
        left_out = sum(1 for _ in adopting)
        if left_out:
            shown = command("mappings", "plan", config=config)
            typer.echo(f"  and {left_out} more of this kind:  {shown}", err=True)
        typer.echo(f"and then\n  {command('mappings', 'apply', config=config)}", err=True)
    if any(line["kind"] == Kind.UNKNOWN_NUMBER for line in plan["lines"]):
        typer.echo(_UNKNOWN, err=True)


def _of_somebody_else(plan: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Lists the mappings and settings of somebody else that do harm; others of theirs are nobody's business."""
    mappings = [
        line for line in plan["lines"] if line["kind"] == Kind.FOREIGN and (line["wanted"] or line["listens_in"])
    ]
    return mappings, [line for line in plan["settings"] if line["kind"] == Kind.FOREIGN]


def _adopting(mappings: list[Mapping[str, Any]], settings: list[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Gives the words of commands that adopt exactly these: addresses share one if they have the same numbers."""
    numbers: dict[str, list[str]] = {}
    for line in mappings:
        numbers.setdefault(line["address"].lower(), []).append(line["number"])
    addresses: dict[tuple[str, ...], list[str]] = {}
    for address, its_numbers in numbers.items():
        addresses.setdefault(tuple(sorted(set(its_numbers))), []).append(address)
    for shared, who in addresses.items():
        yield (*who, *shared)
    for name in sorted({line["name"] for line in settings}):
        yield (name,)
