"""Serves a simulator: a port of its own, and in the foreground until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import Sequence

from aiohttp import web


class HttpServer:
    """Serves one application at a time."""

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None

    async def start(self, app: web.Application, host: str, port: int) -> str:
        """Begins to serve and returns the base URL; port 0 picks a free one."""
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        real_port = self._runner.addresses[0][1]
        return f"http://{f'[{host}]' if ':' in host else host}:{real_port}"

    async def stop(self) -> None:
        """Stops serving. Safe to repeat."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


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
