"""Delivery status notifications: what a mail program can read about a fax (RFC 3464, 6522)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import Message, MIMEPart
from email.utils import format_datetime
from typing import Final

from gateway.core.lifecycle import Notice
from gateway.mail.compose import POLICY, Heading, begin, finish, set_text
from gateway.mail.headers import clean
from gateway.mail.receipts import FaxOutcome, describe, subject
from gateway.mail.xtext import decode_xtext

#: ORCPT may have 500 characters (RFC 3461 4.2): a field of the report is never folded inside an address.
_UNFOLDED: Final = POLICY.clone(max_line_length=998)
_MOST_ADDRESS, _MOST_ENVID, _MOST_DIAGNOSTIC = 500, 100, 120


@dataclass(frozen=True, slots=True)
class DsnMail:
    """A report on one recipient of one message, to its envelope sender.

    Attributes:
        reporting_mta: our host name.
        envid: ENVID exactly as given (xtext), or None.
        orcpt: ORCPT exactly as given (type;xtext), or None.
        recipient: the RCPT address exactly as given.
        arrival: when the message was accepted.
        last_attempt: of the last call; None if none was made.
        diagnostic: the provider's own code and short text, or empty.
    """

    heading: Heading
    outcome: FaxOutcome
    reporting_mta: str
    recipient: str
    arrival: datetime
    envid: str | None = None
    orcpt: str | None = None
    last_attempt: datetime | None = None
    diagnostic: str = ""


def compose_dsn(mail: DsnMail) -> bytes:
    """Builds the report: words for people, fields for programs, the headers that name the message.

    The subject of the message is never in it, nor any of its content: it may be about a patient.
    """
    message = begin(mail.heading, subject(mail.outcome), answering=True)
    message.policy = _UNFOLDED
    message["X-FaxGateway-Job"] = mail.outcome.job_id
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = 'multipart/report; report-type="delivery-status"'
    text, headers = MIMEPart(_UNFOLDED), MIMEPart(_UNFOLDED)
    set_text(text, describe(mail.outcome))
    kept = mail.heading.answers.kept if mail.heading.answers else ()
    lines = "".join(f"{name}: {value}\n" for name, value in kept)
    headers.set_content(lines, subtype="rfc822-headers", charset="us-ascii", cte="7bit")
    message.set_payload([text, _status(mail), headers])
    return finish(message)


def _status(mail: DsnMail) -> Message:
    """Writes the machine-readable part: one block for the message, one for its recipient."""
    part: Message = Message(_UNFOLDED)
    part["Content-Type"] = "message/delivery-status"
    part.set_payload([_block(_of_message(mail)), _block(_of_recipient(mail))])
    return part


def _of_message(mail: DsnMail) -> list[tuple[str, str]]:
    fields = [("Reporting-MTA", f"dns; {mail.reporting_mta}")]
    if mail.envid is not None:
        fields.append(("Original-Envelope-Id", clean(decode_xtext(mail.envid), _MOST_ENVID)))
    return [*fields, ("Arrival-Date", format_datetime(mail.arrival))]


def _of_recipient(mail: DsnMail) -> list[tuple[str, str]]:
    outcome, reason = mail.outcome, mail.outcome.reason
    fields = []
    if mail.orcpt is not None:
        kind, _, address = mail.orcpt.partition(";")
        fields.append(("Original-Recipient", f"{kind};{clean(decode_xtext(address), _MOST_ADDRESS)}"))
    said = clean(mail.diagnostic, _MOST_DIAGNOSTIC)
    fields += [
        ("Final-Recipient", f"rfc822;{mail.recipient}"),
        ("Action", "delivered" if outcome.notice is Notice.SUCCESS else "failed"),
        ("Status", reason.status),
        ("Diagnostic-Code", f"x-fax; {reason.code}" + (f" ({said})" if said else "")),
    ]
    if mail.last_attempt:
        fields.append(("Last-Attempt-Date", format_datetime(mail.last_attempt)))
    fields.append(("X-FaxGateway-Job", outcome.job_id))
    if outcome.pages is not None:
        sent = "?" if outcome.pages_sent is None else outcome.pages_sent
        fields.append(("X-FaxGateway-Pages", f"{sent}/{outcome.pages}"))
    return fields


def _block(fields: list[tuple[str, str]]) -> Message:
    """Makes one block of fields; compat32 keeps each value as it is, and refuses line breaks when written."""
    block: Message = Message()
    for name, value in fields:
        block[name] = clean(value, 998).encode("ascii", "replace").decode("ascii")
    return block
