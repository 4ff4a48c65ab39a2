"""What reading a message promises: one reading or none, every part found, limits before work."""

from __future__ import annotations

import base64
import binascii
import email
import email.policy
from contextlib import suppress
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import JPEG, PDF, PNG, TIFF, message, multipart, part

from gateway.core.reasons import PermanentError, Reason
from gateway.mail.parse import Branch, Part, parse_message


def parts_of(entity: bytes) -> tuple[Part, ...]:
    return parse_message(message(entity)).parts


def refused(entity: bytes) -> PermanentError:
    with pytest.raises(PermanentError) as error:
        parts_of(entity)
    return error.value


def test_a_message_without_mime_is_one_text() -> None:
    (only,) = parse_message(b"From: a@b\r\n\r\nHello\r\n").parts
    assert (only.index, only.media_type, only.content, only.path) == (1, "text/plain", b"Hello\r\n", ())


def test_parts_come_in_order_with_their_place() -> None:
    alternative = multipart("alternative", [part("text/plain", b"t"), part("text/html", b"h")], "inner")
    first, second, third = parts_of(multipart("mixed", [alternative, part("application/pdf", PDF)]))
    assert [one.index for one in (first, second, third)] == [1, 2, 3]
    assert first.path == (Branch(1, "mixed", 0), Branch(2, "alternative", 0))
    assert second.path == (Branch(1, "mixed", 0), Branch(2, "alternative", 1))
    assert third.path == (Branch(1, "mixed", 1),)
    assert [one.content for one in (first, second, third)] == [b"t", b"h", PDF]


@pytest.mark.parametrize(
    ("declared", "content", "media_type"),
    [
        ("application/octet-stream", PDF, "application/pdf"),
        ("application/x-pdf", b"\r\njunk" + PDF, "application/pdf"),
        ("application/zip", b"PK\x03\x04 one.pdf" + PDF, "application/zip"),
        ("application/octet-stream", b"PK\x03\x04 one.pdf" + PDF, "application/octet-stream"),
        ("text/plain", b"see %PDF-1.7", "text/plain"),
        ("text/plain", PDF, "application/pdf"),
        ("image/jpeg", PNG, "image/png"),
        ("application/x-fax", TIFF, "image/tiff"),
        ("image/pjpeg", JPEG, "image/jpeg"),
        ("application/pdf", b"damaged", "application/pdf"),
        ("Application/ZIP", b"PK", "application/zip"),
        ("nonsense", b"x", "text/plain"),
        ("x" * 300 + "/y", b"x", "application/octet-stream"),
    ],
)
def test_a_part_is_what_its_bytes_say(declared: str, content: bytes, media_type: str) -> None:
    (only,) = parts_of(part(declared, content))
    assert only.media_type == media_type


@pytest.mark.parametrize(
    ("encoding", "raw", "content"),
    [
        ("base64", b"JVBERi0xLjcK", PDF),
        ("BASE64", b"JVBE\r\nRi0x!Ljc\r\nK", PDF),
        ("base64", b"JVBERi0xLjc", PDF[:-1]),
        ("base64", b"JVBERi0xLjcKJ", PDF),
        ("base64", b"JVBERi0xLg==\r\nNwo=", PDF),
        ("quoted-printable", b"%PDF-1=\r\n.7=0A", PDF),
        ("quoted-printable", b"a=ZZ b=", b"a=ZZ b"),
        ("x-uuencode", b"begin 644 f\r\n" + binascii.b2a_uu(PDF) + b"`\r\nend\r\n", PDF),
        ("x-uuencode", b"no beginning", b""),
        ("binary", b"\x00\xff", b"\x00\xff"),
        ("8bit", b"\xfc", b"\xfc"),
        ("unheard-of", b"raw", b"raw"),
    ],
)
def test_transfer_encodings_are_undone_and_garbage_in_them_is_tolerated(
    encoding: str, raw: bytes, content: bytes
) -> None:
    headers = f"Content-Type: application/x\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    assert parts_of(headers.encode() + raw)[0].content == content


def test_disposition_name_id_and_charset_are_read() -> None:
    (only,) = parts_of(
        part(
            'text/plain; charset="windows-1252"',
            b"\x80",
            "Content-Disposition: attachment; filename*=utf-8''..%2F..%2Fetc%2Fpasswd",
            "Content-ID: <p1@x>",
        )
    )
    assert only.attached
    assert only.named
    assert only.content_id == "p1@x"
    assert only.text == "€"
    assert "passwd" not in repr(only)


def test_a_boundary_counts_only_as_a_whole_line() -> None:
    text = b"text --b inside\r\n--bc\r\n--b x\r\n --b\r\nend"
    (only,) = parts_of(multipart("mixed", [part("text/plain", text)]))
    assert only.content == text


def test_white_space_after_a_boundary_is_allowed() -> None:
    raw = multipart("mixed", [part("text/plain", b"one"), part("text/plain", b"two")])
    assert [one.content for one in parts_of(raw.replace(b"--b\r\n", b"--b \t\r\n"))] == [b"one", b"two"]


def test_empty_parts_between_boundaries_are_parts() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\n\r\n--b--\r\n"
    assert [one.content for one in parts_of(raw)] == [b"", b""]


def test_a_missing_last_boundary_loses_nothing() -> None:
    whole = multipart("mixed", [part("text/plain", b"one"), part("application/pdf", PDF)])
    cut = whole[: whole.rindex(b"\r\n--b--")]
    assert [one.content for one in parts_of(cut)] == [b"one", PDF]


def test_bare_line_feeds_are_read_too() -> None:
    raw = message(multipart("mixed", [part("text/plain", b"one"), part("text/plain", b"two")]))
    assert [one.content for one in parse_message(raw.replace(b"\r\n", b"\n")).parts] == [b"one", b"two"]


def test_a_message_inside_a_message_is_one_part() -> None:
    inner = message(multipart("mixed", [part("application/pdf", PDF)], "inner"))
    (only,) = parts_of(multipart("mixed", [part("message/rfc822", inner)]))
    assert only.media_type == "message/rfc822"
    (only,) = parts_of(multipart("digest", [b"\r\n" + inner]))
    assert only.media_type == "message/rfc822"


@pytest.mark.parametrize(
    "entity",
    [
        b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
        b'Content-Type: multipart/mixed; boundary=""\r\n\r\n',
        b"Content-Type: multipart/mixed; boundary=" + b"x" * 201 + b"\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\nno boundary\r\n",
        b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx",
        part("application/pdf", PDF, "Content-Transfer-Encoding: base64"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(entity: bytes) -> None:
    assert refused(entity).reason is Reason.RENDER_FAILED


def test_structure_has_limits() -> None:
    deep = part("text/plain")
    for level in range(22):
        deep = multipart("mixed", [deep], f"level{level}")
    assert "nested deeper" in refused(deep).detail
    assert "more than 200 parts" in refused(multipart("mixed", [part("text/plain")] * 201)).detail
    assert len(parts_of(multipart("mixed", [part("text/plain")] * 200))) == 200
    assert "headers of more" in refused(b"X: " + b"x" * 70_000 + b"\r\n\r\n").detail
    long_headers = [b"X: " + b"x" * 1000 + b"\r\n\r\nx"] * 100
    assert "headers of more" in refused(multipart("mixed", long_headers)).detail
    assert "a header of more" in refused(b"Content-Type: text/plain; x=" + b";" * 9000 + b"\r\n\r\n").detail
    for entity in (deep, multipart("mixed", long_headers)):
        assert refused(entity).reason is Reason.TOO_BIG


def test_thousands_of_nested_multiparts_are_refused_not_recursed() -> None:
    """The standard library's parser raises RecursionError for 3,000 of them."""
    heads = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(3000)
    )
    assert refused(heads).reason is Reason.TOO_BIG


def test_a_large_message_is_read_in_one_pass() -> None:
    content = base64.encodebytes(PDF + bytes(range(256)) * 40_000)
    raw = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + content
    one, two = parts_of(multipart("mixed", [raw, raw]))
    assert len(one.content) == len(two.content) == len(PDF) + 256 * 40_000


_LEAVES = st.sampled_from(["text/plain", "text/html", "application/pdf", "image/png"])
_TREES = st.recursive(
    st.tuples(_LEAVES, st.binary(max_size=40).map(lambda raw: raw.replace(b"--", b"").replace(b"\r", b""))),
    lambda trees: st.lists(trees, min_size=1, max_size=3),
    max_leaves=8,
)


def _built(tree: object) -> EmailMessage:
    built = EmailMessage(email.policy.SMTP)
    if isinstance(tree, tuple):
        media_type, content = tree
        main, sub = media_type.split("/")
        built.set_content(content, maintype=main, subtype=sub, cte="base64")
        return built
    assert isinstance(tree, list)
    built["Content-Type"] = "multipart/mixed"
    for branch in tree:
        built.attach(_built(branch))
    return built


@given(_TREES)
def test_it_finds_what_another_parser_finds(tree: object) -> None:
    raw = _built(tree).as_bytes()
    theirs = [
        leaf.get_payload(decode=True)
        for leaf in email.message_from_bytes(raw, policy=email.policy.SMTP).walk()
        if not leaf.is_multipart()
    ]
    assert [one.content for one in parse_message(raw).parts] == theirs


@given(
    st.lists(
        st.sampled_from(
            [
                b"--b",
                b"--",
                b"b",
                b"\r\n",
                b"\n",
                b"Content-Type: ",
                b"multipart/mixed;",
                b" ",
                b"boundary=b",
                b'"',
                b";",
                b":",
                b"=",
                b"text/plain",
                b"\xff",
                b"=",
            ]
        ),
        max_size=60,
    )
)
def test_any_bytes_are_parts_or_a_reason(pieces: list[bytes]) -> None:
    with suppress(PermanentError):
        parse_message(b"".join(pieces))
