"""Options that several commands share, and examples in their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_CONFIG: Final = Path("/etc/faxgw/config.toml")

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="FAXGW_CONFIG", metavar="PATH", help="The configuration.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def examples(*lines: str) -> str:
    """Writes examples for the end of a help page, one per line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
