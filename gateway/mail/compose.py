"""The mails we build: their common headers, the mail with a received fax, the alert to the operator.

Pure: plain values in, bytes out; the same values give the same bytes, so that a mail sent again is the same
    mail.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2

from gateway.core.numbers import pretty
from gateway.mail.headers import MessageHeaders, clean

#: Seven bit, so that any next hop can carry it.
POLICY: Final = SMTP.clone(cte_type="7bit")
_E164: Final = re.compile(r"\+[1-9][0-9]{1,14}")


@dataclass(frozen=True, slots=True)
class Heading:
    """What every mail of ours has: who, when, its name, the message it answers, which copy it is (from 0)."""

    from_name: str
    from_address: str
    to: str
    date: datetime
    message_id: str
    answers: MessageHeaders | None = None
    copy: int = 0


@dataclass(frozen=True, slots=True)
class ReceivedFaxMail:
    """A received fax on its way to one address. ``caller`` is whatever the provider said, or None."""

    heading: Heading
    fax_id: str
    number: str
    caller: str | None
    received_at: datetime
    pages: int
    pdf: bytes


@dataclass(frozen=True, slots=True)
class AlertMail:
    """Something a person must look at: one sentence, lines that say more, facts as name and value; no page content."""

    heading: Heading
    sentence: str
    facts: tuple[tuple[str, str], ...]
    lines: tuple[str, ...] = ()


def compose_received_fax(mail: ReceivedFaxMail) -> bytes:
    """Builds the mail that brings a received fax: a short summary and the pages (RFC 5322, 2183)."""
    caller = mail.caller if mail.caller and _E164.fullmatch(mail.caller) else None
    who = spaced(caller) if caller else "unknown caller"
    message = begin(mail.heading, f"Fax from {who}, {count(mail.pages, 'page')}", answering=False)
    message["X-FaxGateway-Fax"] = mail.fax_id
    set_text(message, render("received.txt", mail=mail, caller=pretty(caller) if caller else who))
    message.add_attachment(
        mail.pdf, maintype="application", subtype="pdf", filename=_file_name(mail, caller), cte="base64"
    )
    return finish(message)


def compose_alert(mail: AlertMail) -> bytes:
    """Builds a mail to the operator."""
    facts = [(clean(name), clean(value, 300)) for name, value in mail.facts]
    lines = [clean(line, 300) for line in mail.lines]
    sentence = clean(mail.sentence, 200)
    message = begin(mail.heading, f"Fax gateway: {sentence}", answering=False)
    set_text(message, render("alert.txt", sentence=sentence, lines=lines, facts=facts))
    return finish(message)


def begin(heading: Heading, subject: str, *, answering: bool) -> EmailMessage:
    """Starts a mail with one each of the headers that RFC 5322 wants, marked as automatic (RFC 3834 5)."""
    message = EmailMessage(policy=POLICY)
    message["From"] = Address(clean(heading.from_name), addr_spec=heading.from_address)
    message["To"] = _address(heading.to)
    message["Subject"] = clean(subject)
    message["Date"] = format_datetime(heading.date)
    message["Message-ID"] = heading.message_id
    if heading.answers and heading.answers.message_id:
        message["In-Reply-To"] = heading.answers.message_id
        message["References"] = " ".join([*heading.answers.references, heading.answers.message_id])
    message["Auto-Submitted"] = "auto-replied" if answering else "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if heading.copy:
        message["X-FaxGateway-Copy"] = str(heading.copy)
    return message


def set_text(message: MIMEPart, text: str) -> None:
    """Makes ``text`` the content; quoted-printable only if it is not plain ASCII."""
    message.set_content(text, charset="utf-8", cte="7bit" if text.isascii() else "quoted-printable")


def finish(message: EmailMessage) -> bytes:
    """Writes the mail. Its boundary follows from its Message-ID; no part of ours holds the ``=_`` in it."""
    if message.is_multipart():
        digest = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()
        message.set_boundary(f"=_{digest[:24]}")
    return message.as_bytes()


def spaced(number: str) -> str:
    """Writes a number with spaces only, as in a subject or a display name: +1 202 555 0143."""
    return pretty(number).replace("-", " ")


def count(number: int, noun: str) -> str:
    """Writes "1 page", "2 pages"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def moment(at: datetime) -> str:
    """Writes a time for people, in the zone it comes in: Mon 2 Nov 2026, 09:14:05 -0500."""
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M:%S %z}"


def render(template: str, **values: Any) -> str:
    """Fills in one of the texts beside this file."""
    return _templates().get_template(template).render(values)


@cache
def _templates() -> jinja2.Environment:
    texts = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    texts.filters |= {"moment": moment, "pretty": pretty}
    texts.globals |= {"count": count}
    return texts


def _address(text: str) -> Address | str:
    """Writes an address; one that a header cannot hold stays in the envelope only."""
    try:
        return Address(addr_spec=text)
    except (HeaderParseError, ValueError, IndexError):
        return "undisclosed-recipients:;"


def _file_name(mail: ReceivedFaxMail, caller: str | None) -> str:
    digits = caller.removeprefix("+") if caller else "unknown"
    return f"fax-{mail.received_at:%Y%m%d-%H%M%S}-{digits}-{mail.fax_id}.pdf"
