"""``faxgw serve`` and ``faxgw check-config``."""

from __future__ import annotations

from collections.abc import Sized

import typer

from gateway.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, examples
from gateway.cli.output import print_json


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command(
        epilog=examples(
            "faxgw serve",
            "faxgw serve --config ./config.toml",
        )
    )(serve)
    app.command(
        "check-config",
        epilog=examples(
            "faxgw check-config",
            "faxgw check-config --config ./config.toml --json",
        ),
    )(check_config)


def serve(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Run the gateway until SIGTERM.

    Exit codes: 0 stopped, 64 usage, 74 disk error, 75 another gateway works on the store, 78 configuration.
    """
    import asyncio  # noqa: PLC0415 - no other command pays for the daemon

    from gateway import daemon, log_output  # noqa: PLC0415 - as above
    from gateway.config import load_config  # noqa: PLC0415 - as above
    from gateway.sd_notify import Notifier  # noqa: PLC0415 - as above

    notifier, settings = Notifier.from_environment(), load_config(config)
    log_output.configure(settings.log.level, settings.log.format)
    raise typer.Exit(asyncio.run(daemon.run(settings, notifier)))


def check_config(config: ConfigPath = DEFAULT_CONFIG, *, json: AsJson = False) -> None:
    """Tell all that is wrong with the configuration.

    Each problem with its line, its key and what is accepted; then what is allowed but worth knowing.

    Exit codes: 0 it can be used, 78 it cannot.
    """
    from gateway.config import (  # noqa: PLC0415 - `faxgw --help` does not pay
        ConfigError,
        Problem,
        find_notices,
        load_config,
    )

    problems: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()
    try:
        notices = find_notices(load_config(config))
    except ConfigError as error:
        problems = error.problems
    if json:
        print_json({"file": config, "problems": problems, "notices": notices})
    else:
        for line in (*problems, *notices):
            typer.echo(line, err=bool(problems))
        typer.echo(f"{config}: {_verdict(problems, notices)}", err=bool(problems))
    raise typer.Exit(78 if problems else 0)


def _verdict(problems: Sized, notices: Sized) -> str:
    if problems:
        return f"{len(problems)} to mend"
    return f"all right, {len(notices)} worth knowing" if notices else "all right"
