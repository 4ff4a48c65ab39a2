"""Fax to Email: addresses, numbers, permissions (sinch-fax-v3 5)."""

from typing import Any

import pytest
from simulated import ALSO_OURS, OURS, Answer, Client

EMAIL = "intake@clinic.example"


async def emails_path(api: Client) -> str:
    return f"/services/{await api.default_service()}/emails"


async def add(api: Client, *numbers: Any, email: str = EMAIL) -> Answer:
    return await api.call("POST", await emails_path(api), json={"email": email, "phoneNumbers": list(numbers)})


def pair(number: str, permissions: str = "both") -> dict[str, str]:
    return {"number": number, "permissions": permissions}


async def test_add_answers_201_with_the_record(api: Client) -> None:
    answer = await add(api, pair(OURS), pair(ALSO_OURS, "receive"))
    assert answer.status == 201
    assert answer.json == {
        "email": EMAIL,
        "phoneNumbers": [pair(OURS), pair(ALSO_OURS, "receive")],
        "projectId": api.simulator.project,
        "createdAt": "2026-11-20T12:00:00.000Z",
        "updatedAt": "2026-11-20T12:00:00.000Z",
    }
    listed = (await api.call("GET", await emails_path(api))).json
    assert listed == {"emails": [answer.json], "page": 1, "totalPages": 1, "pageSize": 100, "totalItems": 1}


async def test_adding_an_address_again_merges_and_the_new_permission_wins(api: Client) -> None:
    await add(api, pair(OURS, "send"))
    answer = await add(api, pair(OURS, "receive"), pair(ALSO_OURS), email=EMAIL.upper())
    assert (answer.status, answer.json["email"]) == (201, EMAIL)
    assert answer.json["phoneNumbers"] == [pair(OURS, "receive"), pair(ALSO_OURS)]


async def test_adding_an_address_again_is_409_when_switched(api: Client) -> None:
    await add(api, pair(OURS))
    await api.faults({"fault": "email_conflict", "path": "/services"})
    answer = await add(api, pair(ALSO_OURS))
    assert (answer.status, answer.json["error"]) == (409, "Conflict")


async def test_adding_without_numbers_is_echoed_and_creates_nothing(api: Client) -> None:
    answer = await add(api)
    assert (answer.status, answer.json["email"]) == (200, EMAIL)
    assert (await api.call("GET", await emails_path(api))).json["emails"] == []


@pytest.mark.parametrize("entry", [OURS, {"number": OURS}, {"phoneNumber": OURS}, {"faxNumber": OURS}, pair(OURS)])
async def test_every_form_of_an_entry_is_understood_and_answered_as_one(api: Client, entry: object) -> None:
    assert (await add(api, entry)).json["phoneNumbers"] == [pair(OURS)]


async def test_the_last_entry_of_a_number_wins(api: Client) -> None:
    assert (await add(api, pair(OURS, "send"), pair(OURS, "receive"))).json["phoneNumbers"] == [pair(OURS, "receive")]


async def test_put_replaces_and_an_empty_list_keeps_the_record(api: Client) -> None:
    await add(api, pair(OURS))
    path = f"{await emails_path(api)}/{EMAIL}"
    answer = await api.call("PUT", path, json={"phoneNumbers": [pair(ALSO_OURS, "send")]})
    assert (answer.status, answer.json["phoneNumbers"]) == (200, [pair(ALSO_OURS, "send")])
    assert (await api.call("PUT", path, json={"phoneNumbers": []})).json["phoneNumbers"] == []
    assert (await api.call("GET", await emails_path(api))).json["totalItems"] == 1


@pytest.mark.parametrize("body", [None, b'"intake@clinic.example"'])
async def test_delete_is_204_even_with_a_body_and_then_404(api: Client, body: bytes | None) -> None:
    await add(api, pair(OURS))
    path = f"{await emails_path(api)}/{EMAIL}"
    answer = await api.call("DELETE", path, data=body)
    assert (answer.status, answer.body) == (204, b"")
    assert (await api.call("DELETE", path)).status == 404
    assert (await api.call("PUT", path, json={"phoneNumbers": []})).status == 404


@pytest.mark.parametrize("written", ["a+b@x.example", "a%2Bb%40x.example", "A+B@X.EXAMPLE"])
async def test_plus_and_at_are_literal_or_encoded_and_case_does_not_matter(api: Client, written: str) -> None:
    await add(api, pair(OURS, "receive"), email="a+b@x.example")
    answer = await api.call("GET", f"{await emails_path(api)}/{written}/numbers")
    assert answer.status == 200
    [number] = answer.json["phoneNumbers"]
    assert (number["phoneNumber"], number["permissions"], number["suspended"]) == (OURS, "receive", False)
    assert answer.json["pageSize"] == 20


@pytest.mark.parametrize("number", [OURS, OURS.replace("+", "%2B")])
async def test_the_addresses_of_a_number_are_texts(api: Client, number: str) -> None:
    await add(api, pair(OURS))
    await add(api, pair(ALSO_OURS), email="other@clinic.example")
    path = f"/services/{await api.default_service()}/numbers/{number}/emails"
    assert (await api.call("GET", path)).json == {
        "emails": [EMAIL],
        "page": 1,
        "totalPages": 1,
        "pageSize": 100,
        "totalItems": 1,
    }
    assert (await api.call("GET", path.replace("550100", "550199"))).status == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "email"),
        ({"email": "no address"}, 400, "email"),
        ({"email": EMAIL, "phoneNumbers": "x"}, 422, "phoneNumbers"),
        ({"email": EMAIL, "phoneNumbers": [1]}, 422, "phoneNumbers"),
        ({"email": EMAIL, "phoneNumbers": [{}]}, 422, "phoneNumbers"),
        ({"email": EMAIL, "phoneNumbers": [pair(OURS, "all")]}, 422, "phoneNumbers"),
        ({"email": EMAIL, "phoneNumbers": [pair("+12025550199")]}, 422, "phoneNumbers"),
    ],
)
async def test_bad_bodies_are_refused(api: Client, body: dict[str, Any], status: int, field: str) -> None:
    answer = await api.call("POST", await emails_path(api), json=body)
    assert (answer.status, answer.fields) == (status, [field])


async def test_a_number_that_moved_to_another_service_drops_out(api: Client) -> None:
    old = await api.default_service()
    await api.call("POST", "/services", json={"defaultForProject": True})
    await api.call("POST", f"/services/{old}/emails", json={"email": EMAIL, "phoneNumbers": [OURS, ALSO_OURS]})
    api.simulator.place_numbers([OURS], await api.default_service())
    [record] = (await api.call("GET", f"/services/{old}/emails")).json["emails"]
    assert record["phoneNumbers"] == [pair(ALSO_OURS)]


async def test_the_list_has_plain_numbers_when_switched(api: Client) -> None:
    await add(api, pair(OURS, "receive"), pair(ALSO_OURS))
    await api.faults({"fault": "legacy_strings", "times": 1})
    [record] = (await api.call("GET", await emails_path(api))).json["emails"]
    assert record["phoneNumbers"] == [OURS, ALSO_OURS]
    [record] = (await api.call("GET", await emails_path(api))).json["emails"]
    assert record["phoneNumbers"] == [pair(OURS, "receive"), pair(ALSO_OURS)]


@pytest.mark.parametrize("status", [409, 412, 422, 429, 503])
async def test_a_fault_can_strike_one_address_only(api: Client, status: int) -> None:
    await add(api, pair(OURS))
    await add(api, pair(OURS), email="other@clinic.example")
    path = await emails_path(api)
    await api.faults({"fault": "status", "status": status, "method": "PUT", "path": f"{path}/{EMAIL}"})
    body = {"phoneNumbers": []}
    refused = await api.call("PUT", f"{path}/intake%40clinic.example", json=body)
    assert (refused.status, refused.json["code"]) == (status, str(status))
    assert (await api.call("PUT", f"{path}/other@clinic.example", json=body)).status == 200
    records = (await api.call("GET", path)).json["emails"]
    assert [len(record["phoneNumbers"]) for record in records] == [1, 0]


async def test_the_old_project_path_answers_only_when_switched(api: Client) -> None:
    await add(api, pair(OURS))
    assert (await api.call("GET", "/emails")).status == 404
    await api.faults({"fault": "legacy_emails"})
    assert [record["email"] for record in (await api.call("GET", "/emails")).json["emails"]] == [EMAIL]
    body = {"email": "new@clinic.example", "phoneNumbers": [ALSO_OURS]}
    assert (await api.call("POST", "/emails", json=body)).status == 201
    assert (await api.call("GET", f"/emails/{EMAIL}/numbers")).json["totalItems"] == 1
    assert (await api.call("DELETE", "/emails/new@clinic.example")).status == 204
