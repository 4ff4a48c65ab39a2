"""What our own mails promise: well formed, harmless, the same when sent again, good to read."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.compose import AlertMail, Heading, ReceivedFaxMail, compose_alert, compose_received_fax

NEW_YORK = timezone(timedelta(hours=-5))
HEADING = Heading(
    from_name="Fax +1 202 555 0143",
    from_address="fax@fax.example",
    to="front@clinic.example",
    date=datetime(2026, 11, 2, 9, 14, 5, tzinfo=NEW_YORK),
    message_id="<in.R-01JBV1A2.7@fax.example>",
)
FAX = ReceivedFaxMail(
    heading=HEADING,
    fax_id="R-01JBV1A2",
    number="+12025550199",
    caller="+12025550143",
    received_at=datetime(2026, 11, 2, 9, 14, 5, tzinfo=NEW_YORK),
    pages=3,
    pdf=b"%PDF-1.7\n" + bytes(range(256)) * 4,
)
ONCE = ("From", "To", "Date", "Message-ID", "Subject", "MIME-Version", "Auto-Submitted")


def read(mail: bytes) -> EmailMessage:
    message = email.message_from_bytes(mail, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    for name in ONCE:
        assert len(message.get_all(name, [])) == 1, name
    assert all(len(line) <= 998 for line in mail.split(b"\r\n"))
    assert mail.isascii()
    assert b"\n" not in mail.replace(b"\r\n", b"")
    assert b"\r" not in mail.replace(b"\r\n", b"")
    return message


def test_a_received_fax_says_who_when_and_brings_the_pages() -> None:
    message = read(compose_received_fax(FAX))
    assert message["From"] == "Fax +1 202 555 0143 <fax@fax.example>"
    assert message["To"] == "front@clinic.example"
    assert message["Subject"] == "Fax from +1 202 555 0143, 3 pages"
    assert message["Date"] == "Mon, 02 Nov 2026 09:14:05 -0500"
    assert message["Message-ID"] == "<in.R-01JBV1A2.7@fax.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-FaxGateway-Fax"] == "R-01JBV1A2"
    text, pages = message.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == (
        "A fax has arrived. Its pages are attached as a PDF.\n"
        "\n"
        "From:       +1 202-555-0143\n"
        "To:         +1 202-555-0199\n"
        "Received:   Mon 2 Nov 2026, 09:14:05 -0500\n"
        "Pages:      3\n"
        "Fax id:     R-01JBV1A2\n"
    )
    assert pages.get_content() == FAX.pdf
    assert pages.get_content_type() == "application/pdf"
    assert pages.get_filename() == "fax-20261102-091405-12025550143-R-01JBV1A2.pdf"


@pytest.mark.parametrize("caller", [None, "", "Anonymous", "+1\r\nBcc: x@y.example", "+" + "1" * 40, "0301234"])
def test_a_caller_that_is_no_number_is_unknown(caller: str | None) -> None:
    message = read(compose_received_fax(replace(FAX, caller=caller, pages=1)))
    assert message["Subject"] == "Fax from unknown caller, 1 page"
    _, pages = message.iter_parts()
    assert pages.get_filename() == "fax-20261102-091405-unknown-R-01JBV1A2.pdf"
    assert message["Bcc"] is None


def test_the_same_mail_sent_again_is_the_same_bytes_but_for_its_number() -> None:
    again = replace(FAX, heading=replace(HEADING, copy=2))
    assert compose_received_fax(FAX) == compose_received_fax(FAX)
    assert read(compose_received_fax(again))["X-FaxGateway-Copy"] == "2"
    without = compose_received_fax(again).replace(b"X-FaxGateway-Copy: 2\r\n", b"")
    assert without == compose_received_fax(FAX)


def test_an_address_that_a_header_cannot_hold_stays_out_of_it() -> None:
    message = read(compose_received_fax(replace(FAX, heading=replace(HEADING, to="two@x, evil@y"))))
    assert message["To"] == "undisclosed-recipients:;"


def test_an_alert_tells_the_operator_plain_facts() -> None:
    facts = (("Fax", "R-01JBV1A2"), ("Number", "+1202•••0143"))
    message = read(compose_alert(AlertMail(HEADING, "A received fax reached no address", facts)))
    assert message["Subject"] == "Fax gateway: A received fax reached no address"
    text = message.get_content().replace("\r\n", "\n")
    assert text == "A received fax reached no address\n\nFax: R-01JBV1A2\nNumber: +1202•••0143\n"


def test_an_alert_shows_its_lines_below_the_sentence() -> None:
    lines = ("a line of its own", "another\r\nBcc: nobody@clinic.example")
    text = read(compose_alert(AlertMail(HEADING, "Two things are missing", (("Time", "now"),), lines))).get_content()
    below = "  a line of its own\n  another Bcc: nobody@clinic.example\n"
    assert text.replace("\r\n", "\n") == f"Two things are missing\n\n{below}\nTime: now\n"


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_no_text_from_outside_adds_a_header_or_a_line(name: str, caller: str, sentence: str) -> None:
    heading = replace(HEADING, from_name=name)
    usual = {header for header, _ in read(compose_received_fax(FAX)).items()}
    message = read(compose_received_fax(replace(FAX, heading=heading, caller=caller)))
    assert {header for header, _ in message.items()} == usual
    alert = read(compose_alert(AlertMail(heading, sentence, ((caller, sentence),), (name,))))
    assert len(alert.get_content().strip().splitlines()) <= 5
