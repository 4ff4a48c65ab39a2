"""Knows the lines that mail programs of phones add to a message: "Sent from my iPhone"."""

from __future__ import annotations

import re
from typing import Final

_MOST_LINES: Final = 2
_MOST_CHARACTERS: Final = 2000
#: What stands above a signature (RFC 3676 4.3), and rules some programs draw.
_DELIMITER: Final = re.compile(r"[-_*]{1,40}")
_DEVICE: Final = (
    r"(?:apple |samsung |google )?"
    r"(?:iphone|ipad|ipod|galaxy|samsung|android|pixel|huawei|xiaomi|blackberry|windows phone|mobile|smartphone|handy"
    r"|phone|tablet|mac)(?: [\w+-]{1,15}){0,3}"
)
_PROGRAM: Final = (
    r"(?:outlook|mail|yahoo mail|gmail|proton mail|aol|gmx)(?: (?:app|mail|for|für|pour|para|per) ?\w{0,12}){0,2}"
)
_LINK: Final = r"(?: ?<https?://[^\s<>]{1,200}>)?"
_LINE: Final = re.compile(
    "(?:"
    rf"(?:sent|mailed) from (?:my {_DEVICE}|{_PROGRAM})"
    rf"|get {_PROGRAM}"
    rf"|(?:von meinem {_DEVICE} gesendet|gesendet von (?:meinem )?(?:{_DEVICE}|{_PROGRAM})|{_PROGRAM} beziehen)"
    rf"|envoyé (?:de(?:puis)? mon {_DEVICE}|à partir de {_PROGRAM})"
    rf"|enviado (?:desde mi|do meu) {_DEVICE}"
    rf"|inviato (?:da|dal mio) (?:{_DEVICE}|{_PROGRAM})"
    rf"|(?:verstuurd|verzonden) vanaf mijn {_DEVICE}"
    rf"){_LINK}[.!]?",
    re.IGNORECASE,
)


def is_only_signature(text: str) -> bool:
    """Says that a text is nothing but such a line: two lines at most, each of which is known."""
    if len(text) > _MOST_CHARACTERS:
        return False
    lines = [line for raw in text.splitlines() if (line := " ".join(raw.split()))]
    words = [line for line in lines if not _DELIMITER.fullmatch(line)]
    return bool(words) and len(lines) <= _MOST_LINES and all(_LINE.fullmatch(line) for line in words)
