"""Each form in which Sinch sends an event, documented or seen, is understood; nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.model import FaxEvent
from gateway.providers.base import BadEventError
from gateway.providers.sinch.webhooks import parse_webhook

FIXTURES = Path(__file__).parent / "fixtures"
PDF = (FIXTURES / "page.pdf").read_bytes()
FORM = "multipart/form-data; boundary=b1"
SENT = FaxEvent("01KB2C5D7E9F1G3H5J7K9M1N3P", inbound=False, reference="F-7K3M9QX2-1")
BUSY = FaxEvent("01KB2C5D7E9F1G3H5J7K9M1N4Q", inbound=False, reference="F-7K3M9QX2-1")
RECEIVED = FaxEvent("01KB2D7F9H1K3M5P7R9T1V3X5Z", inbound=True, document=PDF)
NOT_RECEIVED = FaxEvent("01KB2D7F9H1K3M5P7R9T1V3X6A", inbound=True)

EXPECTED = {
    "webhook_incoming.json": [RECEIVED],
    "webhook_incoming_files.json": [RECEIVED],
    "webhook_incoming_failed.json": [NOT_RECEIVED],
    "webhook_completed.json": [SENT],
    "webhook_completed_busy.json": [BUSY],
    "webhook_fax_in_event.json": [SENT],
    "webhook_top_level.json": [SENT],
    "webhook_unknown.json": [],
    "webhook_unknown_with_fax.json": [SENT],
    "webhook_incoming.form": [RECEIVED],
    "webhook_incoming_lf.form": [RECEIVED],
    "webhook_incoming_sloppy.form": [RECEIVED],
    "webhook_incoming_failed.form": [NOT_RECEIVED],
    "webhook_completed.form": [SENT],
    "webhook_unknown.form": [],
}


def body_of(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def content_type_of(name: str) -> str:
    return FORM if name.endswith(".form") else "application/json; charset=utf-8"


@pytest.mark.parametrize("name", EXPECTED)
def test_a_fixture_says_what_it_says(name: str) -> None:
    assert parse_webhook(content_type_of(name), body_of(name)) == EXPECTED[name]


def test_a_form_that_is_never_closed_still_brings_its_document() -> None:
    [event] = parse_webhook(FORM, body_of("webhook_incoming_unclosed.form"))
    assert event.document == PDF


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data;boundary=b1",
        'Multipart/Form-Data; charset=utf-8; boundary="b1"',
        "multipart/form-data; boundary=b1; charset=utf-8",
    ],
)
def test_the_boundary_may_be_written_in_any_way(content_type: str) -> None:
    assert parse_webhook(content_type, body_of("webhook_incoming.form")) == [RECEIVED]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json", "application/vnd.x+json"])
def test_json_is_understood_under_any_name(content_type: str) -> None:
    assert parse_webhook(content_type, body_of("webhook_incoming.json")) == [RECEIVED]


def test_the_direction_decides_and_the_name_of_the_event_only_where_there_is_none() -> None:
    for direction, name, inbound in (
        ("INBOUND", "FAX_COMPLETED", True),
        ("OUTBOUND", "INCOMING_FAX", False),
        (None, "INCOMING_FAX", True),
        (None, "FAX_COMPLETED", False),
    ):
        event = {"event": name, "fax": {"id": "A1", "direction": direction}}
        assert parse_webhook("application/json", json.dumps(event).encode()) == [FaxEvent("A1", inbound)]


@pytest.mark.parametrize(
    "damage", ["%%%", "JVBERi0", "JVBERi0xLjQ=JVBE", "JVBERi0\u00e9", "data:application/pdf;base64,JVBERi0="]
)
def test_a_damaged_document_is_no_document(damage: str) -> None:
    event = {**json.loads(body_of("webhook_incoming.json")), "file": damage}
    with pytest.raises(BadEventError):
        parse_webhook("application/json", json.dumps(event).encode())


def test_a_document_in_lines_is_read() -> None:
    event = json.loads(body_of("webhook_incoming.json"))
    event["file"] = "\r\n".join(event["file"][at : at + 20] for at in range(0, len(event["file"]), 20))
    assert parse_webhook("application/json", json.dumps(event).encode()) == [RECEIVED]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("application/json", b'{"event": "INCOMING_FAX"}'),
        ("application/json", b'{"event": "FAX_COMPLETED", "fax": {}}'),
        ("application/json", b'{"event": "FAX_COMPLETED", "fax": {"id": "../../x"}}'),
        ("application/json", b'{"event": 5, "fax": []}'),
        ("application/json", b'{"fax": "no json"}'),
        ("application/json", b"[" * 100_000),
        ("application/json", b"--b1\r\n"),
        ("multipart/form-data", b"--b1\r\n"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=\u00fc", b"--\xc3\xbc\r\n"),
        (FORM, b""),
        (FORM, b"--b1--"),
        (FORM, b"--b1"),
        (FORM, b'--b1\r\nContent-Disposition: form-data; name="fax"\r\n\r\n[1]\r\n--b1--'),
        (FORM, b"\n--b1\r\n\r\n" * 100_000),
        (FORM, b"\nx" + b"--b1" * 100_000),
        (FORM, b"--b1" * 1_000_000),
        (FORM, b"--b1\n" + b"a" * 1_000_000),
    ],
)
def test_what_is_no_event_is_said_to_be_none(content_type: str, body: bytes) -> None:
    with pytest.raises(BadEventError):
        parse_webhook(content_type, body)


def test_the_message_of_an_error_shows_nothing_of_the_page() -> None:
    event = {**json.loads(body_of("webhook_incoming.json")), "file": "SECRET\u2603CANARY"}
    with pytest.raises(BadEventError) as caught:
        parse_webhook("application/json", json.dumps(event).encode())
    assert "CANARY" not in str(caught.value)


@given(st.sampled_from(sorted(EXPECTED)), st.data())
def test_damage_anywhere_gives_an_event_or_a_bad_event_and_nothing_else(name: str, data: st.DataObject) -> None:
    body = bytearray(body_of(name))
    at = data.draw(st.integers(0, len(body)))
    cut = data.draw(st.integers(0, 40))
    body[at : at + cut] = data.draw(st.binary(max_size=20))
    try_to_parse(content_type_of(name), bytes(body))


@given(st.text(max_size=200), st.binary(max_size=500))
@example("multipart/form-data; boundary*0=b; boundary*1=1", b"--b1\n\n\n--b1--")
@example('multipart/form-data; boundary="', b'--"')
def test_anything_at_all_gives_an_event_or_a_bad_event(content_type: str, body: bytes) -> None:
    try_to_parse(content_type, body)
    try_to_parse("multipart/" + content_type, body)


@given(
    st.lists(
        st.sampled_from(
            [
                b"--b1",
                b"--",
                b"\r\n",
                b"\n",
                b"\r",
                b"Content-Disposition: form-data",
                b'; name="fax"',
                b"; name*=utf-8''file",
                b"; name*1=x; name*=y",
                b"; name*0=ev; name*1=ent",
                b'{"id": "A1"}',
                b"\x00",
                b" ",
                b":",
            ]
        )
    )
)
def test_any_arrangement_of_form_pieces_gives_an_event_or_a_bad_event(pieces: list[bytes]) -> None:
    try_to_parse(FORM, b"".join(pieces))


@given(st.binary(max_size=300).filter(lambda content: b"--b1" not in content))
def test_a_form_file_comes_byte_for_byte(content: bytes) -> None:
    head = b'--b1\r\nContent-Disposition: form-data; name="fax"\r\n\r\n{"id":"A1","direction":"INBOUND"}\r\n'
    file = b'--b1\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + content + b"\r\n--b1--\r\n"
    [event] = parse_webhook(FORM, head + file)
    assert event.document == (content or None)


def try_to_parse(content_type: str, body: bytes) -> None:
    try:
        events = parse_webhook(content_type, body)
    except BadEventError:
        return
    assert all(event.provider_fax_id for event in events)
