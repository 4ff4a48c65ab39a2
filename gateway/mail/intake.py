"""One message on its way in: envelope line, trace line, then the client's bytes, into one stored file.

The envelope is the first line of the file, so that a message can be read back, with its job ids, from the file alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Protocol

import orjson

from gateway.core.model import Document, Envelope, Message
from gateway.mail.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the final 250 tells: the ids; ``repeated`` if the message was already here."""

    message_id: str
    job_ids: tuple[str, ...]
    repeated: bool


class Writer(Protocol):
    """A document being written (store/documents.DocumentWriter)."""

    async def write(self, data: bytes) -> None:
        """Adds bytes."""

    async def commit(self) -> Document:
        """Makes the document durable."""

    async def discard(self) -> None:
        """Leaves nothing behind."""


class Intake:
    """Receives one message. ``commit`` is the promise behind the 250; without it nothing is kept.

    Args:
        envelope: who sends to whom.
        message_id: our id of the message.
        job_ids: our ids of the faxes, by number.
        received_at: the time of DATA.
        trace: our Received header, with its line end.
        writer: the document.
        keep: stores message and jobs once the document is durable.
    """

    def __init__(
        self,
        *,
        envelope: Envelope,
        message_id: str,
        job_ids: Mapping[str, str],
        received_at: datetime,
        trace: bytes,
        writer: Writer,
        keep: Callable[[Intake, Document, str | None], Awaitable[Receipt]],
    ) -> None:
        self.envelope = envelope
        self.message_id = message_id
        self.job_ids = job_ids
        self.received_at = received_at
        self.fingerprint = Fingerprint()
        self._writer = writer
        self._keep = keep
        self._first = envelope_line(envelope, message_id, job_ids, received_at) + trace

    async def write(self, data: bytes) -> None:
        """Takes the next bytes of the message, dot-stuffing removed, in any division.

        Raises:
            DiskFullError, DiskError: as the document store says.
        """
        self.fingerprint.update(data)
        first, self._first = self._first, b""
        await self._writer.write(first + data if first else data)

    async def commit(self, confirmed: str | None = None) -> Receipt:
        """Makes the message durable and answers what the 250 may say. Shield it from cancellation.

        The 250 of the message named ``confirmed`` has been seen by the client; that is noted in the same commit.

        Raises:
            DiskFullError, DiskError, StoreBusyError: nothing is promised; the client will try again.
        """
        return await self._keep(self, await self._writer.commit(), confirmed)

    def message(self, document: Document) -> Message:
        """Makes the noun of the message whose bytes are ``document``."""
        envelope = self.envelope
        message_id = self.fingerprint.message_id
        return Message(
            id=self.message_id,
            received_at=self.received_at,
            mail_from=envelope.mail_from,
            peer=envelope.peer,
            message_id=message_id or "",
            fingerprint=self.fingerprint.digest(envelope.mail_from, self.job_ids, message_id),
            document=document,
            ret=envelope.ret,
            envid=envelope.envid,
        )

    async def discard(self) -> None:
        """Forgets the message. Safe to repeat."""
        await self._writer.discard()


def envelope_line(envelope: Envelope, message_id: str, job_ids: Mapping[str, str], received_at: datetime) -> bytes:
    """Spells the envelope as the one JSON line that begins each stored message."""
    facts = {"id": message_id, "received_at": received_at, "jobs": dict(job_ids)}
    facts |= {field.name: getattr(envelope, field.name) for field in fields(envelope)}
    return orjson.dumps(facts) + b"\n"
