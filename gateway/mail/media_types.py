"""What a part is, by its first bytes; what its sender declared counts only where these say nothing."""

from __future__ import annotations

import re
from typing import Final

PDF, PNG, JPEG, TIFF = "application/pdf", "image/png", "image/jpeg", "image/tiff"
PLAIN, HTML, UNKNOWN = "text/plain", "text/html", "application/octet-stream"

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"%PDF-", PDF),
)
#: Readers accept a PDF after some junk (PDF 1.7, implementation note 13). In anything that does not call
#: itself a PDF that is rather a text that quotes one, a message or an archive that holds one.
_JUNK_BEFORE_PDF: Final = 1024
_CALLED_PDF: Final = frozenset({PDF, "application/x-pdf"})
_WELL_FORMED: Final = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,39}/[a-z0-9][a-z0-9.+_-]{0,79}")


def sniff(content: bytes, declared: str) -> str:
    """Names the media type of ``content``; ``declared``, cleaned, if its bytes do not tell."""
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return media_type
    if declared in _CALLED_PDF and content.find(b"%PDF-", 0, _JUNK_BEFORE_PDF) >= 0:
        return PDF
    return declared if _WELL_FORMED.fullmatch(declared) else UNKNOWN
