"""Text from bytes by the charset that a mail declares; never fails."""

from __future__ import annotations

import codecs
from typing import Final

#: Python codecs that are no charsets of mail; some take quadratic time.
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"})
_UNDECLARED: Final = frozenset({"ascii", "iso8859-1"})


def decode(raw: bytes, charset: str | None) -> str:
    """Reads ``raw`` as ``charset``; what does not fit becomes U+FFFD.

    Undeclared, unknown, ASCII and Latin-1 text is read as UTF-8 if it is valid UTF-8, else as Windows-1252:
    so do mail programs, and so it was written.
    """
    codec = _codec(charset)
    if codec is None:
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            return raw.decode("cp1252", "replace")
    return raw.decode(codec, "replace").removeprefix("\ufeff")


def _codec(charset: str | None) -> str | None:
    try:
        name = codecs.lookup(charset or "ascii").name
        "".encode(name)  # a codec between bytes, such as zlib, is no charset
    except (LookupError, ValueError):
        return None
    return None if name in _UNDECLARED | _NO_CHARSETS else name
