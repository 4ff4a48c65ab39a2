"""A received message becomes one PDF, and a received fax is looked at: the two tasks of the sandbox.

Both run in a child of `gateway.render.sandbox` only: `email_to_fax` and `fax_to_email` name them, never call
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, BinaryIO

import pikepdf

from gateway.core.model import Fate, LedgerEntry
from gateway.core.reasons import PermanentError, Reason
from gateway.mail.media_types import PDF, PLAIN, TIFF, UNKNOWN, sniff
from gateway.mail.parse import Part, parse_message
from gateway.mail.select import Choice, require_pages, select_parts, title
from gateway.render.image import append_image, count_frames
from gateway.render.paper import PAPERS, Paper
from gateway.render.pdf import append_pdf, count_pages, new_document, save
from gateway.render.text import append_text


def make_document(arguments: Mapping[str, Any], inputs: Sequence[BinaryIO], output: BinaryIO | None) -> dict[str, Any]:
    """Turns the message in ``inputs[0]`` into one PDF in ``output``; says what each part became.

    Safe to repeat: the same message gives the same bytes.

    Args:
        arguments: "paper" (letter, a4), "message_text" (always, alone, never), "max_pages".
        inputs: one stored message: a line that holds its envelope, then the message itself (RFC 5322).
        output: where the PDF goes.

    Raises:
        PermanentError: NO_CONTENT, UNSUPPORTED_TYPE, ENCRYPTED, PASSWORD_PROTECTED, RENDER_FAILED or TOO_BIG;
            the detail names the part by number and type, never by its file name.
    """
    assert output is not None  # noqa: S101 - the caller's own mistake, not the sender's
    inputs[0].readline()
    choices = select_parts(parse_message(inputs[0].read()).parts, arguments["message_text"])
    require_pages(choices)
    paper, max_pages = PAPERS[arguments["paper"]], int(arguments["max_pages"])
    with new_document() as target:
        ledger = [_place(target, choice, paper, max_pages) for choice in choices]
        if not target.pages:
            raise PermanentError(Reason.NO_CONTENT, "no part of the message becomes a page")
        save(target, output)
        return {"pages": len(target.pages), "ledger": [asdict(entry) for entry in ledger]}


def inspect_received(
    _arguments: Mapping[str, Any], inputs: Sequence[BinaryIO], _output: BinaryIO | None
) -> dict[str, Any]:
    """Checks that the received fax in ``inputs[0]`` opens; says its type and pages. Safe to repeat.

    Raises:
        PermanentError: RENDER_FAILED when it is neither a PDF nor a TIFF that opens; PASSWORD_PROTECTED.
    """
    content = inputs[0].read()
    match sniff(content, UNKNOWN):
        case "application/pdf":
            return {"pages": count_pages(content), "media_type": PDF}
        case "image/tiff":
            return {"pages": count_frames(content), "media_type": TIFF}
        case _:
            raise PermanentError(Reason.RENDER_FAILED, "neither PDF nor TIFF")


def _place(target: pikepdf.Pdf, choice: Choice, paper: Paper, max_pages: int) -> LedgerEntry:
    """Adds the pages of one part to ``target`` and writes down what became of it."""
    part, before, why = choice.part, len(target.pages), choice.why
    if choice.fate is Fate.PAGES:
        try:
            why = _append(target, part, paper, max_pages)
        except PermanentError as error:
            raise PermanentError(error.reason, f"{title(part)}: {error.detail}") from error
    pages = len(target.pages) - before
    return LedgerEntry(
        index=part.index,
        media_type=part.media_type,
        size=len(part.content),
        fate=Fate.PAGES if pages else Fate.SKIPPED,
        first=before + 1 if pages else None,
        last=before + pages if pages else None,
        why=why,
    )


def _append(target: pikepdf.Pdf, part: Part, paper: Paper, max_pages: int) -> str:
    """Adds the pages of one part; says what of it had to be left out."""
    if part.media_type == PDF:
        append_pdf(target, part.content, max_pages=max_pages)
    elif part.media_type == PLAIN:
        left_out = append_text(target, part.text, paper=paper, max_pages=max_pages)
        if left_out:
            return f"{left_out} emoji or {'ornament' if left_out == 1 else 'ornaments'} left out"
    else:
        append_image(target, part.content, paper=paper, max_pages=max_pages)
    return ""
