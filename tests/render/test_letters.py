"""What happens to each character: drawn, said in another way, left out and counted, or the text is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.reasons import PermanentError, Reason
from gateway.render.letters import Printable, printable, typeface


def kept(text: str) -> Printable:
    return printable(text, typeface())


@pytest.mark.parametrize("text", ["≤ 5 mg, ≥ 2, ≠ 0, ≈ 1", "→ ← ↑ ↓", "☐ ☑ ☒ ✓", "10⁵ H₂O ½ ⅔ °C µg ± €", "■ ● ♀ ♂"])
def test_signs_with_a_meaning_are_kept(text: str) -> None:
    assert kept(text) == Printable(text, 0)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("✔ ✘ ⇒", "✓ \N{MULTIPLICATION SIGN} →"),
        ("\uf0b7 item", "• item"),
        ("5 ㎎ ①②", "5 mg (1)(2)"),
        ("\U0001d401\U0001d428ld", "Bold"),
        ("\uff21\uff22", "AB"),
    ],
)
def test_what_no_font_has_is_said_in_a_form_that_means_the_same(text: str, same: str) -> None:
    assert kept(text) == Printable(same, 0)


@pytest.mark.parametrize(
    ("text", "drawn", "left_out"),
    [("call ☎ 12", "call  12", 1), ("ok 😀!", "ok !", 1), ("1\ufe0f\u20e3", "1", 1), ("\uf8ff Inc", " Inc", 1)],
)
def test_decoration_is_left_out_and_counted(text: str, drawn: str, left_out: int) -> None:
    assert kept(text) == Printable(drawn, left_out)


def test_what_cannot_be_seen_leaves_no_trace() -> None:
    assert kept("a\u202eb\u200bc\x00d\ufeff\u00ad\ufe0f") == Printable("abcd", 0)


def test_a_letter_and_its_accent_are_one() -> None:
    assert kept("e\u0301").text == "é"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("\u05e9\u05dc\u05d5\u05dd", "4 characters cannot be drawn (first: U+05E9)"),
        ("Dr \u65e5", "1 character cannot be drawn (first: U+65E5)"),
        ("\u0645", "1 character cannot be drawn (first: U+0645)"),
        ("\u0939", "1 character cannot be drawn (first: U+0939)"),
        ("\uf0a3 5 mg", "1 character cannot be drawn (first: U+F0A3)"),  # "less or equal" of the font Symbol
        ("\u2776", "1 character cannot be drawn (first: U+2776)"),
    ],
)
def test_a_text_with_letters_that_cannot_be_drawn_is_refused(text: str, detail: str) -> None:
    with pytest.raises(PermanentError) as error:
        kept(text)
    assert (error.value.reason, error.value.detail) == (Reason.RENDER_FAILED, detail)


@given(st.text(max_size=200))
def test_whatever_is_kept_can_be_drawn(text: str) -> None:
    try:
        text = kept(text).text
    except PermanentError:
        return
    assert all(character in "\n\t\f" or character in typeface() for character in text)
