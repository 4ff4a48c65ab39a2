"""The command ``faxgw``: parse, call, print. What it decides itself is only the exit code (sysexits.h)."""

from __future__ import annotations

import errno
import sys
from typing import Annotated, Final

import typer

from gateway import __version__
from gateway.cli import canary, demo, doctor, faxes, mappings, reload, serve, simulate, status
from gateway.cli.options import examples
from gateway.core.verbs import Trouble, VerbError

EX_USAGE: Final = 64
EX_IOERR: Final = 74
EX_TEMPFAIL: Final = 75
EX_CONFIG: Final = 78
#: Why a verb was not done -> exit code.
_OF_TROUBLE: Final = {
    Trouble.USAGE: EX_USAGE,
    Trouble.REFUSED: 1,
    Trouble.NO_DAEMON: 69,
    Trouble.BUG: 70,
    Trouble.DISK: EX_IOERR,
    Trouble.TEMPORARY: EX_TEMPFAIL,
    Trouble.PERMISSION: 77,
    Trouble.CONFIG: EX_CONFIG,
}
_INTERRUPTED: Final = 130
#: Another process listens there, or the network is not up yet: worth trying again.
_ADDRESS_TROUBLE: Final = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL})
#: What the command line parser ends with after a usage error.
_PARSER_USAGE: Final = 2

app = typer.Typer(
    name="faxgw",
    help="Fax-to-Email and Email-to-Fax gateway.",
    epilog=examples(
        "faxgw demo                         the whole road on this machine, without an account",
        "faxgw check-config                 what is wrong with the configuration",
        "faxgw serve                        the gateway itself",
        "faxgw trace F-7K3M9QX2             what happened to a fax",
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the parser's way to call
    if wanted:
        typer.echo(f"faxgw {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for group in (serve, reload, doctor, mappings, canary, simulate, demo, status, faxes):
    group.add_to(app)


def main() -> None:
    """Runs one command and ends the process: 0, 1 not found, not right or declined, else as sysexits.h."""
    try:
        app(prog_name="faxgw")
    except SystemExit as end:
        if end.code == _PARSER_USAGE:
            sys.exit(EX_USAGE)
        raise
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        lines = list(error.problems) if isinstance(error, VerbError) else []
        lines.append(str(error) if code == EX_CONFIG and not lines else f"faxgw: {error}")
        typer.echo("\n".join(lines), err=True)
        sys.exit(code)


def _exit_code(error: Exception) -> int | None:
    """Knows the failures that an operator can mend; None is a bug, which shows its traceback."""
    from gateway.config import ConfigError  # noqa: PLC0415 - only a failure pays for the imports
    from gateway.core.reasons import DiskError, DiskFullError  # noqa: PLC0415 - as above
    from gateway.store.database import StoreBusyError  # noqa: PLC0415 - as above

    if isinstance(error, VerbError):
        return _OF_TROUBLE[error.trouble]
    if isinstance(error, ConfigError):
        return EX_CONFIG
    if isinstance(error, StoreBusyError) or (isinstance(error, OSError) and error.errno in _ADDRESS_TROUBLE):
        return EX_TEMPFAIL
    if isinstance(error, DiskError | DiskFullError | PermissionError):
        return EX_IOERR
    return None
