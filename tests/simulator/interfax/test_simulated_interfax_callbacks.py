"""Callbacks: the two posted forms, everything that can go wrong with them, lost answers (interfax-rest 11 and 16)."""

import asyncio
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from interfax_caller import BUSY, DAY, MINUTE, OURS, Caller, Start
from simulated import Receiver, until

from gateway.simulator.faults import BadFaultError

CALLER = "+13125550177"


@pytest.fixture
async def told(started: Start, receiver: Receiver) -> Caller:
    """A simulator that tells a receiver about everything."""
    return await started(callback_url=receiver.url("/sent"), inbound_callback_url=receiver.url("/received"))


def fields(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))


async def test_a_finished_fax_is_told_as_a_form_day_first_in_gmt(told: Caller, receiver: Receiver) -> None:
    fax = await told.send("+99999990", contact="Ann & Co", reference="job-1")
    await told.simulator.advance(MINUTE)
    [got] = receiver.got
    assert (got.path, got.content_type, got.authorization) == ("/sent", "application/x-www-form-urlencoded", None)
    assert fields(got.body) == {
        "TransactionIDType": "Outbound",
        "TransactionID": str(fax),
        "Status": "0",
        "CompletionTime": "20/11/2026 12:00:00",
        "Contact": "Ann & Co",
        "CostPerUnit": "0.1500",
        "Units": "1.00",
        "DeleteAfterUsage": "False",
        "DestinationFax": "009999999" + "0",
    }


async def test_a_received_fax_is_told_by_its_id(told: Caller, receiver: Receiver) -> None:
    fax_id = await told.simulator.receive_fax(OURS, sender=CALLER)
    await told.simulator.advance(0)
    [got] = receiver.got
    assert got.path == "/received"
    assert fields(got.body) == {"TransactionIDType": "Inbound", "TransactionID": fax_id, "Status": "0"}


async def test_a_failed_reception_is_told_with_its_status(told: Caller, receiver: Receiver) -> None:
    await told.simulator.receive_fax(OURS, failure=8010)
    await told.simulator.advance(0)
    assert fields(receiver.got[0].body)["Status"] == "8010"


@pytest.mark.parametrize("end", ["busy", "cancelled", "unrenderable"])
async def test_every_end_is_told(told: Caller, receiver: Receiver, end: str) -> None:
    if end == "unrenderable":
        await told.send_body(b"%PDF torn", "application/pdf")
    else:
        fax = await told.send(BUSY)
        if end == "cancelled":
            await told.post(f"/outbound/faxes/{fax}/cancel")
    await told.simulator.advance(MINUTE)
    expected = {"busy": "6017", "cancelled": "403", "unrenderable": "204000"}
    assert [fields(got.body)["Status"] for got in receiver.got] == [expected[end]]


async def test_the_record_is_final_when_the_callback_comes(told: Caller, receiver: Receiver) -> None:
    receiver.silent = True
    fax = await told.send()
    moving = asyncio.create_task(told.simulator.advance(MINUTE))
    await receiver.wait_for(1)
    assert (await told.fax(fax))["status"] == 0
    receiver.silent = False
    moving.cancel()


async def test_without_a_url_nobody_is_told(interfax: Caller) -> None:
    await interfax.send()
    await interfax.simulator.receive_fax(OURS)
    await interfax.simulator.advance(MINUTE)
    assert interfax.simulator.webhooks() == []


async def test_a_callback_is_tried_once_unless_retries_are_on(told: Caller, receiver: Receiver) -> None:
    receiver.answers = [500] * 6
    await told.send()
    await told.simulator.advance(DAY)
    assert [entry["result"] for entry in told.simulator.webhooks()] == ["given up"]
    await told.faults({"fault": "retry_callback"})
    await told.send()
    await told.simulator.advance(DAY)
    log = (await told.control("GET", "/webhooks")).json[1:]
    assert [entry["result"] for entry in log] == ["retry"] * 4 + ["given up"]
    assert {entry["event"] for entry in log} == {"Outbound"}


async def test_callbacks_can_be_lost_doubled_and_reordered(told: Caller, receiver: Receiver) -> None:
    await told.faults(
        {"fault": "lose_callback", "times": 1},
        {"fault": "reorder_callback", "times": 1},
        {"fault": "double_callback", "times": 1},
    )
    ids = []
    for _ in range(3):
        ids.append(str(await told.send()))
        await told.simulator.advance(MINUTE)
    assert [fields(got.body)["TransactionID"] for got in receiver.got] == [ids[2], ids[2], ids[1]]


async def test_a_callback_can_be_late(told: Caller, receiver: Receiver) -> None:
    await told.faults({"fault": "late_callback", "seconds": 600})
    fax = await told.send()
    await told.simulator.advance(599)
    assert (receiver.got, (await told.fax(fax))["status"]) == ([], 0)
    await told.simulator.advance(MINUTE)
    assert len(receiver.got) == 1


async def test_a_callback_can_come_before_the_record_is_final(told: Caller, receiver: Receiver) -> None:
    await told.faults({"fault": "early_callback", "seconds": 30})
    fax = await told.send("+99999990")
    await told.simulator.advance(10)
    assert fields(receiver.got[0].body)["Status"] == "0"
    assert (await told.fax(fax))["status"] == -3
    await told.simulator.advance(30)
    record = await told.fax(fax)
    assert (record["status"], record["completionTime"]) == (0, "2026-11-20T12:00:00")
    assert len(receiver.got) == 1


@pytest.mark.parametrize(("to", "told_status"), [("+99999990", "6017"), (BUSY, "0")])
async def test_a_callback_can_lie(told: Caller, receiver: Receiver, to: str, told_status: str) -> None:
    await told.faults({"fault": "callback_wrong_status"})
    await told.send(to)
    await told.simulator.advance(MINUTE)
    assert fields(receiver.got[0].body)["Status"] == told_status


async def test_a_callback_can_have_fields_that_nobody_confirms(told: Caller, receiver: Receiver) -> None:
    await told.faults({"fault": "callback_extra"})
    await told.send("+99999990", reference="job-1")
    await told.simulator.receive_fax(OURS, sender=CALLER, pages=2)
    await told.simulator.advance(MINUTE)
    forms = {got.path: fields(got.body) for got in receiver.got}
    assert forms["/sent"].items() >= {"Subject": "job-1", "SubmitTime": "20/11/2026 12:00:00", "PagesSent": "1"}.items()
    assert forms["/received"].items() >= {"PhoneNumber": "2079460000", "Pages": "2", "CallerID": CALLER}.items()
    assert all("FutureField" in form for form in forms.values())


async def test_a_callback_can_be_multipart(told: Caller, receiver: Receiver) -> None:
    await told.faults({"fault": "callback_form"})
    fax_id = await told.simulator.receive_fax(OURS)
    await told.simulator.advance(0)
    [got] = receiver.got
    message = message_from_bytes(
        b"Content-Type: " + got.content_type.encode() + b"\r\n\r\n" + got.body, policy=policy.HTTP
    )
    parts = {part.get_param("name", header="content-disposition"): part.get_content() for part in message.iter_parts()}
    assert parts == {"TransactionIDType": "Inbound", "TransactionID": fax_id, "Status": "0"}


async def test_a_callback_can_be_soap(told: Caller, receiver: Receiver) -> None:
    await told.faults({"fault": "callback_form", "form": "soap"})
    fax = await told.send("+99999990")
    await told.simulator.advance(MINUTE)
    [got] = receiver.got
    assert got.content_type == "text/xml; charset=utf-8"
    [body] = ET.fromstring(got.body)  # noqa: S314 - our own simulator wrote it
    [item] = body
    name = "{https://CallBack.Interfax.net/}"
    assert item.tag == f"{name}Outbound"
    assert (item.findtext(f"{name}TransactionID"), item.findtext(f"{name}CompletionTime")) == (
        str(fax),
        "2026-11-20T12:00:00",
    )


# --- lost answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [("drop_request", 0), ("drop_response", 1), ("torn_response", 1)],
)
async def test_an_answer_can_be_lost_before_or_after_the_fax_is_accepted(
    interfax: Caller, fault: str, accepted: int
) -> None:
    """The answer to a send has no body: what is torn is its head."""
    await interfax.faults({"fault": fault, "method": "POST", "path": "/outbound/faxes", "times": 1})
    with pytest.raises(aiohttp.ClientError):
        await interfax.try_send()
    assert len(interfax.simulator.faxes()) == accepted
    assert (await interfax.try_send()).status == 201


async def test_a_body_can_be_torn_in_its_middle(interfax: Caller) -> None:
    fax = await interfax.send()
    await interfax.faults({"fault": "torn_response", "method": "GET"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await interfax.fax(fax)


async def test_an_answer_can_hang(interfax: Caller) -> None:
    await interfax.faults({"fault": "hang"})
    request = asyncio.create_task(interfax.try_send())
    await until(interfax.simulator.faxes)
    assert not request.done()
    await interfax.simulator.stop()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await request


async def test_a_server_error_says_nothing(interfax: Caller) -> None:
    await interfax.faults({"fault": "status_after"})
    answer = await interfax.try_send()
    assert (answer.status, answer.body) == (500, b"")
    assert len(interfax.simulator.faxes()) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"fault": "explode"}, "accepted are bare_errors, "),
        ({"fault": "callback_form", "form": "json"}, "form of callback_form must be one of multipart, soap"),
        ({"fault": "odd_json", "odd": 1}, "odd of odd_json must be one of strings, missing, extra, null"),
        ({"fault": "reference_match", "match": "exact"}, "match of reference_match"),
        ({"fault": "refuse", "api_code": 1}, "api_code of refuse must be an API return code"),
        ({"fault": "fail", "code": -1}, "code of fail must be a final status code"),
        ({"fault": "fail", "type": "CALL_ERROR"}, "unknown field 'type'"),
    ],
)
async def test_a_fault_that_is_not_understood_says_why(interfax: Caller, fault: dict[str, object], words: str) -> None:
    answer = await interfax.control("POST", "/faults", json=[fault])
    assert (answer.status, words in answer.json["error"]) == (400, True), answer.json
    with pytest.raises(BadFaultError):
        interfax.simulator.set_faults([fault])


async def test_a_share_is_repeated_by_its_seed(started: Start) -> None:
    async def statuses(seed: int) -> list[int]:
        interfax = await started(seed=seed)
        await interfax.faults({"fault": "status", "status": 503, "share": 0.5})
        return [(await interfax.call("GET", "/outbound/faxes")).status for _ in range(20)]

    assert await statuses(1) == await statuses(1) != await statuses(2)


async def test_reset_returns_to_the_start_and_the_ledger_stays(started: Start, tmp_path: Path) -> None:
    interfax = await started(ledger=tmp_path / "ledger")
    await interfax.send("+99999990")
    await interfax.simulator.receive_fax(OURS)
    await interfax.post("/outbound/documents", size=5, name="a.txt")
    await interfax.simulator.advance(MINUTE)
    await interfax.faults({"fault": "status"})
    assert (await interfax.control("POST", "/reset")).json == {}
    for path in ("/outbound/faxes", "/inbound/faxes", "/outbound/documents"):
        assert await interfax.get(path) == []
    assert (await interfax.call("GET", "/accounts/self/ppcards/balance")).body == b"10000.0000"
    assert (await interfax.control("GET", "/faxes")).json == []
    assert len((tmp_path / "ledger").read_text().splitlines()) == 1
