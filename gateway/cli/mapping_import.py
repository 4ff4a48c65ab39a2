"""``faxgw mappings import``: a newcomer starts from what the provider does already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, command, examples
from gateway.cli.progress import shown_progress
from gateway.core.model import Mapping, Permission, ServiceState
from gateway.core.verbs import Trouble, VerbError

if TYPE_CHECKING:
    from gateway.config import Config

_PLAN: Final = ("mappings", "plan")
_ADOPT: Final = ("mappings", "adopt")


def add_to(group: typer.Typer) -> None:
    """Adds the command of this file."""
    group.command(
        "import",
        epilog=examples(
            "faxgw mappings import              print what would be added",
            "faxgw mappings import --write      add it to the file",
        ),
    )(import_mappings)


def import_mappings(
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    write: Annotated[bool, typer.Option("--write", help="Add it to the end of the configuration.")] = False,
) -> None:
    """Print the provider's own table as routes and senders that the configuration does not have yet.

    Routes get delivered_by = "provider", senders accepted_by = "both": all goes on as it does now. What cannot be
    written that way is told on standard error. With --write, the file is changed only if the result can be used and
    asks nothing new of the provider.

    Exit codes: 0, 1 the result would not be right, 75 the provider cannot be asked now, 78 it could not be used.
    """
    from gateway.cli.acting import act  # noqa: PLC0415 - `faxgw --help` does not pay for it
    from gateway.config import load_config  # noqa: PLC0415 - as above
    from gateway.config.writing import append_to_file, write_what_is_there  # noqa: PLC0415 - as above

    known = load_config(config)
    with shown_progress("reading") as progress:
        read = act(config, "mappings_read", {}, progress)
    accounts = {account: tuple(map(_service, services)) for account, services in read.items()}
    addition = write_what_is_there(known, accounts)
    typer.echo(addition.text, nl=False)
    for remark in addition.remarks:
        typer.echo(f"# {remark}", err=True)
    if not addition.text:
        typer.echo("nothing to add", err=True)
    elif write:
        append_to_file(config, addition.text, lambda result: _prove(known, result, accounts))
        _say_next(config)


def _service(read: dict[str, Any]) -> ServiceState:
    """Takes what the control socket told of a service."""
    mappings = (
        Mapping(each["service"], each["address"], each["number"], Permission(each["permission"]))
        for each in read["mappings"]
    )
    return ServiceState(
        id=read["id"],
        name=read["name"],
        numbers=frozenset(read["numbers"]),
        suspended=frozenset(read["suspended"]),
        mappings=tuple(mappings),
        settings=(),
    )


def _prove(before: Config, after: Config, accounts: dict[str, tuple[ServiceState, ...]]) -> None:
    from gateway.config.writing import added_wishes  # noqa: PLC0415 - as above

    wishes = added_wishes(before, after, accounts)
    if wishes:
        raise VerbError(Trouble.REFUSED, "the file was left as it is: it would ask for changes at the provider", wishes)


def _say_next(config: Path) -> None:
    reload, plan, adopt = (command(*words, config=config) for words in (("reload",), _PLAN, _ADOPT))
    typer.echo(f"# written to {config}. Next:  {reload}  and  {plan}", err=True)
    typer.echo(f"# to let the gateway change these later:  {adopt}", err=True)
