"""The few headers of a message that the daemon itself reads, and how text from outside is made harmless.

Everything is linear in a bounded input: the standard library's structured header parsers take seconds for a
hostile kilobyte and run only in the sandbox, if at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Final

from gateway.mail.charset import decode

MOST_HEADERS: Final = 64 * 1024
_MOST_FIELD: Final = 8 * 1024
_MOST_SUBJECT: Final = 2 * 1024
_MOST_REFERENCES: Final = 10
_MOST_TEXT: Final = 100
_MOST_KEPT: Final = 300

_MESSAGE_ID: Final = re.compile(r"<[!-;=?-~]{1,250}>")
_NAME: Final = re.compile(rb"([!-9;-~]{1,76})[ \t]*:")
#: Headers that a report may repeat: they name the message, and none of them says what it is about.
_KEPT: Final = ("Message-ID", "Date", "From", "To")
_WANTED: Final = frozenset({"message-id", "in-reply-to", "references", "subject", "date", "from", "to"})


@dataclass(frozen=True, slots=True)
class MessageHeaders:
    """What a report needs of the message it is about.

    Attributes:
        message_id: with its angle brackets; None if there is none or it is no message id.
        references: the thread so far, oldest first, at most ten.
        subject: decoded, one clean line of at most 100 characters. Never goes into a report.
        kept: name and value of the headers that a report repeats; printable ASCII.
    """

    message_id: str | None
    references: tuple[str, ...]
    subject: str
    kept: tuple[tuple[str, str], ...] = ()


def read_headers(block: bytes) -> MessageHeaders:
    """Reads the first header of each name in the first 64 KB of a message. Never fails."""
    fields: dict[str, bytes] = {}
    for name, value in _fields(block[:MOST_HEADERS]):
        fields.setdefault(name, value)
    text = {name: decode(value, None) for name, value in fields.items()}
    thread = text.get("references") or text.get("in-reply-to", "")
    kept = tuple((name, _ascii(text[name.lower()])) for name in _KEPT if name.lower() in text)
    message_id = _MESSAGE_ID.search(text.get("message-id", ""))
    return MessageHeaders(
        message_id=message_id.group() if message_id else None,
        references=tuple(_MESSAGE_ID.findall(thread)[-_MOST_REFERENCES:]),
        subject=clean(_decode_words(text.get("subject", "")[:_MOST_SUBJECT])),
        kept=kept,
    )


def clean(text: str, limit: int = _MOST_TEXT) -> str:
    """Makes one harmless line of text from outside: no control, no bidi override, at most ``limit`` long."""
    line = "".join(_harmless(character) for character in text[: limit * 8])
    return " ".join(line.split())[:limit].rstrip()


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    return "" if category in {"Cf", "Cs", "Co", "Cn"} else character


def _ascii(text: str) -> str:
    return clean(text, _MOST_KEPT).encode("ascii", "replace").decode("ascii")


def _fields(block: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields lower-case name and unfolded value of each wanted header, each value at most 8 KB."""
    name, value = "", bytearray()
    for line in block.splitlines():
        if line[:1] in {b" ", b"\t"}:
            if len(value) < _MOST_FIELD:
                value += line
            continue
        if name in _WANTED:
            yield name, bytes(value[:_MOST_FIELD])
        start = _NAME.match(line)
        if not start:  # the empty line, or no header at all: here the body begins
            return
        name, value = start.group(1).decode("ascii").lower(), bytearray(line[start.end() :])
    if name in _WANTED:
        yield name, bytes(value[:_MOST_FIELD])


def _decode_words(value: str) -> str:
    """Decodes the encoded-words of RFC 2047; leaves a malformed one as it is."""
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    return "".join(piece if isinstance(piece, str) else decode(piece, charset) for piece, charset in pieces)
