"""``python -m benchmarks [NAME...] [--json FILE]``: measures, prints, and says which aims were missed."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks import accept, dispatch, mappings, polling, startup, webhook
from benchmarks.report import Result, show
from benchmarks.world import GaveUpError

BENCHMARKS: Final[dict[str, Callable[[Path], Awaitable[Result]]]] = {
    "accept": accept.run,
    "dispatch": dispatch.run,
    "webhook": webhook.run,
    "startup": startup.run,
    "mappings": mappings.run,
    "polling": polling.run,
}


def main() -> int:
    """Runs what is named on the command line, or everything; 1 if something could not be measured."""
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measure the gateway on this machine.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"{', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there as well")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))} (there are {', '.join(BENCHMARKS)})")
    try:
        results = asyncio.run(_measure(arguments.names or list(BENCHMARKS)))
    except GaveUpError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if arguments.json:
        found = {name: result.as_json() for name, result in results.items()}
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


async def _measure(names: list[str]) -> dict[str, Result]:
    console = Console(width=None if sys.stdout.isatty() else 120)
    folder = _folder()
    try:
        console.print(_conditions(folder), style="dim", highlight=False)
        results = {}
        for name in names:
            results[name] = await BENCHMARKS[name](folder / name)
            show(console, results[name])
        return results
    finally:
        shutil.rmtree(folder)


def _folder() -> Path:
    """Makes the directory that everything lies below; Postfix, which works as a user of its own, may enter it."""
    folder = Path(tempfile.mkdtemp(prefix="faxgw-bench-"))
    folder.chmod(0o755)
    return folder


def _conditions(folder: Path) -> str:
    """Says what every figure depends on: processors, what else runs on them, and how long a sync takes."""
    with (folder / "sync").open("wb", buffering=0) as file:
        file.write(bytes(4096))
        started = time.perf_counter()
        for _ in range(100):
            file.write(bytes(4096))
            os.fsync(file.fileno())
        sync = (time.perf_counter() - started) / 100
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} processors, load {load:.1f} before the start, write and fsync of 4 KB {1000 * sync:.2f} ms"
    )


if __name__ == "__main__":
    sys.exit(main())
