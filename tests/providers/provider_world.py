"""The provider's side of the wire, as the contract suite sees it; each provider's tests supply one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.core.model import FaxRequest, Phase
from gateway.providers.base import FaxProvider

NOW = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
NUMBER = "+12025550143"
OUR_NUMBER = "+12025550100"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 300 + b"\n%%EOF\n"
REFERENCE = "F-7K3M9QX2-1"

REQUEST = FaxRequest(
    reference=REFERENCE,
    number=NUMBER,
    caller_id=OUR_NUMBER,
    header_text="North Clinic +1 202 555 0100",
    header_time_zone="America/New_York",
    document=PDF,
    media_type="application/pdf",
    callback_url=f"https://fax.example.com/webhooks/main/s3cret?ref={REFERENCE}",
)


@dataclass(frozen=True)
class Submission:
    """What the provider got. ``calls`` is how often it would dial by itself."""

    reference: str
    number: str
    document: bytes
    calls: int
    connection: object


class World(ABC):
    """A provider's side of the wire, told in verbs. ``provider`` is ours, its clock says NOW."""

    provider: FaxProvider

    @abstractmethod
    def submissions(self) -> list[Submission]:
        """The faxes handed over so far, also those whose answer was lost."""

    @abstractmethod
    def impatient_provider(self) -> FaxProvider:
        """Another one of ours, which waits one second for an answer; closed with the world."""

    @abstractmethod
    async def will_refuse_connections(self) -> None:
        """Nobody listens any more. Whatever login is needed has been done before."""

    @abstractmethod
    def will_drop_the_answer(self) -> None:
        """The next request is done, its answer lost."""

    @abstractmethod
    def will_cut_the_request(self) -> None:
        """The connection breaks while the next request is sent."""

    @abstractmethod
    def will_tear_the_answer(self) -> None:
        """The next request is done, half of the answer arrives."""

    @abstractmethod
    def will_hang(self) -> None:
        """The next request is done and never answered."""

    @abstractmethod
    def will_answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """The next request is not done but answered so."""

    @abstractmethod
    def will_accept_without_an_id(self) -> None:
        """The next submission is answered with success that names no fax."""

    @abstractmethod
    def has_sent(
        self,
        reference: str,
        created_at: datetime,
        *,
        phase: Phase = Phase.WAITING,
        number: str = NUMBER,
    ) -> str:
        """A fax of ours exists at the provider; returns its id."""

    @abstractmethod
    def has_received(self, created_at: datetime, *, ours: bool = True, document: bytes | None = PDF) -> str:
        """A fax came in, for one of our services or for somebody else's; returns its id."""

    @abstractmethod
    def event_of(self, fax_id: str) -> tuple[str, bytes]:
        """The webhook about this fax: content type and body."""

    @abstractmethod
    def webhook_headers(self) -> dict[str, str]:
        """The headers that prove a webhook to be theirs."""
