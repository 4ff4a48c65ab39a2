"""The provider and the mail catcher that a gateway under test talks to."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kind import Kind

from gateway.simulator import Mailbox

_START: Final = 30.0
#: How many times quicker than in truth the simulated faxes are.
_SPEED: Final = 4.0


@dataclass(frozen=True, slots=True)
class Outside:
    """Where the provider and the mail catcher are."""

    provider: str
    smarthost: int


async def in_this_process(stack: AsyncExitStack, folder: Path, kind: Kind, webhook: str) -> Outside:
    """Serves both here until the stack ends."""
    simulator = kind.simulator(ledger=folder / "provider.jsonl", speed=_SPEED, **kind.options(webhook))
    mailbox = Mailbox(folder / "mails")
    stack.push_async_callback(simulator.stop)
    url = await simulator.start()
    stack.push_async_callback(mailbox.stop)
    return Outside(url, _port(await mailbox.start()))


async def as_processes(stack: AsyncExitStack, folder: Path, kind: Kind, webhook: str) -> Outside:
    """Serves both as processes of their own, by `faxgw simulate`, until the stack ends."""
    options = {"ledger": folder / "provider.jsonl", "speed": _SPEED, **kind.options(webhook)}
    words = (word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value)))
    url = await _simulate(stack, kind.name, *words)
    return Outside(url, _port(await _simulate(stack, "mailbox", "--dir", str(folder / "mails"))))


async def _simulate(stack: AsyncExitStack, *arguments: str) -> str:
    """Starts `faxgw simulate`; answers its address, the first line that it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "simulate", *arguments), stdout=asyncio.subprocess.PIPE
    )

    async def end() -> None:
        process.terminate()
        await process.communicate()

    stack.push_async_callback(end)
    assert process.stdout is not None
    async with asyncio.timeout(_START):
        return (await process.stdout.readline()).decode().strip()


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
