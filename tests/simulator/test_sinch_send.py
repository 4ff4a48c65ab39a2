"""Sending: every form of the request, what is refused, what is sent (sinch-fax-v3 3.1 and 3.2)."""

import hashlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pikepdf
import pytest
from aiohttp import web
from fpdf import FPDF
from simulated import (
    ALSO_OURS,
    OURS,
    THEIRS,
    Answer,
    Client,
    base64_of,
    json_send,
    page_count,
    pdf_of,
    picture_of,
    standing_clock,
)

from gateway.simulator import SinchSimulator

OTHER = "+12025550144"
Part = tuple[str, str | bytes, str | None]


def form_of(*parts: Part) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value, filename in parts:
        if filename is None:
            form.add_field(name, value)
        else:
            data = io.BytesIO(value if isinstance(value, bytes) else value.encode())
            form.add_field(name, data, filename=filename, content_type="application/octet-stream")
    return form


def a_file(data: bytes | None = None, name: str = "letter.pdf", part: str = "file") -> Part:
    return part, data or pdf_of(1), name


async def send_form(api: Client, *parts: Part) -> Answer:
    return await api.call("POST", "/faxes", data=form_of(*parts))


async def sent_document(api: Client, answer: Answer) -> bytes:
    assert answer.status == 200, answer.body
    return (await api.control("GET", f"/faxes/{answer.json['id']}/document")).body


async def test_json_gets_a_bare_fax_in_progress(api: Client) -> None:
    fax = await api.send(
        labels={"jobid": "F-1"},
        headerText="North Clinic",
        maxRetries=2,
        callbackUrl="https://hook:secret@fax.example.org/out?a=1",
        callbackUrlContentType="application/json",
    )

    assert len(fax["id"]) == 26
    assert fax == {
        "id": fax["id"],
        "direction": "OUTBOUND",
        "from": OURS,
        "to": THEIRS,
        "status": "IN_PROGRESS",
        "headerText": "North Clinic",
        "headerPageNumbers": True,
        "headerTimeZone": "America/New_York",
        "retryDelaySeconds": 60,
        "maxRetries": 2,
        "resolution": "FINE",
        "imageConversionMethod": "HALFTONE",
        "callbackUrl": "https://***:***@fax.example.org/out?a=1",
        "callbackUrlContentType": "application/json",
        "labels": {"jobid": "F-1"},
        "createTime": "2026-11-20T12:00:00.000Z",
        "retryCount": 0,
        "hasFile": False,
        "fromCountry": "US",
        "toCountry": "US",
        "projectId": api.simulator.project,
        "serviceId": await api.default_service(),
    }


@pytest.mark.parametrize("to", [THEIRS, [THEIRS]])
async def test_one_recipient_gets_a_bare_fax(api: Client, to: object) -> None:
    assert (await api.send(to))["to"] == THEIRS


@pytest.mark.parametrize("to", [[THEIRS, OTHER], f"{THEIRS},{OTHER}", f"{THEIRS}, {OTHER}"])
async def test_more_recipients_get_a_list_without_paging(api: Client, to: object) -> None:
    answer = await api.send(to)
    assert set(answer) == {"faxes"}
    assert [fax["to"] for fax in answer["faxes"]] == [THEIRS, OTHER]


async def test_the_same_recipient_twice_gets_two_faxes(api: Client) -> None:
    faxes = (await api.send([THEIRS, THEIRS]))["faxes"]
    assert len({fax["id"] for fax in faxes}) == 2


async def test_a_form_with_every_kind_of_part(api: Client) -> None:
    answer = await send_form(
        api,
        ("to", THEIRS, None),
        ("to", OTHER, None),
        ("from", ALSO_OURS, None),
        ("labels[jobid]", "F-2", None),
        ("labels[tenant]", "t7", None),
        ("coverPageData[name]", "Ada", None),
        ("headerPageNumbers", "false", None),
        ("maxRetries", "0", None),
        ("retryDelaySeconds", "30", None),
        ("callbackContentType", "application/json", None),
        ("cancelTimeoutMinutes", "5", None),
        a_file(pdf_of(2)),
        a_file(pdf_of(3), "more.PDF", part="files"),
    )

    assert answer.status == 200
    for fax in answer.json["faxes"]:
        assert fax["from"] == ALSO_OURS
        assert fax["labels"] == {"jobid": "F-2", "tenant": "t7"}
        assert fax["coverPageData"] == {"name": "Ada"}
        assert (fax["headerPageNumbers"], fax["maxRetries"], fax["retryDelaySeconds"]) == (False, 0, 30)
        assert fax["callbackUrlContentType"] == "application/json"
        assert "cancelTimeoutMinutes" not in fax
    await api.simulator.advance(60)
    assert [fax["numberOfPages"] for fax in api.simulator.faxes()] == [5, 5]


async def test_a_content_type_without_a_space_before_the_boundary_parses(api: Client) -> None:
    body = (
        b'--b1\r\nContent-Disposition: form-data; name="to"\r\n\r\n' + THEIRS.encode() + b"\r\n"
        b'--b1\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b1--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data;boundary=b1"}
    assert (await api.call("POST", "/faxes", data=body, headers=headers)).status == 200


async def test_a_single_pdf_stays_byte_for_byte_what_it_was(api: Client) -> None:
    pdf = pdf_of(2)
    answer = await send_form(api, ("to", THEIRS, None), a_file(pdf))
    assert await sent_document(api, answer) == pdf


async def test_every_type_becomes_pages_in_request_order(api: Client) -> None:
    answer = await send_form(
        api,
        ("to", THEIRS, None),
        a_file(pdf_of(2)),
        a_file(picture_of("PNG"), "a.png"),
        a_file(picture_of("JPEG"), "a.jpg"),
        a_file(picture_of("TIFF", pages=3), "a.tif"),
        a_file(b"first\fsecond", "a.txt"),
        a_file(b"<p>hello", "a.html"),
        a_file(b"PK", "a.docx"),
    )
    assert page_count(await sent_document(api, answer)) == 2 + 1 + 1 + 3 + 2 + 1 + 1


async def test_urls_come_before_files(api: Client, web_root: str) -> None:
    file = {"file": base64_of(picture_of("PNG")), "fileType": "PNG"}
    send = {"to": THEIRS, "contentUrl": [f"{web_root}/wide.pdf", f"{web_root}/typed"], "files": [file]}
    answer = await api.call("POST", "/faxes", json=send)

    assert answer.json["contentUrl"] == send["contentUrl"]
    with pikepdf.open(io.BytesIO(await sent_document(api, answer))) as pdf:
        widths = [float(page.mediabox[2]) for page in pdf.pages]
    assert widths == [1000, 500, 200 / 200 * 72]


async def test_a_form_takes_urls_as_a_comma_list(api: Client, web_root: str) -> None:
    urls = f"{web_root}/wide.pdf,{web_root}/typed"
    answer = await send_form(api, ("to", THEIRS, None), ("contentUrl", urls, None))
    assert page_count(await sent_document(api, answer)) == 2


@pytest.mark.parametrize("path", ["/missing.pdf", "/moved.pdf"])
async def test_a_url_that_cannot_be_fetched_is_error_54(api: Client, web_root: str, path: str) -> None:
    fax = (await api.call("POST", "/faxes", json={"to": THEIRS, "contentUrl": web_root + path})).json
    await api.simulator.advance(60)
    done = await api.fax(fax["id"])
    assert (done["status"], done["errorType"], done["errorCode"]) == (
        "FAILURE",
        "DOCUMENT_CONVERSION_ERROR",
        54,
    )
    assert done["errorMessage"] == f"Could not access the url you provided. {web_root}{path}"


@pytest.mark.parametrize("url", ["http://192.0.2.1/a.pdf", "https://example.org/a.pdf", "a.pdf", "http://["])
async def test_nothing_is_fetched_from_beyond_loopback(api: Client, url: str) -> None:
    fax = (await api.call("POST", "/faxes", json={"to": THEIRS, "contentUrl": url})).json
    await api.simulator.advance(60)
    assert (await api.fax(fax["id"]))["errorCode"] == 54


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"%PDF-1.7 torn", "a.pdf", 133),
        (pdf_of(1, password="secret"), "locked.pdf", 133),
        (pdf_of(0), "empty.pdf", 133),
        (b"no picture", "a.png", 4),
        (b"data", "noextension", 128),
        (b"data", "a.exe", 129),
        (b"<a/>", "a.xml", 130),
    ],
)
async def test_what_cannot_be_converted_fails_without_a_call(api: Client, data: bytes, name: str, code: int) -> None:
    fax = (await send_form(api, ("to", THEIRS, None), a_file(data, name))).json
    await api.simulator.advance(60)
    done = await api.fax(fax["id"])
    assert (done["status"], done["errorType"], done["errorCode"], done["retryCount"]) == (
        "FAILURE",
        "DOCUMENT_CONVERSION_ERROR",
        code,
        0,
    )
    assert done["hasFile"] is False


@pytest.mark.parametrize(
    ("change", "status", "fields"),
    [
        ({"to": None}, 400, ["to"]),
        ({"to": []}, 400, ["to"]),
        ({"files": None}, 400, ["file"]),
        ({"to": "", "files": []}, 400, ["to", "file"]),
        ({"to": "+12"}, 422, ["to"]),
        ({"to": "12025550143"}, 422, ["to"]),
        ({"to": [THEIRS, "tel:1"]}, 422, ["to"]),
        ({"to": 12025550143}, 422, ["to"]),
        ({"from": "+12025550199"}, 422, ["from"]),
        ({"headerText": "x" * 51}, 422, ["headerText"]),
        ({"headerText": 5}, 422, ["headerText"]),
        ({"headerPageNumbers": "true"}, 422, ["headerPageNumbers"]),
        ({"headerTimeZone": "Mars/Base"}, 422, ["headerTimeZone"]),
        ({"retryDelaySeconds": 29}, 422, ["retryDelaySeconds"]),
        ({"retryDelaySeconds": 301}, 422, ["retryDelaySeconds"]),
        ({"maxRetries": 6, "resolution": "BEST"}, 422, ["maxRetries", "resolution"]),
        ({"maxRetries": True}, 422, ["maxRetries"]),
        ({"labels": {"a": 1}}, 422, ["labels"]),
        ({"coverPageData": {"Name": "x"}}, 422, ["coverPageData"]),
        ({"callbackUrl": "ftp://x"}, 422, ["callbackUrl"]),
        ({"callbackUrl": 7}, 422, ["callbackUrl"]),
        ({"callbackUrlContentType": "text/xml"}, 422, ["callbackUrlContentType"]),
        ({"imageConversionMethod": "NICE"}, 422, ["imageConversionMethod"]),
        ({"serviceId": "nobody"}, 422, ["serviceId"]),
        ({"coverPageId": "nothing"}, 422, ["coverPageId"]),
        ({"contentBase64": "aGk="}, 422, ["contentBase64"]),
        ({"contentUrl": [1]}, 422, ["contentUrl"]),
        ({"files": "x"}, 422, ["files"]),
        ({"files": ["x"]}, 422, ["files"]),
        ({"files": [{"file": "aGk=", "fileType": "EXE"}]}, 422, ["files.fileType"]),
        ({"files": [{"file": "no base64", "fileType": "PDF"}]}, 422, ["files.file"]),
    ],
)
async def test_bad_requests_name_every_field_and_send_nothing(
    api: Client, change: dict[str, Any], status: int, fields: list[str]
) -> None:
    answer = await api.call("POST", "/faxes", json=json_send() | change)
    assert (answer.status, answer.fields) == (status, fields)
    assert answer.json["code"] == str(status)
    assert api.simulator.faxes() == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"to=1", "application/x-www-form-urlencoded"),
        (b"no form", "multipart/form-data; boundary=b"),
        (b"no form", "multipart/form-data"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"),
    ],
)
async def test_a_body_that_cannot_be_read_is_400(api: Client, body: bytes, content_type: str) -> None:
    answer = await api.call("POST", "/faxes", data=body, headers={"Content-Type": content_type})
    assert (answer.status, answer.json["error"]) == (400, "Bad Request")


@pytest.mark.parametrize(("name", "text"), [("maxRetries", "x"), ("headerPageNumbers", "yes")])
async def test_form_text_of_another_type_is_refused(api: Client, name: str, text: str) -> None:
    answer = await send_form(api, ("to", THEIRS, None), a_file(), (name, text, None))
    assert (answer.status, answer.fields) == (422, [name])


async def test_a_file_part_needs_a_filename(api: Client) -> None:
    answer = await send_form(api, ("to", THEIRS, None), ("file", "text", None))
    assert (answer.status, answer.fields) == (422, ["file"])


async def test_a_file_above_20_mb_is_422_or_413_when_switched(api: Client) -> None:
    too_large = b"x" * (20 * 1024 * 1024 + 1)
    answer = await send_form(api, ("to", THEIRS, None), a_file(too_large))
    assert (answer.status, answer.fields) == (422, ["file"])
    await api.faults({"fault": "oversize_413"})
    assert (await send_form(api, ("to", THEIRS, None), a_file(too_large))).status == 413


async def test_the_service_gives_what_the_request_leaves_out(api: Client) -> None:
    settings = {
        "defaultFrom": ALSO_OURS,
        "numberOfRetries": 1,
        "retryDelaySeconds": 90,
        "resolution": "SUPERFINE",
        "imageConversionMethod": "MONOCHROME",
    }
    service = (await api.call("POST", "/services", json=settings)).json["id"]
    fax = await api.send(serviceId=service)
    assert (fax["serviceId"], fax["from"], fax["maxRetries"], fax["retryDelaySeconds"]) == (
        service,
        ALSO_OURS,
        1,
        90,
    )
    assert (fax["resolution"], fax["imageConversionMethod"]) == ("SUPERFINE", "MONOCHROME")


async def test_a_cover_page_is_filled_for_each_recipient_and_comes_first(api: Client) -> None:
    drawing = FPDF(format="Letter")
    drawing.add_page()
    drawing.set_font("Helvetica")
    words = ("from", "to", "date", "pageCount", "name", "missing")
    for line, word in enumerate(words):
        drawing.text(20, 20 + 10 * line, f"[{{{{{word}}}}}]")
    service = await api.default_service()
    file = {"fileContent": base64_of(bytes(drawing.output())), "fileType": "PDF"}
    page = (await api.call("POST", f"/services/{service}/coverPages", json={"name": "C", "file": file})).json

    faxes = (await api.send([THEIRS, OTHER], pages=2, coverPageId=page["id"], coverPageData={"name": "Ada"}))["faxes"]

    for fax in faxes:
        document = api.simulator.document(fax["id"])
        assert document is not None
        with pikepdf.open(io.BytesIO(document)) as pdf:
            assert len(pdf.pages) == 3
            text = b"".join(
                bytes(command.operands[0])
                for command in pikepdf.parse_content_stream(pdf.pages[0])
                if str(command.operator) == "Tj"
            )
        assert text.decode() == f"[{OURS}][{fax['to']}][11/20/2026][3][Ada][]"


async def test_the_ledger_has_each_accepted_fax_before_the_answer(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    simulator = SinchSimulator(ledger=ledger, clock=standing_clock())
    api = Client(simulator, await simulator.start(), session)
    pdf = pdf_of(2)
    file = {"file": base64_of(pdf), "fileType": "PDF"}

    await api.call("POST", "/faxes", json={"to": "+12", "files": [file]})
    sent = (await api.call("POST", "/faxes", json={"to": THEIRS, "files": [file], "labels": {"a": "b"}})).json
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    await api.send([THEIRS, OTHER])
    await simulator.stop()

    assert lines == [
        {
            "id": sent["id"],
            "to": THEIRS,
            "from": OURS,
            "labels": {"a": "b"},
            "sha256": hashlib.sha256(pdf).hexdigest(),
            "pages": 2,
            "time": "2026-11-20T12:00:00.000Z",
        }
    ]
    assert len(ledger.read_text().splitlines()) == 3


@pytest.fixture
async def web_root() -> AsyncIterator[str]:
    """A web server on loopback with documents to fetch."""

    def sheet(width: int) -> bytes:
        out = io.BytesIO()
        with pikepdf.new() as pdf:
            pdf.add_blank_page(page_size=(width, 500))
            pdf.save(out)
        return out.getvalue()

    async def wide(_: web.Request) -> web.Response:
        return web.Response(body=sheet(1000), content_type="application/octet-stream")

    async def typed(_: web.Request) -> web.Response:
        return web.Response(body=sheet(500), content_type="application/pdf")

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPFound("/wide.pdf")

    app = web.Application()
    app.add_routes([web.get("/wide.pdf", wide), web.get("/typed", typed), web.get("/moved.pdf", moved)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
