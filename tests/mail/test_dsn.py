"""What a delivery report promises: RFC 3464 to the letter, the recipient exactly as given, no subject ever."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.lifecycle import Notice
from gateway.core.reasons import Reason
from gateway.mail.compose import Heading
from gateway.mail.dsn import DsnMail, compose_dsn
from gateway.mail.headers import read_headers
from gateway.mail.receipts import FaxOutcome
from gateway.mail.xtext import encode_xtext

AT = datetime(2026, 11, 2, 9, 14, 5, tzinfo=timezone(timedelta(hours=-5)))
ORIGINAL = read_headers(
    b"From: Ana Diaz <ana@clinic.example>\r\nTo: FAX=+12025550143@fax.example\r\n"
    b"Subject: Referral canary\r\nMessage-ID: <r4471.1@clinic.example>\r\n"
    b"Date: Mon, 02 Nov 2026 09:14:03 -0500\r\n\r\n"
)
DSN = DsnMail(
    heading=Heading("Fax gateway", "postmaster@fax.example", "ana@clinic.example", AT, "<dsn.1@fax.example>", ORIGINAL),
    outcome=FaxOutcome(
        job_id="F-7K3M9QX2",
        number="+12025550143",
        notice=Notice.FAILURE,
        reason=Reason.BUSY,
        accepted_at=AT,
        ended_at=AT,
        pages=3,
        pages_sent=0,
    ),
    reporting_mta="fax.example",
    recipient="Fax=+1-202.555.0143@FAX.example",
    arrival=AT,
    envid="QQ+2B314159",
    orcpt="rfc822;FAX+3D+2B12025550143@fax.example",
    last_attempt=AT + timedelta(minutes=47),
    diagnostic="sinch CALL_ERROR 17",
)


def parts(dsn: DsnMail) -> tuple[Message, Message, Message]:
    message = email.message_from_bytes(compose_dsn(dsn), policy=email.policy.SMTP)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert not message.defects
    text, status, headers = message.get_payload()  # type: ignore[misc]  # three parts
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    assert headers.get_content_type() == "text/rfc822-headers"
    return text, status, headers


def status_text(dsn: DsnMail) -> str:
    """Reads the report's fields with a knife instead of a parser."""
    raw = compose_dsn(dsn).decode("ascii")
    return raw.split("Content-Type: message/delivery-status\r\n\r\n")[1].split("\r\n--=_")[0]


def test_the_fields_are_exactly_those_of_the_standard() -> None:
    assert status_text(DSN) == (
        "Reporting-MTA: dns; fax.example\r\n"
        "Original-Envelope-Id: QQ+314159\r\n"
        "Arrival-Date: Mon, 02 Nov 2026 09:14:05 -0500\r\n"
        "\r\n"
        "Original-Recipient: rfc822;FAX=+12025550143@fax.example\r\n"
        "Final-Recipient: rfc822;Fax=+1-202.555.0143@FAX.example\r\n"
        "Action: failed\r\n"
        "Status: 4.4.1\r\n"
        "Diagnostic-Code: x-fax; busy (sinch CALL_ERROR 17)\r\n"
        "Last-Attempt-Date: Mon, 02 Nov 2026 10:01:05 -0500\r\n"
        "X-FaxGateway-Job: F-7K3M9QX2\r\n"
        "X-FaxGateway-Pages: 0/3\r\n"
    )


def test_what_was_not_given_is_not_reported() -> None:
    bare = replace(
        DSN,
        envid=None,
        orcpt=None,
        last_attempt=None,
        diagnostic="",
        outcome=replace(DSN.outcome, reason=Reason.NO_CONTENT, pages=None, pages_sent=None),
    )
    assert status_text(bare) == (
        "Reporting-MTA: dns; fax.example\r\n"
        "Arrival-Date: Mon, 02 Nov 2026 09:14:05 -0500\r\n"
        "\r\n"
        "Final-Recipient: rfc822;Fax=+1-202.555.0143@FAX.example\r\n"
        "Action: failed\r\n"
        "Status: 5.6.0\r\n"
        "Diagnostic-Code: x-fax; no_content\r\n"
        "X-FaxGateway-Job: F-7K3M9QX2\r\n"
    )


@pytest.mark.parametrize(
    ("notice", "reason", "action", "subject"),
    [
        (Notice.SUCCESS, Reason.DELIVERED, "delivered", "Your fax was delivered: +1 202-555-0143"),
        (Notice.FAILURE, Reason.BAD_NUMBER, "failed", "Your fax could not be delivered: +1 202-555-0143"),
        (Notice.UNKNOWN, Reason.OUTCOME_UNKNOWN, "failed", "Your fax may have been sent: +1 202-555-0143"),
    ],
)
def test_action_and_subject_follow_the_outcome(notice: Notice, reason: Reason, action: str, subject: str) -> None:
    dsn = replace(DSN, outcome=replace(DSN.outcome, notice=notice, reason=reason))
    message = email.message_from_bytes(compose_dsn(dsn), policy=email.policy.SMTP)
    assert message["Subject"] == subject
    assert f"Action: {action}\r\nStatus: {reason.status}\r\n" in status_text(dsn)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_reported_with_its_status(reason: Reason) -> None:
    dsn = replace(DSN, diagnostic="", outcome=replace(DSN.outcome, reason=reason))
    assert f"Status: {reason.status}\r\nDiagnostic-Code: x-fax; {reason.code}\r\n" in status_text(dsn)


def test_the_report_names_the_message_without_its_subject() -> None:
    _, _, headers = parts(DSN)
    assert headers.get_payload() == (
        "Message-ID: <r4471.1@clinic.example>\r\n"
        "Date: Mon, 02 Nov 2026 09:14:03 -0500\r\n"
        "From: Ana Diaz <ana@clinic.example>\r\n"
        "To: FAX=+12025550143@fax.example\r\n"
    )
    assert b"canary" not in compose_dsn(DSN)


def test_a_report_answers_its_message_and_never_invites_an_answer() -> None:
    message = email.message_from_bytes(compose_dsn(DSN), policy=email.policy.SMTP)
    assert message["In-Reply-To"] == "<r4471.1@clinic.example>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert len(message.get_all("MIME-Version", [])) == 1


def test_a_long_recipient_is_never_broken() -> None:
    long = "FAX=+12025550143/" + "X" * 400 + "@fax.example"
    status = status_text(replace(DSN, recipient=long, orcpt=f"rfc822;{encode_xtext(long)}"))
    assert f"Final-Recipient: rfc822;{long}\r\n" in status
    assert f"Original-Recipient: rfc822;{long}\r\n" in status


def test_the_same_report_is_the_same_bytes() -> None:
    assert compose_dsn(DSN) == compose_dsn(DSN)


@given(st.text(max_size=120), st.text(max_size=120), st.text(max_size=120), st.text(max_size=120))
def test_nothing_from_outside_adds_a_field(envid: str, orcpt: str, recipient: str, diagnostic: str) -> None:
    usual = [line.split(":")[0] for line in status_text(DSN).split("\r\n")]
    dsn = replace(DSN, envid=envid, orcpt=orcpt, recipient=recipient, diagnostic=diagnostic)
    assert [line.split(":")[0] for line in status_text(dsn).split("\r\n")] == usual
    assert compose_dsn(dsn).isascii()
    parts(dsn)
