"""``faxgw reload``."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from gateway.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, examples
from gateway.cli.output import print_json
from gateway.core.verbs import VerbError


def add_to(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command(epilog=examples("faxgw reload", "faxgw reload --json", "systemctl reload faxgw"))(reload)


def reload(config: ConfigPath = DEFAULT_CONFIG, *, json: AsJson = False) -> None:
    """Have the running gateway take over the changed configuration.

    Mail and faxes under way are not disturbed. A file that cannot be used changes nothing.

    Exit codes: 0 taken over (what needs a restart is named), 69 no gateway runs, 77 not this user, 78 configuration.
    """
    from gateway.cli.acting import act  # noqa: PLC0415 - `faxgw --help` does not pay for it

    try:
        told = act(config, "reload", {}, lambda _done, _total: None)
    except VerbError as error:
        if json:
            print_json({"error": str(error), "problems": error.problems})
        raise
    if json:
        print_json(told)
    else:
        typer.echo(_sentence(told["changed"], told["restart_needed"]))


def _sentence(changed: Sequence[str], restart_needed: Sequence[str]) -> str:
    """Says what became of the changed file."""
    taken, waiting = ", ".join(changed), ", ".join(restart_needed)
    if waiting:
        return f"{f'taken over: {taken}; ' if taken else ''}only a restart takes over: {waiting}"
    return f"taken over: {taken}" if taken else "nothing has changed"
