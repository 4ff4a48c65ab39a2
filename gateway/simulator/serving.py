"""Runs a simulator in the foreground until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import Sequence


def host_and_port(listen: str) -> tuple[str, int]:
    """Splits `HOST:PORT`; `[::1]:0` is understood too.

    Raises:
        ValueError: It is something else.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise ValueError(f"{listen!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def announce(lines: Sequence[str]) -> None:
    """Prints what a starting program needs to know, at once even into a pipe."""
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()


async def until_stopped() -> None:
    """Returns when the process gets SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stopped.set)
    try:
        await stopped.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
