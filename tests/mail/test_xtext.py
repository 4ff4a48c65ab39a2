"""xtext survives both ways (RFC 3461 section 4)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.xtext import decode_xtext, encode_xtext


def test_a_fax_address_as_orcpt() -> None:
    assert decode_xtext("FAX+3D+2B12025550143@fax.example") == "FAX=+12025550143@fax.example"
    assert encode_xtext("FAX=+12025550143@fax.example") == "FAX+3D+2B12025550143@fax.example"


def test_what_is_no_escape_stays() -> None:
    assert decode_xtext("a+3db+") == "a+3db+"


@given(st.text(st.characters(min_codepoint=0, max_codepoint=127)))
def test_any_ascii_text_survives_and_is_one_word(text: str) -> None:
    word = encode_xtext(text)
    assert all("!" <= character <= "~" and character != "=" for character in word)
    assert decode_xtext(word) == text
