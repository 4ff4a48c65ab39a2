"""The vendors' own Node clients: installed by the lock file, run with scripts of ours (sinch-fax-v3 11.1)."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "node"
CACHE = Path(__file__).parents[2] / ".cache" / "node"


def missing(reason: str) -> None:
    """Skips on a developer's machine, fails where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def installed() -> Path:
    """The folder with the clients; kept between runs as long as the lock file stays the same."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        missing("node and npm are needed to run the vendors' own clients")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "one-at-a-time").open("w") as turn:  # tests may run in several processes
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            _install(str(npm), folder)
    return folder


def _install(npm: str, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder / name)
    installing = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    if installing.returncode != 0:
        missing(f"npm ci failed: {installing.stderr[-2000:]}")
    (folder / "installed").touch()


async def said_by(folder: Path, script: str, *arguments: str, standard_input: object = None) -> Any:
    """Runs a script of tests/simulator/node with the clients in ``folder`` and returns the JSON that it prints."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / script),
        str(folder),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, problems = await process.communicate(json.dumps(standard_input).encode())
    assert process.returncode == 0, problems.decode()
    return json.loads(out.decode().splitlines()[-1])
