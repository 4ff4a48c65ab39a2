"""Small documents made for tests, and eyes to look at rendered pages with."""

from __future__ import annotations

import io

import pikepdf
from PIL import Image, ImageDraw

from gateway.render.paper import PAPERS
from gateway.render.pdf import new_document, save
from gateway.render.raster import page_picture
from gateway.render.text import append_text


def pdf_of(text: str, paper: str = "letter") -> bytes:
    """Makes a PDF with one page for each form feed in ``text`` and one more."""
    with new_document() as document:
        append_text(document, text, paper=PAPERS[paper], max_pages=1000)
        return saved(document)


def saved(document: pikepdf.Pdf) -> bytes:
    file = io.BytesIO()
    save(document, file)
    return file.getvalue()


def marked(mode: str, size: tuple[int, int]) -> Image.Image:
    """Draws a white picture with a black square in its top left corner."""
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).rectangle((0, 0, size[0] // 4, size[1] // 4), fill="black")
    return picture.convert(mode)


def encoded(picture: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def seen(document: bytes, page: int = 0, dpi: int = 72) -> Image.Image:
    """Looks at a page: grey, one pixel to a point."""
    with Image.open(io.BytesIO(page_picture(document, page, dpi))) as picture:
        return picture.convert("L")


def ink(picture: Image.Image) -> tuple[int, int, int, int]:
    """Gives the box around all that is darker than paper: left, top, right, bottom."""
    box = picture.point(lambda grey: 255 if grey < 200 else 0).getbbox()
    assert box is not None, "the page is blank"
    return box
