"""A message as a flat list of its parts. Runs only in the sandbox.

The structure is split here, within limits, before anything of the standard library sees the message: its
parser recurses, keeps several copies, and takes seconds for hostile headers. Of it we use only the reading of
a part's own Content headers, a few kilobytes at a time.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from email.policy import compat32
from email.utils import collapse_rfc2231_value
from typing import Final

from gateway.core.reasons import PermanentError, Reason
from gateway.mail.charset import decode
from gateway.mail.headers import MOST_HEADERS
from gateway.mail.media_types import sniff

_MOST_FIELD: Final = 8 * 1024
_MOST_DEPTH: Final = 20
_MOST_PARTS: Final = 200
_MOST_BOUNDARY: Final = 200  # RFC 2046 5.1.1 says 70; some programs write more

_END_OF_HEADERS: Final = re.compile(rb"\r?\n\r?\n")
_CONTENT_FIELD: Final = re.compile(
    rb"(?:^|(?<=\n))content-[!-9;-~]{1,60}[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?", re.IGNORECASE
)
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64: Final = bytes(set(range(256)) - set(_BASE64))
_ONCE: Final = ("Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID")


@dataclass(frozen=True, slots=True)
class Branch:
    """One step from the root of a message to a part: which multipart, its subtype, which child (from 0)."""

    node: int
    subtype: str
    child: int


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a message.

    Attributes:
        index: its number in the message, from 1: how reports name it.
        path: the multiparts it lies in, outermost first.
        media_type: by content, else as declared.
        charset: as declared, for text.
        attached: its sender wants it kept apart from the message's text (Content-Disposition, RFC 2183).
        named: it has a file name; the name itself is never read.
        content_id: without brackets; how an HTML text refers to it (RFC 2392).
        smime_type: which kind of S/MIME object it is (RFC 8551 3.2.2).
        content: decoded.
    """

    index: int
    path: tuple[Branch, ...]
    media_type: str
    charset: str | None
    attached: bool
    named: bool
    content_id: str | None
    smime_type: str
    content: bytes

    @property
    def text(self) -> str:
        """The content of a text part as text."""
        return decode(self.content, self.charset)


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A message as its parts, in MIME order."""

    parts: tuple[Part, ...]


def parse_message(data: bytes) -> ParsedMessage:
    """Splits a message (RFC 5322, 2045, 2046) into its parts.

    Raises:
        PermanentError: TOO_BIG when a limit of structure is passed; RENDER_FAILED when it can be read in two
            ways.
    """
    return ParsedMessage(tuple(_Splitter(data).parts(0, len(data), (), "text/plain")))


class _Splitter:
    """Walks one message and counts what has limits."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = 0
        self._nodes = 0
        self._header_bytes = 0

    def parts(self, start: int, end: int, path: tuple[Branch, ...], default: str) -> Iterator[Part]:
        """Yields the leaves of the entity that lies in ``data[start:end]``."""
        if len(path) > _MOST_DEPTH:
            raise PermanentError(Reason.TOO_BIG, f"parts nested deeper than {_MOST_DEPTH} levels")
        headers, body = self._headers(start, end, default)
        if headers.get_content_maintype() == "multipart":
            yield from self._children(headers, body, end, path)
        else:
            yield self._leaf(headers, self._data[body:end], path)

    def _headers(self, start: int, end: int, default: str) -> tuple[Message, int]:
        """Reads the Content headers of an entity; tells where its body begins."""
        if self._data.startswith((b"\r\n", b"\n"), start, end):
            stop, body = start, self._data.find(b"\n", start) + 1
        elif found := _END_OF_HEADERS.search(self._data, start, min(end, start + MOST_HEADERS)):
            stop, body = found.span()
        else:
            stop = body = end
        self._header_bytes += stop - start
        if self._header_bytes > MOST_HEADERS:
            raise PermanentError(Reason.TOO_BIG, f"headers of more than {MOST_HEADERS} bytes")
        fields = _CONTENT_FIELD.findall(self._data, start, stop)
        if any(len(field) > _MOST_FIELD for field in fields):
            raise PermanentError(Reason.TOO_BIG, f"a header of more than {_MOST_FIELD} bytes")
        block = b"".join(field if field.endswith(b"\n") else field + b"\r\n" for field in fields)
        headers = HeaderParser(policy=compat32).parsestr(block.decode("ascii", "replace"))
        headers.set_default_type(default)
        for name in _ONCE:
            if len(headers.get_all(name, [])) > 1:
                raise PermanentError(Reason.RENDER_FAILED, f"part {self._count + 1}: two {name} headers")
        return headers, body

    def _children(self, headers: Message, body: int, end: int, path: tuple[Branch, ...]) -> Iterator[Part]:
        boundary = _parameter(headers, "boundary").rstrip()
        if not 0 < len(boundary) <= _MOST_BOUNDARY:
            raise PermanentError(Reason.RENDER_FAILED, "a multipart without a usable boundary")
        self._nodes += 1
        node, subtype = self._nodes, headers.get_content_subtype()
        default = "message/rfc822" if subtype == "digest" else "text/plain"
        child = -1
        for child, (start, stop) in enumerate(self._ranges(boundary.encode("ascii", "replace"), body, end)):
            yield from self.parts(start, stop, (*path, Branch(node, subtype, child)), default)
        if child < 0:
            raise PermanentError(Reason.RENDER_FAILED, "a multipart whose boundary never occurs")

    def _ranges(self, boundary: bytes, body: int, end: int) -> Iterator[tuple[int, int]]:
        """Yields where each child of a multipart begins and ends; the last one may lack its closing line."""
        delimiter = re.compile(rb"\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
        start: int | None = None
        for found in delimiter.finditer(self._data, body - 1, end):
            if start is not None:
                line_end = found.start() - (self._data[found.start() - 1 : found.start()] == b"\r")
                yield start, max(start, line_end)
            start = None
            if found.group(1):
                return
            next_line = self._data.find(b"\n", found.end(), end)
            start = end if next_line < 0 else next_line + 1
        if start is not None:
            yield start, end

    def _leaf(self, headers: Message, raw: bytes, path: tuple[Branch, ...]) -> Part:
        self._count += 1
        if self._count > _MOST_PARTS:
            raise PermanentError(Reason.TOO_BIG, f"more than {_MOST_PARTS} parts")
        content = _decoded(raw, str(headers.get("Content-Transfer-Encoding", "")))
        return Part(
            index=self._count,
            path=path,
            media_type=sniff(content, headers.get_content_type()),
            charset=_parameter(headers, "charset") or None,
            attached=headers.get_content_disposition() == "attachment",
            named=headers.get_filename() is not None,
            content_id=str(headers.get("Content-ID", "")).strip().strip("<>") or None,
            smime_type=_parameter(headers, "smime-type").lower(),
            content=content,
        )


def _parameter(headers: Message, name: str) -> str:
    value = headers.get_param(name)
    return "" if value is None else collapse_rfc2231_value(value).strip()


def _decoded(raw: bytes, encoding: str) -> bytes:
    """Undoes a Content-Transfer-Encoding as far as it makes sense; garbage in it is passed over."""
    match encoding.strip().lower():
        case "base64":
            return _from_base64(raw)
        case "quoted-printable":
            return binascii.a2b_qp(raw)
        case "x-uuencode" | "uuencode" | "x-uue":
            return b"".join(_from_uuencode(raw))
        case _:
            return raw


def _from_base64(raw: bytes) -> bytes:
    """Decodes base64, also without its padding, and several encoded blocks one after the other."""
    decoded = []
    for block in re.split(rb"=+", raw):
        digits = block.translate(None, _NOT_BASE64)
        whole = len(digits) - (len(digits) % 4 == 1)  # a single last digit holds no byte
        decoded.append(binascii.a2b_base64(digits[:whole] + b"=" * (-whole % 4)))
    return b"".join(decoded)


def _from_uuencode(raw: bytes) -> Iterator[bytes]:
    """Yields the bytes of each line between "begin" and "end"."""
    lines = iter(raw.splitlines())
    for line in lines:
        if line.startswith(b"begin "):
            break
    for line in lines:
        if line.strip() == b"end":
            return
        try:
            yield binascii.a2b_uu(line)
        except binascii.Error:  # trailing garbage that some encoders add: the length byte tells how much counts
            digits = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                yield binascii.a2b_uu(line[:digits])
            except binascii.Error:
                continue
