"""The nouns of the gateway, as frozen values. Architecture words: see docs/flow.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gateway.core.lifecycle import FaxState, InboundState, MailState
from gateway.core.reasons import Reason

NULL_SENDER = ""


@dataclass(frozen=True, slots=True)
class Document:
    """Stored bytes: they belong to one message, job or received fax and are deleted with it.

    ``pages`` is None where pages have no meaning (a raw message) or are not counted yet.
    """

    owner: str
    role: str
    sha256: str
    size: int
    media_type: str
    pages: int | None = None

    @property
    def name(self) -> str:
        """Names the stored file: owner, role and hash, so that a file tells whose it is and checks itself."""
        return f"{self.owner}.{self.role}.{self.sha256}"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted RCPT: the address exactly as given, the number it means, its DSN wishes (RFC 3461)."""

    address: str
    number: str
    notify: str | None = None
    orcpt: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """One SMTP transaction (RFC 5321), with its DSN parameters (RFC 3461) exactly as given."""

    mail_from: str
    recipients: tuple[Recipient, ...]
    peer: str
    helo: str
    ret: str | None = None
    envid: str | None = None


class Carrier(StrEnum):
    """Who carries mail between a person and a number: this gateway, the provider's own e-mail service, or both."""

    GATEWAY = "gateway"
    PROVIDER = "provider"
    BOTH = "both"

    @property
    def is_provider(self) -> bool:
        """Says that the provider's e-mail service takes part."""
        return self is not Carrier.GATEWAY


@dataclass(frozen=True, slots=True)
class Sender:
    """Who may fax: the identity we print on each page and call from (47 CFR 68.318(d)).

    ``accepted_by`` BOTH also lets the address fax through the provider's own e-mail service, past our rules.
    """

    address: str
    caller_id: str
    header_text: str
    header_time_zone: str
    account: str
    accepted_by: Carrier = Carrier.GATEWAY


@dataclass(frozen=True, slots=True)
class Message:
    """One accepted e-mail; its bytes are ``document``. ``confirmed`` once the client has seen our 250."""

    id: str
    received_at: datetime
    mail_from: str
    peer: str
    message_id: str
    fingerprint: str
    document: Document
    ret: str | None = None
    envid: str | None = None
    confirmed: bool = False


class Fate(StrEnum):
    """What became of one part of a message."""

    PAGES = "pages"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The fate of one MIME part: pages ``first``-``last`` of the fax, or why it is not in it."""

    index: int
    media_type: str
    size: int
    fate: Fate
    first: int | None = None
    last: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class FaxJob:
    """One document to one number for one sender, with the columns that make it a queue row.

    ``account`` is the provider account that carries it now; ``other_accounts`` stand in after a definite failure.
    """

    id: str
    message_id: str
    state: FaxState
    due_at: datetime | None
    version: int
    created_at: datetime
    deadline: datetime
    number: str
    address: str
    notify: str | None
    orcpt: str | None
    caller_id: str
    header_text: str
    header_time_zone: str
    account: str
    other_accounts: tuple[str, ...] = ()
    claimed_by: str | None = None
    woken: bool = False
    tries: int = 0
    bugs: int = 0
    calls: int = 0
    document: Document | None = None
    pages: int | None = None
    pages_sent: int | None = None
    reason: Reason | None = None
    detail: str = ""
    held_from: FaxState | None = None
    ended_at: datetime | None = None


class AttemptState(StrEnum):
    """What we know of one submission."""

    #: Intent is committed; the provider may or may not have it.
    OPEN = "open"
    #: The provider gave it a fax id; the outcome is open.
    ACCEPTED = "accepted"
    #: Proof that it never arrived; the same reference may be used again.
    NOT_SENT = "not_sent"
    #: The provider refused the request itself; no fax exists.
    REFUSED = "refused"
    DELIVERED = "delivered"
    FAILED = "failed"
    #: It can no longer be told.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One submission of a FaxJob: its reference was committed before the first byte went out."""

    reference: str
    job_id: str
    number: int
    state: AttemptState
    account: str
    intent_at: datetime
    searches: int = 0
    resends: int = 0
    absent_since: datetime | None = None
    hinted_fax_id: str | None = None
    provider_fax_id: str | None = None
    reason: Reason | None = None
    detail: str = ""
    pages_sent: int | None = None
    price: Decimal | None = None
    currency: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InboundFax:
    """One received fax, unique by (account, provider fax id), with its queue columns."""

    id: str
    account: str
    provider_fax_id: str
    state: InboundState
    due_at: datetime | None
    version: int
    created_at: datetime
    deadline: datetime
    claimed_by: str | None = None
    woken: bool = False
    tries: int = 0
    bugs: int = 0
    number: str | None = None
    caller: str | None = None
    pages: int | None = None
    received_at: datetime | None = None
    event_document: Document | None = None
    document: Document | None = None
    reason: Reason | None = None
    detail: str = ""
    held_from: InboundState | None = None
    ended_at: datetime | None = None


class MailKind(StrEnum):
    """What a mail of ours is about; decides how it is composed and who hears of its failure."""

    FAX = "fax"
    RECEIPT = "receipt"
    DSN = "dsn"
    FOLLOW_UP = "follow_up"
    ALERT = "alert"
    FORWARD = "forward"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class MailDelivery:
    """One e-mail to one address through the smarthost, with its queue columns.

    ``subject_id`` is the fax, job or message it is about. ``facts`` is what was true when it was ordered; the
    mail is composed from it at each try, with the same Message-ID and Date.
    """

    id: str
    kind: MailKind
    subject_id: str
    address: str
    envelope_from: str
    unique_key: str
    facts: dict[str, str]
    state: MailState
    due_at: datetime | None
    version: int
    created_at: datetime
    deadline: datetime
    claimed_by: str | None = None
    woken: bool = False
    tries: int = 0
    bugs: int = 0
    reason: Reason | None = None
    detail: str = ""
    held_from: MailState | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Our rule: faxes to ``number`` go to ``addresses``, carried by ``delivered_by``."""

    number: str
    addresses: tuple[str, ...]
    delivered_by: Carrier = Carrier.GATEWAY


class Permission(StrEnum):
    """What an address may do with a number at the provider: fax from it, get its faxes, or both."""

    SEND = "send"
    RECEIVE = "receive"
    BOTH = "both"

    @property
    def sends(self) -> bool:
        """Says that the address may fax from the number."""
        return self is not Permission.RECEIVE

    @property
    def receives(self) -> bool:
        """Says that the address gets the faxes of the number."""
        return self is not Permission.SEND


@dataclass(frozen=True, slots=True)
class Mapping:
    """One fact as the provider stores it: in this service, this address may do that with this number.

    ``address`` is spelled as the provider spells it; addresses are the same if their small letters are.
    """

    service: str
    address: str
    number: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a service at the provider, as it is and as our configuration needs it.

    Attributes:
        name: the provider's own name of it.
        found: the value there, for people; secrets masked.
        wanted: the value that our configuration needs, for people; secrets masked.
        agrees: as far as can be seen, what is there is what is wanted (masked secrets cannot be seen).
        untouched: what is there is the provider's default: nobody chose it.
        fingerprint: of the wanted value with its secrets; tells whether it is what we have set.
    """

    name: str
    found: str
    wanted: str
    agrees: bool
    untouched: bool
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service of an account at the provider, as it was read.

    Attributes:
        id: the provider's id of it.
        name: what its owner calls it.
        numbers: that belong to it, E.164.
        suspended: those of them that are suspended.
        mappings: every address with every number of it.
        settings: those that our configuration has an opinion on.
        keeps_received: whether the provider keeps the pages of received faxes, whatever our configuration says.
    """

    id: str
    name: str
    numbers: frozenset[str]
    suspended: frozenset[str]
    mappings: tuple[Mapping, ...]
    settings: tuple[Setting, ...]
    keeps_received: bool = True


class Phase(StrEnum):
    """How far a fax is at the provider."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FaxRequest:
    """What we ask a provider to send: one document to one number, under one reference."""

    reference: str
    number: str
    caller_id: str
    header_text: str
    header_time_zone: str
    document: bytes
    media_type: str
    callback_url: str | None


@dataclass(frozen=True, slots=True)
class FaxReport:
    """What a provider's API says of one fax, in our words. Only what we fetched ourselves becomes a report.

    ``raw`` is the provider's own code and text, for the journal. ``references`` are the labels it carries.
    """

    provider_fax_id: str
    inbound: bool
    phase: Phase
    number: str | None
    caller: str | None
    created_at: datetime | None
    completed_at: datetime | None = None
    pages: int | None = None
    pages_sent: int | None = None
    reason: Reason | None = None
    raw: str = ""
    price: Decimal | None = None
    currency: str | None = None
    references: frozenset[str] = field(default_factory=frozenset)
    service: str | None = None
    has_document: bool = False


@dataclass(frozen=True, slots=True)
class FaxEvent:
    """What a webhook claims: a hint to look, never the truth.

    ``document`` holds the bytes inside the event, the only copy if the provider keeps none.
    """

    provider_fax_id: str
    inbound: bool
    reference: str | None = None
    document: bytes | None = None


class Verdict(StrEnum):
    """Did an attempt arrive?"""

    FOUND = "found"
    #: The list was proven fresh and does not have it.
    NOT_THERE = "not_there"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search for one attempt. ``others`` are further faxes with the same reference: broken trust."""

    verdict: Verdict
    provider_fax_id: str | None = None
    others: tuple[str, ...] = ()
