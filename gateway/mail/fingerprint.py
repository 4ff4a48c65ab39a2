"""Recognises the same message sent again because its 250 got lost on the way (RFC 1047)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from gateway.mail.headers import read_headers

_END_OF_HEADERS: Final = b"\r\n\r\n"
#: A longer header block is refused before it comes here; what lies beyond counts as body.
_MOST_HEADERS: Final = 64 * 1024


class Fingerprint:
    """Takes a message as it arrives and tells whether two are the same order: sender, numbers, Message-ID, body.

    Other headers may change on the way of a repetition (trace lines of relays); without a Message-ID all count.
    """

    def __init__(self) -> None:
        self._head = bytearray()
        self._in_head = True
        self._body = hashlib.sha256()

    @property
    def message_id(self) -> str | None:
        """The Message-ID of the message, with its angle brackets; None if it has none."""
        return read_headers(bytes(self._head)).message_id

    def update(self, data: bytes) -> None:
        """Takes the next bytes, in any division."""
        if not self._in_head:
            self._body.update(data)
            return
        seen = max(0, len(self._head) - len(_END_OF_HEADERS) + 1)
        self._head += data
        end = self._head.find(_END_OF_HEADERS, seen)
        end = _MOST_HEADERS if end < 0 else end + len(_END_OF_HEADERS)
        if len(self._head) >= end:
            self._in_head = False
            self._body.update(self._head[end:])
            del self._head[end:]

    def digest(self, mail_from: str, numbers: Iterable[str], message_id: str | None) -> str:
        """Answers the fingerprint of the order, hexadecimal."""
        order = [
            mail_from.lower(),
            *sorted(set(numbers)),
            message_id or hashlib.sha256(self._head).hexdigest(),
        ]
        whole = "\0".join([*order, self._body.hexdigest()])
        return hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()
