"""The control socket, for commands of this host: ``POST /verbs/NAME`` with a JSON object of arguments.

The answer is one JSON object a line: ``{"progress": [done, total]}`` while it works, then either ``{"result": ...}``
or ``{"error": {"kind", "text", "problems"}}``. Only root and the user that the gateway runs as are listened to.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
from aiohttp import web

from gateway.core.verbs import Progress, Trouble, VerbError
from gateway.web.socket_path import socket_name

#: The largest arguments, bytes.
_LARGEST: Final = 1024 * 1024
_CREDENTIALS: Final = struct.Struct("3i")  # unix(7): pid, uid, gid


class RunsVerbs(Protocol):
    """What is behind the socket (Operations)."""

    async def run(self, name: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
        """Runs one verb and answers plain JSON types; raises VerbError."""


class ControlLog(Protocol):
    """What the socket tells the log (faxlog)."""

    def verb(self, name: str, outcome: str) -> None:
        """A verb has ended."""

    def bug(self, where: str, row: str, error: BaseException) -> None:
        """An unexpected error of ours."""


class ControlSocket:
    """Listens for commands of this host. What a command began is finished even if its client goes away.

    Args:
        path: where the socket is made; its directory exists and belongs to us.
        operations: runs the verbs.
        log: hears of each.
    """

    def __init__(self, path: Path, operations: RunsVerbs, log: ControlLog) -> None:
        self._path = path
        self._operations = operations
        self._log = log
        self._runner: web.AppRunner | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> set[asyncio.Task[None]]:
        """Gives the verbs that have begun and not ended."""
        return set(self._running)

    async def start(self) -> None:
        """Makes the socket and listens.

        Raises:
            OSError: it cannot be made, or another gateway of this host listens there.
        """
        listener = _listen(self._path)
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_post("/verbs/{name}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def stop(self, grace: float) -> None:
        """Listens no more, lets verbs under way finish for ``grace`` seconds, then interrupts them. Safe to repeat."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        self._path.unlink(missing_ok=True)
        for site in list(runner.sites):
            await site.stop()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await runner.cleanup()

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        _admit(request)
        try:
            arguments = orjson.loads(await request.read() or b"{}")
        except orjson.JSONDecodeError:
            arguments = None
        if not isinstance(arguments, dict):
            raise web.HTTPBadRequest(text="expected a JSON object of arguments\n")
        lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        task = asyncio.create_task(self._run(request.match_info["name"], arguments, lines))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        with contextlib.suppress(ConnectionError):  # the client is gone; the verb goes on
            await answer.prepare(request)
            while (line := await lines.get()) is not None:
                await answer.write(orjson.dumps(line) + b"\n")
        return answer

    async def _run(self, name: str, arguments: dict[str, Any], lines: asyncio.Queue[dict[str, Any] | None]) -> None:
        def progress(done: int, total: int) -> None:
            lines.put_nowait({"progress": [done, total]})

        error: VerbError | None = VerbError(Trouble.TEMPORARY, "the gateway is stopping; this was interrupted")
        result: Any = None
        try:
            result, error = await self._operations.run(name, arguments, progress), None
        except VerbError as known:
            error = known
        except Exception as bug:  # noqa: BLE001 - the client is told where to look
            self._log.bug("control", name, bug)
            error = VerbError(Trouble.BUG, f"an unexpected error ({type(bug).__name__}); the log has its place")
        finally:
            self._log.verb(name, error.trouble.value if error else "done")
            lines.put_nowait(_told(error) if error else {"result": result})
            lines.put_nowait(None)


def _told(error: VerbError) -> dict[str, Any]:
    return {"error": {"kind": error.trouble.value, "text": str(error), "problems": list(error.problems)}}


def _admit(request: web.Request) -> None:
    """Refuses everybody but root and ourselves, should the modes of socket and directory ever have been changed."""
    transport = request.transport
    if transport is None:
        raise web.HTTPForbidden
    peer = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(peer)
    if uid not in (0, os.geteuid()):
        raise web.HTTPForbidden(text="only root and the gateway's own user may do this\n")


def _listen(path: Path) -> socket.socket:
    """Binds the socket with mode 0600 from its first moment; takes the place of one that a dead gateway left."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.fchmod(listener.fileno(), 0o600)
    try:
        with socket_name(path) as name:
            try:
                listener.bind(name)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or _answers(name):
                    raise
                path.unlink()
                listener.bind(name)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"control socket {path}: {error.strerror}") from None
    return listener


def _answers(name: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(name) == 0
