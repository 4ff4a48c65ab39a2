"""Splits the body of a send into documents, however its client wrote it (interfax-rest 3 and 15)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message

from gateway.simulator.interfax_errors import BAD_DOCUMENT, ApiError

#: Media type -> file type, which the vendor lists at `/outbound/help/mediatype`.
MEDIA_TYPES = {
    "application/pdf": "pdf",
    "image/tiff": "tif",
    "text/plain": "txt",
    "text/html": "html",
    "message/rfc822": "mht",
    "application/internet-shortcut": "url",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/rtf": "rtf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/xml": "xml",
    "text/xml": "xml",
    "image/gif": "gif",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/bmp": "bmp",
    "application/pcx": "pcx",
    "application/postscript": "ps",
    "application/eps": "eps",
    "application/snapshot": "snp",
    "application/zip": "zip",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One document of a send: its bytes with their media type, or where they are."""

    media_type: str
    location: str | None
    data: bytes


def read_parts(headers: Mapping[str, str], body: bytes) -> list[Part]:
    """Returns the documents of a send, in their order; parts that hold nothing are left out.

    A body of several parts may call itself mixed or form-data; its parts need no name, the last line no end.

    Raises:
        ApiError: -123 if there is no document at all, 415 if the only one is of a type that cannot be faxed.
    """
    content_type = headers.get("Content-Type", "")
    is_multipart = content_type.lower().startswith("multipart/")
    split = [_split_part(part) for part in _split(body, _boundary(content_type))] if is_multipart else [(headers, body)]
    parts = [part for part in (_part(*each) for each in split) if part.data or part.location]
    if not parts:
        raise ApiError(BAD_DOCUMENT)
    if not is_multipart and not parts[0].location and parts[0].media_type not in MEDIA_TYPES:
        raise ApiError(BAD_DOCUMENT, f"Media type [{parts[0].media_type}]", status=415)
    return parts


def _part(headers: Mapping[str, str], data: bytes) -> Part:
    by_name = {name.lower(): value.strip() for name, value in headers.items()}
    media_type = by_name.get("content-type", "").partition(";")[0].strip().lower()
    return Part(media_type, by_name.get("content-location"), data)


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    if not boundary:
        raise ApiError(BAD_DOCUMENT, "The boundary is missing")
    return boundary.encode()


def _split(body: bytes, boundary: bytes) -> list[bytes]:
    """Returns what stands between the boundaries, whether or not the closing one is complete."""
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    marks = list(line.finditer(body))
    parts = []
    for number, mark in enumerate(marks):
        if mark[1]:
            break
        end = marks[number + 1].start() if number + 1 < len(marks) else len(body)
        parts.append(body[mark.end() : end])
    return parts


def _split_part(part: bytes) -> tuple[Mapping[str, str], bytes]:
    """Returns headers and content; a part may be nothing but headers."""
    head, _, content = re.sub(rb"\A\r?\n", b"", part, count=1).partition(b"\r\n\r\n")
    headers = {}
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip()] = value
    return headers, content
