"""A callback names a fax, in whatever form it comes; whatever else it says is not believed."""

from __future__ import annotations

import urllib.parse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.model import FaxEvent
from gateway.providers.base import BadEventError
from gateway.providers.interfax.callbacks import parse_callback

URLENCODED = "application/x-www-form-urlencoded"
FORM = "multipart/form-data; boundary=b1"
OUT = FaxEvent("out-1727000001", inbound=False, reference="F-7K3M9QX2-1")
IN = FaxEvent("in-292000001", inbound=True)
OUTBOUND = {
    "TransactionIDType": "Outbound",
    "TransactionID": "1727000001",
    "Status": "0",
    "CompletionTime": "01/03/2026 08:01:36",
    "Contact": "",
    "CostPerUnit": "0.15",
    "Units": "1.00",
    "DestinationFax": "00442079460000",
    "Subject": "F-7K3M9QX2-1",
    "DeleteAfterUsage": "False",
    "SomethingNew": "é \u2603",
}
INBOUND = {
    "TransactionIDType": "Inbound",
    "TransactionID": "292000001",
    "PhoneNumber": "2079460000",
    "MessageStatus": "0",
    "ReceiveTime": "01/03/2026 12:54:26",
    "Pages": "2",
}


def urlencoded(fields: dict[str, str]) -> tuple[str, bytes]:
    return URLENCODED, urllib.parse.urlencode(fields).encode()


def form(fields: dict[str, str]) -> tuple[str, bytes]:
    parts = [
        f'--b1\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()
    ]
    return FORM, ("".join(parts) + "--b1--\r\n").encode()


def xml(fields: dict[str, str]) -> tuple[str, bytes]:
    leaves = "".join(f"<{name}>{text}</{name}>" for name, text in fields.items())
    return "text/xml; charset=utf-8", f'<?xml version="1.0"?><Outbound>{leaves}</Outbound>'.encode()


def soap(fields: dict[str, str]) -> tuple[str, bytes]:
    leaves = "".join(f"<c:{name}>{text}</c:{name}>" for name, text in fields.items())
    return "application/soap+xml", (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/><s:Body>'
        f'<c:Outbound xmlns:c="https://CallBack.Interfax.net/"><c:item kind="1">\n{leaves}\n</c:item></c:Outbound>'
        "</s:Body></s:Envelope>"
    ).encode()


def shouted(fields: dict[str, str]) -> tuple[str, bytes]:
    return urlencoded({name.upper(): f" {text} " for name, text in fields.items()})


@pytest.mark.parametrize("written", [urlencoded, form, xml, soap, shouted])
def test_every_form_is_understood(written) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - one of the above
    assert parse_callback(*written(OUTBOUND)) == [OUT]
    assert parse_callback(*written(INBOUND)) == [IN]


@pytest.mark.parametrize("content_type", ["", "text/plain", URLENCODED + "; charset=utf-8", "text/xml"])
def test_what_the_body_is_it_says_itself(content_type: str) -> None:
    for written in (urlencoded, xml):
        assert parse_callback(content_type, written(OUTBOUND)[1]) == [OUT]


def test_without_a_type_the_fields_tell_the_direction() -> None:
    for fields, event in ((OUTBOUND, OUT), (INBOUND, IN)):
        assert parse_callback(*urlencoded({**fields, "TransactionIDType": ""})) == [event]


def test_a_type_that_is_newer_than_this_program_is_no_event_and_no_error() -> None:
    assert parse_callback(*urlencoded({**OUTBOUND, "TransactionIDType": "Voice"})) == []


def test_a_callback_without_a_reference_is_one_all_the_same() -> None:
    for subject in ("", " "):
        assert parse_callback(*urlencoded({**OUTBOUND, "Subject": subject})) == [
            FaxEvent("out-1727000001", inbound=False)
        ]


def test_whatever_status_it_claims_changes_nothing() -> None:
    for status in ("6017", "-3", "", "x"):
        assert parse_callback(*urlencoded({**OUTBOUND, "Status": status})) == [OUT]


@pytest.mark.parametrize("number", ["1", "2147483649", "9223372036854775807"])
def test_numbers_are_64_bit(number: str) -> None:
    [event] = parse_callback(*urlencoded({**OUTBOUND, "TransactionID": number}))
    assert event.provider_fax_id == f"out-{number}"


@pytest.mark.parametrize("number", ["", "0", "-5", "1.5", "x", "../1", "12345678901234567890", "١٢", "1 2"])
def test_what_names_no_fax_is_no_event(number: str) -> None:
    for written in (urlencoded, form, xml):
        with pytest.raises(BadEventError):
            parse_callback(*written({**OUTBOUND, "TransactionID": number}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"{}",
        b"\x00" * 100,
        b"&" * 1000,
        b"&".join(b"a%d=1" % n for n in range(300)) + b"&TransactionID=5",
        b"<",
        b"<a>",
        b"<a></b>",
        b"<a/>",
        b"<TransactionID>5</TransactionID><x>",
        b'<!DOCTYPE a [<!ENTITY x "5">]><a><TransactionID>&x;</TransactionID></a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x"><a><TransactionID>5</TransactionID></a>',
        b"<a><TransactionID>&x;5</TransactionID></a>",
        b"<a>" * 10_000,
        b"TransactionID=5&x=" + b"a" * 65536,
    ],
)
def test_what_is_no_callback_is_said_to_be_none(body: bytes) -> None:
    for content_type in (URLENCODED, FORM, "text/xml", ""):
        with pytest.raises(BadEventError):
            parse_callback(content_type, body)


def test_the_message_of_an_error_shows_nothing_of_the_callback() -> None:
    with pytest.raises(BadEventError) as caught:
        parse_callback("", b"<a>SECRET</b>")
    assert "SECRET" not in str(caught.value)


@given(st.sampled_from([urlencoded, form, xml, soap]), st.data())
def test_damage_anywhere_gives_a_hint_or_a_bad_event_and_nothing_else(written, data: st.DataObject) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - one of the above
    content_type, whole = written(OUTBOUND)
    body = bytearray(whole)
    at = data.draw(st.integers(0, len(body)))
    body[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
    try_to_parse(content_type, bytes(body))


@given(st.text(max_size=200), st.binary(max_size=500))
@example("multipart/form-data; boundary=b1", b"--b1\r\n\r\n--b1--")
@example("", b"\xff\xfe<\x00a\x00>\x00")
def test_anything_at_all_gives_a_hint_or_a_bad_event(content_type: str, body: bytes) -> None:
    try_to_parse(content_type, body)
    try_to_parse("multipart/" + content_type, body)


@given(st.text(st.characters(codec="ascii", exclude_characters="<>&\0"), max_size=40).filter(str.strip))
def test_a_reference_comes_as_it_was_written(reference: str) -> None:
    [event] = parse_callback(*urlencoded({**OUTBOUND, "Subject": reference}))
    assert event.reference == reference.strip()


def try_to_parse(content_type: str, body: bytes) -> None:
    try:
        events = parse_callback(content_type, body)
    except BadEventError:
        return
    assert len(events) <= 1
    assert all(event.document is None for event in events)
