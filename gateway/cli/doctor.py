"""``faxgw doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, examples


def add_to(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command(
        epilog=examples(
            "faxgw doctor                           everything, a line for each thing looked at",
            "faxgw doctor --only webhook --only dns",
            "faxgw doctor --json",
        )
    )(doctor)


def doctor(
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this check, or all of this subject; may be repeated.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Examine the installation from end to end, and say what to do.

    Account, numbers and mappings at the provider, the way from outside to the webhook, certificates, smarthost, DNS,
    store, files and versions. Changes, sends and faxes nothing. Beside a running gateway or without; best as root.

    Exit codes: 0 nothing is wrong, 1 something is, 64 there is no such check, 78 the configuration cannot be used.
    """
    import asyncio  # noqa: PLC0415 - no other command pays for it

    from gateway.cli.examining import UnknownCheckError, examine_installation  # noqa: PLC0415 - as above

    try:
        code = asyncio.run(examine_installation(config, frozenset(only or ()), json=json))
    except UnknownCheckError as error:
        raise typer.BadParameter(str(error), param_hint="--only") from None
    raise typer.Exit(code)
