"""How quick a message is accepted: rate and waiting time, beside Postfix on the same disk in the same run.

What is measured: Postfix's own ``smtp-source`` sends to both servers in turn, each for a second or two, several
times; the ratio is the median of the ratios of the pairs. A client of ours then measures how long one message
waits from its last byte in the kernel to the 250. Connections are kept for many messages. Each 250 is a durable
promise on both sides; the gateway's own counter must show that every message became a row of its own.

Which side syncs how often: Postfix fsyncs each queue file once. The gateway fsyncs each message file, its
directory (after the rename) and the commit of its database, which also notes that the client has seen the 250 of
its message before. Messages that arrive together share the last two. So one message on one connection costs three
fsyncs against one.

What is not: what comes after the 250. Postfix's queue manager runs and hands everything to ``discard``, which costs
next to nothing. The gateway's counterpart, rendering, would cost some hundred times as much as accepting, on the same
processors: its renderer is held still (SIGSTOP) until the last case, which shows both at work at once.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.postfix import private_postfix, smtp_source, why_not
from benchmarks.report import Aim, Figure, Result, quantile
from benchmarks.smtp_client import plain_message, waits
from benchmarks.world import DOMAIN, SENDER, GaveUpError, World, paused, world

TITLE: Final = "accept: the final 250"
_RECIPIENT: Final = f"+12025550143@{DOMAIN}"
_CASES: Final = [(5, 1), (5, 16), (100, 1), (100, 16)]
_ROUNDS: Final = 3
_SECONDS: Final = 1.5
_WARM_UP: Final = 64
_WAITED: Final = 300


@dataclass(frozen=True, slots=True)
class _Case:
    """One size of message at one number of connections."""

    kilobytes: int
    connections: int

    def __str__(self) -> str:
        return f"{self.kilobytes} KB, {self.connections} connection{'s' if self.connections > 1 else ''}"


async def run(folder: Path) -> Result:
    """Measures both servers with their data below ``folder``."""
    reason = why_not()
    if reason and os.environ.get("CI") == "true":
        raise GaveUpError(f"accept: {reason}")
    if reason:
        return Result(TITLE, notes=[f"skipped: {reason}"])
    async with world(folder / "faxgw") as gateway, private_postfix(folder / "postfix") as postfix:
        await gateway.start_gateway()
        figures: list[Figure] = []
        with paused(gateway.renderer_pid):
            for kilobytes, connections in _CASES:
                case = _Case(kilobytes, connections)
                figures += await _rates(gateway, postfix, case)
                figures += await _waits(gateway, postfix, case)
        crowded = await _rates(gateway, postfix, _Case(100, 16))
        figures += [Figure(f"{f.name}, renderer at work", f.value, f.unit, f.beside, f.ratio) for f in crowded]
    return Result(
        TITLE,
        beside="Postfix",
        figures=figures,
        notes=[
            "The gateway's renderer stands still, except in the last line; Postfix discards what it has accepted.",
            "fsyncs for one message on one connection: gateway 3, Postfix 1; the gateway's are shared under load.",
        ],
    )


async def _rates(gateway: World, postfix: int, case: _Case) -> list[Figure]:
    ours: list[float] = []
    theirs: list[float] = []
    count = await _enough(lambda messages: _source(gateway.smtp_port, messages, case))
    for _ in range(_ROUNDS):
        before = await gateway.accepted()
        ours.append(count / await _source(gateway.smtp_port, count, case))
        stored = await gateway.accepted() - before
        if stored != count:
            raise GaveUpError(f"{count} messages were sent and {stored} stored")
        theirs.append(count / await _source(postfix, count, case))
    ratio = median(our / their for our, their in zip(ours, theirs, strict=True))
    aim = Aim("ratio", "at least", 1) if case.kilobytes >= 100 else None
    return [Figure(f"accepted, {case}", median(ours), "/s", median(theirs), ratio, aim)]


async def _source(port: int, messages: int, case: _Case) -> float:
    return await smtp_source(
        port,
        messages=messages,
        connections=case.connections,
        size=case.kilobytes * 1000,
        sender=SENDER,
        recipient=_RECIPIENT,
    )


async def _enough(send: Callable[[int], Awaitable[float]]) -> int:
    """Finds how many messages make a round long enough."""
    await send(_WARM_UP)
    return max(_WARM_UP, int(_WARM_UP * _SECONDS / await send(_WARM_UP)))


async def _waits(gateway: World, postfix: int, case: _Case) -> Iterator[Figure]:
    found = [
        await waits(port, _RECIPIENT, [plain_message(case.kilobytes * 1000) for _ in range(_WAITED)], case.connections)
        for port in (gateway.smtp_port, postfix)
    ]
    ours, theirs = ([1000 * seconds for seconds in half] for half in found)
    return (
        Figure(f"final dot to 250, {name}, {case}", quantile(ours, share), "ms", quantile(theirs, share))
        for name, share in (("p50", 0.5), ("p99", 0.99))
    )
