"""A page of a PDF as a picture, as a person would see it."""

from __future__ import annotations

import io
from typing import Final

import pypdfium2

_POINTS_PER_INCH: Final = 72


def page_picture(document: bytes, page: int, dpi: int) -> bytes:
    """Draws one page (from 0) of a PDF that we made or checked, as PNG in shades of grey.

    Raises:
        pypdfium2.PdfiumError: the document cannot be opened.
        IndexError: it has no such page.
    """
    with pypdfium2.PdfDocument(document) as pdf:
        bitmap = pdf[page].render(scale=dpi / _POINTS_PER_INCH, grayscale=True)
        picture = io.BytesIO()
        bitmap.to_pil().save(picture, format="PNG")
        return picture.getvalue()
