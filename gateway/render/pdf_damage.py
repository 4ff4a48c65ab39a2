"""Tells a PDF that can be repaired without loss from one of which something is gone.

The reader repairs what it can and goes on with what is left: of a file that was cut off it shows white pages.
A fax of those would be confirmed as delivered.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream, StreamDecodeLevel

from gateway.core.reasons import PermanentError, Reason

#: What a page is drawn from. The way back up to other pages, and data about the page, are not.
_NOT_DRAWN: Final = frozenset({"/Parent", "/P", "/Metadata", "/PieceInfo"})
#: Operators that show what the resources hold, and in which part of them (PDF 1.7, tables 105 and 87).
_KINDS: Final = {"Tf": Name.Font, "Do": Name.XObject}
#: How qpdf begins its words on an entry of the page list that is no page; it drops such entries.
_LOST_PAGE: Final = "Pages tree includes non-dictionary object"
_FLATE: Final = (Name.FlateDecode, Array([Name.FlateDecode]))
_OF_PICTURES: Final = frozenset({"/DCTDecode", "/CCITTFaxDecode", "/JBIG2Decode", "/JPXDecode"})
_CHUNK: Final = 1 << 20


def require_whole(source: pikepdf.Pdf) -> None:
    """Says that every page has all that it is drawn from.

    Streams are decoded in every file: those of a normal document of 20 pages take a few milliseconds. Only a
    file that had to be repaired is searched for what is missing, since many programs leave harmless gaps.

    Raises:
        PermanentError: RENDER_FAILED; the detail names the page if only one is known to be damaged.
    """
    decoded: set[tuple[int, int]] = set()
    for number, page in enumerate(source.pages, 1):
        for root in (page.obj.get(Name.Contents), page.obj.get(Name.Resources)):
            for stream in _streams(root, decoded):
                if not _decodes(stream):
                    raise _damaged(number)
    warnings = source.get_warnings()
    if not warnings:
        return
    # An object that the file mentions and does not hold is listed as null, be it a page, a font or a picture.
    if _LOST_PAGE in " ".join(map(str, warnings)) or any(item is None for item in source.objects):
        raise PermanentError(Reason.RENDER_FAILED, "a damaged PDF: parts of it are missing")
    for number, page in enumerate(source.pages, 1):
        if Name.Contents not in page or not _has_what_it_shows(page):
            raise _damaged(number)


def _damaged(number: int) -> PermanentError:
    return PermanentError(Reason.RENDER_FAILED, f"a damaged PDF: its page {number} is not complete")


def _streams(root: object, seen: set[tuple[int, int]]) -> Iterator[Stream]:
    """Yields each stream below ``root`` whose object is not in ``seen``, and adds it there."""
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, Array | Dictionary | Stream):
            continue
        if item.is_indirect:
            if item.objgen in seen:
                continue
            seen.add(item.objgen)
        if isinstance(item, Stream):
            yield item
        if isinstance(item, Array):
            waiting.extend(item)
        else:
            waiting.extend(value for key, value in item.items() if key not in _NOT_DRAWN)


def _decodes(stream: Stream) -> bool:
    """Says that a stream is what its filters make of whole data; those of pictures only are not looked into."""
    filters = stream.get(Name.Filter)
    if filters in _FLATE:
        return _inflates(stream.read_raw_bytes())
    last = str(filters[-1] if isinstance(filters, Array) and len(filters) else filters)
    if last in _OF_PICTURES:
        return bool(stream.get(Name.Length))
    try:
        stream.get_stream_buffer(decode_level=StreamDecodeLevel.specialized)
    except pikepdf.PdfError:
        return False
    return True


def _inflates(data: bytes) -> bool:
    """Says that zlib reads the data and finds its check sum right, which the PDF reader does not look at."""
    inflater = zlib.decompressobj()
    try:
        while data and not inflater.eof:
            inflater.decompress(data, _CHUNK)
            data = inflater.unconsumed_tail
    except zlib.error:
        return False
    return True


def _has_what_it_shows(page: pikepdf.Page) -> bool:
    """Says that the fonts, pictures and forms a page asks for by name are among its resources."""
    for instruction in pikepdf.parse_content_stream(page, "Tf Do"):
        held = page.resources.get(_KINDS[str(instruction.operator)])
        if not isinstance(held, Dictionary) or instruction.operands[0] not in held:
            return False
    return True
