"""PDF documents: opened, repaired, made inert, and put together."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pikepdf
from pikepdf import Name

from gateway.core.reasons import PermanentError, Reason
from gateway.render.pdf_damage import require_whole


def new_document() -> pikepdf.Pdf:
    """Starts the one document that the pages of a message become."""
    return pikepdf.Pdf.new()


def save(target: pikepdf.Pdf, output: BinaryIO) -> None:
    """Writes a document; the same pages give the same bytes, whenever they are written."""
    target.remove_unreferenced_resources()
    target.save(output, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def require_room(target: pikepdf.Pdf, pages: int, max_pages: int) -> None:
    """Says that ``pages`` more are allowed.

    Raises:
        PermanentError: TOO_BIG, with both numbers.
    """
    total = len(target.pages) + pages
    if total > max_pages:
        raise PermanentError(Reason.TOO_BIG, f"{total} pages or more, the limit is {max_pages}")


def append_pdf(target: pikepdf.Pdf, content: bytes, *, max_pages: int) -> None:
    """Adds the pages of a PDF to ``target``: filled-in forms and notes as they would print, nothing active.

    Raises:
        PermanentError: PASSWORD_PROTECTED; RENDER_FAILED when it cannot be opened, has no page, or lost a part
            of one; TOO_BIG.
    """
    with open_pdf(content) as source:
        require_room(target, len(source.pages), max_pages)
        require_whole(source)
        _flatten(source)
        target.pages.extend(source.pages)


def count_pages(content: bytes) -> int:
    """Counts the pages of a PDF, at least one.

    Raises:
        PermanentError: PASSWORD_PROTECTED, or RENDER_FAILED when it cannot be opened or has no page.
    """
    with open_pdf(content) as source:
        return len(source.pages)


@contextmanager
def open_pdf(content: bytes) -> Iterator[pikepdf.Pdf]:
    """Opens a PDF, repaired if need be and decrypted if its password is empty; it has at least one page.

    Raises:
        PermanentError: PASSWORD_PROTECTED, or RENDER_FAILED for whatever goes wrong inside the block, too.
    """
    try:
        with pikepdf.open(io.BytesIO(content), suppress_warnings=True) as source:
            if not source.pages:
                raise PermanentError(Reason.RENDER_FAILED, "a PDF without pages")
            yield source
    except pikepdf.PasswordError as error:
        raise PermanentError(Reason.PASSWORD_PROTECTED, "a PDF that needs a password") from error
    except (pikepdf.PdfError, RecursionError, ValueError, TypeError, AttributeError, KeyError) as error:
        # pikepdf answers an object of the wrong kind, which only a damaged file has, with Python's own errors.
        raise PermanentError(Reason.RENDER_FAILED, "a damaged PDF") from error


def _flatten(source: pikepdf.Pdf) -> None:
    """Draws forms and notes onto the pages; drops what else a page can do: links, scripts, media."""
    if Name.AcroForm in source.Root:
        source.generate_appearance_streams()
    source.flatten_annotations("print")
    for page in source.pages:
        for key in (Name.Annots, Name.AA, Name.Metadata, Name.PieceInfo, Name.Thumb):
            if key in page:
                del page[key]
