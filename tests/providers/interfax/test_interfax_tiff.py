"""Pages that come as TIFF are the same pages as PDF, pixel by pixel; what is damaged is refused."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from gateway.providers.interfax.tiff import is_tiff, pdf_of

FIXTURES = Path(__file__).parent / "fixtures"
GROUP4 = (FIXTURES / "group4.tif").read_bytes()
FINE: dict[int, Any] = {282: 204.0, 283: 196.0, 296: 2}


def drawing(width: int = 1728, height: int = 1100) -> Image.Image:
    page = Image.new("1", (width, height), 1)
    pen = ImageDraw.Draw(page)
    for line in range(40):
        pen.line((line * 37, 0, width - line * 11, height), fill=0, width=1 + line % 3)
    return page


def tiff(compression: str = "group4", pages: int = 1, **tags: Any) -> bytes:
    content = io.BytesIO()
    fields = {**FINE, **{int(name.removeprefix("tag")): value for name, value in tags.items()}}
    more = [drawing(height=900 + 100 * number) for number in range(pages - 1)]
    drawing().save(content, "TIFF", compression=compression, save_all=True, append_images=more, tiffinfo=fields)
    return content.getvalue()


def pixels_of_tiff(content: bytes) -> list[bytes]:
    found = []
    with Image.open(io.BytesIO(content)) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            found.append(picture.convert("1").tobytes())
    return found


def pixels_of_pdf(content: bytes) -> list[bytes]:
    """The pictures of each page, put together from top to bottom."""
    document = pypdfium2.PdfDocument(content)
    found = []
    for page in document:
        strips = [strip.get_bitmap(render=False).to_pil().convert("1") for strip in page.get_objects()]
        whole = Image.new("1", (strips[0].width, sum(strip.height for strip in strips)))
        top = 0
        for strip in strips:
            whole.paste(strip, (0, top))
            top += strip.height
        found.append(whole.tobytes())
        page.close()
    document.close()
    return found


def patched(content: bytes, tag: int, value: int) -> bytes:
    """Sets a SHORT or LONG field of the first page to another value."""
    changed = bytearray(content)
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, entry)[0] == tag:
            struct.pack_into("<I", changed, entry + 8, value)
            return bytes(changed)
    raise LookupError(tag)


@pytest.mark.parametrize(
    ("compression", "tags"),
    [
        ("group4", {}),
        ("group4", {"tag278": 1100}),
        ("group4", {"tag278": 100}),
        ("group4", {"tag266": 2}),
        ("group3", {}),
        ("group3", {"tag292": 1}),
        ("group3", {"tag292": 4}),
        ("group3", {"tag292": 5, "tag266": 2}),
    ],
)
def test_every_pixel_is_where_it_was(compression: str, tags: dict[str, Any]) -> None:
    content = tiff(compression, pages=3, **tags)
    assert pixels_of_pdf(pdf_of(content)) == pixels_of_tiff(content)


def test_black_and_white_are_told_apart() -> None:
    for white_is_zero in (0, 1):
        content = patched(tiff(), 262, white_is_zero)
        assert pixels_of_pdf(pdf_of(content)) == pixels_of_tiff(content)


def big_end_first(content: bytes) -> bytes:
    """Writes the same TIFF with the other byte order."""
    formats = {3: "H", 4: "I", 5: "II"}
    changed = bytearray(b"MM\0*" + struct.pack(">I", *struct.unpack_from("<I", content, 4)) + content[8:])
    (at,) = struct.unpack_from("<I", content, 4)
    while at:
        (count,) = struct.unpack_from("<H", content, at)
        struct.pack_into(">H", changed, at, count)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, many = struct.unpack_from("<HHI", content, entry)
            struct.pack_into(">HHI", changed, entry, tag, kind, many)
            if kind in formats:
                layout, place = formats[kind] * many, entry + 8
                if struct.calcsize(f"<{layout}") > 4:
                    (place,) = struct.unpack_from("<I", content, place)
                    struct.pack_into(">I", changed, entry + 8, place)
                struct.pack_into(f">{layout}", changed, place, *struct.unpack_from(f"<{layout}", content, place))
        end = at + 2 + 12 * count
        (at,) = struct.unpack_from("<I", content, end)
        struct.pack_into(">I", changed, end, at)
    return bytes(changed)


def test_byte_order_does_not_matter() -> None:
    for content in (tiff(pages=2, tag278=1100), tiff(pages=2, tag278=100)):
        other = big_end_first(content)
        assert other[:4] == b"MM\0*"
        assert pixels_of_pdf(pdf_of(other)) == pixels_of_tiff(content)


@pytest.mark.parametrize(("down", "height"), [(98.0, 1100 / 98), (196.0, 1100 / 196)])
def test_a_page_is_as_large_as_its_resolution_says(down: float, height: float) -> None:
    document = pypdfium2.PdfDocument(pdf_of(tiff(tag283=down)))
    assert document[0].get_size() == pytest.approx((1728 / 204 * 72, height * 72), abs=0.01)
    document.close()


def test_strips_have_no_seams() -> None:
    """A black page stays black at any scale."""
    content = io.BytesIO()
    Image.new("1", (1728, 1100), 0).save(content, "TIFF", compression="group4", tiffinfo={**FINE, 278: 50})
    document = pypdfium2.PdfDocument(pdf_of(content.getvalue()))
    for scale in (1, 1.37, 2.83):
        assert document[0].render(scale=scale).to_pil().convert("L").getextrema() == (0, 0)
    document.close()


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits", "tiff_ccitt", "jpeg"])
def test_what_is_no_fax_is_refused(compression: str | None) -> None:
    content = io.BytesIO()
    drawing().convert("L" if compression == "jpeg" else "1").save(
        content, "TIFF", compression=compression, tiffinfo=FINE
    )
    with pytest.raises(ValueError, match="compression"):
        pdf_of(content.getvalue())


@pytest.mark.parametrize(
    ("tag", "value"), [(256, 0), (257, 0), (256, 60_000), (257, 60_000), (278, 0), (278, 7), (273, 2**31)]
)
def test_pages_that_cannot_be_are_refused(tag: int, value: int) -> None:
    with pytest.raises(ValueError, match="page|strip"):
        pdf_of(patched(tiff(tag278=1100), tag, value))


def test_a_chain_of_pages_without_end_is_refused() -> None:
    at = struct.unpack_from("<I", GROUP4, 4)[0]
    count = struct.unpack_from("<H", GROUP4, at)[0]
    circle = bytearray(GROUP4)
    struct.pack_into("<I", circle, at + 2 + 12 * count, at)
    with pytest.raises(ValueError, match="no last page"):
        pdf_of(bytes(circle))


@pytest.mark.parametrize("content", [b"", b"II*\0", b"II*\0\0\0\0\0", b"%PDF-1.7", b"MM\0*\xff\xff\xff\xff"])
def test_what_is_no_tiff_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="TIFF"):
        pdf_of(content)


def test_a_tiff_is_known_by_its_first_bytes() -> None:
    assert is_tiff(GROUP4)
    assert not is_tiff(b"%PDF-1.7")


@given(st.data())
def test_damage_anywhere_gives_pages_or_a_refusal_and_nothing_else(data: st.DataObject) -> None:
    damaged = bytearray(GROUP4)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=12))
    try_to_convert(bytes(damaged))


@given(st.binary(max_size=300))
def test_anything_at_all_gives_pages_or_a_refusal(content: bytes) -> None:
    try_to_convert(b"II*\0\x08\0\0\0" + content)


def try_to_convert(content: bytes) -> None:
    try:
        pdf = pdf_of(content)
    except ValueError:
        return
    assert pdf.startswith(b"%PDF-")
