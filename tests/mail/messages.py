"""Messages written by hand, as mail programs write them."""

from __future__ import annotations

from collections.abc import Sequence

PNG = b"\x89PNG\r\n\x1a\n"
PDF = b"%PDF-1.7\n"
TIFF = b"II*\x00"
JPEG = b"\xff\xd8\xff\xe0"


def part(media_type: str, content: bytes = b"x", *headers: str) -> bytes:
    """Writes one leaf: ``part("application/pdf", PDF, "Content-Disposition: attachment")``."""
    lines = [f"Content-Type: {media_type}", "Content-Transfer-Encoding: binary", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def multipart(subtype: str, parts: Sequence[bytes], boundary: str = "b") -> bytes:
    """Puts parts together; nested ones need boundaries of their own."""
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\nPreamble\r\n'
    body = b"".join(f"--{boundary}\r\n".encode() + one + b"\r\n" for one in parts)
    return head.encode() + body + f"--{boundary}--\r\nEpilogue\r\n".encode()


def message(entity: bytes) -> bytes:
    return b"From: ana@clinic.example\r\nSubject: s\r\nMIME-Version: 1.0\r\n" + entity
