"""Makes the document of a fax: cover page, then what the URLs hold, then the files (sinch-fax-v3 3.1)."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.simulator.documents import ConversionError, Upload, fill_placeholders, merge
from gateway.simulator.sinch_fates import CONVERSION, FaxError, error_of


@dataclass(frozen=True, slots=True)
class Content:
    """What is faxed, or why there is nothing; `sha256` is that of the document, else of what was uploaded."""

    document: bytes | None
    sha256: str
    pages: int
    error: FaxError | None = None


async def prepare(uploads: Sequence[Upload], cover: bytes | None, words: Mapping[str, str]) -> Content:
    """Merges everything into one PDF; what cannot be converted becomes the error of the fax."""
    return await asyncio.to_thread(_prepare, uploads, cover, words)


def failed(uploads: Sequence[Upload], problem: ConversionError) -> Content:
    """Returns the content of a fax that has no document."""
    received = b"".join(upload.data for upload in uploads)
    return Content(None, hashlib.sha256(received).hexdigest(), 0, error_of(CONVERSION, problem.code, problem.url))


def _prepare(uploads: Sequence[Upload], cover: bytes | None, words: Mapping[str, str]) -> Content:
    try:
        document, pages = merge(uploads)
        if cover is not None:
            _, cover_pages = merge([Upload("PDF", cover)])
            filled = fill_placeholders(cover, {**words, "pageCount": str(pages + cover_pages)})
            document, pages = merge([Upload("PDF", filled), Upload("PDF", document)])
    except ConversionError as problem:
        return failed(uploads, problem)
    return Content(document, hashlib.sha256(document).hexdigest(), pages)
