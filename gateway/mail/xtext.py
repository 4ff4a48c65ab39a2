"""xtext: how ENVID and ORCPT carry any printable text as one SMTP parameter (RFC 3461 section 4)."""

from __future__ import annotations

import re
from typing import Final

_ESCAPE: Final = re.compile(r"\+([0-9A-F]{2})")
_SPECIAL: Final = re.compile(r"[^!-*,-<>-~]")


def decode_xtext(text: str) -> str:
    """Undoes the escapes; what is no escape stays as it is."""
    return _ESCAPE.sub(lambda escape: chr(int(escape.group(1), 16)), text)


def encode_xtext(text: str) -> str:
    """Writes ``text``, ASCII, with everything escaped that a parameter may not hold."""
    return _SPECIAL.sub(lambda special: f"+{ord(special.group()):02X}", text)
