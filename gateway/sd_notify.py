"""What the service manager is told, and its watchdog (sd_notify(3), sd_watchdog_enabled(3)); without one, nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, MutableMapping
from datetime import timedelta
from typing import Final

#: Three beats fit into the time after which systemd ends a service that is silent.
_BEATS: Final = 3


class Notifier:
    """Says READY, STATUS, RELOADING and STOPPING, and beats for the watchdog.

    Args:
        address: of the service manager's socket, ``@`` first for an abstract one; None if nobody listens.
        watchdog: after this much silence the service manager ends us; None if it does not watch.
    """

    def __init__(self, address: str | None, watchdog: timedelta | None) -> None:
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._interval = watchdog / _BEATS if watchdog and address else None

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Notifier:
        """Takes what the service manager gave this process out of the environment, so that no child inherits it."""
        address = environment.pop("NOTIFY_SOCKET", None)
        microseconds = int(environment.pop("WATCHDOG_USEC", "0"))
        for_us = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog = timedelta(microseconds=microseconds) if microseconds and for_us else None
        return cls(address, watchdog)

    def ready(self, status: str) -> None:
        """Says that all listeners are open. Raises OSError if the service manager cannot be told."""
        self._tell(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """Sets the line that ``systemctl status`` shows. Raises OSError as ``ready`` does."""
        self._tell(f"STATUS={status}")

    def reloading(self) -> None:
        """Says that the configuration is read again; a service manager that is away is no reason not to."""
        with contextlib.suppress(OSError):
            self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}\nSTATUS=reloading")

    def reloaded(self, status: str) -> None:
        """Says that this has ended, however it ended."""
        with contextlib.suppress(OSError):
            self.ready(status)

    def stopping(self) -> None:
        """Says that we end on purpose; a service manager that is gone already is no reason to stop ending."""
        with contextlib.suppress(OSError):
            self._tell("STOPPING=1\nSTATUS=stopping")

    async def beat(self, alive: Callable[[], bool]) -> None:
        """Beats as long as the event loop runs and ``alive()`` agrees; silence makes the service manager restart us.

        Runs until it is cancelled, also where nobody watches.
        """
        if self._interval is None:
            await asyncio.Event().wait()
            return
        while True:
            if alive():
                with contextlib.suppress(BlockingIOError):  # a full queue: the next beat is in time
                    self._tell("WATCHDOG=1")
            await asyncio.sleep(self._interval.total_seconds())

    def _tell(self, message: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.settimeout(0)
            manager.sendto(message.encode(), self._address)
