"""Webhooks: both events, both encodings, credentials, retries, duplicates, order (sinch-fax-v3 4)."""

import base64
import json
from typing import Any

import aiohttp
import pytest
from simulated import ALSO_OURS, HOUR, OURS, THEIRS, Client, Receiver, page_count

from gateway.simulator import SinchSimulator

CALLER = "+13125550177"
MINUTE = 60


async def point_service_at(api: Client, url: str, **settings: Any) -> dict[str, Any]:
    service = await api.default_service()
    change = {"incomingWebhookUrl": url, **settings}
    return dict((await api.call("PATCH", f"/services/{service}", json=change)).json)


async def settle(api: Client) -> None:
    """Lets everything that is due happen."""
    await api.simulator.advance(0)


async def test_an_incoming_fax_as_json_has_its_file_at_the_top(api: Client, receiver: Receiver) -> None:
    await point_service_at(api, receiver.url(), webhookContentType="application/json")
    fax_id = await api.simulator.receive_fax(OURS, sender=CALLER, pages=3)
    await settle(api)

    [got] = receiver.got
    event = got.json
    assert got.content_type == "application/json"
    assert set(event) == {"event", "eventTime", "fax", "file", "fileType"}
    assert (event["event"], event["eventTime"], event["fileType"]) == (
        "INCOMING_FAX",
        "2026-11-20T12:00:00Z",
        "PDF",
    )
    assert page_count(base64.b64decode(event["file"])) == 3
    fax = event["fax"]
    assert fax == await api.fax(fax_id)
    assert (fax["direction"], fax["status"], fax["from"], fax["to"]) == ("INBOUND", "COMPLETED", CALLER, OURS)
    assert (fax["numberOfPages"], fax["hasFile"], fax["maxRetries"]) == (3, True, 0)
    assert fax["price"] == {"currencyCode": "USD", "amount": "0.135"}
    assert fax["completedTime"] == "2026-11-20T12:00:00.000Z"


async def test_a_finished_fax_as_json_has_a_list_of_files(api: Client, receiver: Receiver) -> None:
    fax = await api.send(callbackUrl=receiver.url(), callbackUrlContentType="application/json")
    await api.simulator.advance(60)
    event = receiver.got[0].json
    assert set(event) == {"event", "eventTime", "fax", "files"}
    assert event["event"] == "FAX_COMPLETED"
    [file] = event["files"]
    assert file["fileType"] == "PDF"
    assert base64.b64decode(file["file"]) == api.simulator.document(fax["id"])
    assert event["fax"]["callbackUrl"] == receiver.url()


async def test_the_places_of_the_files_can_be_swapped(api: Client, receiver: Receiver) -> None:
    await api.faults({"fault": "swapped_files"})
    await api.send(callbackUrl=receiver.url(), callbackUrlContentType="application/json")
    await api.simulator.advance(60)
    await point_service_at(api, receiver.url(), webhookContentType="application/json")
    await api.simulator.receive_fax(OURS)
    await settle(api)
    assert set(receiver.got[0].json) == {"event", "eventTime", "fax", "file", "fileType"}
    assert set(receiver.got[1].json) == {"event", "eventTime", "fax", "files"}


@pytest.mark.parametrize("event", ["INCOMING_FAX", "FAX_COMPLETED"])
async def test_a_form_is_the_default_with_untyped_event_and_typed_fax(
    api: Client, receiver: Receiver, event: str
) -> None:
    if event == "INCOMING_FAX":
        await point_service_at(api, receiver.url())
        fax_id = await api.simulator.receive_fax(OURS, pages=2)
    else:
        fax_id = (await api.send(callbackUrl=receiver.url(), pages=2))["id"]
    await api.simulator.advance(60)

    [got] = receiver.got
    assert got.content_type.startswith("multipart/form-data; boundary=")
    parts = got.parts
    assert list(parts) == ["event", "eventTime", "fax", "file"]
    assert parts["event"] == (None, None, event.encode())
    assert parts["eventTime"][0] is None
    kind, name, text = parts["fax"]
    assert (kind, name) == ("application/json", None)
    assert json.loads(text) == await api.fax(fax_id)
    kind, name, pdf = parts["file"]
    assert (kind, name) == ("application/pdf", f"{fax_id}.pdf")
    assert page_count(pdf) == 2


async def test_credentials_in_the_url_become_a_basic_header_and_stay_masked(api: Client, receiver: Receiver) -> None:
    url = receiver.url("/in/secret-path?x=1", login="hook:s%40fe")
    masked = receiver.url("/in/secret-path?x=1", login="***:***")
    assert (await point_service_at(api, url))["incomingWebhookUrl"] == masked
    fax_id = await api.simulator.receive_fax(OURS)
    await settle(api)

    [got] = receiver.got
    assert got.authorization == aiohttp.encode_basic_auth("hook", "s@fe")
    assert got.path == "/in/secret-path"
    assert got.fax["callbackUrl"] == masked
    assert (await api.fax(fax_id))["callbackUrl"] == masked
    assert api.simulator.webhooks()[0]["url"] == masked
    for listed in ("/services", "/faxes"):
        assert b"s%40fe" not in (await api.call("GET", listed)).body


async def test_a_masked_url_written_back_destroys_the_credentials(api: Client, receiver: Receiver) -> None:
    read = await point_service_at(api, receiver.url(login="hook:secret"))
    await point_service_at(api, read["incomingWebhookUrl"])
    await api.simulator.receive_fax(OURS)
    await settle(api)
    assert receiver.got[0].authorization == aiohttp.encode_basic_auth("***", "***")


async def test_without_credentials_there_is_no_header(api: Client, receiver: Receiver) -> None:
    await api.send(callbackUrl=receiver.url())
    await api.simulator.advance(60)
    assert receiver.got[0].authorization is None


async def test_without_a_url_there_is_no_webhook_unless_it_falls_back(api: Client, receiver: Receiver) -> None:
    await point_service_at(api, receiver.url())
    await api.send()
    await api.simulator.advance(60)
    assert receiver.got == []
    await api.faults({"fault": "callback_fallback"})
    await api.send()
    await api.simulator.advance(60)
    assert [got.fax["direction"] for got in receiver.got] == ["OUTBOUND"]


async def test_a_service_without_a_url_gets_no_webhook(api: Client) -> None:
    await api.simulator.receive_fax(OURS)
    await settle(api)
    assert api.simulator.webhooks() == []


async def test_the_retries_follow_the_documented_schedule_and_end(api: Client, receiver: Receiver) -> None:
    receiver.answers = [500] * 100
    await point_service_at(api, receiver.url())
    await api.simulator.receive_fax(OURS)
    await settle(api)
    for retry, delay in enumerate([5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, *[6 * HOUR] * 12], start=1):
        await api.simulator.advance(delay - 1)
        assert len(receiver.got) == retry
        await api.simulator.advance(1)
        assert len(receiver.got) == retry + 1

    await api.simulator.advance(48 * HOUR)

    assert len(receiver.got) == 17
    log = api.simulator.webhooks()
    assert [entry["try"] for entry in log] == list(range(1, 18))
    assert [entry["result"] for entry in log] == ["retry"] * 16 + ["given up"]
    assert {entry["status"] for entry in log} == {500}
    assert log[-1]["time"] == "2026-11-23T13:05:00.000Z"


async def test_one_long_advance_runs_all_retries_in_order(api: Client, receiver: Receiver) -> None:
    receiver.answers = [503, 404, 302, 204]
    fax_id = (await api.send(callbackUrl=receiver.url()))["id"]
    await api.simulator.advance(100 * HOUR)
    log = api.simulator.webhooks()
    assert [(entry["status"], entry["result"]) for entry in log] == [
        (503, "retry"),
        (404, "retry"),
        (302, "retry"),
        (204, "retry"),
        (200, "delivered"),
    ]
    assert {got.path for got in receiver.got} == {"/hook"}
    assert {entry["fax"] for entry in log} == {fax_id}


async def test_a_receiver_that_is_not_there_is_tried_again(api: Client) -> None:
    await point_service_at(api, "http://127.0.0.1:1/hook")
    await api.simulator.receive_fax(OURS)
    await settle(api)
    [entry] = api.simulator.webhooks()
    assert (entry["status"], entry["result"], entry["event"]) == (None, "retry", "INCOMING_FAX")
    assert "ClientConnectorError" in entry["error"]


async def test_a_receiver_that_does_not_answer_in_time_is_tried_again(
    receiver: Receiver,
) -> None:
    receiver.silent = True
    simulator = SinchSimulator(webhook=receiver.url(), webhook_timeout=0.05)
    await simulator.start()
    await simulator.receive_fax(OURS)
    await simulator.advance(0)
    assert simulator.webhooks()[0]["error"] == "no answer in time"
    await simulator.stop()


async def test_an_event_can_be_lost(api: Client, receiver: Receiver) -> None:
    await api.faults({"fault": "lose_callback", "path": "/hook", "times": 1})
    lost = (await api.send(callbackUrl=receiver.url()))["id"]
    await api.simulator.advance(60)
    await api.send(callbackUrl=receiver.url())
    await api.simulator.advance(100 * HOUR)
    assert len(receiver.got) == 1
    entry = api.simulator.webhooks()[0]
    assert (entry["fax"], entry["result"], entry["try"]) == (lost, "lost", 0)
    assert (await api.fax(lost))["status"] == "COMPLETED"


async def test_an_event_can_come_twice(api: Client, receiver: Receiver) -> None:
    await api.faults({"fault": "double_callback"})
    await point_service_at(api, receiver.url())
    fax_id = await api.simulator.receive_fax(OURS)
    await settle(api)
    assert [got.fax["id"] for got in receiver.got] == [fax_id, fax_id]


async def test_events_can_come_in_another_order(api: Client, receiver: Receiver) -> None:
    await api.faults({"fault": "reorder_callback", "times": 1})
    await point_service_at(api, receiver.url())
    first = await api.simulator.receive_fax(OURS)
    await settle(api)
    assert receiver.got == []
    second = await api.simulator.receive_fax(OURS)
    await settle(api)
    assert [got.fax["id"] for got in receiver.got] == [second, first]


async def test_a_failed_reception_is_told_without_a_file(api: Client, receiver: Receiver) -> None:
    await point_service_at(api, receiver.url())
    plain = (await api.control("POST", "/inbound", json={"to": OURS, "fail": True})).json["id"]
    chosen = {"to": OURS, "from": None, "fail": {"type": "CALL_ERROR", "code": 11}}
    await api.control("POST", "/inbound", json=chosen)
    await settle(api)

    first, second = receiver.got
    assert list(first.parts) == ["event", "eventTime", "fax"]
    assert first.parts["event"][2] == b"INCOMING_FAX"
    fax = first.fax
    assert (fax["status"], fax["errorType"], fax["errorCode"]) == ("FAILURE", "FAX_ERROR", 132)
    assert (fax["numberOfPages"], fax["hasFile"]) == (0, False)
    assert (second.fax["errorType"], second.fax["errorMessage"]) == (
        "CALL_ERROR",
        "The call dropped prematurely",
    )
    assert "from" not in second.fax
    assert (await api.call("GET", f"/faxes/{plain}/file")).status == 404


async def test_without_storage_the_webhook_has_the_only_copy(api: Client, receiver: Receiver) -> None:
    await point_service_at(api, receiver.url(), saveInboundFaxDocuments=False)
    fax_id = await api.simulator.receive_fax(OURS, pages=2)
    await settle(api)
    assert page_count(receiver.got[0].parts["file"][2]) == 2
    assert receiver.got[0].fax["hasFile"] is False
    assert (await api.call("GET", f"/faxes/{fax_id}/file")).status == 404


async def test_a_call_to_a_suspended_number_fails_without_a_webhook(api: Client, receiver: Receiver) -> None:
    await point_service_at(api, receiver.url())
    service = await api.default_service()
    await api.call("PATCH", f"/services/{service}/numbers/{OURS}/suspend", json={"suspended": True})
    fax_id = await api.simulator.receive_fax(OURS)
    await settle(api)
    assert receiver.got == []
    assert (await api.fax(fax_id))["status"] == "FAILURE"


async def test_a_fax_reaches_the_service_that_owns_the_number(api: Client, receiver: Receiver) -> None:
    settings = {"name": "second", "incomingWebhookUrl": receiver.url("/second")}
    service = (await api.call("POST", "/services", json=settings)).json["id"]
    await point_service_at(api, receiver.url("/default"))
    await api.simulator.receive_fax(ALSO_OURS)
    await api.simulator.receive_fax("+12025550188")
    await api.simulator.receive_fax(OURS, service=service)
    await settle(api)
    assert sorted(got.path for got in receiver.got) == ["/default", "/default", "/second"]


async def test_a_finished_failure_is_told_as_completed(api: Client, receiver: Receiver) -> None:
    await api.send("+15555553131", maxRetries=0, callbackUrl=receiver.url())
    await api.simulator.advance(60)
    assert receiver.got[0].parts["event"][2] == b"FAX_COMPLETED"
    assert receiver.got[0].fax["status"] == "FAILURE"
    assert receiver.got[0].fax["to"] != THEIRS
