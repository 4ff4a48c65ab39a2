"""multipart/form-data (RFC 7578) of a webhook, read from bytes in memory, tolerant of sloppy senders.

Parts are found by searching for the delimiter, so that a document of 50 MB is copied once and never split
into lines. Of the headers only two plain parameters matter; the standard library's e-mail parser is not used
for them, because hostile continuations (which RFC 7578 does not know) make it raise anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

#: Of the delimiter in a body; a form of theirs has four parts.
_MOST_OCCURRENCES: Final = 1000
_MOST_HEADER_BYTES: Final = 8192
_END_OF_HEADERS: Final = re.compile(rb"\r?\n\r?\n")
_BOUNDARY: Final = re.compile(r"""(?i);\s*boundary="?([0-9a-z'()+_,./:=?-]{1,70})""")
_NAME: Final = re.compile(rb"""(?im)^content-disposition:[^\r\n]*?;[ \t]*name="?([^";\r\n]*)""")


def read_form(content_type: str, body: bytes) -> dict[str, bytes]:
    """Reads the fields of a form; of several parts with one name the first that is not empty counts.

    Line ends may be CRLF or LF, the closing delimiter may be missing or followed by anything.

    Args:
        content_type: the header of the request; it names the boundary.
        body: the whole body, bounded in size by the caller.

    Returns:
        Content by field name. Parts without a name are left out.

    Raises:
        ValueError: no boundary, or more of it than any form has.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise ValueError("multipart body without a usable boundary")
    fields: dict[str, bytes] = {}
    for start, end in _parts(body, b"--" + found[1].encode()):
        head = _END_OF_HEADERS.search(body, start, min(end, start + _MOST_HEADER_BYTES))
        if head is None:
            continue
        named = _NAME.search(body, start, head.start())
        name = named[1].decode("utf-8", "replace").strip() if named else ""
        if name and not fields.get(name):
            fields[name] = body[head.end() : end]
    return fields


def _parts(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int]]:
    start: int | None = None
    for at, after, closing in _delimiter_lines(body, delimiter):
        if start is not None:
            yield start, _without_line_end(body, start, at)
        if closing:
            return
        start = after
    if start is not None:
        yield start, _without_line_end(body, start, len(body))


def _delimiter_lines(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int, bool]]:
    resume = 0
    for _ in range(_MOST_OCCURRENCES):
        at = body.find(delimiter, resume)
        if at < 0:
            return
        resume = at + len(delimiter)
        if at == 0 or body[at - 1 : at] == b"\n":
            end = body.find(b"\n", resume)
            resume = len(body) if end < 0 else end
            tail = body[at + len(delimiter) : resume].strip()
            if not tail or tail.startswith(b"-"):
                yield at, resume + 1, bool(tail)
    raise ValueError(f"the boundary occurs more than {_MOST_OCCURRENCES} times")


def _without_line_end(body: bytes, start: int, end: int) -> int:
    # The line end before a delimiter belongs to the delimiter (RFC 2046 5.1.1).
    for line_end in (b"\r\n", b"\n"):
        if body.endswith(line_end, start, end):
            return end - len(line_end)
    return end
