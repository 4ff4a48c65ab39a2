"""``faxgw mappings``: what a provider's own table of addresses and numbers is, and should be."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.cli import mapping_import
from gateway.cli.mapping_hints import apply_command, say_next, say_remaining
from gateway.cli.mapping_table import print_lines, print_plan
from gateway.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, command, examples
from gateway.cli.output import print_json
from gateway.cli.progress import shown_progress
from gateway.core.verbs import Trouble, VerbError

_DIFFERS: Final = 1

_words = typer.Argument(metavar="WORD...", help="Addresses, numbers (+1...), ids of services, names of settings.")
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(
        name="mappings",
        help="Compare a provider's own table of addresses and numbers with the configuration, and mend it.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command(epilog=examples("faxgw mappings plan", "faxgw mappings plan --all --json"))(plan)
    group.command(
        epilog=examples(
            "faxgw mappings apply               show the plan, ask, carry it out",
            "faxgw mappings apply 3f9a2c71      the plan that `faxgw mappings plan` has shown",
            "faxgw mappings apply --yes         show it and do not ask",
        )
    )(apply)
    group.command(
        epilog=examples(
            "faxgw mappings adopt ana@clinic.example        all of one address",
            "faxgw mappings adopt +12025550100              all of one number",
            "faxgw mappings adopt incomingWebhookUrl        a setting",
        )
    )(adopt)
    group.command(epilog=examples("faxgw mappings forget ana@clinic.example +12025550100"))(forget)
    mapping_import.add_to(group)
    app.add_typer(group)


def plan(
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Show also what is as it should be.")] = False,
    json: AsJson = False,
) -> None:
    """Show the difference between the provider and the configuration; change nothing.

    What somebody else made at the provider is shown with a question mark and never changed (see adopt).

    Exit codes: 0 all is as the configuration wants it, 1 something is not, 75 the provider cannot be asked now.
    """
    from gateway.cli.acting import act  # noqa: PLC0415 - `faxgw --help` does not pay for it

    with shown_progress("reading") as progress:
        found = act(config, "mappings_plan", {}, progress)
    if json:
        print_json(found)
    else:
        print_plan(found, everything=everything)
        say_next(found, config)
    raise typer.Exit(_DIFFERS if found["drift"] else 0)


def apply(
    digest: Annotated[str | None, typer.Argument(help="Of the plan that was shown; else it is shown now.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    yes: Yes = False,
    remove_many: Annotated[
        bool, typer.Option("--remove-many", help="Even if more than a fifth, and at least three, are taken away.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Carry a plan out, read everything again and prove that it is as planned.

    What is added comes before what is taken away. If anything has changed since the plan was shown, nothing is done.
    Interrupted anywhere, the next apply goes on from there.

    Exit codes: 0 all is as the configuration wants it, 1 declined, or something is not, 75 the provider cannot be
    asked now.
    """
    from gateway.cli.acting import act  # noqa: PLC0415 - `faxgw --help` does not pay for it

    planned: dict[str, Any] | None = None
    if digest is None:
        with shown_progress("reading") as progress:
            planned = act(config, "mappings_plan", {}, progress)
        if not json:
            print_plan(planned, everything=False)
        if planned["changes"]:
            answers = "--yes, or the digest of a plan that was shown"
            _confirm(f"Carry out {planned['changes']} of these?", answers, yes=yes, silent=json)
        digest = planned["digest"]
    with shown_progress("applying") as progress:
        done = act(config, "mappings_apply", {"digest": digest, "remove_many": remove_many}, progress)
    if json:
        print_json(done if planned is None else {"plan": planned, **done})
    else:
        _print_applied(done, config, nothing_planned=planned is not None and not planned["changes"])
    raise typer.Exit(0 if done["proven"] and not done["after"]["drift"] else _DIFFERS)


def _print_applied(done: Mapping[str, Any], config: Path, *, nothing_planned: bool) -> None:
    for line in done["failed"]:
        typer.echo(f"not done: {line['sentence']}: {line['why']}", err=True)
    after = done["after"]
    if after is None:
        typer.echo(f"The provider could not be read again: {command('mappings', 'plan', config=config)}", err=True)
        return
    if not done["proven"]:
        typer.echo(f"{after['changes']} still to do:  {apply_command(after, config)}", err=True)
    elif nothing_planned:
        typer.echo("Nothing to carry out.")
    else:
        typer.echo("Proven: read again, everything that was planned is at the provider.")
    say_remaining(after, config)


def adopt(
    words: Annotated[list[str] | None, _words] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Take under the gateway's care what somebody else made at the provider; change nothing there.

    From then on the plan follows the configuration there too: what the configuration does not want is to be removed.
    Without words, everything.

    Exit codes: 0, 1 declined, or there is nothing of this kind, 75 the provider cannot be asked now.
    """
    from gateway.cli.acting import act  # noqa: PLC0415 - `faxgw --help` does not pay for it

    with shown_progress("reading") as progress:
        found = act(config, "mappings_adoptable", {"words": words or []}, progress)
    if not found:
        raise VerbError(Trouble.REFUSED, "there is nothing of somebody else that these words name")
    if not json:
        print_lines(found)
        unwanted = sum(line["wanted"] is None for line in found)
        if unwanted:
            typer.echo(f"The configuration does not want {unwanted} of these: applied, or enforced, they are removed.")
    _confirm(f"Take these {len(found)} over?", "--yes", yes=yes, silent=json)
    with shown_progress("reading") as progress:
        taken = act(config, "mappings_adopt", {"words": words or []}, progress)
    if json:
        print_json(taken)
    else:
        typer.echo(f"{len(taken)} taken over. Next:  {command('mappings', 'plan', config=config)}")


def forget(words: Annotated[list[str], _words], config: ConfigPath = DEFAULT_CONFIG, *, json: AsJson = False) -> None:
    """Let go of what is under the gateway's care; change nothing at the provider.

    Exit codes: 0, 1 there is nothing of this kind, 75 the provider cannot be asked now.
    """
    from gateway.cli.acting import act  # noqa: PLC0415 - `faxgw --help` does not pay for it

    with shown_progress("reading") as progress:
        left = act(config, "mappings_forget", {"words": words}, progress)
    if json:
        print_json(left)
    elif left:
        print_lines(left)
        typer.echo(f"{len(left)} let go: the gateway will not change them again.")
    if not left:
        raise VerbError(Trouble.REFUSED, "there is nothing under the gateway's care that these words name")


def _confirm(question: str, answers: str, *, yes: bool, silent: bool) -> None:
    """Asks on a terminal, unless the answer was given beforehand; ends the command if it is no."""
    if yes:
        return
    if silent or not sys.stdin.isatty():
        raise VerbError(Trouble.USAGE, f"nobody can be asked here: say {answers}")
    if not typer.confirm(question):
        typer.echo("Nothing was changed.")
        raise typer.Exit(_DIFFERS)
