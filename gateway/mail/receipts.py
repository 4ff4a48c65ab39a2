"""What a sender is told about a fax, in words; and the receipts that are plain mail, not DSNs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from gateway.core.lifecycle import Notice
from gateway.core.model import Fate, LedgerEntry
from gateway.core.numbers import pretty
from gateway.core.reasons import Reason
from gateway.mail.compose import Heading, begin, count, finish, render, set_text
from gateway.mail.headers import clean
from gateway.mail.media_types import name_of

_HEADLINES: Final = {
    Notice.SUCCESS: "Your fax was delivered",
    Notice.FAILURE: "Your fax could not be delivered",
    Notice.UNKNOWN: "Your fax may have been sent",
}
_KILOBYTE: Final = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was made: when, and how it ended (None: nobody can tell)."""

    at: datetime
    reason: Reason | None
    pages_sent: int | None = None


@dataclass(frozen=True, slots=True)
class FaxOutcome:
    """How one fax ended, as its sender may know it.

    Attributes:
        detail: what is wrong with which part, in our own words; never a provider's text or a file name.
        pages: of the document; None when it never became pages.
        pages_sent: that arrived; None when nobody can tell.
        parts: what became of each part of the message.
    """

    job_id: str
    number: str
    notice: Notice
    reason: Reason
    accepted_at: datetime
    ended_at: datetime
    pages: int | None = None
    pages_sent: int | None = None
    detail: str = ""
    calls: tuple[Call, ...] = ()
    parts: tuple[LedgerEntry, ...] = ()
    price: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptMail:
    """A receipt for one fax to the sender of its message."""

    heading: Heading
    outcome: FaxOutcome


def compose_receipt(mail: ReceiptMail) -> bytes:
    """Builds the receipt for a fax: plain mail, for a sender who asked for no report."""
    return _compose(mail, describe(mail.outcome))


def compose_follow_up(mail: ReceiptMail) -> bytes:
    """Builds the one mail that tells how a fax went of which we said that it may have been sent."""
    return _compose(mail, describe(mail.outcome, follow_up=True))


def subject(outcome: FaxOutcome) -> str:
    """Says in one line what happened to which number; never the subject of the message."""
    return f"{_HEADLINES[outcome.notice]}: {pretty(outcome.number)}"


def describe(outcome: FaxOutcome, *, follow_up: bool = False) -> str:
    """Tells all that a sender can know: what, why, what to do, when, the calls, the fate of each part."""
    return render(
        "outcome.txt",
        headline=_HEADLINES[outcome.notice],
        outcome=outcome,
        follow_up=follow_up,
        detail=clean(outcome.detail, 200),
        pages=_pages(outcome),
        parts=[_part(entry) for entry in outcome.parts],
    )


def _compose(mail: ReceiptMail, text: str) -> bytes:
    message = begin(mail.heading, subject(mail.outcome), answering=True)
    message["X-FaxGateway-Job"] = mail.outcome.job_id
    set_text(message, text)
    return finish(message)


def _pages(outcome: FaxOutcome) -> str:
    """Says how many of how many pages arrived."""
    if outcome.pages is None:
        return "none"
    if outcome.notice is Notice.SUCCESS:
        return f"{outcome.pages}, all confirmed"
    if outcome.pages_sent is None:
        return f"{outcome.pages}; nobody can tell how many arrived"
    return f"{outcome.pages_sent} of {outcome.pages} sent"


def _part(entry: LedgerEntry) -> str:
    """Says what became of one part: part 2 (PDF, 84 KB): pages 2-3."""
    name = f"part {entry.index} ({name_of(entry.media_type)}, {_size(entry.size)})"
    why = f", {entry.why}" if entry.why else ""
    match entry.fate:
        case Fate.PAGES if entry.first == entry.last:
            return f"{name}: page {entry.first}{why}"
        case Fate.PAGES:
            return f"{name}: pages {entry.first}-{entry.last}{why}"
        case Fate.SKIPPED:
            return f"{name}: left out, {entry.why}"
        case Fate.REFUSED:
            return f"{name}: refused, {entry.why}"


def _size(size: int) -> str:
    if size < _KILOBYTE:
        return count(size, "byte")
    if size < _KILOBYTE**2:
        return f"{round(size / _KILOBYTE)} KB"
    return f"{size / _KILOBYTE**2:.1f} MB"
