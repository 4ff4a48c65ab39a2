"""Plain text as pages: wraps long lines, keeps line breaks, indentation, tabs and page breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import pikepdf
from pikepdf import Array, Dictionary, Name

from gateway.render.font import Font
from gateway.render.letters import Typeface, printable, typeface
from gateway.render.paper import Paper
from gateway.render.pdf import require_room

_SIZE: Final = 11.0
_LEADING: Final = 14.5
_MARGIN: Final = 54.0
_TAB: Final = 36.0
#: As many as one block of a character map may hold (Adobe technical note 5014, section 6).
_MAPPINGS_PER_BLOCK: Final = 100


@dataclass(frozen=True, slots=True)
class Run:
    """Characters that follow each other on one line, from ``x`` points right of the margin."""

    x: float
    text: str


Line = tuple[Run, ...]
PAGE_BREAK: Final[Line] = (Run(0, "\f"),)


def append_text(target: pikepdf.Pdf, text: str, *, paper: Paper, max_pages: int) -> int:
    """Writes ``text`` as further pages of ``target``. A blank text gives no page.

    Returns:
        How many decorative characters, such as emoji, were left out.

    Raises:
        PermanentError: RENDER_FAILED, when a character cannot be drawn; TOO_BIG, when ``target`` would have
            more than ``max_pages``.
    """
    face = typeface()
    kept = printable(text, face)
    if not kept.text.strip():
        return kept.left_out
    lines = lay_out(kept.text, face, paper.width - 2 * _MARGIN)
    used = sorted({character for line in lines for run in line for character in run.text} - {"\f"})
    resources = Dictionary(Font=_embed_all(target, face, used))
    for page in paginate(lines, int((paper.height - 2 * _MARGIN) // _LEADING)):
        require_room(target, 1, max_pages)
        contents = target.make_stream(_draw(page, face, paper))
        target.pages.append(
            pikepdf.Page(
                Dictionary(
                    Type=Name.Page,
                    MediaBox=Array([0, 0, paper.width, paper.height]),
                    Resources=resources,
                    Contents=contents,
                )
            )
        )
    return kept.left_out


def lay_out(text: str, face: Typeface, width: float) -> list[Line]:
    """Breaks a printable text into lines of ``width`` points at most; the rest of a long one keeps its indentation."""
    lines: list[Line] = []
    pages = text.rstrip("\n\f\t ").split("\f")
    for number, page in enumerate(pages):
        if number:
            lines.append(PAGE_BREAK)
        for line in page.split("\n"):
            lines += _wrap(line, face, width)
    return lines


def paginate(lines: list[Line], per_page: int) -> Iterator[list[Line]]:
    """Yields the lines of each page, at most ``per_page``."""
    page: list[Line] = []
    for line in lines:
        if line == PAGE_BREAK or len(page) == per_page:
            yield page
            page = []
        if line != PAGE_BREAK:
            page.append(line)
    yield page


def _wrap(line: str, face: Typeface, width: float) -> Iterator[Line]:
    """Yields the printed lines of one line of text."""
    pen = _Pen(face, width)
    indented = len(line) - len(line.lstrip(" \t"))
    for piece in _pieces(line):
        yield from pen.write(piece)
        if pen.written == indented:
            pen.indentation = min(pen.x, width / 2)
    yield pen.line()


def _pieces(line: str) -> Iterator[str]:
    """Splits a line into words, single blanks and tabs."""
    word = ""
    for character in line:
        if character in " \t":
            if word:
                yield word
                word = ""
            yield character
        else:
            word += character
    if word:
        yield word


class _Pen:
    """Writes pieces from left to right and gives each line that is full."""

    def __init__(self, face: Typeface, width: float) -> None:
        self._face = face
        self._width = width
        self._runs: list[Run] = []
        self._text: list[str] = []
        self._start = 0.0
        self.x = 0.0
        self.written = 0
        self.indentation = 0.0

    def write(self, piece: str) -> Iterator[Line]:
        """Adds a word, a blank or a tab; yields the line before it if it does not fit on that."""
        self.written += len(piece)
        if piece == "\t":
            self._close_run()
            self.x = self._start = (self.x // _TAB + 1) * _TAB
            return
        advance = self._measure(piece)
        if self.x + advance > self._width and not piece.isspace():
            if self.x > self.indentation:
                yield self._break()
            if self.x + advance > self._width:
                yield from self._write_letters(piece)
                return
        self._text.append(piece)
        self.x += advance

    def line(self) -> Line:
        """Ends the line and gives it."""
        self._close_run()
        return tuple(self._runs)

    def _write_letters(self, word: str) -> Iterator[Line]:
        """Writes a word that is wider than a whole line, broken where the line ends."""
        for letter in word:
            advance = self._measure(letter)
            if self.x + advance > self._width:
                yield self._break()
            self._text.append(letter)
            self.x += advance

    def _break(self) -> Line:
        line = self.line()
        self._runs = []
        self.x = self._start = self.indentation
        return line

    def _close_run(self) -> None:
        text = "".join(self._text).rstrip(" ")
        if text:
            self._runs.append(Run(self._start, text))
        self._text = []

    def _measure(self, text: str) -> float:
        return self._face.width(text) * _SIZE / 1000


def _draw(page: list[Line], face: Typeface, paper: Paper) -> bytes:
    """Writes the content stream of one page: black text, upright (PDF 1.7, chapter 9)."""
    operators = [b"BT"]
    base = paper.height - _MARGIN - _SIZE
    for number, line in enumerate(page):
        for run in line:
            place = f"1 0 0 1 {_MARGIN + run.x:.2f} {base - number * _LEADING:.2f} Tm"
            operators.append(place.encode("ascii"))
            for font, characters in groupby(run.text, face.font):
                glyphs = "".join(f"{face.glyph(character):04x}" for character in characters)
                operators.append(f"/F{font} {_SIZE:g} Tf <{glyphs}> Tj".encode("ascii"))
    operators.append(b"ET")
    return b"\n".join(operators)


def _embed_all(target: pikepdf.Pdf, face: Typeface, characters: list[str]) -> Dictionary:
    """Embeds of each font what ``characters`` need of it: F0, F1."""
    fonts = Dictionary()
    for number, font in enumerate(face.fonts):
        if own := [character for character in characters if face.font(character) == number]:
            fonts[f"/F{number}"] = _embed(target, font, Name(f"/FAXGW{chr(ord('A') + number)}+Text"), own)
    return fonts


def _embed(target: pikepdf.Pdf, font: Font, name: Name, characters: list[str]) -> pikepdf.Object:
    """Embeds the glyphs of ``characters``, by glyph number, and how to copy text out of the page."""
    glyphs = {font.glyph(character): character for character in characters}
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=name,
        Flags=4,  # its glyphs are not those of a standard Latin set
        FontBBox=Array(font.box),
        ItalicAngle=0,
        Ascent=font.ascent,
        Descent=font.descent,
        CapHeight=font.ascent,
        StemV=80,
        FontFile2=target.make_stream(font.subset(glyphs)),
    )
    widths: list[object] = []
    for glyph in sorted(glyphs):
        widths += [glyph, Array([font.width(glyph)])]
    descendant = Dictionary(
        Type=Name.Font,
        Subtype=Name.CIDFontType2,
        BaseFont=name,
        CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
        FontDescriptor=target.make_indirect(descriptor),
        W=Array(widths),
        CIDToGIDMap=Name.Identity,
    )
    return target.make_indirect(
        Dictionary(
            Type=Name.Font,
            Subtype=Name.Type0,
            BaseFont=name,
            Encoding=Name("/Identity-H"),
            DescendantFonts=Array([target.make_indirect(descendant)]),
            ToUnicode=target.make_stream(_to_unicode(glyphs)),
        )
    )


def _to_unicode(glyphs: dict[int, str]) -> bytes:
    """Writes the map from glyphs back to characters (PDF 1.7, 9.10.3)."""
    rows = [f"<{glyph:04x}> <{text.encode('utf-16-be').hex()}>" for glyph, text in sorted(glyphs.items())]
    blocks = [rows[start : start + _MAPPINGS_PER_BLOCK] for start in range(0, len(rows), _MAPPINGS_PER_BLOCK)]
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Text def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{body}\nendcmap CMapName currentdict /CMap defineresource pop end end"
    ).encode("ascii")
