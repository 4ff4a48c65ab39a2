"""``faxgw canary``: what is tried each night, now."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, examples
from gateway.cli.output import print_json, print_table
from gateway.cli.progress import shown_progress

_LOST: Final = 1
_LOOK_EVERY: Final = 2.0


def add_to(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command(
        epilog=examples(
            "faxgw canary                      try every leg and wait for each to come home",
            "faxgw canary --no-wait --json     try every leg; the result is told by mail if one is lost",
        )
    )(canary)


def canary(
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    wait: Annotated[bool, typer.Option(help="Wait until each has come home or is lost.")] = True,
    json: AsJson = False,
) -> None:
    """Try now what is tried each night: fax, callback, webhook and mail, leg by leg as [canary] says.

    Exit codes: 0 none is lost, 1 one is lost, 69 no gateway runs.
    """
    from gateway.cli.acting import act  # noqa: PLC0415 - `faxgw --help` does not pay for it

    legs = act(config, "canary_start", {}, lambda _done, _total: None)
    if wait and legs:
        legs = _wait_for(config, legs)
    if json:
        print_json(legs)
    elif legs:
        print_table(("leg", "how", "detail"), ((leg["leg"], _how(leg), leg["detail"]) for leg in legs))
    else:
        typer.echo("nothing is tried: all legs are switched off in [canary]")
    raise typer.Exit(_LOST if any(leg["well"] is False for leg in legs) else 0)


def _wait_for(config: Path, legs: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Looks again and again until each leg has ended; each ends, at the latest when its patience is over."""
    from gateway.cli.acting import act  # noqa: PLC0415 - `faxgw --help` does not pay for it

    night = legs[0]["night"]
    with shown_progress("legs at home") as progress:
        while open_legs := [leg for leg in legs if leg["ended_at"] is None]:
            progress(len(legs) - len(open_legs), len(legs))
            time.sleep(_LOOK_EVERY)
            legs = act(config, "canary_look", {"night": night}, lambda _done, _total: None)
    return legs


def _how(leg: Mapping[str, Any]) -> str:
    if leg["well"] is None:
        return "nothing to try" if leg["ended_at"] else "on its way"
    return "well" if leg["well"] else "lost"
