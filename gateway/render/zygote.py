"""The process that has the decoders loaded and forks one limited child for each job.

It is started by `gateway.render.sandbox` as ``python -m gateway.render.zygote FD SETTINGS`` and never sees a
document itself. FD is a SOCK_SEQPACKET socket. One packet is one job: JSON that names the task and its
arguments, with the file descriptors of the reply socket, the inputs and the output. On the reply socket the
child writes its answer, JSON in one line; this process adds a second line, how the child ended. The end of FD
ends this process and all children.
"""

from __future__ import annotations

import errno
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final

from gateway.core.reasons import GatewayError, Reason, TemporaryError
from gateway.render.confine import Limits, confine, die_with_parent, keep_only, leave_network

REQUEST_BYTES: Final = 60_000
DESCRIPTORS: Final = 8
READY: Final = b"ready"
#: Accepting mail comes first: rendering takes the processor only when nobody waits for a reply.
_NICENESS: Final = 10


@dataclass(frozen=True, slots=True)
class _Child:
    """One running job: its process, the reply socket, and when it is killed (monotonic)."""

    pid: int
    pidfd: int
    reply: socket.socket
    deadline: float


class Zygote:
    """Forks a child for each packet of ``control`` and reports how it ended, until ``control`` ends."""

    def __init__(self, control: socket.socket, limits: Limits) -> None:
        self._control = control
        self._limits = limits
        self._selector = selectors.DefaultSelector()
        self._children: set[_Child] = set()

    def serve(self) -> None:
        """Works until the other end of the control socket is closed."""
        self._selector.register(self._control, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select(timeout=1 if self._children else None):
                if key.fileobj is self._control:
                    if not self._take():
                        return
                elif key.data in self._children:
                    self._notice(key.data, ended=key.fileobj == key.data.pidfd)
            self._kill_overdue()

    def _take(self) -> bool:
        """Starts the job of one packet; False at the end of the control socket."""
        packet, descriptors, _, _ = socket.recv_fds(self._control, REQUEST_BYTES, DESCRIPTORS)
        if not packet:
            return False
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _be_child(parent, packet, descriptors, self._limits)
        reply = socket.socket(fileno=descriptors[0])
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        child = _Child(pid, os.pidfd_open(pid), reply, time.monotonic() + self._limits.wall_seconds)
        self._children.add(child)
        self._selector.register(child.pidfd, selectors.EVENT_READ, child)
        self._selector.register(child.reply, selectors.EVENT_READ, child)
        return True

    def _notice(self, child: _Child, *, ended: bool) -> None:
        """Reports a child that ended; kills one whose caller has gone."""
        if not ended:
            self._selector.unregister(child.reply)
            os.kill(child.pid, signal.SIGKILL)
            return
        _, status = os.waitpid(child.pid, 0)
        self._children.discard(child)
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        with suppress(KeyError):
            self._selector.unregister(child.reply)
        with child.reply, suppress(OSError):
            child.reply.sendall(b"\n" + json.dumps({"exit": os.waitstatus_to_exitcode(status)}).encode())

    def _kill_overdue(self) -> None:
        for child in self._children:
            if time.monotonic() >= child.deadline:
                os.kill(child.pid, signal.SIGKILL)


def _be_child(parent: int, packet: bytes, descriptors: list[int], limits: Limits) -> None:
    """Does one job and ends the process, whatever happens."""
    try:
        die_with_parent(parent)
        keep_only(set(descriptors))
        request = json.loads(packet)
        with socket.socket(fileno=descriptors[0]) as reply:
            confine(limits)
            answer = _answer(request, descriptors[1:])
            reply.sendall(json.dumps(answer).encode())
    finally:
        os._exit(0)


def _answer(request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
    """Runs the task and puts its result or its failure into words that JSON can carry."""
    module, _, name = request["task"].partition(":")
    try:
        with ExitStack() as stack:
            writing = request["writes"]
            output = stack.enter_context(os.fdopen(descriptors.pop(), "wb")) if writing else None
            inputs = [stack.enter_context(os.fdopen(descriptor, "rb")) for descriptor in descriptors]
            for source in inputs:
                source.seek(0)
            task = getattr(importlib.import_module(module), name)
            return {"result": task(request["arguments"], inputs, output)}
    except GatewayError as error:
        temporary = isinstance(error, TemporaryError)
        return {"failure": error.reason.code, "temporary": temporary, "detail": error.detail}
    except Exception as error:  # noqa: BLE001 - what is no limit is our bug; the daemon raises it again
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in {errno.EFBIG, errno.ENOMEM}:
            detail = "memory or output limit of the renderer"
            return {"failure": Reason.RENDER_FAILED.code, "temporary": False, "detail": detail}
        return {"bug": _where(error)}


def _where(error: BaseException) -> str:
    """Says what went wrong and where, without the exception's text: it may quote a page."""
    frames = traceback.extract_tb(error.__traceback__)
    places = (f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)  # noqa: PTH119
    return f"{type(error).__name__} at " + " > ".join(places)


def main() -> None:
    """Loads the decoders, says that it is ready (or why not), and serves."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a service manager signals the whole group; our end is FD's end
    control = socket.socket(fileno=int(sys.argv[1]))
    settings = json.loads(sys.argv[2])
    os.environ.clear()
    try:
        for module in settings["preload"]:
            importlib.import_module(module)
    except Exception:  # noqa: BLE001 - told to the daemon, which raises it
        control.send(traceback.format_exc().encode()[-REQUEST_BYTES:])
        return
    os.nice(_NICENESS)
    leave_network()
    die_with_parent(settings["parent"])
    gc.collect()
    gc.freeze()  # so that a child's collector does not copy the pages it shares with us
    control.send(READY)
    Zygote(control, Limits(**settings["limits"])).serve()


if __name__ == "__main__":
    main()
