"""What PDF documents promise: all their pages, as they would print, inert; or one clear reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name, String
from samples import ink, pdf_of, saved, seen

from gateway.core.reasons import PermanentError, Reason
from gateway.render.pdf import append_pdf, count_pages, new_document

PLAIN = pdf_of("first page\fsecond page")


def joined(*documents: bytes, max_pages: int = 10) -> bytes:
    with new_document() as target:
        for document in documents:
            append_pdf(target, document, max_pages=max_pages)
        return saved(target)


def changed(change: Callable[[pikepdf.Pdf], None]) -> bytes:
    """Saves the plain document after ``change(pdf)``."""
    with pikepdf.open(io.BytesIO(PLAIN)) as pdf:
        change(pdf)
        file = io.BytesIO()
        pdf.save(file, object_stream_mode=pikepdf.ObjectStreamMode.disable)
        return file.getvalue()


def encrypted(user: str, owner: str) -> bytes:
    with pikepdf.open(io.BytesIO(PLAIN)) as pdf:
        file = io.BytesIO()
        pdf.save(file, encryption=pikepdf.Encryption(user=user, owner=owner))
        return file.getvalue()


def refused(document: bytes) -> Reason:
    with pytest.raises(PermanentError) as error:
        joined(document)
    return error.value.reason


def test_pages_come_in_order_and_look_the_same() -> None:
    document = joined(PLAIN, pdf_of("third page"))
    assert count_pages(document) == 3
    assert ink(seen(document, 1)) == ink(seen(PLAIN, 1))
    assert ink(seen(document, 2)) == ink(seen(pdf_of("third page")))


def test_the_same_documents_give_the_same_bytes() -> None:
    assert joined(PLAIN, PLAIN) == joined(PLAIN, PLAIN)


def test_a_document_without_user_password_is_opened_and_left_open() -> None:
    document = joined(encrypted("", "owner"))
    with pikepdf.open(io.BytesIO(document)) as pdf:
        assert not pdf.is_encrypted
    assert ink(seen(document)) == ink(seen(PLAIN))


def test_a_real_password_is_named_as_the_cause() -> None:
    assert refused(encrypted("user", "owner")) is Reason.PASSWORD_PROTECTED
    with pytest.raises(PermanentError) as error:
        count_pages(encrypted("user", "owner"))
    assert error.value.reason is Reason.PASSWORD_PROTECTED


def test_a_document_without_its_table_is_repaired() -> None:
    def plain(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].contents_add(b"")

    whole = changed(plain)
    assert count_pages(joined(whole[: whole.rindex(b"startxref")])) == 2


@pytest.mark.parametrize(
    "document",
    [b"", b"%PDF-1.7\n", b"<html>not found</html>", b"%PDF-1.4\n%%EOF", PLAIN[:200]],
)
def test_what_cannot_be_opened_is_refused_for_good(document: bytes) -> None:
    assert refused(document) is Reason.RENDER_FAILED


def test_a_document_without_pages_is_refused() -> None:
    with pikepdf.Pdf.new() as empty:
        file = io.BytesIO()
        empty.save(file)
    assert refused(file.getvalue()) is Reason.RENDER_FAILED


def test_a_page_tree_that_loops_ends() -> None:
    def loop(pdf: pikepdf.Pdf) -> None:
        pdf.Root.Pages.Kids = Array([pdf.Root.Pages, pdf.Root.Pages])

    assert refused(changed(loop)) is Reason.RENDER_FAILED


def test_more_pages_than_allowed_are_refused() -> None:
    with pytest.raises(PermanentError) as error:
        joined(PLAIN, PLAIN, max_pages=3)
    assert (error.value.reason, error.value.detail) == (Reason.TOO_BIG, "4 pages or more, the limit is 3")


def test_nothing_that_acts_is_passed_on() -> None:
    def arm(pdf: pikepdf.Pdf) -> None:
        script = Dictionary(S=Name.JavaScript, JS=String("app.alert('canary')"))
        pdf.Root.OpenAction = script
        pdf.Root.AA = Dictionary(WC=script)
        pdf.attachments["canary.exe"] = b"canary"
        pdf.pages[0].AA = Dictionary(O=script)
        link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=script)
        pdf.pages[0].Annots = Array([pdf.make_indirect(link)])
        pdf.docinfo["/Author"] = "canary"

    with pikepdf.open(io.BytesIO(joined(changed(arm)))) as pdf:
        assert set(pdf.Root.keys()) <= {"/Type", "/Pages"}
        assert Name.Annots not in pdf.pages[0]
        assert Name.AA not in pdf.pages[0]
        text = b"".join(bytes(item.unparse(resolved=True)) for item in pdf.objects)
    assert b"canary" not in text


def test_what_was_filled_into_a_form_is_printed() -> None:
    """Many forms come without drawn fields: the reader is asked to draw them (NeedAppearances)."""

    def fill(pdf: pikepdf.Pdf) -> None:
        font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        field = pdf.make_indirect(
            Dictionary(
                Type=Name.Annot,
                Subtype=Name.Widget,
                FT=Name.Tx,
                T=String("name"),
                V=String("MARY MILLER"),
                DA=String("/Helv 24 Tf 0 g"),
                Rect=Array([100, 300, 500, 340]),
                F=4,
                P=pdf.pages[0].obj,
            )
        )
        pdf.pages[0].Annots = Array([field])
        pdf.Root.AcroForm = pdf.make_indirect(
            Dictionary(
                Fields=Array([field]),
                NeedAppearances=True,
                DA=String("/Helv 24 Tf 0 g"),
                DR=Dictionary(Font=Dictionary(Helv=font)),
            )
        )

    page = seen(joined(changed(fill)))
    _, top, _, _ = ink(page.crop((90, 430, 510, 500)))
    assert top >= 0
    assert ink(page)[3] > 450


@given(st.data())
def test_a_damaged_document_is_repaired_or_refused_and_never_a_bug(data: st.DataObject) -> None:
    content = bytearray(PLAIN)
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=20)):
        content[place] = data.draw(st.integers(0, 255))
    with suppress(PermanentError):
        joined(bytes(content[: data.draw(st.integers(0, len(content)))]))
