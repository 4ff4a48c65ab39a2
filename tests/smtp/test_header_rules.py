"""Mail loops and automatic mail are refused by their header, and header blocks have a size."""

from __future__ import annotations

import pytest

from gateway.core.refusal import Refusal
from gateway.smtp.header_rules import HeaderGate, check_header

AUTOMATIC = "550 5.7.1 automatic mail is not faxed"


def judge(*fields: str, for_fax: bool = True) -> str:
    """Gives the reply that a header gets; empty if it may pass."""
    block = "".join(field.replace("\n", "\r\n") + "\r\n" for field in ("Subject: x", *fields, "To: y"))
    try:
        check_header(block.encode("latin-1"), for_fax=for_fax)
    except Refusal as refusal:
        return refusal.reply
    return ""


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-replied",
        "AUTO-SUBMITTED:auto-generated; owner=x",
        "Auto-Submitted:\n\tauto-notified",
        "Auto-Submitted:",
        "Precedence: bulk",
        "precedence: JUNK",
        "Precedence: list",
        "List-Id: <l.example>",
        "List-Unsubscribe: <mailto:x@y.example>",
        "Content-Type: multipart/report; report-type=delivery-status",
        "Content-Type:\n Multipart/Report;\n boundary=x",
    ],
)
def test_automatic_mail_is_not_faxed(field: str) -> None:
    assert judge(field) == AUTOMATIC
    assert judge(field, for_fax=False) == "", "the postmaster reads it"


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: no",
        "Auto-Submitted: No (a person)",
        "Precedence: first-class",
        "Content-Type: multipart/mixed; boundary=multipart/report",
        "Subject: Precedence: bulk",
        "X-Note: one\n Precedence: bulk",
        "no field at all",
        "Received-SPF: pass",
    ],
)
def test_what_a_person_sends_may_pass(field: str) -> None:
    assert judge(field) == ""


def test_our_own_mail_does_not_come_back() -> None:
    for for_fax in (True, False):
        reply = judge("X-FaxGateway-Fax: R-1", for_fax=for_fax)
        assert reply == "550 5.7.1 mail of this gateway came back to it"


def test_fifty_hops_pass_and_one_more_is_a_loop() -> None:
    hops = ["Received: from a by b;\n date"] * 51
    assert judge(*hops[:50]) == ""
    assert judge(*hops) == "554 5.4.6 mail loop: more than 50 Received fields"


def test_a_field_may_have_8_kb() -> None:
    assert judge("Subject: " + "x" * 8000) == ""
    assert judge("Subject: " + "x" * 4000 + "\n " + "x" * 4300) == "554 5.6.0 a header field is larger than 8192 bytes"


@pytest.mark.parametrize("piece", [1, 7, 1000, 200_000])
def test_the_header_is_found_however_the_message_is_cut(piece: int) -> None:
    message = b"Subject: x\r\nList-Id: l\r\n\r\nbody\r\n"
    body_only = b"\r\nList-Id: this is text\r\n\r\n"
    assert through_gate(message, piece) == AUTOMATIC
    assert through_gate(b"List-Id: l\r\n", piece) == AUTOMATIC, "a message may end with its header"
    assert through_gate(body_only, piece) == ""
    assert through_gate(b"", piece) == ""


@pytest.mark.parametrize("piece", [5000, 65_536, 200_000])
def test_a_header_block_may_have_64_kb(piece: int) -> None:
    line = b"X: " + b"x" * 1019 + b"\r\n"
    assert through_gate(line * 64 + b"\r\n" + b"body" * 50_000, piece) == ""
    assert through_gate(line * 65 + b"\r\nbody", piece) == "554 5.6.0 message header is larger than 65536 bytes"


def through_gate(message: bytes, piece: int) -> str:
    gate = HeaderGate(for_fax=True)
    try:
        for start in range(0, len(message), piece):
            gate.feed(message[start : start + piece])
        gate.finish()
    except Refusal as refusal:
        return refusal.reply
    return ""
