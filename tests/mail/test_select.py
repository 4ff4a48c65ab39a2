"""Which parts become pages: the table that a person would expect, row by row."""

from __future__ import annotations

import pytest
from messages import JPEG, PDF, PNG, TIFF, message, multipart, part

from gateway.core.model import Fate
from gateway.core.reasons import PermanentError, Reason
from gateway.mail.parse import parse_message
from gateway.mail.select import Choice, require_pages, select_parts

ATTACHED = "Content-Disposition: attachment; filename=x"
TEXT = part("text/plain", b"Dear colleague")
HTML = part("text/html", b"<p>Dear <img src='cid:logo@x'> colleague</p>")
DOCUMENT = part("application/pdf", PDF, ATTACHED)
LOGO = part("image/png", PNG, "Content-ID: <logo@x>", "Content-Disposition: inline")


def choose(entity: bytes, message_text: str = "always") -> tuple[Choice, ...]:
    return select_parts(parse_message(message(entity)).parts, message_text)


def fates(entity: bytes, message_text: str = "always") -> list[str]:
    return [choice.why or choice.fate.value for choice in choose(entity, message_text)]


def refused(entity: bytes) -> PermanentError:
    with pytest.raises(PermanentError) as error:
        require_pages(choose(entity))
    return error.value


def both(*readings: bytes) -> bytes:
    return multipart("alternative", readings, "alt")


def test_text_and_documents_become_pages_in_order() -> None:
    pictures = [part("image/jpeg", JPEG), part("image/png", PNG), part("image/tiff", TIFF)]
    entity = multipart("mixed", [TEXT, DOCUMENT, *pictures])
    assert fates(entity) == ["pages"] * 5
    require_pages(choose(entity))


@pytest.mark.parametrize(
    ("message_text", "with_document", "without"),
    [
        ("always", "pages", "pages"),
        ("alone", "only the attached documents are faxed here", "pages"),
        (
            "never",
            "the text of the message is not faxed here",
            "the text of the message is not faxed here",
        ),
    ],
)
def test_the_option_decides_about_the_message_text_alone(message_text: str, with_document: str, without: str) -> None:
    assert fates(multipart("mixed", [TEXT, DOCUMENT]), message_text) == [with_document, "pages"]
    assert fates(multipart("mixed", [TEXT]), message_text) == [without]
    attached_text = part("text/plain", b"list", ATTACHED)
    assert fates(multipart("mixed", [TEXT, attached_text]), message_text) == [with_document, "pages"]


def test_a_document_counts_whatever_its_disposition() -> None:
    for disposition in ("attachment", "inline", "nonsense"):
        assert fates(part("application/pdf", PDF, f"Content-Disposition: {disposition}")) == ["pages"]


def test_of_two_readings_the_plain_one_is_used() -> None:
    assert fates(both(TEXT, HTML)) == ["pages", "the plain text is used"]
    rich = multipart("related", [HTML, LOGO], "rel")
    assert fates(both(TEXT, rich)) == ["pages", "the plain text is used", "shown inside the HTML text"]


def test_a_document_inside_a_reading_is_no_reading() -> None:
    """Apple Mail puts attachments into the HTML branch."""
    inner = multipart("mixed", [HTML, DOCUMENT, HTML], "inner")
    assert fates(both(TEXT, inner)) == ["pages", "the plain text is used", "pages", "the plain text is used"]


def test_pictures_that_the_html_does_not_show_become_pages() -> None:
    other = part("image/png", PNG, "Content-ID: <other@x>")
    attached = part("image/png", PNG, "Content-ID: <logo@x>", ATTACHED)
    entity = both(TEXT, multipart("related", [HTML, LOGO, other, attached], "rel"))
    assert fates(entity)[2:] == ["shown inside the HTML text", "pages", "pages"]


def test_pictures_shown_inside_the_html_may_be_of_any_type() -> None:
    gif = part("image/gif", b"GIF89a", "Content-ID: <logo@x>")
    assert fates(both(TEXT, multipart("related", [HTML, gif], "rel")))[2] == "shown inside the HTML text"


def test_html_without_plain_text_is_left_out_beside_a_document() -> None:
    why = "an HTML text is not turned into pages; the attached documents are"
    assert fates(multipart("mixed", [HTML, DOCUMENT])) == [why, "pages"]
    assert fates(multipart("mixed", [both(part("text/plain", b" \r\n"), HTML), DOCUMENT])) == [
        "blank",
        why,
        "pages",
    ]


def test_html_alone_refuses_the_message() -> None:
    assert refused(HTML).reason is Reason.UNSUPPORTED_TYPE
    assert refused(both(part("text/plain", b" "), HTML)).reason is Reason.UNSUPPORTED_TYPE


@pytest.mark.parametrize("blank", [b"", b"<html><head><title>t</title></head><body>&nbsp;<br></body></html>"])
def test_blank_html_is_nothing(blank: bytes) -> None:
    assert fates(multipart("mixed", [part("text/html", blank), DOCUMENT])) == ["blank", "pages"]
    assert refused(part("text/html", blank)).reason is Reason.NO_CONTENT


@pytest.mark.parametrize(
    ("media_type", "why"),
    [
        ("application/pkcs7-signature", "a digital signature"),
        ("application/pgp-signature", "a digital signature"),
        ("text/calendar", "a calendar entry"),
        ("text/vcard", "a contact card"),
        ("message/delivery-status", "a mail report"),
    ],
)
def test_what_carries_no_page_is_left_out(media_type: str, why: str) -> None:
    assert fates(multipart("mixed", [TEXT, part(media_type, b"x", ATTACHED)])) == ["pages", why]


@pytest.mark.parametrize(
    ("media_type", "name", "advice"),
    [
        ("application/zip", "ZIP archive", "attach the files in it one by one"),
        (
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "Word document",
            "save it as PDF and attach that",
        ),
        ("application/vnd.ms-excel", "Excel workbook", "save it as PDF and attach that"),
        ("application/vnd.oasis.opendocument.text", "OpenDocument text", "save it as PDF and attach that"),
        ("application/ms-tnef", "winmail.dat of Outlook", "let Outlook send plain text or HTML, not rich text"),
        ("image/heic", "HEIC photo", "save it as JPEG or PDF and attach that"),
        ("image/x-unheard-of", "picture", "save it as JPEG or PDF and attach that"),
        ("message/rfc822", "forwarded message", "save that message as PDF and attach that"),
        ("text/csv", "CSV table", "save it as PDF and attach that"),
        ("text/html", "HTML text", "attach it as PDF"),
        ("application/octet-stream", "file of unknown type", "save it as PDF and attach that"),
        ("application/x-unheard-of", "application/x-unheard-of", "save it as PDF and attach that"),
        ("application/pkcs7-mime; smime-type=signed-data", "S/MIME message", "send it without a signature"),
    ],
)
def test_any_other_file_refuses_the_whole_message_and_says_what_to_do(media_type: str, name: str, advice: str) -> None:
    error = refused(multipart("mixed", [TEXT, DOCUMENT, part(media_type, b"x\x01", ATTACHED)]))
    assert error.reason is Reason.UNSUPPORTED_TYPE
    assert error.detail == f"part 3 ({name}): this type cannot be faxed; {advice}"


@pytest.mark.parametrize(
    "entity",
    [
        part("application/pkcs7-mime; smime-type=enveloped-data"),
        part("application/x-pkcs7-mime"),
        multipart("encrypted", [part("application/pgp-encrypted"), part("application/octet-stream")]),
        part("text/plain", b"\r\n-----BEGIN PGP MESSAGE-----\r\n"),
    ],
)
def test_what_is_encrypted_is_named_as_such(entity: bytes) -> None:
    assert refused(entity).reason is Reason.ENCRYPTED


def test_blank_text_files_are_left_out() -> None:
    assert fates(multipart("mixed", [TEXT, part("text/plain", b"\r\n", ATTACHED)])) == ["pages", "blank"]


@pytest.mark.parametrize("entity", [part("text/plain", b" \r\n\t"), part("text/calendar")])
def test_a_message_without_anything_to_print_is_refused(entity: bytes) -> None:
    assert refused(entity).reason is Reason.NO_CONTENT


SIGNATURE = part("text/plain", b"\r\n\r\nSent from my iPhone\r\n")


def test_a_signature_line_alone_makes_no_page_beside_anything_else() -> None:
    why = "only a signature line"
    assert fates(multipart("mixed", [TEXT, DOCUMENT, SIGNATURE])) == ["pages", "pages", why]
    assert fates(multipart("mixed", [SIGNATURE, DOCUMENT])) == [why, "pages"]
    assert fates(multipart("mixed", [TEXT, SIGNATURE])) == ["pages", why]


def test_a_signature_line_is_the_message_if_there_is_nothing_else() -> None:
    assert fates(SIGNATURE) == ["pages"]


def test_a_text_file_is_never_taken_for_a_signature_line() -> None:
    attached = part("text/plain", b"Sent from my iPhone", ATTACHED)
    assert fates(multipart("mixed", [TEXT, attached])) == ["pages", "pages"]


def test_every_part_has_a_fate_and_every_refusal_a_reason() -> None:
    entity = multipart("mixed", [TEXT, DOCUMENT, HTML, LOGO, part("application/zip")])
    choices = choose(entity)
    assert [choice.part.index for choice in choices] == [1, 2, 3, 4, 5]
    for choice in choices:
        assert (choice.fate is Fate.REFUSED) == (choice.reason is not None)
        assert choice.why or choice.fate is Fate.PAGES
