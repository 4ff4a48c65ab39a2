"""What reading headers promises: bounded, linear, and nothing from outside ever breaks a line of ours."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.headers import MessageHeaders, clean, read_headers

BLOCK = (
    b"Received: from a by b\r\n"
    b"From: Ana Diaz <ana@clinic.example>\r\n"
    b"To: FAX=+12025550143@fax.example\r\n"
    b"Subject: Referral\r\n =?utf-8?q?M=C3=BCller?= 4471\r\n"
    b"Message-ID: <r4471.1@clinic.example>\r\n"
    b"References: <one@x>\r\n\t<two@x>\r\n"
    b"Date: Mon, 02 Nov 2026 09:14:03 -0500\r\n"
    b"\r\n"
    b"Message-ID: <body@evil.example>\r\n"
)


def test_a_message_is_named_and_threaded() -> None:
    assert read_headers(BLOCK) == MessageHeaders(
        message_id="<r4471.1@clinic.example>",
        references=("<one@x>", "<two@x>"),
        subject="Referral Müller 4471",
        kept=(
            ("Message-ID", "<r4471.1@clinic.example>"),
            ("Date", "Mon, 02 Nov 2026 09:14:03 -0500"),
            ("From", "Ana Diaz <ana@clinic.example>"),
            ("To", "FAX=+12025550143@fax.example"),
        ),
    )


def test_the_subject_is_not_among_the_headers_that_reports_repeat() -> None:
    assert "Referral" not in str(read_headers(BLOCK).kept)


def test_the_first_of_two_headers_counts_and_the_body_never_does() -> None:
    block = b"Message-ID: <first@x>\r\nMessage-ID: <second@x>\r\n\r\nSubject: body\r\n"
    assert read_headers(block) == MessageHeaders("<first@x>", (), "", (("Message-ID", "<first@x>"),))


def test_in_reply_to_stands_in_for_missing_references() -> None:
    assert read_headers(b"In-Reply-To: <one@x>\r\n\r\n").references == ("<one@x>",)


@pytest.mark.parametrize("value", [b"", b"<>", b"no brackets", b"<two words@x>", b"<" + b"x" * 300 + b">"])
def test_what_is_no_message_id_is_none(value: bytes) -> None:
    assert read_headers(b"Message-ID: " + value + b"\r\n\r\n").message_id is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?utf-8?b?TcO8bGxlcg==?=", "Müller"),
        (b"=?iso-8859-1?q?M=FCller?=", "Müller"),
        (b"M\xc3\xbcller", "Müller"),
        (b"M\xfcller", "Müller"),
        (b"=?nonsense?q?M=FCller?=", "Müller"),
        (b"=?utf-8?b?a?=", "=?utf-8?b?a?="),
        (b"=?utf-8?q?a=0D=0ABcc:_x@y?=", "a Bcc: x@y"),
    ],
)
def test_subjects_are_decoded_as_far_as_they_can_be(raw: bytes, text: str) -> None:
    assert read_headers(b"Subject: " + raw + b"\r\n\r\n").subject == text


def test_hostile_headers_cost_no_more_than_their_first_kilobytes() -> None:
    """The structured parser of the standard library takes seconds for these."""
    words = b"Subject: " + b"=?utf-8?q?a?= " * 20_000
    brackets = b"\r\nReferences: " + b"<" * 60_000 + b"\r\nMessage-ID: " + b"(" * 60_000
    assert len(read_headers(words + brackets).subject) <= 100
    assert read_headers(brackets[2:]).references == ()


@given(st.binary(max_size=500))
def test_any_bytes_can_be_read(block: bytes) -> None:
    headers = read_headers(block)
    for text in (headers.subject, headers.message_id or "", *headers.references, *dict(headers.kept).values()):
        assert not set(text) & set("\r\n\0")
        assert len(text) <= 300


@given(st.text(max_size=400), st.integers(1, 200))
def test_cleaned_text_is_one_harmless_line(text: str, limit: int) -> None:
    line = clean(text, limit)
    assert len(line) <= limit
    assert all(unicodedata.category(character)[0] != "C" for character in line)
    assert not set(line) & {"\u2028", "\u2029", "\u202e", "\u2066", "\r", "\n", "\0"}
    assert clean(line, limit) == line
