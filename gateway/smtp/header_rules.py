"""Rules for the header block of a message: its size, mail loops, automatic mail (RFC 3834, RFC 5321 6.3)."""

from __future__ import annotations

import re
from typing import Final

from gateway.core.refusal import Refusal

#: Largest header block and largest single field, bytes.
MAX_HEADER: Final = 64 * 1024
MAX_FIELD: Final = 8 * 1024
#: Postfix's hopcount_limit; RFC 5321 6.3 would allow more, but here a loop costs money.
MAX_RECEIVED: Final = 50

_FIELD: Final = re.compile(rb"^([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", re.MULTILINE)
_FIRST_WORD: Final = re.compile(rb"\s*([^\s;(]*)")
_BULK: Final = frozenset({b"bulk", b"junk", b"list"})
_LIST_FIELDS: Final = frozenset({b"list-id", b"list-unsubscribe"})
_OUR_TRACE: Final = b"x-faxgateway-"


class HeaderGate:
    """Collects the header block of one message as it streams by, and judges it once."""

    def __init__(self, *, for_fax: bool) -> None:
        """``for_fax``: some recipient is a fax, so automatic mail is refused; a postmaster takes it."""
        self._for_fax = for_fax
        self._collected = b""
        self._open = True

    def feed(self, block: bytes) -> None:
        """Takes the next block of content; raises Refusal as ``check_header``, or 554 5.6.0 when too big."""
        if not self._open:
            return
        # The line before the first one is ended as well: an empty header ends at once.
        self._collected = (self._collected or b"\r\n") + block[: MAX_HEADER + 4]
        end = self._collected.find(b"\r\n\r\n", 0, MAX_HEADER + 6)
        if end >= 0:
            self._collected = self._collected[: end + 2]
            self.finish()
        elif len(self._collected) > MAX_HEADER + 2:
            raise Refusal(554, "5.6.0", f"message header is larger than {MAX_HEADER} bytes")

    def finish(self) -> None:
        """Judges what there is at the end of the message; raises Refusal as ``check_header`` does."""
        if self._open:
            self._open = False
            check_header(self._collected, for_fax=self._for_fax)
            self._collected = b""


def check_header(block: bytes, *, for_fax: bool) -> None:
    """Judges a complete header block. Pure.

    Args:
        block: fields with CRLF line ends.
        for_fax: the message is to become a fax.

    Raises:
        Refusal: 554 5.4.6 more than MAX_RECEIVED hops; 554 5.6.0 a field over MAX_FIELD; 550 5.7.1 a mail of
            our own that comes back, or automatic mail that would become a fax (RFC 3834 2).
    """
    hops = 0
    for match in _FIELD.finditer(block):
        name, value = match[1].lower(), match[2]
        if len(match[0]) > MAX_FIELD:
            raise Refusal(554, "5.6.0", f"a header field is larger than {MAX_FIELD} bytes")
        hops += name == b"received"
        if name.startswith(_OUR_TRACE):
            raise Refusal(550, "5.7.1", "mail of this gateway came back to it")
        if for_fax and _is_automatic(name, value):
            raise Refusal(550, "5.7.1", "automatic mail is not faxed")
    if hops > MAX_RECEIVED:
        raise Refusal(554, "5.4.6", f"mail loop: more than {MAX_RECEIVED} Received fields")


def _is_automatic(name: bytes, value: bytes) -> bool:
    if name in _LIST_FIELDS:
        return True
    first_word = _FIRST_WORD.match(value)
    word = first_word[1].lower() if first_word else b""
    return (
        (name == b"auto-submitted" and word != b"no")
        or (name == b"precedence" and word in _BULK)
        or (name == b"content-type" and word == b"multipart/report")
    )
