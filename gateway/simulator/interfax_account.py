"""What the simulated InterFAX account holds: sent and received faxes, uploaded documents, credit."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.simulator.clock import Clock
from gateway.simulator.interfax_errors import DOCUMENT_UNKNOWN, FAX_UNKNOWN, IMAGE_GONE, INBOUND_UNKNOWN, ApiError
from gateway.simulator.interfax_fates import PREPARING, Fate
from gateway.simulator.interfax_options import SendOptions

#: How long the service keeps what (interfax-rest 12).
OUTBOUND_IMAGE_KEPT, OUTBOUND_KEPT = timedelta(days=14), timedelta(days=35)
INBOUND_IMAGE_KEPT, INBOUND_KEPT = timedelta(days=7), timedelta(days=60)
COST_PER_UNIT = Decimal("0.1500")
#: Keeps the ids of received faxes apart from those of sent ones: they are two sequences.
INBOUND_IDS = 1_000_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fax:
    """An outbound fax.

    Args:
        id: Beyond 32 bits, rising.
        to: The destination with `+`.
        created: When it was accepted.
        options: What the request asked for.
        document: What is faxed; None if no pages could be made of it.
        sha256: Of the document, else of what was handed in.
        pages: How many pages there are.
        fate: What becomes of it.
        batch: Id of its batch, None for a single fax.
        status: Below 0 in process, 0 sent, above 0 failed.
        calling: Whether a call is running now.
        pages_sent: Rises while a call is running.
        attempts: Calls that have ended.
        seconds: Of all calls together.
        completed: End of the last attempt.
        hidden: Whether lists leave it out for ever.
    """

    id: int
    to: str
    created: datetime
    options: SendOptions
    document: bytes | None
    sha256: str
    pages: int
    fate: Fate = field(default_factory=Fate)
    batch: int | None = None
    status: int = PREPARING
    calling: bool = False
    pages_sent: int = 0
    attempts: int = 0
    seconds: float = 0.0
    completed: datetime | None = None
    hidden: bool = False

    @property
    def is_final(self) -> bool:
        """Whether its status will not change any more."""
        return self.status >= 0

    @property
    def units(self) -> Decimal:
        """What is billed, in pages; nothing before the end."""
        return Decimal(f"{self.pages_sent}.00") if self.is_final else Decimal(0)


@dataclass(frozen=True, slots=True)
class Forwarding:
    """A received fax that was mailed to somebody."""

    address: str
    completed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A fax that came in; `status` above 0 is a failed reception, which has no document.

    `resent` tells whether its mails were sent again, which the service does once.
    """

    id: int
    to: str
    sender: str | None
    created: datetime
    document: bytes | None
    pages: int
    status: int = 0
    read: bool = False
    emails: tuple[Forwarding, ...] = ()
    resent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document that is uploaded in chunks, or was."""

    id: str
    name: str
    size: int
    disposition: str
    sharing: str
    created: datetime
    used: datetime
    data: bytes = b""


@dataclass(slots=True)
class Account:
    """Everything one account holds. Nothing here waits or talks to anyone.

    Args:
        username: Its one user.
        clock: Stamps ids and times.
        balance: The credit left.
    """

    username: str
    clock: Clock
    balance: Decimal
    faxes: dict[int, Fax] = field(default_factory=dict)
    received: dict[int, Received] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    _last_ids: dict[int, int] = field(default_factory=dict)

    def clear(self, balance: Decimal) -> None:
        """Forgets all faxes and documents; ids go on rising."""
        for things in (self.faxes, self.received, self.documents):
            things.clear()
        self.balance = balance

    def new_id(self) -> int:
        """Returns the next id of a sent fax: milliseconds, so that no restart repeats one."""
        return self._next_id(0)

    def new_inbound_id(self) -> int:
        """Returns the next id of a received fax."""
        return self._next_id(INBOUND_IDS)

    def fax(self, fax_id: int) -> Fax:
        """Returns a sent fax.

        Raises:
            ApiError: -1005, there is none, or its record has expired.
        """
        fax = self.faxes.get(fax_id)
        if fax is None or self._age(fax.created) >= OUTBOUND_KEPT:
            raise ApiError(FAX_UNKNOWN, f"Fax resource {fax_id} not found or not accessible by user {self.username}")
        return fax

    def received_fax(self, fax_id: int) -> Received:
        """Returns a received fax.

        Raises:
            ApiError: -3001, there is none, or its record has expired.
        """
        fax = self.received.get(fax_id)
        if fax is None or self._age(fax.created) >= INBOUND_KEPT:
            raise ApiError(INBOUND_UNKNOWN, f"Invalid ID [{fax_id}]")
        return fax

    def uploaded(self, document_id: str) -> Document:
        """Returns an uploaded document.

        Raises:
            ApiError: -1062, there is none any more.
        """
        document = self.documents.get(document_id)
        if document is None or self._is_stale(document):
            raise ApiError(DOCUMENT_UNKNOWN)
        return document

    def image_of(self, fax: Fax | Received) -> bytes | None:
        """Returns the pages of a fax, None if there are none.

        Raises:
            ApiError: -1009, they were deleted.
        """
        kept = OUTBOUND_IMAGE_KEPT if isinstance(fax, Fax) else INBOUND_IMAGE_KEPT
        if self._age(fax.created) >= kept:
            raise ApiError(IMAGE_GONE)
        return fax.document

    def shown_faxes(self) -> list[Fax]:
        """Returns the sent faxes that lists may show, in the order of their ids."""
        return [fax for fax in self.faxes.values() if not fax.hidden and self._age(fax.created) < OUTBOUND_KEPT]

    def shown_received(self) -> list[Received]:
        """Returns the received faxes that lists may show: those that have pages."""
        kept = (fax for fax in self.received.values() if self._age(fax.created) < INBOUND_KEPT)
        return [fax for fax in kept if fax.document is not None]

    def shown_documents(self) -> list[Document]:
        """Returns the uploaded documents that are still there, oldest first."""
        return [document for document in self.documents.values() if not self._is_stale(document)]

    def batch(self, batch_id: int) -> list[Fax]:
        """Returns the faxes of a batch.

        Raises:
            ApiError: -1005, there is no such batch.
        """
        children = [fax for fax in self.faxes.values() if fax.batch == batch_id]
        if not children:
            raise ApiError(FAX_UNKNOWN, f"Batch {batch_id} not found or not accessible by user {self.username}")
        return children

    def put(self, fax: Fax) -> None:
        """Replaces the record of a fax, or adds it."""
        self.faxes[fax.id] = fax

    def _next_id(self, first: int) -> int:
        now = first + int(self.clock.now().timestamp() * 1000)
        self._last_ids[first] = max(now, self._last_ids.get(first, 0) + 1)
        return self._last_ids[first]

    def _age(self, created: datetime) -> timedelta:
        return self.clock.now() - created

    def _is_stale(self, document: Document) -> bool:
        return document.disposition == "MultiUse" and self._age(document.used) >= timedelta(minutes=60)
