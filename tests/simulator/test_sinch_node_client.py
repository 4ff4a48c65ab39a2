"""Sinch's own Node client works against the simulator (sinch-fax-v3 11.1)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from node_client import HERE, said_by
from simulated import OURS, THEIRS, Client, Receiver

from gateway.simulator import SinchSimulator

CALLER = "+13125550177"

pytestmark = pytest.mark.slow


@pytest.fixture
async def webhooks(receiver: Receiver, session: aiohttp.ClientSession) -> dict[str, list[Any]]:
    """Every kind of webhook as a receiver gets it: JSON as its text, a form as its text fields."""
    simulator = SinchSimulator(speed=50)
    api = Client(simulator, await simulator.start(), session)
    service = await api.default_service()
    for encoding in ("application/json", "multipart/form-data"):
        change = {"incomingWebhookUrl": receiver.url(), "webhookContentType": encoding}
        await api.call("PATCH", f"/services/{service}", json=change)
        await simulator.receive_fax(OURS, sender=CALLER, pages=2)
        await simulator.receive_fax(OURS, failure=("FAX_ERROR", 132))
        await api.send("+15555552017", maxRetries=0, callbackUrl=receiver.url(), callbackUrlContentType=encoding)
        await simulator.advance(60)
    await simulator.stop()
    forms = [got.parts for got in receiver.got if got.content_type != "application/json"]
    return {
        "json": [got.body.decode() for got in receiver.got if got.content_type == "application/json"],
        "forms": [
            {name: value.decode() for name, (_, file, value) in parts.items() if file is None} for parts in forms
        ],
    }


@pytest.fixture
async def said(
    client_folder: Path, webhooks: dict[str, list[Any]], session: aiohttp.ClientSession
) -> AsyncIterator[dict[str, Any]]:
    """What the client understood of a simulator."""
    simulator = SinchSimulator(speed=10)
    api = Client(simulator, await simulator.start(), session)
    login = (simulator.project, simulator.key_id, simulator.key_secret)
    yield await said_by(client_folder, "contract.mjs", api.base_url, *login, OURS, THEIRS, standard_input=webhooks)
    await simulator.stop()


async def test_the_client_understands_everything(said: dict[str, Any]) -> None:
    sent = said["sentAsJson"]
    assert (sent["to"], sent["from"], sent["labels"], sent["maxRetries"]) == (THEIRS, OURS, {"jobid": "F-1"}, 1)
    assert [fax["to"] for fax in said["sentAsForm"]] == [THEIRS, "+12025550144"]
    assert {fax["headerText"] for fax in said["sentAsForm"]} == {"North Clinic"}
    assert said["got"]["id"] == sent["id"]
    assert said["listed"] == [said["sentAsForm"][0]["id"], sent["id"]]
    assert said["pages"] == 2
    assert said["download"] == {"name": f"{sent['id']}.pdf", "begins": "%PDF-"}
    assert said["hasFileAfterDeletion"] is False

    assert said["createdService"]["incomingWebhookUrl"] == "http://***:***@127.0.0.1:1/in"
    assert said["updatedService"]["webhookContentType"] == "application/json"
    assert said["services"] == ["Default service", "North Clinic"]
    assert said["numbers"] == ["+12025550100", "+12025550101"]

    assert said["addedEmail"]["phoneNumbers"] == [{"number": OURS, "permissions": "both"}]
    assert said["updatedEmail"]["phoneNumbers"] == [{"number": OURS, "permissions": "receive"}]
    assert said["emails"] == ["in+take@clinic.example"]
    assert [number["phoneNumber"] for number in said["emailNumbers"]] == [OURS]
    assert said["numberEmails"] == ["in+take@clinic.example"]
    assert said["emailsAfterDeletion"] == []
    assert (said["coverPage"]["name"], said["coverPages"]) == ("Referral", ["Referral"])
    assert "422" in said["refused"]

    events = [(event["event"], event["fax"]["status"]) for event in said["webhooks"]]
    one_encoding = [
        ("INCOMING_FAX", "COMPLETED"),
        ("INCOMING_FAX", "FAILURE"),
        ("FAX_COMPLETED", "FAILURE"),
    ]
    assert sorted(events) == sorted(one_encoding * 2)
    for event in said["webhooks"]:
        assert event["eventTime"].endswith("Z")
        assert event["fax"].get("errorCode") in {None, 132, 17}


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/@sinch/sdk-core"]["version"] == "1.4.0"
    assert not any("resolved" in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
