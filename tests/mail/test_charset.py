"""Text is always readable, whatever charset a mail names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.charset import decode


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        (b"M\xc3\xbcller", "utf-8", "Müller"),
        (b"M\xc3\xbcller", None, "Müller"),
        (b"M\xfcller", None, "Müller"),
        (b"M\xfcller", "us-ascii", "Müller"),
        (b"M\xfcller", "iso-8859-1", "Müller"),
        (b"\x80 5", "iso-8859-1", "€ 5"),
        (b"\xcf\xf0\xe8", "windows-1251", "При"),
        (b'\x1b$B$"\x1b(B', "iso-2022-jp", "あ"),
        (b"\xef\xbb\xbfBOM", "utf-8", "BOM"),
        (b"\xff\xfeA\x00", "utf-16", "A"),
        (b"M\xff", "utf-8", "M\ufffd"),
        (b"abc", "no-such-charset", "abc"),
        (b"abc", "base64", "abc"),
        (b"abc-", "punycode", "abc-"),
        (b"abc", "nul\0", "abc"),
    ],
)
def test_text_is_read_as_it_was_meant(raw: bytes, charset: str | None, text: str) -> None:
    assert decode(raw, charset) == text


@given(st.binary(), st.text(max_size=20))
def test_nothing_fails(raw: bytes, charset: str) -> None:
    assert isinstance(decode(raw, charset), str)
