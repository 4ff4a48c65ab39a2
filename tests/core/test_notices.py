"""Who is told what: every cell of the NOTIFY table (RFC 3461)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.core import notices
from gateway.core.lifecycle import FaxState, Move, Notice
from gateway.core.model import NULL_SENDER, Document, FaxJob, MailKind, Message
from gateway.core.notices import MailSettings, kind_of_notice
from gateway.core.reasons import Reason

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SETTINGS = MailSettings(operator="it@clinic.example", fax_sender="postmaster@fax.example")
MESSAGE = Message(
    "E-00000001",
    NOW,
    "ana@clinic.example",
    "192.0.2.1",
    "<m@x>",
    "0" * 64,
    Document("E-00000001", "message", "0" * 64, 1, "message/rfc822"),
)
JOB = FaxJob(
    id="F-00000001",
    message_id=MESSAGE.id,
    state=FaxState.SUBMITTED,
    due_at=NOW,
    version=1,
    created_at=NOW,
    deadline=NOW + timedelta(days=1),
    number="+12025550143",
    address="+12025550143@fax.example",
    notify=None,
    orcpt=None,
    caller_id="+12025550100",
    header_text="Clinic",
    header_time_zone="UTC",
    account="sinch",
    pages=3,
)


@pytest.mark.parametrize(
    ("notify", "success", "failure"),
    [
        (None, MailKind.RECEIPT, MailKind.DSN),
        ("SUCCESS", MailKind.DSN, None),
        ("FAILURE", None, MailKind.DSN),
        ("success,failure", MailKind.DSN, MailKind.DSN),
        ("DELAY", None, None),
        ("NEVER", None, None),
    ],
)
def test_each_cell_of_the_notify_table(notify: str | None, success: MailKind | None, failure: MailKind | None) -> None:
    assert kind_of_notice(Notice.SUCCESS, notify, receipt_for_every_fax=True) is success
    assert kind_of_notice(Notice.FAILURE, notify, receipt_for_every_fax=True) is failure
    assert kind_of_notice(Notice.UNKNOWN, notify, receipt_for_every_fax=True) is failure


def test_without_receipts_for_every_fax_only_failures_are_told_unasked() -> None:
    assert kind_of_notice(Notice.SUCCESS, None, receipt_for_every_fax=False) is None
    assert kind_of_notice(Notice.FAILURE, None, receipt_for_every_fax=False) is MailKind.DSN


def test_a_notice_goes_to_the_envelope_sender_with_a_null_sender_of_its_own() -> None:
    step = Move(FaxState.FAILED, None, Reason.BUSY, "CALL_ERROR 17", Notice.FAILURE, columns={"pages_sent": 0})
    mail = notices.notice_mail(JOB, MESSAGE, step, "M-1", NOW, SETTINGS)
    assert mail is not None
    assert (mail.address, mail.envelope_from) == ("ana@clinic.example", NULL_SENDER)
    assert mail.facts == {
        "notice": "failure",
        "reason": "busy",
        "detail": "CALL_ERROR 17",
        "pages": "3",
        "pages_sent": "0",
        "at": "2026-11-02T09:00:00+00:00",
    }


def test_each_notice_and_each_delivery_has_one_key() -> None:
    step = Move(FaxState.FAILED, None, Reason.BUSY, notice=Notice.FAILURE)
    mail = notices.notice_mail(JOB, MESSAGE, step, "M-1", NOW, SETTINGS)
    assert mail is not None
    assert mail.unique_key == "notice:F-00000001:failure"
    assert notices.fax_mail("R-1", "Front@Clinic.example", "M-2", NOW, SETTINGS).unique_key == (
        "fax:R-1:front@clinic.example"
    )


def test_an_alert_goes_to_the_operator() -> None:
    mail = notices.alert_mail("held:F-1", "F-1", "A row is held.", "M-3", NOW, SETTINGS)
    assert (mail.address, mail.unique_key) == ("it@clinic.example", "alert:held:F-1")


def test_an_alert_keeps_its_first_lines_and_counts_the_rest() -> None:
    lines = [f"line {number}\nof two" for number in range(40)]
    mail = notices.alert_mail("drift", "sinch", "They differ.", "M-4", NOW, SETTINGS, lines=lines)
    kept = mail.facts["lines"].split("\n")
    assert kept[:2] == ["line 0 of two", "line 1 of two"]
    assert len(kept) == 26
    assert kept[-1] == "and 15 more"
    assert "lines" not in notices.alert_mail("drift", "sinch", "They agree.", "M-5", NOW, SETTINGS).facts
