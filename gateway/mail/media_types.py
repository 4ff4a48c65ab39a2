"""What a part is, by its first bytes, else as its sender declared; and what people call it."""

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
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_OPEN: Final = "application/vnd.oasis.opendocument"
#: What people call a type.
_NAMES: Final = {
    PDF: "PDF",
    PNG: "PNG picture",
    JPEG: "JPEG picture",
    TIFF: "TIFF",
    PLAIN: "text",
    HTML: "HTML text",
    UNKNOWN: "file of unknown type",
    "application/msword": "Word document",
    f"{_OFFICE}.wordprocessingml.document": "Word document",
    "application/vnd.ms-word.document.macroenabled.12": "Word document",
    "application/vnd.ms-excel": "Excel workbook",
    f"{_OFFICE}.spreadsheetml.sheet": "Excel workbook",
    "application/vnd.ms-excel.sheet.macroenabled.12": "Excel workbook",
    "application/vnd.ms-powerpoint": "PowerPoint presentation",
    f"{_OFFICE}.presentationml.presentation": "PowerPoint presentation",
    f"{_OPEN}.text": "OpenDocument text",
    f"{_OPEN}.spreadsheet": "OpenDocument spreadsheet",
    f"{_OPEN}.presentation": "OpenDocument presentation",
    "application/rtf": "RTF document",
    "text/rtf": "RTF document",
    "application/vnd.apple.pages": "Pages document",
    "application/postscript": "PostScript document",
    "application/vnd.ms-xpsdocument": "XPS document",
    "text/csv": "CSV table",
    "application/xml": "XML file",
    "text/xml": "XML file",
    "application/json": "JSON file",
    "application/zip": "ZIP archive",
    "application/x-zip-compressed": "ZIP archive",
    "application/x-7z-compressed": "7-Zip archive",
    "application/vnd.rar": "RAR archive",
    "application/x-rar-compressed": "RAR archive",
    "application/gzip": "gzip archive",
    "image/heic": "HEIC photo",
    "image/heif": "HEIC photo",
    "image/gif": "GIF picture",
    "image/webp": "WebP picture",
    "image/bmp": "BMP picture",
    "image/svg+xml": "SVG drawing",
    "application/dicom": "DICOM picture",
    "application/ms-tnef": "winmail.dat of Outlook",
    "application/vnd.ms-tnef": "winmail.dat of Outlook",
    "application/vnd.ms-outlook": "Outlook message",
    "message/rfc822": "forwarded message",
    "text/calendar": "calendar entry",
    "application/ics": "calendar entry",
    "text/vcard": "contact card",
    "text/x-vcard": "contact card",
    "text/directory": "contact card",
    "application/pkcs7-signature": "digital signature",
    "application/x-pkcs7-signature": "digital signature",
    "application/pgp-signature": "digital signature",
    "application/pgp-keys": "key",
    "application/pkcs7-mime": "S/MIME message",
    "application/x-pkcs7-mime": "S/MIME message",
    "message/delivery-status": "mail report",
    "message/disposition-notification": "mail report",
    "text/rfc822-headers": "mail report",
}
_FAMILIES: Final = {"audio": "sound recording", "video": "video", "image": "picture", "font": "font"}
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


def name_of(media_type: str) -> str:
    """Says in the words of people what a type is; the type itself if there are none."""
    return _NAMES.get(media_type) or _FAMILIES.get(media_type.partition("/")[0], media_type)
