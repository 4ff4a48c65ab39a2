"""What a sender reads about a fax: everything there is to know, in plain words."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from gateway.core.lifecycle import Notice
from gateway.core.model import Fate, LedgerEntry
from gateway.core.reasons import Reason
from gateway.mail.compose import Heading
from gateway.mail.headers import read_headers
from gateway.mail.receipts import (
    Call,
    FaxOutcome,
    ReceiptMail,
    compose_follow_up,
    compose_receipt,
    describe,
    subject,
)

NEW_YORK = timezone(timedelta(hours=-5))


def at(hour: int, minute: int) -> datetime:
    return datetime(2026, 11, 2, hour, minute, 5, tzinfo=NEW_YORK)


DELIVERED = FaxOutcome(
    job_id="F-7K3M9QX2",
    number="+12025550143",
    notice=Notice.SUCCESS,
    reason=Reason.DELIVERED,
    accepted_at=at(9, 14),
    ended_at=at(9, 27),
    pages=3,
    pages_sent=3,
    calls=(Call(at(9, 15), Reason.BUSY), Call(at(9, 25), Reason.DELIVERED, 3)),
    parts=(
        LedgerEntry(1, "text/plain", 812, Fate.PAGES, 1, 1),
        LedgerEntry(2, "application/pdf", 84_211, Fate.PAGES, 2, 3),
        LedgerEntry(3, "text/calendar", 2_100_000, Fate.SKIPPED, why="a calendar entry"),
    ),
    price=Decimal("0.07"),
    currency="USD",
)
THREAD = read_headers(b"Message-ID: <r@x>\r\nReferences: <q@x>\r\nSubject: Referral canary\r\n\r\n")
HEADING = Heading("Fax gateway", "postmaster@fax.example", "ana@clinic.example", at(9, 28), "<n@f.example>", THREAD)


def test_a_delivered_fax_is_told_in_full() -> None:
    assert describe(DELIVERED) == (
        "Your fax was delivered.\n"
        "\n"
        "All pages were confirmed by the receiving machine.\n"
        "\n"
        "Number:     +1 202-555-0143\n"
        "Pages:      3, all confirmed\n"
        "Accepted:   Mon 2 Nov 2026, 09:14:05 -0500\n"
        "Started:    Mon 2 Nov 2026, 09:15:05 -0500\n"
        "Finished:   Mon 2 Nov 2026, 09:27:05 -0500\n"
        "Price:      0.07 USD\n"
        "Fax id:     F-7K3M9QX2\n"
        "\n"
        "Calls:\n"
        "  1. Mon 2 Nov 2026, 09:15:05 -0500: The line was busy.\n"
        "  2. Mon 2 Nov 2026, 09:25:05 -0500: All pages were confirmed by the receiving machine.\n"
        "\n"
        "What became of your message:\n"
        "  part 1 (text, 812 bytes): page 1\n"
        "  part 2 (PDF, 84 KB): pages 2-3\n"
        "  part 3 (calendar entry, 2.1 MB): left out, a calendar entry\n"
    )


def test_a_failure_has_one_sentence_why_and_one_next_step() -> None:
    failed = replace(
        DELIVERED, notice=Notice.FAILURE, reason=Reason.BUSY, pages_sent=0, price=None, calls=DELIVERED.calls[:1]
    )
    text = describe(failed)
    beginning = "Your fax could not be delivered.\n\nThe line was busy.\nSend it again later.\n\nNumber:"
    assert text.startswith(beginning)
    assert "Pages:      0 of 3 sent\n" in text
    assert "Price" not in text


def test_a_refused_message_is_told_by_part_and_type() -> None:
    refused = FaxOutcome(
        job_id="F-1",
        number="+12025550143",
        notice=Notice.FAILURE,
        reason=Reason.UNSUPPORTED_TYPE,
        accepted_at=at(9, 14),
        ended_at=at(9, 14),
        detail="part 2 (application/zip): this type cannot be faxed",
    )
    text = describe(refused)
    assert "Concerned: part 2 (application/zip): this type cannot be faxed.\n" in text
    assert "Pages:      none\n" in text
    assert "Calls" not in text
    assert "What became" not in text


def test_types_are_told_in_words_of_people_and_what_was_left_out_of_pages() -> None:
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    entries = (
        LedgerEntry(1, "text/plain", 800, Fate.PAGES, 1, 2, why="2 emoji or ornaments left out"),
        LedgerEntry(2, word, 9_000, Fate.REFUSED, why="this type cannot be faxed"),
        LedgerEntry(3, "image/heic", 9_000, Fate.REFUSED, why="this type cannot be faxed"),
    )
    text = describe(replace(DELIVERED, parts=entries))
    assert "  part 1 (text, 800 bytes): pages 1-2, 2 emoji or ornaments left out\n" in text
    assert "  part 2 (Word document, 9 KB): refused" in text
    assert "  part 3 (HEIC photo, 9 KB): refused" in text


def test_what_nobody_can_tell_is_said_so() -> None:
    unknown = replace(
        DELIVERED,
        notice=Notice.UNKNOWN,
        reason=Reason.OUTCOME_UNKNOWN,
        pages_sent=None,
        calls=(Call(at(9, 15), None),),
    )
    text = describe(unknown)
    assert text.startswith("Your fax may have been sent.\n")
    assert "Check with the recipient before you send it again." in text
    assert "Pages:      3; nobody can tell how many arrived\n" in text
    assert "It is not known how this call ended." in text


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("notice", list(Notice))
def test_every_reason_makes_a_readable_text(notice: Notice, reason: Reason) -> None:
    text = describe(replace(DELIVERED, notice=notice, reason=reason))
    assert reason.sentence in text
    assert reason.next_step in text
    assert "\n\n\n" not in text
    assert not text.endswith("\n\n")


def test_a_receipt_answers_the_message_and_never_repeats_its_subject() -> None:
    raw = compose_receipt(ReceiptMail(HEADING, DELIVERED))
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert message["Subject"] == subject(DELIVERED) == "Your fax was delivered: +1 202-555-0143"
    assert (message["In-Reply-To"], message["References"]) == ("<r@x>", "<q@x> <r@x>")
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["X-FaxGateway-Job"] == "F-7K3M9QX2"
    assert message.get_content_type() == "text/plain"
    assert b"canary" not in raw


def test_a_follow_up_refers_to_the_first_word() -> None:
    raw = compose_follow_up(ReceiptMail(HEADING, DELIVERED)).replace(b"\r\n", b"\n")
    assert b"Your fax was delivered.\n\nAn earlier mail said that nobody could tell" in raw
