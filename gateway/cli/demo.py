"""``faxgw demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import examples, make_folder


def add_to(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command(
        epilog=examples(
            "faxgw demo",
            "faxgw demo --folder ./demo --keep",
        )
    )(demo)


def demo(
    folder: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where pages, mails and log go; a new one in /tmp if not given.")
    ] = None,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")] = False,
) -> None:
    """Send a fax and receive one on this machine.

    With a simulated provider and a mail catcher; visibly, station by station.

    Exit codes: 0 only if every station really happened, else 1.
    """
    import asyncio  # noqa: PLC0415 - no other command pays for it

    from gateway.demo import run_demo  # noqa: PLC0415 - as above

    if folder is not None:
        make_folder(folder)
    raise typer.Exit(asyncio.run(run_demo(folder, keep=keep)))
