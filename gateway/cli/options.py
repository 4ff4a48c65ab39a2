"""Options that several commands share, and examples in their help."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.core.verbs import Trouble, VerbError

DEFAULT_CONFIG: Final = Path("/etc/faxgw/config.toml")

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="FAXGW_CONFIG", metavar="PATH", help="The configuration.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def examples(*lines: str) -> str:
    """Writes examples for the end of a help page, one per line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def make_folder(folder: Path) -> None:
    """Makes a folder that an option names; one that is there already is as good.

    Raises:
        VerbError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VerbError(Trouble.DISK, f"{folder} cannot be made: {error.strerror}") from None


def command(*words: str, config: Path) -> str:
    """Writes a command that can be entered as it is, with the configuration if it is not where it is looked for."""
    found_anyway = config == DEFAULT_CONFIG or os.environ.get("FAXGW_CONFIG") == str(config)
    return shlex.join(["faxgw", *words, *([] if found_anyway else ["-c", str(config)])])
