"""What the whole way from message to pages promises: order, counts, a ledger that is true, one reason if not."""

from __future__ import annotations

import io
import json
import os
from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pikepdf
import pytest
from PIL import Image

from gateway.core.reasons import PermanentError, Reason
from gateway.message_to_document import inspect_received, make_document
from gateway.render.paper import PAPERS
from gateway.render.pdf import new_document, save
from gateway.render.sandbox import Limits, Sandbox
from gateway.render.text import append_text

ARGUMENTS = {"paper": "letter", "message_text": "always", "max_pages": 50}
ENVELOPE = json.dumps({"mail_from": "ana@clinic.example"}).encode() + b"\n"


def pdf_of(text: str) -> bytes:
    file = io.BytesIO()
    with new_document() as document:
        append_text(document, text, paper=PAPERS["letter"], max_pages=100)
        save(document, file)
    return file.getvalue()


def picture(file_format: str, frames: int = 1) -> bytes:
    file = io.BytesIO()
    page = Image.new("L", (300, 200), 90)
    more = {"save_all": True, "append_images": [page] * (frames - 1)} if frames > 1 else {}
    page.save(file, file_format, **more)
    return file.getvalue()


def message(text: str, *attachments: tuple[str, bytes]) -> bytes:
    mail = EmailMessage(SMTP)
    mail["From"], mail["Subject"] = "ana@clinic.example", "Referral"
    mail.set_content(text)
    for number, (media_type, content) in enumerate(attachments):
        main, sub = media_type.split("/")
        mail.add_attachment(content, maintype=main, subtype=sub, filename=f"canary-{number}")
    return ENVELOPE + mail.as_bytes()


def make(stored: bytes, **arguments: Any) -> tuple[dict[str, Any], bytes]:
    output = io.BytesIO()
    answer = make_document(ARGUMENTS | arguments, [io.BytesIO(stored)], output)
    return answer, output.getvalue()


def refused(stored: bytes, **arguments: Any) -> PermanentError:
    with pytest.raises(PermanentError) as error:
        make(stored, **arguments)
    assert "canary" not in error.value.detail
    return error.value


FULL = message(
    "Dear colleague,\n\nplease find the referral attached.\n",
    ("application/octet-stream", pdf_of("first\fsecond")),
    ("image/jpeg", picture("JPEG")),
    ("image/png", picture("PNG")),
    ("image/tiff", picture("TIFF", frames=3)),
    ("text/calendar", b"BEGIN:VCALENDAR"),
)


def test_all_parts_become_one_document_in_order_and_the_ledger_says_how() -> None:
    answer, document = make(FULL)
    with pikepdf.open(io.BytesIO(document)) as pdf:
        assert len(pdf.pages) == answer["pages"] == 8
    told = [(entry["index"], entry["fate"], entry["first"], entry["last"]) for entry in answer["ledger"]]
    assert told == [
        (1, "pages", 1, 1),
        (2, "pages", 2, 3),
        (3, "pages", 4, 4),
        (4, "pages", 5, 5),
        (5, "pages", 6, 8),
        (6, "skipped", None, None),
    ]
    assert answer["ledger"][1]["media_type"] == "application/pdf"
    assert "canary" not in json.dumps(answer)


def test_the_same_message_gives_the_same_bytes() -> None:
    assert make(FULL)[1] == make(FULL)[1]


@pytest.mark.parametrize(("paper", "height"), [("letter", 792), ("a4", 841.89)])
def test_pages_of_ours_have_the_paper_that_was_asked_for(paper: str, height: float) -> None:
    _, document = make(message("Hello"), paper=paper)
    with pikepdf.open(io.BytesIO(document)) as pdf:
        assert float(pdf.pages[0].MediaBox[3]) == pytest.approx(height)  # type: ignore[arg-type]


def test_text_may_be_left_out() -> None:
    answer, _ = make(FULL, message_text="alone")
    assert answer["pages"] == 7
    assert answer["ledger"][0]["fate"] == "skipped"


def test_one_part_that_cannot_be_printed_refuses_the_whole_message() -> None:
    error = refused(message("Hello", ("application/pdf", pdf_of("x")), ("application/zip", b"PK")))
    assert error.reason is Reason.UNSUPPORTED_TYPE
    assert error.detail == "part 3 (ZIP archive): this type cannot be faxed; attach the files in it one by one"


def test_a_damaged_part_is_named() -> None:
    error = refused(message("Hello", ("application/pdf", b"%PDF-1.7 damaged")))
    assert error.reason is Reason.RENDER_FAILED
    assert error.detail == "part 2 (PDF): a damaged PDF"


def test_too_many_pages_over_all_parts_are_refused() -> None:
    error = refused(FULL, max_pages=6)
    assert error.reason is Reason.TOO_BIG
    assert error.detail == "part 5 (TIFF): 7 pages or more, the limit is 6"


def test_nothing_to_fax_is_said_so() -> None:
    assert refused(message(" \n")).reason is Reason.NO_CONTENT


def test_letters_that_cannot_be_drawn_refuse_the_message() -> None:
    error = refused(message("\u05d0\u05d1", ("application/pdf", pdf_of("x"))))
    assert error.reason is Reason.RENDER_FAILED
    assert error.detail == "part 1 (text): 2 characters cannot be drawn (first: U+05D0)"


def test_left_out_emoji_stand_in_the_ledger() -> None:
    answer, _ = make(message("Thank you 😀👍"))
    assert answer["ledger"][0]["why"] == "2 emoji or ornaments left out"


def test_a_text_of_emoji_alone_is_no_page() -> None:
    answer, _ = make(message("👍", ("application/pdf", pdf_of("x"))))
    assert [(entry["fate"], entry["why"]) for entry in answer["ledger"]] == [
        ("skipped", "1 emoji or ornament left out"),
        ("pages", ""),
    ]
    assert refused(message("👍")).reason is Reason.NO_CONTENT


def test_a_signature_line_of_a_phone_makes_no_page() -> None:
    answer, _ = make(message("Sent from my iPhone", ("application/pdf", pdf_of("x"))))
    assert answer["pages"] == 1
    assert answer["ledger"][0]["why"] == "only a signature line"


def test_a_received_fax_is_counted_whatever_its_type() -> None:
    for content, media_type in (
        (pdf_of("one\ftwo"), "application/pdf"),
        (picture("TIFF", frames=2), "image/tiff"),
    ):
        answer = inspect_received({}, [io.BytesIO(content)], None)
        assert answer == {"pages": 2, "media_type": media_type}


@pytest.mark.parametrize("content", [b"", b"<html>error</html>", b"%PDF-1.7 cut", b"II*\x00cut", picture("PNG")])
def test_a_received_fax_that_does_not_open_is_refused(content: bytes) -> None:
    with pytest.raises(PermanentError) as error:
        inspect_received({}, [io.BytesIO(content)], None)
    assert error.value.reason is Reason.RENDER_FAILED


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    box = Sandbox(Limits(), ["gateway.message_to_document"])
    yield box
    await box.stop()


async def in_sandbox(sandbox: Sandbox, stored: bytes, **arguments: Any) -> tuple[dict[str, Any], bytes]:
    source, target = os.memfd_create("message"), os.memfd_create("document")
    try:
        os.write(source, stored)
        answer = await sandbox.run(
            "gateway.message_to_document:make_document",
            ARGUMENTS | arguments,
            inputs=[source],
            output=target,
        )
        return answer, os.pread(target, os.fstat(target).st_size, 0)
    finally:
        os.close(source)
        os.close(target)


async def test_in_the_sandbox_all_is_as_outside(sandbox: Sandbox) -> None:
    """Also: no decoder needs a file, a module or a size that the limits forbid."""
    assert await in_sandbox(sandbox, FULL) == make(FULL)
    with pytest.raises(PermanentError) as error:
        await in_sandbox(sandbox, message("Hello", ("application/zip", b"PK")))
    assert error.value.reason is Reason.UNSUPPORTED_TYPE


@pytest.mark.parametrize("revision", [2, 3, 4, 5, 6])
@pytest.mark.filterwarnings("ignore:Encryption R=5 is deprecated:UserWarning")
async def test_in_the_sandbox_every_encryption_without_user_password_is_read(sandbox: Sandbox, revision: int) -> None:
    with pikepdf.open(io.BytesIO(pdf_of("open to all"))) as pdf:
        file = io.BytesIO()
        strong = revision >= 4
        pdf.save(
            file,
            encryption=pikepdf.Encryption(user="", owner="owner", R=revision, aes=strong, metadata=strong),  # type: ignore[arg-type]
        )
    answer, document = await in_sandbox(sandbox, message("x", ("application/pdf", file.getvalue())))
    assert answer["pages"] == 2
    with pikepdf.open(io.BytesIO(document)) as pdf:
        assert not pdf.is_encrypted


async def test_the_largest_message_fits_the_limits(sandbox: Sandbox) -> None:
    """30 MB on the wire: 22 MB of picture that does not compress, and a 12 megapixel photo to decode."""
    noise = Image.frombytes("RGB", (3000, 2400), os.urandom(3000 * 2400 * 3))
    file = io.BytesIO()
    noise.save(file, "PNG")
    photo = io.BytesIO()
    Image.effect_noise((4000, 3000), 80).save(photo, "JPEG", quality=50)
    stored = message("Large", ("image/png", file.getvalue()), ("image/jpeg", photo.getvalue()))
    assert len(stored) > 30_000_000
    answer, document = await in_sandbox(sandbox, stored)
    assert answer["pages"] == 3
    assert len(document) > 21_000_000


async def test_a_bomb_inside_a_pdf_is_stopped_by_a_limit() -> None:
    """A page list of 150,000 entries costs time, not the daemon."""
    with pikepdf.Pdf.new() as pdf:
        page = pikepdf.Dictionary(Type=pikepdf.Name.Page, MediaBox=[0, 0, 9, 9])
        pdf.Root.Pages.Kids = pikepdf.Array([pdf.make_indirect(page)] * 150_000)
        pdf.Root.Pages.Count = 150_000
        file = io.BytesIO()
        pdf.save(file)
    box = Sandbox(Limits(cpu_seconds=2, wall_seconds=10), ["gateway.message_to_document"])
    try:
        with pytest.raises(PermanentError) as error:
            await in_sandbox(box, message("x", ("application/pdf", file.getvalue())))
    finally:
        await box.stop()
    assert error.value.reason in {Reason.RENDER_FAILED, Reason.TOO_BIG}
