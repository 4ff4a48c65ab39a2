"""Reads one TrueType font and cuts it down to the glyphs a document uses.

A general font library costs the renderer's resting process 12 to 35 MB and most of a second at its start; a
fax needs only outlines, widths and the character map of one font we ship, so these few tables are read here
(OpenType 1.9).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final

_KEPT_TABLES: Final = ("cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep")
_LONG_OFFSETS: Final = 1

# Flags of one component of a composite glyph (chapter "glyf")
_ARGUMENTS_ARE_WORDS, _ONE_SCALE, _MORE, _TWO_SCALES, _FOUR_SCALES = 0x1, 0x8, 0x20, 0x40, 0x80


class Font:
    """A TrueType font: which glyph shows a character, how wide it is, and a subset to embed.

    Widths and heights are in thousandths of the font size, as PDF wants them.
    """

    def __init__(self, data: bytes) -> None:
        count = struct.unpack_from(">H", data, 4)[0]
        self._tables: dict[str, bytes] = {}
        for number in range(count):
            tag, _, offset, length = struct.unpack_from(">4sLLL", data, 12 + 16 * number)
            self._tables[tag.decode("latin-1")] = data[offset : offset + length]
        self._units: int = struct.unpack_from(">H", self._tables["head"], 18)[0]
        self._glyphs: int = struct.unpack_from(">H", self._tables["maxp"], 4)[0]
        self._advances: int = struct.unpack_from(">H", self._tables["hhea"], 34)[0]

    @property
    def ascent(self) -> int:
        """Tells how far the tallest letters reach above the base line."""
        return self._scaled(struct.unpack_from(">h", self._tables["hhea"], 4)[0])

    @property
    def descent(self) -> int:
        """Tells how far the lowest letters reach below the base line (negative)."""
        return self._scaled(struct.unpack_from(">h", self._tables["hhea"], 6)[0])

    @property
    def box(self) -> list[int]:
        """Gives the box that holds every glyph: left, bottom, right, top."""
        return [self._scaled(value) for value in struct.unpack_from(">4h", self._tables["head"], 36)]

    def __contains__(self, character: str) -> bool:
        return ord(character) in self._characters

    def glyph(self, character: str) -> int:
        """Names the glyph of a character that the font has; 0, the empty box, for one that it lacks."""
        return self._characters.get(ord(character), 0)

    def width(self, glyph: int) -> int:
        """Tells how far a glyph moves the pen."""
        place = min(glyph, self._advances - 1) * 4
        return self._scaled(struct.unpack_from(">H", self._tables["hmtx"], place)[0])

    def subset(self, glyphs: Iterable[int]) -> bytes:
        """Makes a font file with these glyphs under their old numbers; all others are empty."""
        kept = self._with_components(glyphs)
        outlines, offsets = bytearray(), [0]
        for glyph in range(self._glyphs):
            if glyph in kept:
                outlines += self._outline(glyph)
                outlines += b"\0" * (-len(outlines) % 4)
            offsets.append(len(outlines))
        tables: dict[str, bytes] = {tag: self._tables[tag] for tag in _KEPT_TABLES if tag in self._tables}
        head = bytearray(tables["head"])
        struct.pack_into(">L", head, 8, 0)  # the check sum over the whole file; PDF readers ignore it
        struct.pack_into(">h", head, 50, _LONG_OFFSETS)
        metrics = bytearray(tables["hmtx"])
        for glyph in set(range(self._advances)) - kept:
            metrics[glyph * 4 : glyph * 4 + 4] = b"\0\0\0\0"
        tables |= {"head": bytes(head), "hmtx": bytes(metrics), "glyf": bytes(outlines)}
        tables["loca"] = struct.pack(f">{len(offsets)}L", *offsets)
        return _file(tables)

    def _scaled(self, units: int) -> int:
        return round(units * 1000 / self._units)

    @cached_property
    def _characters(self) -> Mapping[int, int]:
        """Maps code points to glyphs: the table for all of Unicode (platform 3, encoding 10, format 12)."""
        cmap = self._tables["cmap"]
        for number in range(struct.unpack_from(">H", cmap, 2)[0]):
            platform, encoding, start = struct.unpack_from(">HHL", cmap, 4 + 8 * number)
            if (platform, encoding, struct.unpack_from(">H", cmap, start)[0]) == (3, 10, 12):
                return dict(_format_12(cmap, start))
        raise ValueError("the font has no character map for all of Unicode")

    @cached_property
    def _offsets(self) -> tuple[int, ...]:
        loca, count = self._tables["loca"], self._glyphs + 1
        if struct.unpack_from(">h", self._tables["head"], 50)[0] == _LONG_OFFSETS:
            return struct.unpack_from(f">{count}L", loca)
        return tuple(2 * half for half in struct.unpack_from(f">{count}H", loca))

    def _outline(self, glyph: int) -> bytes:
        return self._tables["glyf"][self._offsets[glyph] : self._offsets[glyph + 1]]

    def _with_components(self, glyphs: Iterable[int]) -> set[int]:
        """Adds the glyphs that composite ones, such as accented letters, are made of."""
        kept, waiting = {0}, [0, *glyphs]
        while waiting:
            glyph = waiting.pop()
            kept.add(glyph)
            waiting += [part for part in _components(self._outline(glyph)) if part not in kept]
        return kept


def _format_12(cmap: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yields code point and glyph of each character in the groups of a format 12 table."""
    groups = struct.unpack_from(">L", cmap, start + 12)[0]
    for first, last, glyph in struct.iter_unpack(">LLL", cmap[start + 16 : start + 16 + 12 * groups]):
        for code in range(first, last + 1):
            yield code, glyph + code - first


def _components(outline: bytes) -> Iterator[int]:
    """Yields the glyphs that a composite outline refers to; none for a simple one."""
    if not outline or struct.unpack_from(">h", outline)[0] >= 0:
        return
    place, flags = 10, _MORE
    while flags & _MORE:
        flags, glyph = struct.unpack_from(">HH", outline, place)
        yield glyph
        place += 8 if flags & _ARGUMENTS_ARE_WORDS else 6
        place += 2 * bool(flags & _ONE_SCALE) + 4 * bool(flags & _TWO_SCALES) + 8 * bool(flags & _FOUR_SCALES)


def _file(tables: Mapping[str, bytes]) -> bytes:
    """Puts tables into a font file, each with its check sum, on a boundary of four bytes."""
    largest = 1 << (len(tables).bit_length() - 1)
    search = (16 * largest, largest.bit_length() - 1, 16 * (len(tables) - largest))
    header = struct.pack(">LHHHH", 0x00010000, len(tables), *search)
    directory, body, place = b"", b"", 12 + 16 * len(tables)
    for tag, table in sorted(tables.items()):
        padded = table + b"\0" * (-len(table) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}L", padded)) & 0xFFFFFFFF
        directory += struct.pack(">4sLLL", tag.encode("latin-1"), total, place + len(body), len(table))
        body += padded
    return header + directory + body
