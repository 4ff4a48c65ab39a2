"""Has the client seen our last 250? That tells a second order from a repetition (RFC 1047)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

#: So long the client's next message has time to carry the confirmation in its own commit.
_WAIT_SECONDS: Final = 0.5


class Confirmation:
    """Watches for the first command that was sent after our 250, and has the 250 noted as seen.

    The note costs no commit of its own while messages follow one another: the next one carries it. A note that is
    lost with the process does no harm: unconfirmed is the safe side.

    Args:
        note: makes a confirmation durable by itself; never fails.
    """

    def __init__(self, note: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        self._note = note
        self._replied: str | None = None
        self._sent_before = 0
        self._seen: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._noting: asyncio.Task[None] | None = None

    def replied(self, message_id: str, unread: int) -> None:
        """Begins to watch: this message is durable, and with it the confirmation that it carried.

        Args:
            message_id: whose 250 is sent now.
            unread: bytes that the client had sent before.
        """
        self._forget()
        self._replied = message_id
        self._sent_before = unread

    def command(self, length: int) -> None:
        """Takes note of a command of so many bytes; one that was here before our 250 proves nothing."""
        if self._replied is None:
            return
        if self._sent_before > 0:
            self._sent_before -= length
            return
        self._seen, self._replied = self._replied, None
        self._timer = asyncio.get_running_loop().call_later(_WAIT_SECONDS, self._begin_note)

    async def carried(self) -> str | None:
        """Gives the message that the commit of the next one is to confirm; None if there is none to be confirmed."""
        await self._end_note()
        return self._seen

    async def flush(self) -> None:
        """Returns when whatever the client has seen is noted."""
        self._begin_note()
        await self._end_note()

    def _begin_note(self) -> None:
        if self._seen is not None:
            self._noting = asyncio.create_task(self._note(self._seen))
        self._forget()

    async def _end_note(self) -> None:
        if self._noting is not None:
            await self._noting
            self._noting = None

    def _forget(self) -> None:
        self._seen = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
