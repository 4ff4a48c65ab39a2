"""A PDF that lost something is refused before anything is dialled; one that is only untidy is repaired."""

from __future__ import annotations

import io
import random

import fpdf
import pikepdf
import pytest
from pikepdf import Array, Name
from samples import pdf_of, saved, seen

from gateway.core.reasons import PermanentError, Reason
from gateway.render.pdf import append_pdf, new_document

PAGES = 10


def report() -> bytes:
    """Writes ten pages as fpdf2 does: page list first, then each page with its text, then the font."""
    document = fpdf.FPDF()
    document.set_font("helvetica", size=12)
    for number in range(PAGES):
        document.add_page()
        document.multi_cell(0, 8, f"Page {number + 1}. " + "The quick brown fox jumps over the lazy dog. " * 30)
    return bytes(document.output())


def untidy(*, linearize: bool) -> bytes:
    """Writes the same pages as other programs do."""
    with pikepdf.open(io.BytesIO(REPORT)) as pdf:
        file = io.BytesIO()
        pdf.save(file, object_stream_mode=pikepdf.ObjectStreamMode.disable, linearize=linearize)
        return file.getvalue()


REPORT = report()


def passed(content: bytes) -> bytes:
    with new_document() as target:
        append_pdf(target, content, max_pages=100)
        return saved(target)


def refused(content: bytes) -> str:
    with pytest.raises(PermanentError) as error:
        passed(content)
    assert error.value.reason is Reason.RENDER_FAILED
    return error.value.detail


def pictures(document: bytes) -> list[bytes]:
    with pikepdf.open(io.BytesIO(document)) as pdf:
        count = len(pdf.pages)
    return [seen(document, page).tobytes() for page in range(count)]


ORIGINAL = pictures(passed(REPORT))


@pytest.mark.parametrize("linearize", [False, True])
def test_a_file_that_was_cut_off_is_refused_or_complete(linearize: bool) -> None:
    whole = untidy(linearize=linearize)
    for cut in range(0, len(whole), len(whole) // 40):
        try:
            document = passed(whole[:cut])
        except PermanentError:
            continue
        assert pictures(document) == ORIGINAL, f"cut after {cut} bytes"


def test_the_first_part_of_a_file_is_refused() -> None:
    assert refused(REPORT[: len(REPORT) * 6 // 10]) == "a damaged PDF: parts of it are missing"
    assert refused(REPORT[:600]) == "a damaged PDF: parts of it are missing"


def test_a_file_that_lost_its_table_only_is_repaired() -> None:
    assert pictures(passed(REPORT[: REPORT.rindex(b"trailer")])) == ORIGINAL


def test_a_page_whose_text_cannot_be_read_is_named() -> None:
    start = [place for place in range(len(REPORT)) if REPORT.startswith(b"\nstream\n", place)][6]
    holed = REPORT[: start + 60] + bytes(60) + REPORT[start + 120 :]
    assert refused(holed) == "a damaged PDF: its page 7 is not complete"


def test_a_single_wrong_byte_inside_a_text_is_noticed() -> None:
    chance = random.Random(1)  # noqa: S311 - a repeatable choice
    for start in [place for place in range(len(REPORT)) if REPORT.startswith(b"\nstream\n", place)][:PAGES]:
        place = start + chance.randrange(30, 200)
        wrong = bytes([REPORT[place] ^ 0x10])
        assert "is not complete" in refused(REPORT[:place] + wrong + REPORT[place + 1 :])


def test_a_font_that_is_gone_refuses_a_repaired_file_only() -> None:
    """Many programs leave names behind that nothing stands for; in a whole file they do no harm."""
    with pikepdf.open(io.BytesIO(REPORT)) as pdf:
        del pdf.pages[4].Resources.Font
        file = io.BytesIO()
        pdf.save(file, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    content = file.getvalue()
    passed(content)
    assert refused(content[: content.rindex(b"startxref")]) == "a damaged PDF: its page 5 is not complete"


def test_an_entry_of_the_page_list_that_is_no_page_refuses() -> None:
    first = REPORT.index(b"/Kids [") + len(b"/Kids [")
    assert refused(REPORT[:first] + b"?" + REPORT[first + 1 :]) == "a damaged PDF: parts of it are missing"


def test_an_empty_page_of_a_whole_file_is_a_page() -> None:
    with pikepdf.open(io.BytesIO(pdf_of("one"))) as pdf:
        pdf.add_blank_page()
        pdf.pages[0].Contents = Array([pdf.pages[0].Contents, pdf.make_stream(b"")])
        assert Name.Contents not in pdf.pages[1] or not pdf.pages[1].Contents.read_bytes()
        assert len(pictures(passed(saved(pdf)))) == 2
