"""What pictures promise on paper: whole, upright, in proportion, never larger than life, never a bomb."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageStat
from samples import encoded, ink, marked, saved, seen

from gateway.core.reasons import PermanentError, Reason
from gateway.render.image import append_image, count_frames, scale_to_fit
from gateway.render.paper import MARGIN, PAPERS
from gateway.render.pdf import new_document

LETTER = PAPERS["letter"]


def printed(content: bytes, *, max_pages: int = 10) -> bytes:
    with new_document() as document:
        append_image(document, content, paper=LETTER, max_pages=max_pages)
        return saved(document)


def pages(document: bytes) -> int:
    with pikepdf.open(io.BytesIO(document)) as pdf:
        return len(pdf.pages)


def filters(document: bytes) -> list[str]:
    """Names the compression of the picture on each page."""
    with pikepdf.open(io.BytesIO(document)) as pdf:
        used = [page.Resources.XObject.Im0.Filter for page in pdf.pages]
        return [str(one[0] if isinstance(one, pikepdf.Array) else one) for one in used]


def turned(orientation: int) -> bytes:
    """Makes a JPEG that looks like the marked picture once its EXIF orientation is honoured."""
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    picture = marked("RGB", (600, 400))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture if stored is None else picture.transpose(stored), "JPEG", exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_shown_upright(orientation: int) -> None:
    """600 x 400 pixels at 150 dpi are 288 x 192 points; the mark is in the upper left quarter."""
    left, top, right, bottom = ink(seen(printed(turned(orientation))))
    assert (left, top) == pytest.approx((162, 300), abs=2)
    assert (right - left, bottom - top) == pytest.approx((72, 48), abs=2)


def test_a_jpeg_is_embedded_as_it_is() -> None:
    assert filters(printed(encoded(marked("RGB", (300, 200)), "JPEG"))) == ["/DCTDecode"]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_every_kind_of_png_is_printed_alike(mode: str) -> None:
    picture = marked("L", (300, 300))
    if mode == "I;16":
        deep = b"".join(struct.pack("<H", grey * 257) for grey in picture.get_flattened_data())
        picture = Image.frombytes("I;16", picture.size, deep)
    left, top, right, bottom = ink(seen(printed(encoded(picture.convert(mode), "PNG"))))
    assert (left, top, right, bottom) == pytest.approx((234, 324, 270, 360), abs=2)


def test_what_is_transparent_is_white() -> None:
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 150, 150))
    left, top, right, bottom = ink(seen(printed(encoded(picture, "PNG"))))
    assert (right - left, bottom - top) == pytest.approx((72, 72), abs=2)


@pytest.mark.parametrize(("file_format", "mode"), [("JPEG", "CMYK"), ("TIFF", "CMYK"), ("TIFF", "RGB")])
def test_colours_of_print_and_scan_are_converted(file_format: str, mode: str) -> None:
    left, top, _, _ = ink(seen(printed(encoded(marked(mode, (300, 300)), file_format))))
    assert (left, top) == pytest.approx((234, 324), abs=2)


def test_a_large_landscape_picture_is_turned_and_stays_inside_the_margins() -> None:
    document = printed(encoded(Image.new("L", (4000, 3000), 0), "JPEG"))
    left, top, right, bottom = ink(seen(document))
    assert bottom - top > right - left
    assert left >= MARGIN - 1
    assert top >= MARGIN - 1
    assert right <= 612 - MARGIN + 1


def test_a_small_picture_is_not_blown_up() -> None:
    left, top, right, bottom = ink(seen(printed(encoded(Image.new("L", (150, 75), 0), "PNG"))))
    assert (right - left, bottom - top) == pytest.approx((72, 36), abs=2)


@pytest.mark.parametrize(
    ("compression", "down", "height"),
    [("group3", 98, 1078), ("group3", 196, 2156), ("group4", 196, 2156), ("group4", 391, 4301)],
)
def test_fax_pages_of_all_resolutions_have_the_same_proportions(compression: str, down: int, height: int) -> None:
    """11 inches at each resolution: on paper they are one and the same page (RFC 3949)."""
    content = encoded(marked("1", (1728, height)), "TIFF", compression=compression, dpi=(204, down))
    document = printed(content)
    left, top, right, bottom = ink(seen(document))
    assert (right - left, bottom - top) == pytest.approx((153, 198), abs=3)
    assert filters(document) == ["/CCITTFaxDecode"]


def test_a_fax_page_without_resolution_is_taken_for_a_fax_page() -> None:
    content = encoded(marked("1", (1728, 2156)), "TIFF", compression="group4")
    left, top, right, bottom = ink(seen(printed(content)))
    assert (right - left, bottom - top) == pytest.approx((153, 198), abs=3)


def test_every_page_of_a_tiff_is_a_page_in_order() -> None:
    first, second = marked("1", (1728, 1100)), Image.new("1", (1728, 1100), 0)
    content = encoded(first, "TIFF", compression="group4", save_all=True, append_images=[second])
    document = printed(content)
    assert pages(document) == count_frames(content) == 2
    assert ImageStat.Stat(seen(document, 1)).mean < ImageStat.Stat(seen(document, 0)).mean


def test_small_copies_inside_a_tiff_are_no_pages() -> None:
    copy = marked("1", (100, 100))
    content = encoded(copy, "TIFF", tiffinfo={254: 1}, compression="group4")
    assert pages(printed(encoded(marked("1", (500, 500)), "TIFF"))) == 1
    with new_document() as document:
        append_image(document, content, paper=LETTER, max_pages=1)
        assert len(document.pages) == 0


def test_more_pages_than_allowed_are_refused() -> None:
    page = marked("1", (100, 100))
    content = encoded(page, "TIFF", save_all=True, append_images=[page] * 5)
    with pytest.raises(PermanentError) as error:
        printed(content, max_pages=3)
    assert (error.value.reason, error.value.detail) == (Reason.TOO_BIG, "4 pages or more, the limit is 3")


def test_a_bomb_is_refused_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk
    content += struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 0) + b"IDAT"
    content += struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(PermanentError) as error:
        printed(content)
    assert error.value.reason is Reason.TOO_BIG
    assert "2500000000 pixels" in error.value.detail


def test_a_png_cut_off_inside_its_last_chunk_of_data_is_refused() -> None:
    with pytest.raises(PermanentError) as error:
        printed(encoded(marked("L", (40, 30)), "PNG")[:-20])
    assert error.value.reason is Reason.RENDER_FAILED


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # what Pillow thinks of it; nobody listens in the sandbox
@given(st.data())
def test_a_damaged_picture_is_refused_or_printed_and_never_a_bug(data: st.DataObject) -> None:
    file_format = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF"]))
    content = bytearray(encoded(marked("L", (40, 30)), file_format))
    for place in data.draw(st.lists(st.integers(8, len(content) - 1), max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(9, len(content)))
    with suppress(PermanentError):
        printed(bytes(content[:cut]))


@given(st.floats(1, 5000), st.floats(1, 5000), st.sampled_from(sorted(PAPERS)))
def test_a_picture_always_fits_and_never_grows(width: float, height: float, paper: str) -> None:
    scale = scale_to_fit(width, height, PAPERS[paper])
    assert 0 < scale <= 1
    assert width * scale <= PAPERS[paper].width + 0.01
    assert height * scale <= PAPERS[paper].height + 0.01
