"""Placeholders of cover pages, in every way a PDF writes text."""

import io

import pikepdf
import pytest

from gateway.simulator.documents import fill_placeholders, kind_of


def page_saying(content: bytes) -> bytes:
    out = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.pages[0].Contents = pdf.make_stream(content)
        pdf.save(out)
    return out.getvalue()


def content_of(page: bytes) -> bytes:
    with pikepdf.open(io.BytesIO(page)) as pdf:
        return bytes(pdf.pages[0].Contents.read_bytes())


@pytest.mark.parametrize(
    ("content", "filled"),
    [
        (b"BT ({{name}}) Tj ET", b"(Ada) Tj"),
        (b"BT [({{ name }}) -50 (!)] TJ ET", b"[ (Ada) -50 (!) ] TJ"),
        (b"BT ({{unknown}}{{name}}) ' ET", b"(Ada) '"),
        (b"BT (name {name}) Tj ET", b"(name {name}) Tj"),
    ],
)
def test_placeholders_are_replaced_and_nothing_else(content: bytes, filled: bytes) -> None:
    assert filled in content_of(fill_placeholders(page_saying(content), {"name": "Ada"}))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.PDF", "PDF"),
        ("a.b.tiff", "TIF"),
        ("a.jpeg", "JPG"),
        ("pdf", None),
        ("", None),
        ("a.", None),
        ("a.doc", None),
    ],
)
def test_the_extension_tells_the_type(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind
