"""TIFF as fax machines make it, put into a PDF without decoding a pixel (RFC 3949, TIFF 6.0, ISO 32000-1 7.4.6).

An InterFAX account gives pages as TIFF unless it is set to PDF. Both formats hold the same ITU-T T.4 and T.6 codes, so
the codes are moved over as they are. A decoder would run on what strangers send, and belongs into a process of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from io import BytesIO
from typing import Final, TypeAlias

import pikepdf
from pikepdf import Dictionary, Name, Stream

_ORDERS: Final[Mapping[bytes, str]] = {b"II*\0": "<", b"MM\0*": ">"}
#: Field type -> struct format of one value: BYTE, SHORT, LONG, RATIONAL.
_FORMATS: Final[Mapping[int, str]] = {1: "B", 3: "H", 4: "I", 5: "II"}
_MOST_PAGES: Final = 1000
_MOST_VALUES: Final = 10_000
#: Pixels; a fax line has 1728 to 4864, the longest page that machines take about 8000 rows.
_MOST_PIXELS: Final = 20_000

_WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 259, 262, 266
_STRIPS, _ROWS_PER_STRIP, _STRIP_SIZES = 273, 278, 279
_X_RESOLUTION, _Y_RESOLUTION, _T4_OPTIONS, _RESOLUTION_UNIT = 282, 283, 292, 296
_T4, _T6 = 3, 4
_BLACK_IS_ZERO: Final = 1
_LOW_BIT_FIRST: Final = 2
_CENTIMETRES: Final = 3
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

_Fields: TypeAlias = Mapping[int, Sequence[int]]


def is_tiff(content: bytes) -> bool:
    """Says whether a document begins like a TIFF."""
    return content[:4] in _ORDERS


def pdf_of(tiff: bytes) -> bytes:
    """Makes a PDF with the pages of a fax TIFF, each as large as its resolution says.

    Raises:
        ValueError: it is no TIFF, is damaged, or its pages are not in T.4 or T.6 codes.
    """
    pages = BytesIO()
    try:
        with pikepdf.new() as pdf:
            for fields in _directories(tiff):
                _add_page(pdf, fields, tiff)
            if not pdf.pages:
                raise ValueError("the TIFF has no page")
            pdf.save(pages)
    except struct.error as error:
        raise ValueError("the TIFF points behind its end") from error
    return pages.getvalue()


def _directories(tiff: bytes) -> Iterator[_Fields]:
    """Yields the fields of each page."""
    if not is_tiff(tiff):
        raise ValueError("no TIFF")
    order = _ORDERS[tiff[:4]]
    (at,) = struct.unpack_from(f"{order}I", tiff, 4)
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) >= _MOST_PAGES:
            raise ValueError("the TIFF has no last page")
        seen.add(at)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        entries = [struct.unpack_from(f"{order}HHI", tiff, at + 2 + 12 * n) for n in range(count)]
        yield {
            tag: _values(tiff, order, _FORMATS[kind], many, at + 10 + 12 * n)
            for n, (tag, kind, many) in enumerate(entries)
            if kind in _FORMATS
        }
        (at,) = struct.unpack_from(f"{order}I", tiff, at + 2 + 12 * count)


def _values(tiff: bytes, order: str, form: str, many: int, at: int) -> Sequence[int]:
    if many > _MOST_VALUES:
        raise ValueError("a field of the TIFF has too many values")
    layout = order + form * many
    if struct.calcsize(layout) > 4:  # noqa: PLR2004 - what does not fit in an entry lies elsewhere
        (at,) = struct.unpack_from(f"{order}I", tiff, at)
    return struct.unpack_from(layout, tiff, at)


def _add_page(pdf: pikepdf.Pdf, fields: _Fields, tiff: bytes) -> None:
    width, height = _first(fields, _WIDTH, 0), _first(fields, _HEIGHT, 0)
    if not (0 < width <= _MOST_PIXELS and 0 < height <= _MOST_PIXELS):
        raise ValueError(f"a page of {width} by {height} pixels")
    if _first(fields, _COMPRESSION, 1) not in (_T4, _T6):
        raise ValueError(f"a page with compression {_first(fields, _COMPRESSION, 1)}")
    across, down = width * _points(fields, _X_RESOLUTION), height * _points(fields, _Y_RESOLUTION)
    page = pdf.add_blank_page(page_size=(round(float(across), 2), round(float(down), 2)))
    drawing: list[str] = []
    pictures: dict[str, Stream] = {}
    top = height
    for rows, codes in _strips(fields, tiff, height):
        name = f"/S{len(pictures)}"
        pictures[name] = _picture(pdf, fields, width, rows, codes)
        top -= rows
        place = [across, 0, 0, down * rows / height, 0, down * top / height]
        drawing.append(f"q {' '.join(f'{float(number):.4f}' for number in place)} cm {name} Do Q")
    page.obj.Resources = Dictionary(XObject=Dictionary(pictures))
    page.obj.Contents = Stream(pdf, "\n".join(drawing).encode())


def _strips(fields: _Fields, tiff: bytes, height: int) -> Iterator[tuple[int, bytes]]:
    """Yields the strips of a page from top to bottom: how many rows, and their codes."""
    offsets, sizes = fields.get(_STRIPS, ()), fields.get(_STRIP_SIZES, ())
    rows_per_strip = min(_first(fields, _ROWS_PER_STRIP, height), height)
    if not rows_per_strip or len(offsets) != len(sizes) or len(offsets) != -(-height // rows_per_strip):
        raise ValueError("the strips of a page do not add up")
    left = height
    for offset, size in zip(offsets, sizes, strict=True):
        codes = tiff[offset : offset + size]
        if not codes or len(codes) < size:
            raise ValueError("a strip lies behind the end of the TIFF")
        reverse = _first(fields, _FILL_ORDER, 1) == _LOW_BIT_FIRST
        yield min(rows_per_strip, left), codes.translate(_REVERSED) if reverse else codes
        left -= rows_per_strip


def _picture(pdf: pikepdf.Pdf, fields: _Fields, width: int, rows: int, codes: bytes) -> Stream:
    two_dimensional = bool(_first(fields, _T4_OPTIONS, 0) & 1)
    return Stream(
        pdf,
        codes,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=width,
        Height=rows,
        ColorSpace=Name.DeviceGray,
        BitsPerComponent=1,
        Filter=Name.CCITTFaxDecode,
        DecodeParms=Dictionary(
            K=-1 if _first(fields, _COMPRESSION, 1) == _T6 else 4 if two_dimensional else 0,
            Columns=width,
            Rows=rows,
            EndOfBlock=False,  # the rows are counted; not every strip has an end code
            BlackIs1=_first(fields, _PHOTOMETRIC, 0) == _BLACK_IS_ZERO,
        ),
    )


def _points(fields: _Fields, tag: int) -> Fraction:
    """Gives the length of one pixel in PDF units, 1/72 inch."""
    numerator, denominator = (*fields.get(tag, ()), 0, 0)[:2]
    if not numerator or not denominator:
        raise ValueError("a page without resolution")
    per_inch = Fraction(numerator, denominator)
    if _first(fields, _RESOLUTION_UNIT, 2) == _CENTIMETRES:
        per_inch *= Fraction(254, 100)
    return 72 / per_inch


def _first(fields: _Fields, tag: int, default: int) -> int:
    values = fields.get(tag, ())
    return values[0] if values else default
