"""Runs a task on hostile input in a fresh, limited child process, in milliseconds.

A new interpreter with the decoders takes most of a second to start. So one long-lived process, the zygote,
has them loaded and never sees a document; it forks a child for each job (`gateway.render.zygote`). The child
gets open files instead of paths, an empty environment, no network and hard limits (`gateway.render.confine`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from gateway.core.reasons import PermanentError, Reason, TemporaryError
from gateway.render.confine import Limits
from gateway.render.zygote import DESCRIPTORS, READY, REQUEST_BYTES

__all__ = ["Limits", "Sandbox"]

_ANSWER_BYTES: Final = 1 << 20
_STOP_SECONDS: Final = 5
_CHUNK: Final = 65536


class Sandbox:
    """Runs tasks in limited children, as many at a time as there are processors.

    Args:
        limits: what one job may use.
        preload: modules that the zygote imports before its first fork, so that no job pays for them.
    """

    def __init__(self, limits: Limits, preload: Sequence[str]) -> None:
        self._limits = limits
        self._preload = tuple(preload)
        self._slots = asyncio.Semaphore(os.cpu_count() or 1)
        self._starting = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """Names the zygote's process, for health reports; None while none runs."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Starts the zygote, so that the first job does not wait for it. Safe to repeat: yes.

        Raises:
            RuntimeError: it could not load the decoders; the message is its traceback.
        """
        async with self._starting:
            if self._control is None:
                await self._spawn()

    async def stop(self) -> None:
        """Ends the zygote and every child that still runs. Safe to repeat: yes."""
        async with self._starting:
            await self._end()

    async def run(
        self,
        task: str,
        arguments: Mapping[str, Any],
        *,
        inputs: Sequence[int],
        output: int | None,
    ) -> dict[str, Any]:
        """Calls ``task`` ("module:function") in a fresh child as ``function(arguments, inputs, output)``.

        Safe to repeat: as far as the task is; what a failed one left in ``output`` has no meaning.

        Args:
            task: the function; it gets binary files for ``inputs`` (at their start) and ``output``, gives JSON.
            arguments: JSON values, in all less than 60 KB.
            inputs: descriptors to read from. Each must be an open file of its own: the position is shared.
            output: descriptor to write to, or None.

        Raises:
            PermanentError: raised by the task, or a limit ended it (RENDER_FAILED).
            TemporaryError: raised by the task, or the zygote ended meanwhile (RENDER_TEMPORARY).
            RuntimeError: a bug in the task; the message says where, without page content.
        """
        request = {"task": task, "arguments": dict(arguments), "writes": output is not None}
        packet = json.dumps(request).encode()
        files = [*inputs, *([] if output is None else [output])]
        if len(packet) > REQUEST_BYTES or len(files) >= DESCRIPTORS:
            raise ValueError("too much for one job of the sandbox")
        async with self._slots:
            ours, theirs = socket.socketpair()
            with ours:
                ours.setblocking(False)  # noqa: FBT003 - its only argument
                with theirs:
                    await self._hand_over(packet, [theirs.fileno(), *files])
                reply = await _read_all(ours)
        return _result(reply)

    async def _hand_over(self, packet: bytes, descriptors: list[int]) -> None:
        """Sends one job to the zygote; starts a new one if the last has died meanwhile."""
        for _ in range(2):
            async with self._starting:
                if self._control is None:
                    await self._spawn()
                assert self._control is not None  # noqa: S101 - _spawn() has set it
                try:
                    socket.send_fds(self._control, [packet], descriptors)
                except OSError:  # died, or hangs so long that its queue is full
                    await self._end()
                else:
                    return
        raise TemporaryError(Reason.RENDER_TEMPORARY, "the renderer's process keeps ending")

    async def _spawn(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003 - its only argument
        settings = {"parent": os.getpid(), "preload": self._preload, "limits": asdict(self._limits)}
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "gateway.render.zygote"),
                *(str(theirs.fileno()), json.dumps(settings)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PYTHONPATH": _search_path(), "LANG": "C.UTF-8"},
                pass_fds=(theirs.fileno(),),
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the daemon, which ends us in its own order
            )
        self._control = ours
        greeting = await asyncio.get_running_loop().sock_recv(ours, REQUEST_BYTES)
        if greeting != READY:
            await self._end()
            raise RuntimeError(f"the renderer did not start: {greeting.decode(errors='replace')}")

    async def _end(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        process, self._process = self._process, None
        if process is None:
            return
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _search_path() -> str:
    """Lets the zygote find modules where this process does, whatever directory it starts in."""
    return os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)


async def _read_all(reply: socket.socket) -> bytes:
    """Reads until both writers, the child and the zygote, have closed; at most 1 MiB."""
    loop = asyncio.get_running_loop()
    data = bytearray()
    while chunk := await loop.sock_recv(reply, _CHUNK):
        data += chunk
        if len(data) > _ANSWER_BYTES:
            raise PermanentError(Reason.RENDER_FAILED, "the renderer's answer is over its limit")
    return bytes(data)


def _result(reply: bytes) -> dict[str, Any]:
    """Turns the child's answer and the zygote's word on how it ended into a result or an exception."""
    answer, newline, end = reply.rpartition(b"\n")
    if not newline:
        raise TemporaryError(Reason.RENDER_TEMPORARY, "the renderer's process ended during the job")
    if not answer:
        raise PermanentError(Reason.RENDER_FAILED, _how_it_ended(int(json.loads(end)["exit"])))
    said = json.loads(answer)
    if "bug" in said:
        raise RuntimeError(f"the renderer failed: {said['bug']}")
    if "failure" in said:
        family = TemporaryError if said["temporary"] else PermanentError
        raise family(Reason.of(said["failure"]), said["detail"])
    result: dict[str, Any] = said["result"]
    return result


def _how_it_ended(status: int) -> str:
    """Names the limit or the crash behind an exit status (negative: a signal)."""
    if status == -signal.SIGXCPU:
        return "processor time limit of the renderer"
    if status == -signal.SIGKILL:
        return "time or memory limit of the renderer"
    return f"the renderer crashed (status {status})"
