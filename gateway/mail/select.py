"""Decides which parts of a message become pages of the fax, and says why the others do not. Pure.

A message is faxed whole or not at all: one part that a person would expect on paper and that we cannot print
refuses the whole message before anything is dialled (RFC 3965 2.2.4).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.model import Fate
from gateway.core.reasons import PermanentError, Reason
from gateway.mail.media_types import HTML, JPEG, PDF, PLAIN, PNG, TIFF, name_of
from gateway.mail.parse import Part
from gateway.mail.signature_line import is_only_signature

_DOCUMENTS: Final = frozenset({PDF, TIFF})
_PICTURES: Final = frozenset({PNG, JPEG})
_PRINTABLE: Final = _DOCUMENTS | _PICTURES | {PLAIN}
_SMIME: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNED_ONLY: Final = frozenset({"signed-data", "certs-only", "compressed-data"})
_PGP_ARMOUR: Final = b"-----BEGIN PGP MESSAGE-----"

#: Parts that carry no page, and what the sender is told about them.
_WITHOUT_PAGES: Final = {
    "application/pkcs7-signature": "a digital signature",
    "application/x-pkcs7-signature": "a digital signature",
    "application/pgp-signature": "a digital signature",
    "application/pgp-keys": "a key",
    "text/calendar": "a calendar entry",
    "application/ics": "a calendar entry",
    "text/vcard": "a contact card",
    "text/x-vcard": "a contact card",
    "text/directory": "a contact card",
    "message/delivery-status": "a mail report",
    "message/disposition-notification": "a mail report",
    "text/rfc822-headers": "a mail report",
}

_SAVE_AS_PDF: Final = "save it as PDF and attach that"
#: What the sender can do about a part that cannot be printed, by type, else by family, else the line above.
_ADVICE: Final = {
    HTML: "attach it as PDF",
    "application/zip": "attach the files in it one by one",
    "application/x-zip-compressed": "attach the files in it one by one",
    "application/x-7z-compressed": "attach the files in it one by one",
    "application/vnd.rar": "attach the files in it one by one",
    "application/x-rar-compressed": "attach the files in it one by one",
    "application/gzip": "attach the file in it itself",
    "application/ms-tnef": "let Outlook send plain text or HTML, not rich text",
    "application/vnd.ms-tnef": "let Outlook send plain text or HTML, not rich text",
    "application/pkcs7-mime": "send it without a signature",
    "application/x-pkcs7-mime": "send it without a signature",
    "message": "save that message as PDF and attach that",
    "image": "save it as JPEG or PDF and attach that",
    "audio": "there is nothing to see in it",
    "video": "attach pictures of it as JPEG or PDF",
}

_REFERENCES: Final = re.compile(r"""\bcid:([^\s"'<>()]{1,250})""", re.IGNORECASE)
_UNSEEN_HTML: Final = re.compile(r"<!--.*?-->|<(head|style|script|title)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Choice:
    """What becomes of one part. ``reason`` is set if it refuses the message."""

    part: Part
    fate: Fate
    why: str = ""
    reason: Reason | None = None


def select_parts(parts: Sequence[Part], message_text: str) -> tuple[Choice, ...]:
    """Chooses the fate of each part, in order.

    Args:
        parts: of one message, in MIME order.
        message_text: when the text of the message itself becomes pages: "always", "alone" (if nothing else
            does) or
            "never".
    """
    choose = _Chooser(parts, message_text).choose
    return tuple(choose(part) for part in parts)


def require_pages(choices: Sequence[Choice]) -> None:
    """Says that every part is printable or dispensable, and that something is left to print.

    Raises:
        PermanentError: with the reason of the first refused part, or NO_CONTENT; the detail names part and
            type.
    """
    for choice in choices:
        if choice.reason is not None:
            raise PermanentError(choice.reason, f"{title(choice.part)}: {choice.why}")
    if not any(choice.fate is Fate.PAGES for choice in choices):
        raise PermanentError(Reason.NO_CONTENT, "no part of the message becomes a page")


def title(part: Part) -> str:
    """Names a part in the details of a refusal: part 2 (Word document)."""
    return f"part {part.index} ({name_of(part.media_type)})"


class _Chooser:
    """The rules, in order, with what they need to know of the whole message."""

    def __init__(self, parts: Sequence[Part], message_text: str) -> None:
        self._shown = frozenset(
            reference.group(1)
            for part in parts
            if part.media_type == HTML and not part.attached
            for reference in _REFERENCES.finditer(html.unescape(part.text))
        )
        self._read_as_text = frozenset(
            branch.node
            for part in parts
            if _is_body_text(part) and part.content.strip()
            for branch in part.path
            if branch.subtype == "alternative"
        )
        self._has_attachments = any(
            part.media_type in _PRINTABLE
            and not _is_body_text(part)
            and bool(part.content.strip())
            and not self._is_shown(part)
            for part in parts
        )
        self._has_own_words = any(
            _is_body_text(part) and bool(part.text.strip()) and not is_only_signature(part.text) for part in parts
        )
        self._message_text = message_text
        self._rules: tuple[Callable[[Part], Choice | None], ...] = (
            self._encrypted,
            self._without_pages,
            self._picture_in_html,
            self._other_reading,
            self._html_text,
            self._blank_text,
            self._signature_line,
            self._message_body,
            self._printable,
        )

    def choose(self, part: Part) -> Choice:
        """Gives the answer of the first rule that has one; a part that none knows refuses the message."""
        for rule in self._rules:
            if choice := rule(part):
                return choice
        family = part.media_type.partition("/")[0]
        advice = _ADVICE.get(part.media_type) or _ADVICE.get(family, _SAVE_AS_PDF)
        return _refused(part, Reason.UNSUPPORTED_TYPE, f"this type cannot be faxed; {advice}")

    def _encrypted(self, part: Part) -> Choice | None:
        secret = any(branch.subtype == "encrypted" for branch in part.path)
        secret = secret or (part.media_type in _SMIME and part.smime_type not in _SIGNED_ONLY)
        secret = secret or (part.media_type == PLAIN and part.content.lstrip().startswith(_PGP_ARMOUR))
        return _refused(part, Reason.ENCRYPTED, "encrypted") if secret else None

    def _without_pages(self, part: Part) -> Choice | None:
        why = _WITHOUT_PAGES.get(part.media_type)
        return _skipped(part, why) if why else None

    def _picture_in_html(self, part: Part) -> Choice | None:
        return _skipped(part, "shown inside the HTML text") if self._is_shown(part) else None

    def _other_reading(self, part: Part) -> Choice | None:
        """Of a multipart/alternative that has a plain text, other readings are left out (RFC 2046 5.1.4)."""
        readable = part.media_type.startswith("text/") and not part.attached and part.media_type != PLAIN
        if readable and any(branch.node in self._read_as_text for branch in part.path):
            return _skipped(part, "the plain text is used")
        return None

    def _html_text(self, part: Part) -> Choice | None:
        if part.media_type != HTML or part.attached:
            return None
        if _is_blank_html(part.text):
            return _skipped(part, "blank")
        if self._has_attachments:
            return _skipped(part, "an HTML text is not turned into pages; the attached documents are")
        return _refused(part, Reason.UNSUPPORTED_TYPE, "it has no plain text beside it; send plain text, or a PDF")

    def _blank_text(self, part: Part) -> Choice | None:
        return _skipped(part, "blank") if part.media_type == PLAIN and not part.text.strip() else None

    def _signature_line(self, part: Part) -> Choice | None:
        """A mail program's own line makes no page of its own beside what the sender wants to send."""
        beside = self._has_attachments or self._has_own_words
        if beside and _is_body_text(part) and is_only_signature(part.text):
            return _skipped(part, "only a signature line")
        return None

    def _message_body(self, part: Part) -> Choice | None:
        if not _is_body_text(part):
            return None
        if self._message_text == "never":
            return _skipped(part, "the text of the message is not faxed here")
        if self._message_text == "alone" and self._has_attachments:
            return _skipped(part, "only the attached documents are faxed here")
        return Choice(part, Fate.PAGES)

    def _printable(self, part: Part) -> Choice | None:
        return Choice(part, Fate.PAGES) if part.media_type in _PRINTABLE else None

    def _is_shown(self, part: Part) -> bool:
        """Says that a part is a picture that the HTML text shows in its place (RFC 2387, 2392)."""
        picture = part.media_type.startswith("image/") and part.media_type not in _DOCUMENTS
        related = any(branch.subtype == "related" for branch in part.path)
        return picture and related and not part.attached and part.content_id in self._shown


def _is_body_text(part: Part) -> bool:
    """Says that a part is the message's own text rather than a text file sent with it."""
    return part.media_type == PLAIN and not part.attached and not part.named


def _is_blank_html(text: str) -> bool:
    """Says that an HTML text shows neither a letter nor a picture."""
    seen = _UNSEEN_HTML.sub(" ", text)
    return "<img" not in seen.lower() and not html.unescape(_TAG.sub(" ", seen)).strip()


def _skipped(part: Part, why: str) -> Choice:
    return Choice(part, Fate.SKIPPED, why)


def _refused(part: Part, reason: Reason, why: str) -> Choice:
    return Choice(part, Fate.REFUSED, why, reason)
