"""What the font reader promises: the right glyphs and widths, and a subset that other programs draw alike."""

from __future__ import annotations

import io

import fontpkg_noto_sans
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

from gateway.render.font import Font

WHOLE = (fontpkg_noto_sans.ROOT / "files" / "NotoSans[wdth,wght].ttf").read_bytes()


def noto_sans() -> Font:
    return Font(WHOLE)


def drawn(font_file: bytes, glyphs: str) -> Image.Image:
    """Draws characters with FreeType."""
    font = ImageFont.truetype(io.BytesIO(font_file), 40, layout_engine=ImageFont.Layout.BASIC)
    picture = Image.new("L", (600, 80), 255)
    ImageDraw.Draw(picture).text((5, 5), glyphs, font=font, fill=0)
    return picture


@pytest.mark.parametrize("character", ["A", "i", "é", "Ж", "€"])
def test_widths_agree_with_freetype(character: str) -> None:
    font = noto_sans()
    reference = ImageFont.truetype(io.BytesIO(WHOLE), 1000, layout_engine=ImageFont.Layout.BASIC)
    assert font.width(font.glyph(character)) == pytest.approx(reference.getlength(character), abs=1)


def test_a_character_that_is_lacking_is_the_empty_box() -> None:
    assert "日" not in noto_sans()
    assert noto_sans().glyph("日") == 0


def test_a_subset_is_small_and_a_font_of_its_own() -> None:
    font = noto_sans()
    subset = Font(font.subset([font.glyph("A")]))
    assert len(font.subset([font.glyph("A")])) < len(WHOLE) / 20
    assert subset.width(font.glyph("A")) == font.width(font.glyph("A"))
    assert subset.width(font.glyph("B")) == 0
    assert (subset.ascent, subset.descent, subset.box) == (font.ascent, font.descent, font.box)


def test_a_subset_draws_like_the_whole_font() -> None:
    """Accented letters are made of other glyphs, which must come along. The map is put back for FreeType's
    sake.
    """
    font, text = noto_sans(), "Aéñgß"
    subset = font.subset(font.glyph(character) for character in text)
    with_map = Font(WHOLE)
    with_map._tables |= {tag: table for tag, table in Font(subset)._tables.items() if tag != "hmtx"}
    for name in ("fvar", "gvar", "avar", "HVAR", "MVAR", "STAT", "GSUB", "GPOS", "GDEF"):
        with_map._tables.pop(name, None)
    from gateway.render.font import _file  # noqa: PLC0415 - how a file is put together is not for others

    again = drawn(_file(with_map._tables), text)
    difference = ImageChops.difference(drawn(WHOLE, text), again)
    assert difference.getextrema()[1] < 100, "at most the edges differ: a whole font is hinted as a variable one"


def test_a_font_without_a_map_of_unicode_is_refused() -> None:
    subset = Font(noto_sans().subset([3]))
    subset._tables["cmap"] = b"\0\0\0\0"
    with pytest.raises(ValueError, match="no character map"):
        subset.glyph("A")
