"""Pictures as pages: PNG, JPEG, and TIFF with all its pages, among them the fax formats of RFC 3949."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import img2pdf
import pikepdf
from pikepdf import Array, Dictionary, Matrix, Name
from PIL import Image, ImageOps

from gateway.core.reasons import PermanentError, Reason
from gateway.render.paper import Paper
from gateway.render.pdf import require_room

_MOST_PIXELS: Final = 100_000_000
#: What is converted need not be finer than a page at 300 dpi: no fax machine shows more.
_CONVERTED_PIXELS: Final = (3300, 3300)
#: A picture that names no resolution, or one made for screens, is printed at this one, if it fits.
_LEAST_DPI: Final = 150.0
_POINTS_PER_INCH: Final = 72
_FAX_WIDTH, _FAX_DPI = 1728, (204.0, 196.0)
_SANE_DPI: Final = range(30, 2401)
_SANE_PROPORTION: Final = 4.0
#: A scan is a page already: it may be this much larger than the paper (A4 on Letter) and has its own margins.
_SCAN_TOLERANCE: Final = 1.1

_ORIENTATION, _SUBFILE_TYPE, _REDUCED_COPY = 0x0112, 0x00FE, 1
#: EXIF orientation -> how the unit square that holds the stored picture is turned to show it upright.
_UPRIGHT: Final = {
    2: Matrix(-1, 0, 0, 1, 1, 0),
    3: Matrix(-1, 0, 0, -1, 1, 1),
    4: Matrix(1, 0, 0, -1, 0, 1),
    5: Matrix(0, -1, -1, 0, 1, 1),
    6: Matrix(0, -1, 1, 0, 0, 1),
    7: Matrix(0, 1, 1, 0, 0, 0),
    8: Matrix(0, 1, -1, 0, 1, 0),
}
_LYING: Final = frozenset({5, 6, 7, 8})
_QUARTER_TURN: Final = _UPRIGHT[8]
#: What Pillow and img2pdf raise for damaged files, besides their own errors.
_DAMAGE: Final = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error, zlib.error),
    *(ArithmeticError, AssertionError, AttributeError, RuntimeError),
    *(img2pdf.ImageOpenError, img2pdf.JpegColorspaceError, img2pdf.UnsupportedColorspaceError),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in a file that can be embedded without loss, and how large it is in nature, in points."""

    file: bytes
    width: float
    height: float
    orientation: int = 1


def append_image(target: pikepdf.Pdf, content: bytes, *, paper: Paper, max_pages: int) -> None:
    """Adds a picture as one page of ``target``, a TIFF as one page for each of its pages.

    Raises:
        PermanentError: RENDER_FAILED when it is damaged; TOO_BIG by pixels or pages.
    """
    try:
        for picture in _pictures(content):
            require_room(target, 1, max_pages)
            _append(target, picture, paper)
    except _DAMAGE as error:
        raise PermanentError(Reason.RENDER_FAILED, "a damaged picture") from error


def count_frames(content: bytes) -> int:
    """Counts the pages of a TIFF, at least one.

    Raises:
        PermanentError: RENDER_FAILED when it is damaged; TOO_BIG by pixels.
    """
    try:
        return sum(1 for _ in _pictures(content))
    except _DAMAGE as error:
        raise PermanentError(Reason.RENDER_FAILED, "a damaged picture") from error


def _pictures(content: bytes) -> Iterator[Picture]:
    """Yields the picture, or each page of a TIFF but small copies of others (NewSubfileType 1)."""
    # Our own limit is checked first, and says by how much a picture is over it.
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "TIFF")) as image:
        if image.format != "TIFF":
            yield _picture(image, content)
            return
        for number in range(len(content)):  # each page takes some bytes: an end for a file that loops
            try:
                image.seek(number)
            except EOFError:
                return
            if not image.tag_v2.get(_SUBFILE_TYPE, 0) & _REDUCED_COPY:  # type: ignore[attr-defined]  # a TIFF
                yield _picture(image, content)


def _picture(image: Image.Image, content: bytes) -> Picture:
    """Decodes one picture, to know that it is whole, and puts it into a form that a PDF can hold."""
    pixels = image.width * image.height
    if pixels > _MOST_PIXELS:
        raise PermanentError(Reason.TOO_BIG, f"a picture of {pixels} pixels, the limit is {_MOST_PIXELS}")
    image.load()
    orientation = image.getexif().get(_ORIENTATION, 1)
    dpi = _resolution(image)
    width, height = (size / resolution * _POINTS_PER_INCH for size, resolution in zip(image.size, dpi, strict=True))
    if _embeddable(image, content):
        return Picture(content, width, height, orientation)
    upright = ImageOps.exif_transpose(image)
    if orientation in _LYING:
        width, height = height, width
    return Picture(_converted(upright), width, height)


def _embeddable(image: Image.Image, content: bytes) -> bool:
    """Says that a PDF can hold the file's own compressed data: plain JPEG, opaque PNG of 8 bits."""
    if image.format in {"JPEG", "MPO"}:
        return image.mode in {"L", "RGB"}
    bits = content[24]
    return image.format == "PNG" and image.mode in {"1", "L", "P", "RGB"} and bits <= 8 and not _clear(image)  # noqa: PLR2004 - bits


def _clear(image: Image.Image) -> bool:
    """Says that parts of a picture may be transparent."""
    return image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info


def _converted(image: Image.Image) -> bytes:
    """Gives the picture as Group 4 TIFF if it is black and white, else as an 8 bit PNG on a white ground."""
    file = io.BytesIO()
    if image.mode == "1":
        image.save(file, format="TIFF", compression="group4")
        return file.getvalue()
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bit(image)
    elif _clear(image):
        image = image.convert("RGBA")
        image.thumbnail(_CONVERTED_PIXELS)
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    image = image.convert("L" if image.mode == "L" else "RGB")
    image.thumbnail(_CONVERTED_PIXELS)
    image.save(file, format="PNG")
    return file.getvalue()


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Maps greys of 16 bits, or of floating point in the same range, onto 256."""
    deep = image.convert("F")
    _, highest = deep.getextrema()
    bytes_already = image.mode == "F" and highest <= 255  # type: ignore[operator]  # noqa: PLR2004 - one band; the largest byte
    return deep.convert("L") if bytes_already else deep.point(lambda grey: grey * (255 / 65535)).convert("L")


def _resolution(image: Image.Image) -> tuple[float, float]:
    """Gives dots per inch across and down: the picture's own if it makes sense on paper."""
    across, down = (float(value) for value in image.info.get("dpi", (0, 0)))
    named = round(across) in _SANE_DPI and round(down) in _SANE_DPI
    if not named:
        fax = image.mode == "1" and image.width == _FAX_WIDTH
        return _FAX_DPI if fax else (_LEAST_DPI, _LEAST_DPI)
    if max(across, down) / min(across, down) > _SANE_PROPORTION:
        return _LEAST_DPI, _LEAST_DPI
    enlarged = max(1.0, _LEAST_DPI / max(across, down))
    return across * enlarged, down * enlarged


def _append(target: pikepdf.Pdf, picture: Picture, paper: Paper) -> None:
    """Puts one picture in the middle of a new page, turned upright and to the paper's long side."""
    upright, width, height = Matrix(), picture.width, picture.height
    if picture.orientation in _UPRIGHT:
        upright = _UPRIGHT[picture.orientation]
        if picture.orientation in _LYING:
            width, height = height, width
    if width > height and width > paper.printable[0]:
        upright, width, height = upright @ _QUARTER_TURN, height, width
    scale = scale_to_fit(width, height, paper)
    width, height = width * scale, height * scale
    place = Matrix(width, 0, 0, height, (paper.width - width) / 2, (paper.height - height) / 2)
    numbers = " ".join(f"{number:.4f}" for number in (upright @ place).shorthand)
    target.pages.append(
        pikepdf.Page(
            Dictionary(
                Type=Name.Page,
                MediaBox=Array([0, 0, paper.width, paper.height]),
                Resources=Dictionary(XObject=Dictionary(Im0=_embed(target, picture.file))),
                Contents=target.make_stream(f"q {numbers} cm /Im0 Do Q".encode("ascii")),
            )
        )
    )


def scale_to_fit(width: float, height: float, paper: Paper) -> float:
    """Decides by which factor, at most 1, a picture of this natural size is printed.

    A scan of a whole page fills the paper, for it has margins of its own; any other picture stays inside
    ours.
    """
    across, down = paper.printable
    larger_than_print = width > across or height > down
    about_a_page = width <= paper.width * _SCAN_TOLERANCE and height <= paper.height * _SCAN_TOLERANCE
    if larger_than_print and about_a_page:
        across, down = paper.width, paper.height
    return min(1.0, across / width, down / height)


def _embed(target: pikepdf.Pdf, file: bytes) -> pikepdf.Object:
    """Brings the compressed data of a picture into ``target`` unchanged where PDF knows its compression."""
    try:
        single = img2pdf.convert(
            file,
            layout_fun=lambda *_: (_POINTS_PER_INCH,) * 4,
            rotation=img2pdf.Rotation.none,
            first_frame_only=True,
            nodate=True,
        )
    except MemoryError:
        raise
    except Exception as error:  # of a PNG that was cut off it raises the bare class
        raise PermanentError(Reason.RENDER_FAILED, "a damaged picture") from error
    with pikepdf.open(io.BytesIO(single)) as source:
        xobjects = source.pages[0].Resources.XObject
        return target.copy_foreign(xobjects[next(iter(xobjects.keys()))])
