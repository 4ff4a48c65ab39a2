"""Which characters of a text can be drawn, in which font, and what stands for those that no font of ours has.

A letter, digit or sign that cannot be drawn refuses its text: "≤ 5 mg" must not arrive as "5 mg". What only
decorates is left out and counted; what shows nothing anyway is dropped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import fontpkg_fira_code
import fontpkg_noto_sans

from gateway.core.reasons import PermanentError, Reason
from gateway.render.font import Font

_TEXT_FONT: Final = fontpkg_noto_sans.ROOT / "files" / "NotoSans[wdth,wght].ttf"
_SIGN_FONT: Final = fontpkg_fira_code.ROOT / "files" / "FiraCode[wght].ttf"

#: Signs that neither font has, by those that mean the same; the last four are Word's bullets and tick, which
#: mail programs copy by their places in the fonts Symbol and Wingdings.
_SAME_MEANING: Final = str.maketrans(
    "✔✅✗✘✖❌❎⇒⇐⇔➔➜➡➤⬅⬆⬇❑❒⬜⬛✱✳\uf0b7\uf0a7\uf0d8\uf0fc",
    "✓✓×××××→←↔→→→►←↑↓☐☐□■**•▪►✓",  # noqa: RUF001 - the multiplication sign is meant
)
#: Compatibility forms that read the same as what they are made of: "㎎" as "mg", "①" as "(1)".
#: Small raised or lowered digits and fractions are none: 10⁵ is not 105.
_PLAIN_FORMS: Final = frozenset({"<wide>", "<narrow>", "<compat>", "<font>", "<square>", "<noBreak>"})
#: The font has its letters, but they have to be joined and put in order to be read.
_NEEDS_SHAPING: Final = (range(0x0900, 0x0980), range(0x1CD0, 0x1D00), range(0xA8E0, 0xA900))
#: Pictographs, dingbats, their selectors and keycaps, and private signs such as logos. The private places of
#: the fonts Symbol and Wingdings are none: there "≤" may be meant.
_DECORATIVE: Final = (
    *(range(0x2600, 0x2776), range(0x2794, 0x27C0), range(0x2B00, 0x2C00), range(0x1F000, 0x1FB00)),
    *(
        range(0x20E3, 0x20E4),
        range(0x231A, 0x231C),
        range(0x23E9, 0x23FB),
        range(0x3030, 0x3031),
        range(0x303D, 0x303E),
    ),
    *(range(0xE000, 0xF020), range(0xF100, 0xF900), range(0xF0000, 0x110000)),
)
_VARIATION_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


@dataclass(frozen=True, slots=True)
class Printable:
    """A text of which every character can be drawn, and how many were left out as mere decoration."""

    text: str
    left_out: int


class Typeface:
    """The fonts of a text: each character is drawn from the first that has it."""

    def __init__(self, *fonts: Font) -> None:
        self.fonts = fonts

    def __contains__(self, character: str) -> bool:
        if _within(character, _NEEDS_SHAPING):
            return False
        return any(character in font for font in self.fonts)

    def font(self, character: str) -> int:
        """Names the font of a character, by its place in ``fonts``."""
        return next(number for number, font in enumerate(self.fonts) if character in font)

    def glyph(self, character: str) -> int:
        """Names the glyph of a character in its font."""
        return self.fonts[self.font(character)].glyph(character)

    def width(self, text: str) -> int:
        """Tells how far a text moves the pen, in thousandths of the font size."""
        return sum(self.fonts[self.font(letter)].width(self.glyph(letter)) for letter in text)


@cache
def typeface() -> Typeface:
    """Reads Noto Sans Regular for text and Fira Code for signs, once in a process."""
    return Typeface(Font(_TEXT_FONT.read_bytes()), Font(_SIGN_FONT.read_bytes()))


def printable(text: str, face: Typeface) -> Printable:
    """Keeps what ``face`` can draw, line ends, tabs and form feeds; drops decoration and what is invisible.

    Raises:
        PermanentError: RENDER_FAILED, when a character that has a meaning cannot be drawn; the detail says how
            many, and the code of the first.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    drawn: list[str] = []
    missing: list[str] = []
    left_out = 0
    for character in text:
        if (shown := _shown(character, face)) is not None:
            drawn.append(shown)
        elif _within(character, _DECORATIVE):
            left_out += 1
        else:
            missing.append(character)
    if missing:
        count = "1 character" if len(missing) == 1 else f"{len(missing)} characters"
        raise PermanentError(Reason.RENDER_FAILED, f"{count} cannot be drawn (first: U+{ord(missing[0]):04X})")
    return Printable("".join(drawn), left_out)


def _shown(character: str, face: Typeface) -> str | None:
    """Gives what stands on paper for one character; None if nothing can."""
    if character in "\n\t\f":
        return character
    category = unicodedata.category(character)
    if category in {"Zl", "Zp"}:
        return "\n"
    if category in {"Cc", "Cf", "Cs"} or _within(character, _VARIATION_SELECTORS):
        return ""
    for form in _forms(character):
        if form and all(letter in face for letter in form):
            return form
    return None


def _forms(character: str) -> Iterator[str]:
    """Yields the character and what reads the same, best first."""
    yield character
    yield character.translate(_SAME_MEANING)
    kind = unicodedata.decomposition(character).partition(" ")[0]
    plain = unicodedata.normalize("NFKC", character)
    if kind == "<circle>":
        yield f"({plain})"
    elif kind in _PLAIN_FORMS or unicodedata.category(character) == "Zs":
        yield plain


def _within(character: str, ranges: tuple[range, ...]) -> bool:
    code = ord(character)
    return any(code in one for one in ranges)
