"""What the SMTP side asks of the story behind it (EmailToFax), and what it tells the log (faxlog)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from gateway.core.model import Envelope


class Receipt(Protocol):
    """What a durable message became; ``job_ids`` is empty when it goes to the postmaster alone."""

    @property
    def message_id(self) -> str:
        """Our id of the message."""

    @property
    def job_ids(self) -> tuple[str, ...]:
        """One id for each fax to be sent."""


class Intake(Protocol):
    """One message being received. Nothing of it is promised before ``commit`` has returned."""

    async def write(self, data: bytes) -> None:
        """Stores the next bytes of the message; returns when the disk can take more.

        Raises:
            DiskFullError, DiskError: they could not be stored.
        """

    async def commit(self, confirmed: str | None = None) -> Receipt:
        """Makes the message and its jobs durable: when it returns, the message is ours.

        ``confirmed`` is an earlier message of this client that is confirmed first, in the same commit (see
        ``FaxDesk.confirm``): a message equal to that one is a new order, not its repetition.

        Raises:
            DiskFullError, DiskError: nothing was kept.
        """

    async def discard(self) -> None:
        """Forgets what was written. Safe to repeat."""


class FaxDesk(Protocol):
    """Where the SMTP side hands in what it receives."""

    def check_client(self, peer: str) -> None:
        """Raises Refusal when this client, an IP address, may not hand in anything."""

    def check_recipient(self, peer: str, mail_from: str, address: str) -> str | None:
        """Gives the number that ``address`` means, None for postmaster and canary; else raises Refusal.

        ``mail_from`` is empty for the null sender.
        """

    def room_for(self, size: int | None) -> None:
        """Raises Refusal (452 4.3.1, 552 5.3.4) when there is no room for ``size`` bytes (None: unknown)."""

    def begin(self, envelope: Envelope, trace: Callable[[str, datetime], bytes]) -> Intake:
        """Opens the intake of one message whose recipients are all accepted.

        ``trace`` gives the header lines to be prepended, from our id of the message and its time.
        """

    async def confirm(self, message_id: str) -> None:
        """Notes that the client has seen our 250 for this message. Safe to repeat."""


class SmtpLog(Protocol):
    """The lines that the SMTP side has for the operator; none of them carries content or addresses."""

    def refused(self, peer: str, code: int, status: str, text: str) -> None:
        """A client was told no, with this sentence of ours."""

    def bug(self, where: str, row: str, error: BaseException) -> None:
        """An unexpected error of ours; ``row`` names the client."""
