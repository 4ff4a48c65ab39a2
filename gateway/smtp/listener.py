"""The listening sockets, and the limits that all connections share."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Sequence

from gateway.smtp.connection import Connection
from gateway.smtp.desk import FaxDesk, SmtpLog
from gateway.smtp.limits import SmtpLimits
from gateway.smtp.session import Session

_BACKLOG = 128


class SmtpListener:
    """Accepts SMTP connections and hands what they bring to the desk."""

    def __init__(self, desk: FaxDesk, hostname: str, limits: SmtpLimits, log: SmtpLog) -> None:
        self.desk = desk
        self.hostname = hostname
        self.limits = limits
        self.log = log
        self.stopping = False
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._clients: Counter[str] = Counter()

    async def start(self, listen: Sequence[socket.socket | str]) -> list[str]:
        """Opens the listening sockets.

        Args:
            listen: bound sockets (socket activation), or ``host:port`` with ``[…]`` around IPv6; port 0 takes
                a free one.

        Returns:
            The addresses that are bound, ``host:port``.

        Raises:
            OSError: an address cannot be bound; none is left open.
        """
        # aiosmtpd's own log carries peers and, at DEBUG, commands with their addresses.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        try:
            for place in listen:
                self._servers.append(await self._open(place))
        except OSError:
            self._close_servers()
            raise
        return [_name(sock) for server in self._servers for sock in server.sockets]

    def replace(self, desk: FaxDesk, hostname: str, limits: SmtpLimits) -> None:
        """Goes on behind the same sockets: what begins now, connection or transaction, sees the new ones."""
        self.desk = desk
        self.hostname = hostname
        self.limits = limits

    async def _open(self, place: socket.socket | str) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        if isinstance(place, socket.socket):
            return await loop.create_server(self._session, sock=place, backlog=_BACKLOG)
        host, _, port = place.rpartition(":")
        return await loop.create_server(self._session, host.strip("[]"), int(port), backlog=_BACKLOG)

    def _session(self) -> Session:
        return Session(self)

    async def stop(self, grace_seconds: float) -> None:
        """Takes no more connections and ends the open ones with 421 4.3.2. Safe to repeat.

        A message that is coming in has ``grace_seconds`` to end; one that is being committed is always
        finished and answered.
        """
        self.stopping = True
        self._close_servers()
        for connection in self._connections:
            connection.stop(now=False)
        await self._wait_for_connections(grace_seconds)
        for connection in self._connections:
            connection.stop(now=True)
        await self._wait_for_connections(None)

    def _close_servers(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def _wait_for_connections(self, seconds: float | None) -> None:
        ends = [connection.finished for connection in self._connections]
        if ends:
            await asyncio.wait(ends, timeout=seconds)

    def admit(self, connection: Connection) -> bool:
        """Counts a new connection in; False when there are too many, in all or of this client."""
        if len(self._connections) >= self.limits.max_connections:
            return False
        if self._clients[connection.peer] >= self.limits.max_connections_per_client:
            return False
        self._connections.add(connection)
        self._clients[connection.peer] += 1
        return True

    def leave(self, connection: Connection) -> None:
        """Counts an admitted connection out, when all its work has ended."""
        self._connections.discard(connection)
        self._clients[connection.peer] -= 1
        if not self._clients[connection.peer]:
            del self._clients[connection.peer]

    def crowded(self) -> bool:
        """Says whether slow clients must make room: more than 4 of 5 connections are in use."""
        return 5 * len(self._connections) > 4 * self.limits.max_connections


def _name(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
