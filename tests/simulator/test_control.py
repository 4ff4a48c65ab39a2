"""The control surface that programs outside the project call."""

import io
import json
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from simulated import OURS, THEIRS, Client, Receiver, base64_of, page_count, pdf_of

from gateway.simulator import SinchSimulator

CALLER = "+13125550177"


async def test_accepted_faxes_newest_last_with_hash_and_pages(api: Client) -> None:
    first = await api.send(pages=2, labels={"jobid": "F-1"}, callbackUrl="http://u:p@127.0.0.1:1/x")
    second = await api.send("+15555552017")
    await api.simulator.receive_fax(OURS)
    faxes = (await api.control("GET", "/faxes")).json
    assert [fax["id"] for fax in faxes] == [first["id"], second["id"]]
    assert (faxes[0]["to"], faxes[0]["from"], faxes[0]["labels"]) == (THEIRS, OURS, {"jobid": "F-1"})
    assert (faxes[0]["pages"], len(faxes[0]["sha256"]), faxes[0]["status"]) == (2, 64, "IN_PROGRESS")
    assert faxes == api.simulator.faxes()


async def test_no_credentials_are_asked_for(api: Client) -> None:
    async with api.session.get(f"{api.base_url}/_control/faxes") as answer:
        assert answer.status == 200


async def test_the_document_of_a_fax_in_either_direction(api: Client) -> None:
    sent = (await api.send(pages=2))["id"]
    received = (await api.control("POST", "/inbound", json={"to": OURS, "from": CALLER, "pages": 3})).json["id"]
    for fax_id, pages in ((sent, 2), (received, 3)):
        answer = await api.control("GET", f"/faxes/{fax_id}/document")
        assert answer.headers["Content-Type"] == "application/pdf"
        assert page_count(answer.body) == pages
    assert (await api.control("GET", "/faxes/none/document")).status == 404


async def test_an_incoming_fax_is_a_real_scan_that_says_what_it_is(api: Client) -> None:
    fax_id = await api.simulator.receive_fax(OURS, sender=CALLER, pages=3)
    pdf = (await api.call("GET", f"/faxes/{fax_id}/file")).body
    document = pypdfium2.PdfDocument(pdf)
    texts = [page.get_textpage().get_text_range() for page in document]
    for number, text in enumerate(texts, start=1):
        assert f"Page {number} of 3" in text
        assert CALLER in text
        assert OURS in text
        assert "2026-11-20 12:00" in text
    pixels = document[0].render(scale=1, grayscale=True).to_pil().convert("L").getextrema()
    assert pixels == (0, 255)
    document.close()
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        [image] = opened.pages[0].get_images().values()
        assert (int(image.Width), str(image.Filter)) == (1728, "/CCITTFaxDecode")


async def test_an_incoming_fax_can_be_given_as_pdf_with_barcodes(api: Client) -> None:
    pdf = pdf_of(2)
    barcodes = [{"type": "CODE_128", "page": 1, "value": "CASE-77120"}]
    body = {"to": OURS, "from": None, "pdf_base64": base64_of(pdf), "barcodes": barcodes, "fail": False}
    fax = await api.fax((await api.control("POST", "/inbound", json=body)).json["id"])
    assert (fax["numberOfPages"], fax["barCodes"], "from" in fax) == (2, barcodes, False)
    assert api.simulator.document(fax["id"]) == pdf


async def test_a_sender_that_is_no_number_is_passed_on(api: Client) -> None:
    fax = await api.fax(await api.simulator.receive_fax(OURS, sender="anonymous"))
    assert fax["from"] == "anonymous"
    assert "fromCountry" not in fax


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], '"to"'),
        ({}, '"to"'),
        ({"to": OURS, "page": 1}, "unknown field 'page'"),
        ({"to": OURS, "pages": 0}, "1 to 200"),
        ({"to": OURS, "pages": 201}, "1 to 200"),
        ({"to": OURS, "pages": "3"}, "1 to 200"),
        ({"to": OURS, "from": 5}, "from must be text"),
        ({"to": OURS, "pdf_base64": "!"}, "not base64"),
        ({"to": OURS, "pdf_base64": "eA=="}, "cannot be opened|can be opened"),
        ({"to": OURS, "barcodes": "x"}, "barcodes"),
        ({"to": OURS, "fail": "x"}, "fail must be"),
        ({"to": OURS, "fail": {"code": "x"}}, "fail must be"),
        ({"to": OURS, "service": "none"}, "no service none"),
    ],
)
async def test_a_bad_injection_says_why(api: Client, body: object, words: str) -> None:
    answer = await api.control("POST", "/inbound", json=body)
    assert answer.status == 400
    assert any(word in answer.json["error"] for word in words.split("|")), answer.json


async def test_a_control_path_that_does_not_exist_is_404(api: Client) -> None:
    assert (await api.control("GET", "/nothing")).status == 404


@pytest.mark.parametrize("path", ["/inbound", "/faults", "/clock"])
async def test_a_body_that_is_no_json_is_400(api: Client, path: str) -> None:
    answer = await api.control("POST", path, data=b"{")
    assert (answer.status, "not JSON" in answer.json["error"]) == (400, True)


async def test_the_clock_moves_and_everything_due_has_happened_when_it_answers(api: Client, receiver: Receiver) -> None:
    receiver.answers = [500]
    await api.send("+15555554900", callbackUrl=receiver.url())
    answer = await api.control("POST", "/clock", json={"advance_seconds": 1300})
    assert (answer.status, answer.json) == (200, {"now": "2026-11-20T12:21:40.000Z"})
    assert len(receiver.got) == 2


@pytest.mark.parametrize("body", [{}, [], {"advance_seconds": -1}, {"advance_seconds": "1"}])
async def test_time_does_not_go_back(api: Client, body: object) -> None:
    answer = await api.control("POST", "/clock", json=body)
    assert (answer.status, "advance_seconds" in answer.json["error"]) == (400, True)


async def test_each_delivery_try_and_its_answer(api: Client, receiver: Receiver) -> None:
    receiver.answers = [503]
    fax_id = (await api.send(callbackUrl=receiver.url(login="u:p")))["id"]
    await api.simulator.advance(400)
    log: list[dict[str, Any]] = (await api.control("GET", "/webhooks")).json
    assert log[0] == {
        "time": "2026-11-20T12:00:00.700Z",
        "event": "FAX_COMPLETED",
        "fax": fax_id,
        "url": receiver.url(login="***:***"),
        "contentType": "multipart/form-data",
        "try": 1,
        "status": 503,
        "error": None,
        "result": "retry",
    }
    assert [(entry["try"], entry["status"], entry["result"]) for entry in log] == [
        (1, 503, "retry"),
        (2, 200, "delivered"),
    ]


async def test_reset_returns_to_the_start(api: Client, receiver: Receiver) -> None:
    before = (await api.call("GET", "/services")).json["services"][0]
    await api.call("POST", "/services", json={"name": "more"})
    await api.call("PATCH", f"/services/{before['id']}", json={"name": "changed"})
    await api.send(callbackUrl=receiver.url())
    await api.simulator.advance(10_000)
    await api.send("+15555554100", callbackUrl=receiver.url())
    await api.faults({"fault": "status", "status": 503})

    answer = await api.control("POST", "/reset")

    assert (answer.status, answer.json) == (200, {})
    assert (await api.control("GET", "/faxes")).json == []
    assert (await api.control("GET", "/webhooks")).json == []
    [service] = (await api.call("GET", "/services")).json["services"]
    assert service | {"id": before["id"]} == before
    await api.simulator.advance(10_000)
    assert len(receiver.got) == 1


async def test_the_ledger_outlives_reset_and_restart(api: Client, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    for _ in range(2):
        simulator = SinchSimulator(ledger=ledger)
        client = Client(simulator, await simulator.start(), api.session)
        await client.send()
        await client.control("POST", "/reset")
        await simulator.stop()
    assert len({json.loads(line)["id"] for line in ledger.read_text().splitlines()}) == 2
