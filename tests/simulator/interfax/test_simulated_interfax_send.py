"""Sending: an id in the Location and nowhere else, every body that clients write, what is refused (interfax-rest 3)."""

import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from interfax_caller import BUSY, DAY, THEIRS, Caller, Start, id_of
from simulated import page_count, pdf_of, picture_of

from gateway.simulator.interfax_errors import ApiError
from gateway.simulator.interfax_numbers import inbound_form, read_number
from gateway.simulator.interfax_parts import read_parts
from tests.crash.judge import Fax, read_lines, read_provider

PDF = pdf_of(1)


def documents(interfax: Caller) -> list[bytes | None]:
    return [interfax.simulator.document(fax["id"]) for fax in interfax.simulator.faxes()]


async def test_a_send_is_an_empty_201_with_an_absolute_location(interfax: Caller) -> None:
    answer = await interfax.try_send()
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (201, b"", "0")
    assert re.fullmatch(rf"{interfax.base_url}/outbound/faxes/\d+", answer.headers["Location"])


async def test_ids_rise_beyond_32_bits_and_no_restart_repeats_one(started: Start) -> None:
    first = await started()
    ids = [await first.send() for _ in range(3)]
    assert ids == sorted(set(ids))
    assert ids[0] > 2**31
    await first.control("POST", "/reset")
    assert await first.send() > ids[-1]


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("+12025550143", THEIRS),
        ("0012025550143", THEIRS),
        ("+1 (202) 555-0143", THEIRS),
        ("2025550143", THEIRS),
        ("+999-9999-6017", BUSY),
        ("00999-9999-6017", BUSY),
    ],
)
async def test_numbers_are_read_as_the_service_reads_them(interfax: Caller, written: str, dialled: str) -> None:
    fax = await interfax.fax(await interfax.send(written))
    assert fax["destinationFax"] == f"00{dialled[1:]}"
    assert interfax.simulator.faxes()[0]["to"] == dialled


async def test_a_plus_that_is_not_encoded_calls_somebody_else(interfax: Caller) -> None:
    headers = {"Content-Type": "application/pdf"}
    await interfax.call("POST", "/outbound/faxes", query="faxNumber=+442079460000", data=PDF, headers=headers)
    assert interfax.simulator.faxes()[0]["to"] == "+1442079460000"


@pytest.mark.parametrize("number", ["", "abc", "+", "+12", "+0123456789", "1234567890123456"])
async def test_what_is_no_number_is_refused(interfax: Caller, number: str) -> None:
    answer = await interfax.try_send(number)
    assert (answer.status, answer.json["code"]) == (400, -112)


async def test_all_options_come_back_in_the_words_of_queries(interfax: Caller) -> None:
    options = {
        "contact": "Ann",
        "retriesToPerform": 1,
        "csid": "NORTH CLINIC",
        "pageHeader": "To: {To} Pages: {TotalPages}",
        "reference": "job-8f2c41",
        "replyAddress": "ann@example.org",
        "pageSize": "Letter",
        "fitToPage": "noscale",
        "pageOrientation": "LANDSCAPE",
        "resolution": "fine",
        "rendering": "bw",
    }
    fax = await interfax.fax(await interfax.send(**options))
    assert (
        fax.items()
        >= {
            "contact": "Ann",
            "attemptsToPerform": 1,
            "senderCSID": "NORTH CLINIC",
            "pageHeader": "To: {To} Pages: {TotalPages}",
            "subject": "job-8f2c41",
            "replyEmail": "ann@example.org",
            "pageSize": "Letter",
            "pageOrientation": "Landscape",
            "resolution": "Fine",
            "pageResolution": "Fine",
            "rendering": "Standard",
        }.items()
    )


async def test_what_is_not_asked_for_comes_from_the_account(interfax: Caller) -> None:
    fax = await interfax.fax(await interfax.send(pageHeader="N"))
    assert (
        fax.items()
        >= {
            "contact": None,
            "subject": None,
            "replyEmail": "",
            "attemptsToPerform": 4,
            "senderCSID": "simulator",
            "pageHeader": "0",
            "pageSize": "A4",
            "pageOrientation": "Portrait",
            "resolution": "Standard",
            "rendering": "Fine",
        }.items()
    )


async def test_the_pci_host_has_other_names(started: Start) -> None:
    pci = await started(pci=True)
    fax = await pci.fax(await pci.send(reference="job-1", contact="Ann", postponeTime="2026-11-21T12:00:00"))
    assert (fax["reference"], fax["faxNumber"], fax["resolution"]) == ("job-1", "0012025550143", "Standard")
    assert fax.keys().isdisjoint({"subject", "destinationFax", "pageResolution", "contact"})
    assert fax["status"] == -1, "there is no postponing on this host"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"reference": "x" * 61}, -710),
        ({"csid": "x" * 21}, -710),
        ({"pageSize": "a3"}, -710),
        ({"fitToPage": "maybe"}, -710),
        ({"pageOrientation": "up"}, -710),
        ({"resolution": "best"}, -710),
        ({"rendering": "greyscale"}, -710),
        ({"retriesToPerform": "-1"}, -710),
        ({"retriesToPerform": "x"}, -710),
        ({"postponeTime": "tomorrow"}, -710),
        ({"postponeTime": "2026-12-20T12:00:01"}, -114),
        ({"replyAddress": "nobody"}, -170),
    ],
)
async def test_a_bad_option_sends_nothing(interfax: Caller, options: dict[str, str], code: int) -> None:
    answer = await interfax.try_send(**options)
    assert (answer.status, answer.json["code"]) == (400, code)
    assert interfax.simulator.faxes() == []


async def test_names_of_parameters_have_any_case_and_the_reference_60_characters(interfax: Caller) -> None:
    fax = await interfax.fax(await interfax.send(REFERENCE="x" * 60, nobodyKnows="this"))
    assert fax["subject"] == "x" * 60


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("2026-11-21T12:00:00", DAY), ("2026-11-21T13:00:00+01:00", DAY), ("2026-11-20T11:00:00Z", 0)],
)
async def test_a_postponed_fax_waits_in_the_queue_until_it_is_due(interfax: Caller, time: str, seconds: int) -> None:
    fax = await interfax.send(postponeTime=time)
    if seconds:
        await interfax.simulator.advance(seconds - 1)
        assert (await interfax.fax(fax))["status"] == -2
    await interfax.simulator.advance(2)
    assert (await interfax.fax(fax))["status"] == 0


# --- bodies -----------------------------------------------------------------------------------------------------------


async def test_one_document_is_its_bytes(interfax: Caller) -> None:
    await interfax.send_body(PDF, "application/pdf")
    assert documents(interfax) == [PDF]


async def test_several_documents_are_joined_in_their_order(interfax: Caller) -> None:
    body = (
        b"--b1\r\nContent-Type: application/pdf\r\n\r\n" + pdf_of(2) + b"\r\n"
        b"--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nfirst\fsecond\r\n"
        b"--b1\r\nContent-Type: image/tiff\r\n\r\n" + picture_of("TIFF", pages=3) + b"\r\n--b1--\r\n"
    )
    assert (await interfax.send_body(body, "multipart/mixed; boundary=b1")).status == 201
    [document] = documents(interfax)
    assert document is not None
    assert page_count(document) == 2 + 2 + 3


@pytest.mark.parametrize(
    ("content_type", "head", "tail"),
    [
        ("multipart/mixed; boundary=b1", b"Content-Type: application/pdf", b"\r\n--b1--\r\n"),
        ('multipart/mixed; boundary="b1"', b"content-type:application/pdf", b"\r\n--b1--"),
        ("Multipart/Mixed;boundary=b1", b"Content-Type: application/pdf", b"\r\n\r\n--b1--"),
        (
            "multipart/form-data; boundary=b1",
            b"Content-Disposition: form-data;\r\nContent-Type: application/pdf",
            b"\r\n--b1--\r\n",
        ),
        (
            "multipart/form-data; boundary=b1",
            b'Content-Disposition: form-data; name="file0"; filename="a.pdf"\r\nContent-Type: application/pdf',
            b"\r\n--b1--\r\n",
        ),
    ],
    ids=["plain", "no final line end", "node", "nameless part", "named part"],
)
async def test_every_dialect_of_multipart_is_understood(
    interfax: Caller, content_type: str, head: bytes, tail: bytes
) -> None:
    answer = await interfax.send_body(b"--b1\r\n" + head + b"\r\n\r\n" + PDF + tail, content_type)
    assert answer.status == 201, answer.body
    [document] = documents(interfax)
    assert document is not None
    assert document.rstrip() == PDF.rstrip()


async def test_a_body_may_come_without_a_length(interfax: Caller) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield PDF[:100]
        yield PDF[100:]

    assert (await interfax.send_body(chunks(), "application/pdf")).status == 201
    assert documents(interfax) == [PDF]


@given(st.lists(st.binary(min_size=1).filter(lambda data: b"--b1" not in data), min_size=1, max_size=4))
def test_parts_come_back_as_they_were_written(contents: list[bytes]) -> None:
    body = b"".join(b"--b1\r\nContent-Type: application/pdf\r\n\r\n" + data + b"\r\n" for data in contents) + b"--b1--"
    parts = read_parts({"Content-Type": "multipart/mixed; boundary=b1"}, body)
    assert [part.data for part in parts] == contents


@given(st.text(), st.binary())
def test_any_body_is_split_or_refused(content_type: str, body: bytes) -> None:
    for kind in (content_type, f"multipart/mixed; boundary={content_type}"):
        with suppress(ApiError):
            assert read_parts({"Content-Type": kind}, body)


@given(st.text())
def test_any_number_is_read_or_refused(text: str) -> None:
    with suppress(ApiError):
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", number := read_number(text))
        assert inbound_form(number).isdecimal()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/pdf"),
        (b"--b1--\r\n", "multipart/mixed; boundary=b1"),
        (b"--b1\r\nContent-Type: application/pdf\r\n\r\n\r\n--b1--\r\n", "multipart/mixed; boundary=b1"),
        (b"--b1\r\n\r\nx\r\n--b1--\r\n", "multipart/mixed"),
        (b"no parts at all", "multipart/mixed; boundary=b1"),
    ],
)
async def test_a_send_without_a_document_is_refused(interfax: Caller, body: bytes, content_type: str) -> None:
    answer = await interfax.send_body(body, content_type)
    assert (answer.status, answer.json["code"]) == (400, -123)


async def test_a_document_of_another_type_is_415(interfax: Caller) -> None:
    assert (await interfax.send_body(b"x", "audio/wav")).status == 415
    assert interfax.simulator.faxes() == []


async def test_a_big_document_has_to_be_uploaded_first(interfax: Caller) -> None:
    limit = 8 * 1024 * 1024
    assert (await interfax.send_body(io.BytesIO(b"x" * limit), "application/pdf")).status == 201
    answer = await interfax.send_body(io.BytesIO(b"x" * (limit + 1)), "application/pdf")
    assert (answer.status, answer.json["code"]) == (413, -1063)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (picture_of("GIF"), "image/gif"),
        (picture_of("PNG"), "image/png"),
        (picture_of("JPEG"), "image/jpeg"),
        (b"<p>hello", "text/html"),
        (b"PK", "application/vnd.oasis.opendocument.text"),
        (b"hello", "text/plain; charset=utf-8"),
    ],
)
async def test_every_kind_of_document_becomes_a_page(interfax: Caller, data: bytes, content_type: str) -> None:
    await interfax.send_body(data, content_type)
    [document] = documents(interfax)
    assert document is not None
    assert page_count(document) == 1


@pytest.mark.parametrize("data", [b"%PDF-1.7 torn", pdf_of(1, password="secret"), pdf_of(0)])
async def test_what_cannot_be_rendered_ends_with_204000(interfax: Caller, data: bytes) -> None:
    fax = id_of(await interfax.send_body(data, "application/pdf"))
    await interfax.simulator.advance(60)
    record = await interfax.fax(fax)
    assert (record["status"], record["attemptsMade"], record["pagesSubmitted"]) == (204000, 0, 0)
    assert (await interfax.call("GET", f"/outbound/faxes/{fax}/image")).json["code"] == -3003


async def test_a_part_that_cannot_be_faxed_fails_the_fax_or_is_left_out(interfax: Caller) -> None:
    body = (
        b"--b1\r\nContent-Type: application/pdf\r\n\r\n" + PDF + b"\r\n"
        b"--b1\r\nContent-Type: audio/wav\r\n\r\nla\r\n--b1--\r\n"
    )
    await interfax.send_body(body, "multipart/mixed; boundary=b1")
    await interfax.faults({"fault": "skip_unsupported"})
    await interfax.send_body(body, "multipart/mixed; boundary=b1")
    await interfax.simulator.advance(60)
    assert [fax["code"] for fax in interfax.simulator.faxes()] == [204000, 0]


@pytest.fixture
async def web_root() -> AsyncIterator[str]:
    async def letter(_: web.Request) -> web.Response:
        return web.Response(body=PDF, content_type="application/pdf")

    app = web.Application()
    app.router.add_get("/letter", letter)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_document_may_be_named_by_its_url(interfax: Caller, web_root: str) -> None:
    answer = await interfax.send_body(b"", "application/pdf", Content_Location=f"{web_root}/letter")
    part = f"--b1\r\nContent-Location: {web_root}/letter\r\n\r\n--b1--".encode()
    also = await interfax.send_body(part, "multipart/mixed; boundary=b1")
    assert (answer.status, also.status, documents(interfax)) == (201, 201, [PDF, PDF])


@pytest.mark.parametrize("url", ["https://example.org/a.pdf", "http://192.0.2.1/a.pdf", "a.pdf", "http://["])
async def test_nothing_is_fetched_from_beyond_this_machine(interfax: Caller, url: str) -> None:
    await interfax.send_body(b"", "application/pdf", Content_Location=url)
    await interfax.simulator.advance(60)
    assert [fax["code"] for fax in interfax.simulator.faxes()] == [204000]


async def test_the_ledger_has_the_fax_before_the_answer(started: Start, tmp_path: Path) -> None:
    interfax = await started(ledger=tmp_path / "ledger")
    await interfax.faults({"fault": "drop_response", "method": "POST", "times": 1})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await interfax.try_send(reference="job-1", csid="US")
    await interfax.simulator.stop()

    [line] = (tmp_path / "ledger").read_text().splitlines()
    [fax] = interfax.simulator.faxes()
    assert json.loads(line) == {
        "id": fax["id"],
        "to": THEIRS,
        "from": "US",
        "labels": {"reference": "job-1"},
        "sha256": fax["sha256"],
        "pages": 1,
        "time": "2026-11-20T12:00:00.000Z",
    }


async def test_the_judge_of_the_crash_tests_reads_the_ledger_and_the_state(started: Start, tmp_path: Path) -> None:
    interfax = await started(ledger=tmp_path / "ledger")
    ids = [str(await interfax.send(to, reference=f"job-{to}")) for to in (THEIRS, BUSY)]
    await interfax.simulator.advance(60)
    ids.append(str(await interfax.send()))
    now = (await interfax.control("GET", "/faxes")).json
    await interfax.simulator.stop()

    assert read_provider(read_lines(tmp_path / "ledger"), now) == [
        Fax(ids[0], THEIRS, (f"job-{THEIRS}",), "2026-11-20T12:00:00.000Z", "COMPLETED", "2026-11-20T12:00:00.800Z"),
        Fax(ids[1], BUSY, (f"job-{BUSY}",), "2026-11-20T12:00:00.000Z", "FAILURE", "2026-11-20T12:00:00.600Z"),
        Fax(ids[2], THEIRS, (), "2026-11-20T12:01:00.000Z", "IN_PROGRESS", ""),
    ]
