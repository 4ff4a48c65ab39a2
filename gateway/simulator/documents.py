"""From what a client handed over to the one PDF that is faxed: conversion, merging, page count."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pikepdf
from fpdf import FPDF
from PIL import Image, ImageSequence

#: File name extension to the type words of sinch-fax-v3 3.1.
EXTENSIONS = {
    "docx": "DOCX",
    "htm": "HTML",
    "html": "HTML",
    "jpeg": "JPG",
    "jpg": "JPG",
    "pdf": "PDF",
    "png": "PNG",
    "tif": "TIF",
    "tiff": "TIF",
    "txt": "TXT",
}
TYPES = sorted(set(EXTENSIONS.values()))
LETTER_DPI = 200
LINES_FONT_SIZE = 11
PLACEHOLDER = re.compile(rb"\{\{\s*([A-Za-z0-9_.-]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Upload:
    """One file to be faxed; `kind` is a word of `TYPES`, or None for a type the service does not know."""

    kind: str | None
    data: bytes
    name: str = ""


class ConversionError(Exception):
    """No pages could be made of it: a DOCUMENT_CONVERSION_ERROR (sinch-fax-v3 8.2), and the URL if one failed."""

    def __init__(self, code: int, url: str = "") -> None:
        super().__init__(code, url)
        self.code = code
        self.url = url


def kind_of(name: str) -> str | None:
    """Returns the type that a file name stands for, None for an unknown or missing extension."""
    return EXTENSIONS.get(name.rpartition(".")[2].lower()) if "." in name else None


def merge(uploads: Sequence[Upload]) -> tuple[bytes, int]:
    """Makes one PDF of all files in their order and returns it with its page count.

    A single PDF stays byte for byte what it was.

    Raises:
        ConversionError: 133 for a broken or locked PDF, 4 for a broken picture, 128 to 130 for other types.
    """
    if len(uploads) == 1 and uploads[0].kind == "PDF":
        with _open(uploads[0].data) as only:
            return uploads[0].data, len(only.pages)
    with pikepdf.new() as merged:
        for upload in uploads:
            with _open(_as_pdf(upload)) as part:
                merged.pages.extend(part.pages)
        out = io.BytesIO()
        merged.save(out, deterministic_id=True)
        return out.getvalue(), len(merged.pages)


def fill_placeholders(page: bytes, values: Mapping[str, str]) -> bytes:
    """Replaces `{{name}}` in the text of a PDF; a name without a value becomes empty (sinch-fax-v3 7.1).

    Only text in one piece and in a one-byte encoding is found, which is how the standard fonts are written.
    """

    def fill(operand: pikepdf.Object) -> pikepdf.Object:
        if isinstance(operand, pikepdf.Array):
            return pikepdf.Array([fill(item) for item in operand])
        if not isinstance(operand, pikepdf.String):
            return operand
        return pikepdf.String(PLACEHOLDER.sub(_value, bytes(operand)))

    def _value(found: re.Match[bytes]) -> bytes:
        return values.get(found[1].decode(), "").encode("latin-1", "replace")

    with _open(page) as pdf:
        for sheet in pdf.pages:
            commands = [
                ([fill(operand) for operand in command.operands], command.operator)
                for command in pikepdf.parse_content_stream(sheet)
            ]
            sheet.Contents = pdf.make_stream(pikepdf.unparse_content_stream(commands))
        out = io.BytesIO()
        pdf.save(out, deterministic_id=True)
        return out.getvalue()


def _open(data: bytes) -> pikepdf.Pdf:
    try:
        pdf = pikepdf.open(io.BytesIO(data))
    except (pikepdf.PdfError, pikepdf.PasswordError) as problem:
        raise ConversionError(133) from problem
    if len(pdf.pages) == 0:
        pdf.close()
        raise ConversionError(133)
    return pdf


def _as_pdf(upload: Upload) -> bytes:
    match upload.kind:
        case "PDF":
            return upload.data
        case "JPG" | "PNG" | "TIF":
            return _picture(upload.data)
        case "TXT":
            return _text(upload.data.decode(errors="replace"))
        case "DOCX" | "HTML":
            return _text(f"[{upload.kind} document, {len(upload.data)} bytes: shown by the real service]")
        case _:
            raise ConversionError(_unsupported(upload.name))


def _unsupported(name: str) -> int:
    """Returns the code for a file whose type the service does not take."""
    if "." not in name:
        return 128
    return 130 if name.lower().endswith(".xml") else 129


def _picture(data: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(picture)]
            out = io.BytesIO()
            frames[0].save(out, "PDF", save_all=True, append_images=frames[1:], resolution=LETTER_DPI, quality=90)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        raise ConversionError(4) from problem
    return out.getvalue()


def _text(text: str) -> bytes:
    pdf = FPDF(format="Letter")
    pdf.set_font("Courier", size=LINES_FONT_SIZE)
    for sheet in text.split("\f"):
        pdf.add_page()
        pdf.multi_cell(0, text=sheet.expandtabs().encode("latin-1", "replace").decode("latin-1"))
    return bytes(pdf.output())
