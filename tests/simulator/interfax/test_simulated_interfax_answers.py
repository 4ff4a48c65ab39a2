"""Answers: content types, numbers and nulls as the service writes them, XML, errors (interfax-rest 1 and 2)."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from interfax_caller import BUSY, OURS, Caller, Start

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


@pytest.mark.parametrize(
    ("headers", "content_type"),
    [
        ({}, "text/json"),
        ({"Accept": "*/*"}, "text/json"),
        ({"Accept": "application/json"}, "application/json; charset=utf-8"),
        ({"Accept": "text/xml"}, "text/xml; charset=utf-8"),
    ],
)
async def test_accept_decides_the_form(interfax: Caller, headers: dict[str, str], content_type: str) -> None:
    answer = await interfax.call("GET", "/outbound/faxes", headers=headers)
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)


async def test_what_has_a_body_comes_in_chunks_and_what_has_none_has_no_length(interfax: Caller) -> None:
    fax = await interfax.send(postponeTime="2026-11-21T12:00:00Z")
    listed = await interfax.call("GET", f"/outbound/faxes/{fax}")
    assert (listed.headers["Transfer-Encoding"], "Content-Length" in listed.headers) == ("chunked", False)
    cancelled = await interfax.post(f"/outbound/faxes/{fax}/cancel")
    assert (cancelled.status, cancelled.headers["Content-Length"], cancelled.body) == (200, "0", b"")


async def test_the_headers_of_the_service(interfax: Caller) -> None:
    headers = (await interfax.call("GET", "/outbound/faxes")).headers
    assert headers["Cache-Control"] == "private"
    assert headers["Access-Control-Expose-Headers"] == "Accept-Ranges, Content-Range"
    assert headers["Set-Cookie"].startswith("TS01")


async def test_an_object_as_recorded(interfax: Caller) -> None:
    fax = await interfax.send("+442079460000", pages=2, reference="job-1")
    await interfax.simulator.advance(60)
    text = (await interfax.call("GET", f"/outbound/faxes/{fax}")).body.decode()
    assert json.loads(text) == {
        "submitTime": "2026-11-20T12:00:00",
        "contact": None,
        "destinationFax": "00442079460000",
        "replyEmail": "",
        "subject": "job-1",
        "pagesSubmitted": 2,
        "senderCSID": "simulator",
        "attemptsToPerform": 4,
        "pageSize": "A4",
        "resolution": "Standard",
        "pageResolution": "Standard",
        "pageOrientation": "Portrait",
        "rendering": "Fine",
        "pageHeader": "0",
        "userId": "simulator",
        "pagesSent": 2,
        "completionTime": "2026-11-20T12:00:01",
        "remoteCSID": "Simulated machine",
        "duration": 0,
        "priority": 2,
        "units": 2.0,
        "costPerUnit": 0.15,
        "attemptsMade": 1,
        "id": fax,
        "uri": f"{interfax.base_url}/outbound/faxes/{fax}",
        "status": 0,
    }
    assert re.search(r'"units":2\.00,"costPerUnit":0\.1500,', text), "decimals keep their zeros"
    [summary] = await interfax.get("/outbound/faxes/completed", ids=fax)
    assert {"units", "status", "uri"} <= summary.keys() < json.loads(text).keys()


@pytest.mark.parametrize(
    ("path", "root", "item"),
    [
        ("/outbound/faxes", "ArrayOfFaxSummary", "FaxSummary"),
        ("/outbound/search", "ArrayOfFaxSummary", "FaxSummary"),
        ("/outbound/faxes/{fax}", "FaxSummary", None),
        ("/outbound/faxes/completed?ids={fax}", "ArrayOfFaxSummary", "FaxSummary"),
        ("/inbound/faxes", "ArrayOfFax", "Fax"),
        ("/inbound/faxes/{received}", "Fax", None),
        ("/inbound/faxes/{received}/emails", "ArrayOfEmail", "Email"),
        ("/outbound/documents", "ArrayOfUploadedDocument", "UploadedDocument"),
        ("/outbound/batches", "ArrayOfBatchHead", "BatchHead"),
        ("/outbound/batches/{batch}", "BatchHeadStat", None),
        ("/outbound/addressbooks", "ArrayOfContactListHead", None),
        ("/accounts/self/ppcards/balance", "decimal", None),
    ],
)
async def test_xml_has_the_names_of_the_service(interfax: Caller, path: str, root: str, item: str | None) -> None:
    fax = await interfax.send()
    received = await interfax.simulator.receive_fax(OURS)
    await interfax.post(f"/inbound/faxes/{received}/resend", email="a@example.org")
    await interfax.post("/outbound/documents", size=3, name="a.txt")
    recipients = json.dumps([{"faxNumber": "+12025550143"}])
    headers = {"Content-Location": "http://127.0.0.1:1/"}
    query = f"list={recipients}".replace("+", "%2B").replace(" ", "").replace('"', "%22")
    sent = await interfax.call("POST", "/outbound/batches", query=query, headers=headers)
    batch = sent.headers["Location"].rpartition("/")[2]
    await interfax.simulator.advance(60)

    element = await interfax.xml(path.format(fax=fax, received=received, batch=batch))
    assert element.tag == root
    if item:
        assert {child.tag for child in element} == {item}


async def test_xml_says_what_is_null(interfax: Caller) -> None:
    fax = await interfax.send(csid="<&>")
    element = await interfax.xml(f"/outbound/faxes/{fax}")
    contact, csid = element.find("contact"), element.find("senderCSID")
    assert contact is not None
    assert csid is not None
    assert (contact.get(NIL), contact.text, csid.text) == ("true", None, "<&>")


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/xml"])
async def test_an_error_is_always_text_json(interfax: Caller, accept: str) -> None:
    answer = await interfax.call("GET", "/outbound/faxes/4711", headers={"Accept": accept})
    assert (answer.status, answer.headers["Content-Type"]) == (404, "text/json")
    assert answer.json == {
        "code": -1005,
        "message": "Fax resource not found",
        "moreInfo": "Fax resource 4711 not found or not accessible by user simulator",
    }


@pytest.mark.parametrize(
    ("method", "path", "code", "more"),
    [
        ("GET", "/outbound/faxes/1", -1005, "Fax resource 1 not found or not accessible by user simulator"),
        ("GET", "/outbound/faxes/1/image", -1005, "Fax resource 1 not found or not accessible by user simulator"),
        ("POST", "/outbound/faxes/1/cancel", -1005, "Fax resource 1 not found or not accessible by user simulator"),
        ("GET", "/outbound/documents/0f3a9c5e2b7d4a118c6e5d4f3b2a1908", -1062, None),
        ("GET", "/inbound/faxes/1", -3001, "Invalid ID [1]"),
        ("GET", "/inbound/faxes/1/image", -3001, "Invalid ID [1]"),
    ],
)
async def test_what_does_not_exist_is_404_with_its_code(
    interfax: Caller, method: str, path: str, code: int, more: str | None
) -> None:
    answer = await interfax.call(method, path)
    assert (answer.status, answer.json["code"], answer.json["moreInfo"]) == (404, code, more)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/outbound/fax", 404), ("GET", "/outbound/faxes/1/status", 404), ("PUT", "/outbound/faxes", 405)],
)
async def test_what_is_no_operation_is_told_by_the_web_server(
    interfax: Caller, method: str, path: str, status: int
) -> None:
    answer = await interfax.call(method, path)
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (status, "text/html")


async def test_a_url_may_not_be_longer_than_2000_characters(interfax: Caller) -> None:
    path = "/outbound/faxes/completed"
    room = 2000 - len(f"{path}?ids=")
    assert (await interfax.call("GET", path, query=f"ids={'1' * room}")).status == 200
    assert (await interfax.call("GET", path, query=f"ids={'1' * (room + 1)}")).status == 414


@pytest.mark.parametrize(("code", "status"), [(-111, 400), (-2003, 403), (-150, 500), (-1876, 401)])
async def test_any_return_code_can_be_asked_for(interfax: Caller, code: int, status: int) -> None:
    await interfax.faults({"fault": "refuse", "api_code": code, "method": "POST"})
    answer = await interfax.try_send()
    assert (answer.status, answer.json["code"]) == (status, code)
    assert interfax.simulator.faxes() == []


async def test_errors_can_come_without_a_body(interfax: Caller) -> None:
    await interfax.faults({"fault": "bare_errors"})
    answer = await interfax.call("GET", "/inbound/faxes/1")
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize(("status", "code"), [(400, -710), (401, -1003), (403, -2003), (404, -1005), (429, -1011)])
async def test_a_status_that_is_asked_for_comes_in_the_words_of_the_api(
    interfax: Caller, status: int, code: int
) -> None:
    await interfax.faults({"fault": "status", "status": status, "retry_after": 7})
    answer = await interfax.try_send()
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (status, code, "7")
    assert interfax.simulator.faxes() == []


@pytest.mark.parametrize("status", [502, 503, 599])
async def test_a_gateway_in_front_speaks_html(interfax: Caller, status: int) -> None:
    await interfax.faults({"fault": "status_after", "status": status})
    answer = await interfax.try_send()
    assert (answer.status, answer.body[:6]) == (status, b"<html>")
    assert len(interfax.simulator.faxes()) == 1


async def test_numbers_can_be_strings(interfax: Caller) -> None:
    fax = await interfax.send()
    await interfax.faults({"fault": "odd_json", "odd": "strings"})
    record = await interfax.fax(fax)
    assert (record["id"], record["status"], record["costPerUnit"]) == (str(fax), "-1", "0.1500")


async def test_fields_can_be_missing_be_more_or_be_null(interfax: Caller) -> None:
    fax = await interfax.send(reference="job-1")
    usual = await interfax.fax(fax)
    odd: dict[str, dict[str, Any]] = {}
    for kind in ("missing", "extra", "null"):
        await interfax.faults({"fault": "odd_json", "odd": kind})
        odd[kind] = await interfax.fax(fax)
    assert odd["missing"] == {name: usual[name] for name in ("id", "uri", "status", "subject")}
    assert odd["extra"].items() > usual.items()
    assert (odd["null"]["subject"], odd["null"]["senderCSID"], odd["null"]["id"]) == (None, None, fax)


# --- resources --------------------------------------------------------------------------------------------------------


async def test_the_balance_is_a_bare_number_that_faxes_use_up(interfax: Caller) -> None:
    await interfax.send("+99999990", pages=2)
    await interfax.send(BUSY)
    await interfax.simulator.advance(60)
    answer = await interfax.call("GET", "/accounts/self/ppcards/balance")
    assert (answer.headers["Content-Type"], Decimal(answer.body.decode())) == ("text/json", Decimal("9999.7000"))
    assert answer.body == b"9999.7000"


async def test_the_lists_of_help(interfax: Caller) -> None:
    types = await interfax.get("/outbound/help/mediatype")
    assert {"MediaType": "application/pdf", "FileType": "pdf"} in types
    assert {"code": -1005, "message": "Fax resource not found"} in await interfax.get("/tests/errorcodes")
    assert await interfax.get("/outbound/addressbooks") == []


async def test_an_empty_question_mark_means_nothing(interfax: Caller) -> None:
    assert (await interfax.call("GET", "/outbound/faxes?")).json == []


async def test_every_answer_shows_the_service_as_the_client_reached_it(started: Start) -> None:
    interfax = await started()
    answer = await interfax.call("GET", "/outbound/faxes", headers={"Host": "rest.interfax.example"})
    assert answer.status == 200
    sent = await interfax.call(
        "POST",
        "/outbound/faxes",
        query="faxNumber=%2B12025550143",
        data=b"hello",
        headers={"Host": "rest.interfax.example", "Content-Type": "text/plain"},
    )
    assert sent.headers["Location"].startswith("http://rest.interfax.example/outbound/faxes/")
