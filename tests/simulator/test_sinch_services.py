"""Services, numbers, cover pages (sinch-fax-v3 6 and 7.1)."""

import base64
from typing import Any

import pytest
from simulated import ALSO_OURS, OURS, Client, base64_of, json_send, pdf_of


async def test_a_project_has_a_default_service_with_the_documented_values(api: Client) -> None:
    answer = (await api.call("GET", "/services")).json
    [service] = answer.pop("services")
    assert answer == {"page": 1, "totalPages": 1, "pageSize": 20, "totalItems": 1}
    assert len(service.pop("id")) == 26
    assert service == {
        "projectId": api.simulator.project,
        "name": "Default service",
        "webhookContentType": "multipart/form-data",
        "defaultForProject": True,
        "numberOfRetries": 3,
        "retryDelaySeconds": 60,
        "imageConversionMethod": "HALFTONE",
        "saveOutboundFaxDocuments": True,
        "saveInboundFaxDocuments": True,
        "scanIncomingBarcodes": False,
        "resolution": "FINE",
        "inProgressNotifications": False,
        "createdAt": "2026-11-20T12:00:00.000Z",
        "updatedAt": "2026-11-20T12:00:00.000Z",
    }


async def test_create_read_change_delete(api: Client) -> None:
    created = await api.call("POST", "/services", json={"name": "Clinic", "incomingWebhookUrl": "http://u:p@h/x"})
    assert (created.status, created.json["name"]) == (201, "Clinic")
    assert created.json["incomingWebhookUrl"] == "http://***:***@h/x"
    path = f"/services/{created.json['id']}"
    assert (await api.call("GET", path)).json == created.json

    await api.simulator.advance(1)
    changed = await api.call("PATCH", path, json={"id": "ignored", "numberOfRetries": 5})

    assert changed.status == 200
    expected = created.json | {"numberOfRetries": 5, "updatedAt": "2026-11-20T12:00:01.000Z"}
    assert changed.json == expected
    deleted = await api.call("DELETE", path)
    assert (deleted.status, deleted.body) == (204, b"")
    assert (await api.call("GET", path)).status == 404
    assert (await api.call("PATCH", path, json={})).status == 404
    assert (await api.call("DELETE", path)).status == 404


async def test_there_is_always_exactly_one_default_service(api: Client) -> None:
    first = await api.default_service()
    second = (await api.call("POST", "/services", json={"defaultForProject": True})).json["id"]
    assert await api.default_service() == second
    assert (await api.call("GET", f"/services/{first}")).json["defaultForProject"] is False
    assert (await api.send())["serviceId"] == second

    refused = await api.call("PATCH", f"/services/{second}", json={"defaultForProject": False})
    assert (refused.status, refused.fields) == (422, ["defaultForProject"])
    refused = await api.call("DELETE", f"/services/{second}")
    assert (refused.status, refused.fields) == (422, ["serviceId"])
    assert (await api.call("DELETE", f"/services/{first}")).status == 204


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x" * 61),
        ("incomingWebhookUrl", "no url"),
        ("webhookContentType", "text/plain"),
        ("defaultForProject", "yes"),
        ("defaultFrom", "+12"),
        ("defaultFrom", "+12025550199"),
        ("numberOfRetries", 6),
        ("retryDelaySeconds", 10),
        ("imageConversionMethod", "NICE"),
        ("coverPageId", "nothing"),
        ("saveInboundFaxDocuments", 1),
        ("resolution", "LOW"),
    ],
)
async def test_bad_values_are_422_and_change_nothing(api: Client, field: str, value: Any) -> None:
    path = f"/services/{await api.default_service()}"
    before = (await api.call("GET", path)).json
    answer = await api.call("PATCH", path, json={field: value, "numberOfRetries": 1} | {field: value})
    assert (answer.status, answer.fields) == (422, [field])
    assert (await api.call("GET", path)).json == before
    assert (await api.call("POST", "/services", json={field: value})).status == 422


async def test_a_webhook_url_can_be_taken_away(api: Client) -> None:
    path = f"/services/{await api.default_service()}"
    await api.call("PATCH", path, json={"incomingWebhookUrl": "http://h/x"})
    assert (await api.call("PATCH", path, json={"incomingWebhookUrl": ""})).json["incomingWebhookUrl"] == ""


async def test_the_numbers_of_a_service(api: Client) -> None:
    service = await api.default_service()
    answer = (await api.call("GET", f"/services/{service}/numbers?pageSize=1&page=2")).json
    assert answer == {
        "numbers": [
            {
                "phoneNumber": ALSO_OURS,
                "permissions": "both",
                "country": "US",
                "suspended": False,
                "note": "",
                "projectId": api.simulator.project,
                "serviceId": service,
            }
        ],
        "page": 2,
        "totalPages": 2,
        "pageSize": 1,
        "totalItems": 2,
    }


@pytest.mark.parametrize("number", [OURS, OURS.replace("+", "%2B")])
async def test_a_number_can_be_suspended_and_resumed(api: Client, number: str) -> None:
    path = f"/services/{await api.default_service()}/numbers/{number}/suspend"
    answer = await api.call("PATCH", path, json={"suspended": True, "note": "billing hold"})
    assert (answer.status, answer.json["phoneNumber"]) == (200, OURS)
    assert (answer.json["suspended"], answer.json["note"]) == (True, "billing hold")
    assert {"createdAt", "updatedAt"} <= set(answer.json)

    refused = await api.call("POST", "/faxes", json=json_send(**{"from": OURS}))
    assert (refused.status, refused.fields) == (422, ["from"])

    assert (await api.call("PATCH", path, json={"suspended": False})).json["suspended"] is False
    assert (await api.send())["from"] == OURS


async def test_a_number_of_another_service_cannot_be_suspended(api: Client) -> None:
    other = (await api.call("POST", "/services", json={})).json["id"]
    for path in (f"/services/{other}/numbers/{OURS}", f"/services/{await api.default_service()}/numbers/+1999"):
        assert (await api.call("PATCH", f"{path}/suspend", json={})).status == 404


async def test_cover_pages_are_added_read_used_and_removed(api: Client) -> None:
    path = f"/services/{await api.default_service()}/coverPages"
    content = base64_of(pdf_of(1))
    added = await api.call("POST", path, json={"name": "Cover", "file": {"fileContent": content, "fileType": "PDF"}})
    assert added.status == 200
    page = added.json
    assert set(page) == {"id", "projectId", "serviceId", "name", "file", "createdTime", "updatedTime"}
    assert page["file"] == {"fileContent": content, "fileType": "application/pdf"}
    assert (await api.call("GET", f"{path}/{page['id']}")).json == page
    listed = (await api.call("GET", f"{path}?page=1&pageSize=5")).json
    assert (listed["coverPages"], listed["totalItems"], listed["pageSize"]) == ([page], 1, 5)

    await api.call("PATCH", path.removesuffix("/coverPages"), json={"coverPageId": page["id"]})
    fax_id = (await api.send(pages=2))["id"]
    await api.simulator.advance(60)
    fax = await api.fax(fax_id)
    assert (fax["numberOfPages"], fax["coverPageId"]) == (3, page["id"])

    deleted = await api.call("DELETE", f"{path}/{page['id']}")
    assert (deleted.status, deleted.body) == (204, b"")
    assert (await api.call("GET", f"{path}/{page['id']}")).status == 404
    assert (await api.call("DELETE", f"{path}/{page['id']}")).status == 404


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ({}, 400, ["name", "file"]),
        ({"name": "x", "file": "x"}, 422, ["file"]),
        ({"name": "x", "file": {"fileContent": base64.b64encode(b"x").decode()}}, 422, ["file.fileType"]),
        ({"name": "x", "file": {"fileContent": "eA==", "fileType": "PDF"}}, 422, ["file.fileContent"]),
        ({"name": "x", "file": {"fileContent": "!", "fileType": "PDF"}}, 422, ["file.fileContent"]),
    ],
)
async def test_a_bad_cover_page_is_refused(api: Client, body: dict[str, Any], status: int, fields: list[str]) -> None:
    answer = await api.call("POST", f"/services/{await api.default_service()}/coverPages", json=body)
    assert (answer.status, answer.fields) == (status, fields)


async def test_numbers_are_given_to_a_service_moved_and_released(api: Client) -> None:
    async def numbers_of(service: str) -> list[str]:
        numbers = (await api.call("GET", f"/services/{service}/numbers")).json["numbers"]
        return [number["phoneNumber"] for number in numbers]

    first = await api.default_service()
    second = (await api.call("POST", "/services", json={"name": "Clinic"})).json["id"]
    answer = await api.control("POST", "/numbers", json={"numbers": [OURS, "+12025550180"], "service": second})
    assert answer.json == {"numbers": [OURS, "+12025550180"], "service": second}
    assert (await numbers_of(first), await numbers_of(second)) == ([ALSO_OURS], [OURS, "+12025550180"])
    await api.control("POST", "/numbers", json={"numbers": [OURS, "+12025550199"], "service": None})
    assert (await numbers_of(first), await numbers_of(second)) == ([ALSO_OURS], ["+12025550180"])
    assert (await api.call("POST", "/faxes", json=json_send(**{"from": OURS}))).fields == ["from"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"numbers": OURS}, "must be"),
        ({"numbers": [OURS], "service": 1}, "must be"),
        ([], "must be"),
        ({"numbers": ["12"], "service": None}, "12 is not a phone number"),
        ({"numbers": [OURS], "service": "none"}, "there is no service none"),
    ],
)
async def test_numbers_that_cannot_be_given_are_400(api: Client, body: object, words: str) -> None:
    answer = await api.control("POST", "/numbers", json=body)
    assert (answer.status, words in answer.json["error"]) == (400, True)


async def test_deleting_a_service_returns_its_numbers_to_the_default_one(api: Client) -> None:
    old = await api.default_service()
    new = (await api.call("POST", "/services", json={"defaultForProject": True})).json["id"]
    await api.call("POST", f"/services/{old}/emails", json={"email": "a@b.example", "phoneNumbers": [OURS]})
    await api.call("DELETE", f"/services/{old}")
    numbers = (await api.call("GET", f"/services/{new}/numbers")).json["numbers"]
    assert [number["phoneNumber"] for number in numbers] == [OURS, ALSO_OURS]
    assert (await api.call("GET", f"/services/{old}/emails")).status == 404


async def test_errors_come_in_the_other_shape_when_switched(api: Client) -> None:
    await api.faults({"fault": "error_shape_b", "times": 2})
    path = f"/services/{await api.default_service()}"
    bad = (await api.call("PATCH", path, json={"numberOfRetries": 9})).json
    assert (bad["code"], bad["status"]) == (422, "INVALID_ARGUMENT")
    [detail] = bad["details"]
    assert detail["type"] == "BadRequest"
    assert detail["fieldViolations"][0]["field"] == "numberOfRetries"
    missing = (await api.call("GET", "/services/none")).json
    assert missing == {
        "code": 404,
        "status": "NOT_FOUND",
        "message": "Service none was not found.",
        "details": [],
    }
    assert (await api.call("GET", "/services/none")).json == {
        "code": "404",
        "error": "Not found",
        "message": "Service none was not found.",
    }
