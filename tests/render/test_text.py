"""What plain text promises on paper: every line, in order, inside the margins; never an exception."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import ink, pdf_of, saved, seen

from gateway.core.reasons import PermanentError, Reason
from gateway.render.letters import typeface
from gateway.render.paper import PAPERS
from gateway.render.pdf import new_document
from gateway.render.text import PAGE_BREAK, append_text, lay_out, paginate

WIDTH = 504.0


def words(lines: list[Any]) -> list[str]:
    return ["".join(run.text for run in line) for line in lines]


def read(document: bytes, page: int = 0) -> str:
    """Copies the text out of a page, with a reader that is not ours."""
    with pypdfium2.PdfDocument(document) as pdf:
        return str(pdf[page].get_textpage().get_text_bounded()).replace("\r\n", "\n")


def test_what_is_written_can_be_read_again() -> None:
    text = "Dear Dr. Grün,\nnaïve façade — Ελληνικά, Русский, 12 €"
    assert read(pdf_of(text)).strip() == text


def test_lines_are_wrapped_between_words_and_nothing_is_lost() -> None:
    sentence = "the quick brown fox jumps over the lazy dog " * 10
    lines = words(lay_out(sentence, typeface(), WIDTH))
    assert len(lines) > 3
    assert " ".join(lines) == sentence.strip()


def test_the_rest_of_a_long_line_keeps_its_indentation() -> None:
    lines = lay_out("    * " + "word " * 60, typeface(), WIDTH)
    assert lines[0][0].x > 0 or lines[0][0].text.startswith("    *")
    assert lines[1][0].x == pytest.approx(4 * typeface().width(" ") * 11 / 1000)


def test_a_word_wider_than_the_page_is_broken() -> None:
    url = "https://example.com/" + "x" * 500
    lines = words(lay_out(url, typeface(), WIDTH))
    assert len(lines) > 3
    assert "".join(lines) == url


def test_tabs_make_columns() -> None:
    first, second = lay_out("a\tb\nlonger\tc", typeface(), WIDTH)
    assert first[1].x == second[1].x == 36


def test_a_form_feed_begins_a_page() -> None:
    pages = list(paginate(lay_out("one\ftwo", typeface(), WIDTH), 40))
    assert [words(page) for page in pages] == [["one"], ["two"]]
    assert PAGE_BREAK not in pages[0] + pages[1]


def test_pages_are_filled_and_counted() -> None:
    with pikepdf.open(io.BytesIO(pdf_of("line\n" * 100))) as document:
        assert len(document.pages) == 3


def test_more_pages_than_allowed_are_refused_with_both_numbers() -> None:
    with new_document() as document, pytest.raises(PermanentError) as error:
        append_text(document, "line\n" * 1000, paper=PAPERS["letter"], max_pages=5)
    assert error.value.reason is Reason.TOO_BIG
    assert error.value.detail == "6 pages or more, the limit is 5"


def test_signs_of_the_second_font_are_drawn_and_can_be_read_again() -> None:
    text = "dose ≤ 5 mg → ☐ no ☑ yes"
    assert read(pdf_of(text)).strip() == text


def test_each_sign_of_the_second_font_leaves_its_own_picture() -> None:
    pictures = {seen(pdf_of(sign), dpi=204).tobytes() for sign in "≤≥<>→←≈≠☐☑☒✓"}
    assert len(pictures) == 12


def test_left_out_emoji_are_counted() -> None:
    with new_document() as document:
        assert append_text(document, "thanks 😀👍", paper=PAPERS["a4"], max_pages=1) == 2
        assert len(document.pages) == 1


def test_a_text_of_emoji_alone_gives_no_page() -> None:
    with new_document() as document:
        assert append_text(document, "👍\n", paper=PAPERS["a4"], max_pages=1) == 1
        assert len(document.pages) == 0


def test_text_stays_inside_the_margins() -> None:
    left, top, right, bottom = ink(seen(pdf_of(("W" * 300 + "\n") * 60)))
    assert left >= 53
    assert top >= 53
    assert right <= 612 - 53
    assert bottom <= 792 - 53


def test_a4_is_a4() -> None:
    assert seen(pdf_of("x", "a4")).size == (596, 842)


def test_blank_text_gives_no_page() -> None:
    with new_document() as document:
        append_text(document, " \r\n\t\n", paper=PAPERS["a4"], max_pages=1)
        assert len(document.pages) == 0


def test_the_same_text_gives_the_same_bytes() -> None:
    assert pdf_of("Grüße\n\fzwei") == pdf_of("Grüße\n\fzwei")


def test_a_page_of_text_is_small() -> None:
    assert len(pdf_of("the quick brown fox jumps over the lazy dog\n" * 40)) < 12_000


LETTERS = st.text(st.sampled_from("abcÄßд≤→☐ \t\n\f-.é"), max_size=300)


@given(LETTERS, st.floats(min_value=100, max_value=600))
def test_no_line_is_wider_than_asked_and_no_word_is_lost(text: str, width: float) -> None:
    face = typeface()
    lines = lay_out(text, face, width)
    for line in lines:
        for run in () if line == PAGE_BREAK else line:
            assert run.x + face.width(run.text) * 11 / 1000 <= width + 0.01 or len(run.text) == 1
    written = "".join(words(lines)).replace("\f", "")
    assert "".join(written.split()) == "".join(text.split())


@given(st.text(max_size=200))
def test_any_text_becomes_a_document_that_opens_or_is_refused(text: str) -> None:
    with new_document() as document:
        try:
            append_text(document, text + "x", paper=PAPERS["letter"], max_pages=500)
        except PermanentError as error:
            assert "cannot be drawn" in error.detail  # noqa: PT017 - both ends are right
            return
        with pikepdf.open(io.BytesIO(saved(document))) as again:
            assert len(again.pages) >= 1
