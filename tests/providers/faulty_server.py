"""An HTTP server on loopback that can fail in every way in which a provider's answer can get lost."""

from __future__ import annotations

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Received:
    """One request that arrived whole. ``connection`` tells connections apart, ``raw_path`` is still encoded."""

    method: str
    path: str
    query: Mapping[str, str]
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    connection: object
    raw_path: str


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Fault = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]


@dataclass
class FaultyServer(ABC):
    """Answers as its subclass does; a fault ordered for a path takes the next request to it instead."""

    received: list[Received] = field(default_factory=list)
    _faults: list[tuple[str, Fault]] = field(default_factory=list)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None
    port: int = 0

    @abstractmethod
    async def answer(self, request: Received) -> web.Response:
        """Answers like the real one."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application(client_max_size=2**27)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Closes the port: who connects now is refused."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def order(self, fault: Fault, path_part: str) -> None:
        """The next request whose path contains ``path_part`` meets this fault."""
        self._faults.append((path_part, fault))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        for position, (path_part, fault) in enumerate(self._faults):
            if path_part in request.path:
                del self._faults[position]
                return await fault(request, self._serve)
        return await self._serve(request)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        received = Received(
            request.method,
            request.path,
            dict(request.query),
            request.rel_url.raw_query_string,
            dict(request.headers),
            await request.read(),
            request.protocol,
            request.raw_path.partition("?")[0],
        )
        self.received.append(received)
        return await self.answer(received)

    # --- faults ---

    def answers(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
        async def fault(request: web.Request, serve: Handler) -> web.StreamResponse:
            await request.read()
            return web.Response(status=status, body=body, headers=headers)

        return fault

    async def drops_the_answer(self, request: web.Request, serve: Handler) -> web.StreamResponse:
        """Does what it is asked; the answer is lost."""
        response = await serve(request)
        _abort(request)
        return response

    async def cuts_the_request(self, request: web.Request, serve: Handler) -> web.StreamResponse:
        """Resets the connection after the header lines."""
        assert request.transport is not None
        # Without lingering, closing is a reset: the sender gets an error of its socket, not an end of file.
        sock = request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        _abort(request)
        return web.Response()

    async def tears_the_answer(self, request: web.Request, serve: Handler) -> web.StreamResponse:
        """Does what it is asked; half of the answer arrives."""
        whole = await serve(request)
        assert isinstance(whole, web.Response)
        assert isinstance(whole.body, bytes)
        torn = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
        torn.content_length = len(whole.body) + 1
        await torn.prepare(request)
        await torn.write(whole.body[: len(whole.body) // 2 + 1])
        _abort(request)
        return torn

    async def hangs(self, request: web.Request, serve: Handler) -> web.StreamResponse:
        """Does what it is asked, and never answers."""
        response = await serve(request)
        await self._stopping.wait()
        return response


def _abort(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()
