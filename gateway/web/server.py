"""One listening HTTP server around a set of routes."""

from __future__ import annotations

import socket
from typing import Final

from aiohttp import web

#: Longest silence between two requests of a connection, seconds.
_KEEPALIVE_SECONDS: Final = 30.0
#: How long a refused body is still read, so that the client sees the answer and not a reset, seconds.
_LINGER_SECONDS: Final = 2.0
#: Body bytes that one connection may have waiting, twice over.
_READ_AHEAD: Final = 64 * 1024


class WebServer:
    """Serves an application on one address."""

    def __init__(self, app: web.Application, listen: str | socket.socket, *, grace_seconds: float) -> None:
        """Prepares the server.

        Args:
            app: the routes.
            listen: ``host:port`` with ``[…]`` around IPv6 (port 0 takes a free one), or a bound socket.
            grace_seconds: what ``stop`` gives the requests that are under way.
        """
        app.on_response_prepare.append(_name_no_version)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=grace_seconds,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            lingering_time=_LINGER_SECONDS,
            read_bufsize=_READ_AHEAD,
        )
        self._listen = listen

    async def start(self) -> str:
        """Opens the port; gives the address that is bound, ``host:port``.

        Raises:
            OSError: it cannot be bound.
        """
        await self._runner.setup()
        try:
            await self._site().start()
        except OSError:
            await self._runner.cleanup()
            raise
        host, port = self._runner.addresses[0][:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _site(self) -> web.BaseSite:
        if isinstance(self._listen, socket.socket):
            return web.SockSite(self._runner, self._listen)
        host, _, port = self._listen.rpartition(":")
        return web.TCPSite(self._runner, host.strip("[]"), int(port))

    async def stop(self) -> None:
        """Takes no more connections and ends the open ones, requests under way last. Safe to repeat."""
        await self._runner.cleanup()


async def _name_no_version(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    response.headers["Server"] = "faxgw"
