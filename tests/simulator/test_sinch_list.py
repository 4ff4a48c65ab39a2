"""Lists, filters, paging, export, download, deletion of the content (sinch-fax-v3 3.3 and 3.4)."""

import asyncio
import csv
import io
import json
from typing import Any
from urllib.parse import quote

import pytest
from simulated import ALSO_OURS, DAY, OURS, THEIRS, Client, page_count

CANADA, GERMANY = "+14165550143", "+493012345678"


async def ids(api: Client, query: str = "") -> list[str]:
    answer = await api.call("GET", f"/faxes?{query}")
    assert answer.status == 200, answer.body
    return [fax["id"] for fax in answer.json["faxes"]]


async def sent_at(api: Client, *seconds: float) -> list[str]:
    """Sends a fax after each of these pauses and returns the ids in that order."""
    sent = []
    for pause in seconds:
        await api.simulator.advance(pause)
        sent.append((await api.send())["id"])
    return sent


async def test_newest_comes_first_and_paging_fields_are_whole_numbers(api: Client) -> None:
    sent = await sent_at(api, 0, 1, 1, 1, 1)
    answer = (await api.call("GET", "/faxes?page=2&pageSize=2")).json
    assert [fax["id"] for fax in answer.pop("faxes")] == [sent[2], sent[1]]
    assert answer == {"page": 2, "totalPages": 3, "pageSize": 2, "totalItems": 5}
    assert all(type(value) is int for value in answer.values())


async def test_an_empty_list_and_the_default_page_size(api: Client) -> None:
    answer = (await api.call("GET", "/faxes")).json
    assert answer == {"faxes": [], "page": 1, "totalPages": 0, "pageSize": 100, "totalItems": 0}


@pytest.mark.parametrize("query", ["page=0", "page=x", "pageSize=1001", "pageSize=0", "pageSize=-1"])
async def test_a_page_out_of_range_is_422(api: Client, query: str) -> None:
    answer = await api.call("GET", f"/faxes?{query}")
    assert (answer.status, answer.fields) == (422, [query.partition("=")[0]])


async def test_without_a_time_only_the_last_week_is_listed(api: Client) -> None:
    old, young = await sent_at(api, 0, 3 * DAY)
    await api.simulator.advance(5 * DAY)
    assert await ids(api) == [young]
    assert await ids(api, "createTime>=2026-11-01") == [young, old]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("createTime=2026", ["20", "21", "22"]),
        ("createTime=2025", []),
        ("createTime=2026-11", ["20", "21", "22"]),
        ("createTime=2026-11-21", ["21"]),
        ("createTime=2026-11-21T12:00:00Z", ["21", "22"]),
        ("createTime>=2026-11-21", ["21", "22"]),
        ("createTime%3E=2026-11-21", ["21", "22"]),
        ("createTime%3E=2026-11-21T12:00:00.000Z", ["21", "22"]),
        ("createTime%3E=2026-11-21T12:00:00.001Z", ["22"]),
        ("createTime>=2026-11-21T12:00:00", ["21", "22"]),
        ("createTime<=2026-11-21", ["20", "21"]),
        ("createTime%3C=2026-11-20", ["20"]),
        ("createTime>=2026-11-21&createTime<=2026-11-21", ["21"]),
        ("createTime%3E=%222026-11-22%22", ["22"]),
        ("createTime>=2026-11-21T13%3A00%3A00%2B01%3A00", ["21", "22"]),
        ("createTime>=2026-11-21T13:00:00+01:00", ["21", "22"]),
    ],
)
async def test_times_are_dates_timestamps_and_inclusive_ranges(api: Client, query: str, expected: list[str]) -> None:
    days = dict(zip(await sent_at(api, 0, DAY, DAY), ["20", "21", "22"], strict=True))
    assert sorted(days[fax_id] for fax_id in await ids(api, query)) == expected


@pytest.mark.parametrize("query", ["createTime=soon", "createTime>=2026-13", "createTime<=0000", "createTime=2026-00"])
async def test_a_time_that_is_none_is_422(api: Client, query: str) -> None:
    assert (await api.call("GET", f"/faxes?{query}")).status == 422


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("direction=OUTBOUND", ["us", "ca", "de"]),
        ("direction=INBOUND", ["in"]),
        ("status=COMPLETED", ["in", "us", "ca"]),
        ("status=FAILURE", ["de"]),
        (f"to={THEIRS}", ["us"]),
        (f"to={quote(THEIRS, safe='')}", ["us"]),
        ("to=+1", ["in", "us", "ca"]),
        ("to=%201416", ["ca"]),
        (f"from={quote(ALSO_OURS)}", ["ca"]),
        (f"from=+1312&to={OURS}", ["in"]),
        ("toCountry=CA", ["ca"]),
        ("toCountry=DE", ["de"]),
        ("fromCountry=US&direction=INBOUND", ["in"]),
        ("labels[job]=F-1", ["us"]),
        ("labels%5Bjob%5D=F-1", ["us"]),
        (f"labels={quote(json.dumps({'job': 'F-1'}))}", ["us"]),
        ("labels=[object%20Object]&direction=INBOUND", ["in"]),
        ("labels[job]=none", []),
        ("serviceId=none", []),
    ],
)
async def test_filters(api: Client, query: str, expected: list[str]) -> None:
    found = {
        (await api.send(THEIRS, labels={"job": "F-1"}))["id"]: "us",
        (await api.send(CANADA, **{"from": ALSO_OURS}))["id"]: "ca",
    }
    await api.faults({"fault": "fail", "times": 1})
    found[(await api.send(GERMANY, maxRetries=0))["id"]] = "de"
    found[await api.simulator.receive_fax(OURS, sender="+13125550177")] = "in"
    await api.simulator.advance(60)
    assert {found[fax_id] for fax_id in await ids(api, query)} == set(expected)


async def test_labels_that_are_no_object_are_422(api: Client) -> None:
    assert (await api.call("GET", "/faxes?labels=x")).status == 422
    assert (await api.call("GET", "/faxes?labels=[]")).status == 422


async def test_an_operator_that_is_not_encoded_at_all_is_understood(api: Client) -> None:
    """`createTime>=` as a browser or curl sends it, byte for byte."""
    await sent_at(api, 0)
    host, _, port = api.base_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    token = await api.call_url("POST", f"{api.base_url}/oauth2/token", data={"grant_type": "client_credentials"})
    target = f"/v3/projects/{api.simulator.project}/faxes?createTime>=2026-11-20&createTime<=2026-11-20&to=+1"
    login = f"Authorization: Bearer {token.json['access_token']}"
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n{login}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["totalItems"] == 1


@pytest.mark.parametrize(("query", "headers"), [("format=csv", {}), ("", {"Accept": "text/csv"})])
async def test_the_export_has_the_columns_of_the_service(api: Client, query: str, headers: dict[str, str]) -> None:
    fax = await api.send(labels={"a": "b"})
    await api.simulator.advance(60)
    answer = await api.call("GET", f"/faxes?{query}", headers=headers)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="fax_logs_exp')
    [row] = csv.DictReader(io.StringIO(answer.body.decode()))
    assert (row["Id"], row["To"], row["Status"], row["Currency Code"]) == (fax["id"], THEIRS, "COMPLETED", "USD")
    assert (row["Error Type"], row["Has File"], row["To Country"]) == ("", "True", "US")
    assert len(row) == 27


async def test_an_unknown_fax_is_404(api: Client) -> None:
    for method, path in [("GET", ""), ("GET", "/file"), ("GET", "/file.pdf"), ("DELETE", "/file")]:
        answer = await api.call(method, f"/faxes/unknown{path}")
        assert (answer.status, answer.json["error"]) == (404, "Not found")


@pytest.mark.parametrize("path", ["file", "file.pdf"])
async def test_the_file_is_served_at_both_paths_once_the_fax_is_final(api: Client, path: str) -> None:
    fax_id = (await api.send(pages=2))["id"]
    assert (await api.call("GET", f"/faxes/{fax_id}/{path}")).status == 404
    await api.simulator.advance(60)

    answer = await api.call("GET", f"/faxes/{fax_id}/{path}")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{fax_id}.pdf"'
    assert page_count(answer.body) == 2
    assert (await api.fax(fax_id))["hasFile"] is True


@pytest.mark.parametrize("body", [None, b'"a body that nobody asked for"'])
async def test_deleting_the_content_keeps_the_record(api: Client, body: bytes | None) -> None:
    fax_id = (await api.send())["id"]
    await api.simulator.advance(60)
    for _ in range(2):
        answer = await api.call("DELETE", f"/faxes/{fax_id}/file", data=body)
        assert (answer.status, answer.body) == (204, b"")
    assert (await api.call("GET", f"/faxes/{fax_id}/file")).status == 404
    assert (await api.fax(fax_id))["hasFile"] is False
    assert (await api.control("GET", f"/faxes/{fax_id}/document")).status == 200


async def test_without_storage_there_is_no_file(api: Client) -> None:
    change = {"saveOutboundFaxDocuments": False}
    await api.call("PATCH", f"/services/{await api.default_service()}", json=change)
    fax_id = (await api.send())["id"]
    await api.simulator.advance(60)
    assert (await api.fax(fax_id))["hasFile"] is False
    assert (await api.call("GET", f"/faxes/{fax_id}/file")).status == 404


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/files"), ("GET", "/emails"), ("GET", "/nothing"), ("DELETE", "/faxes/x")]
)
async def test_a_path_or_method_that_does_not_exist_is_an_error_of_the_api(api: Client, method: str, path: str) -> None:
    answer = await api.call(method, path)
    body: dict[str, Any] = answer.json
    assert answer.status in {404, 405}
    assert body["code"] == str(answer.status)
