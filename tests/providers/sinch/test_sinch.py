"""Sinch keeps the contract, and what is special about it."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pikepdf
import pytest
from contract import ProviderContract, attempt
from provider_world import NOW, NUMBER, PDF, REFERENCE, REQUEST
from sinch_world import SECOND_SERVICE, SERVICE, SinchWorld

from gateway.core.model import Found, Verdict
from gateway.core.reasons import (
    AccountError,
    AmbiguousError,
    PermanentError,
    Reason,
    TemporaryError,
)
from gateway.providers import PROVIDERS
from gateway.providers.base import FaxProvider
from gateway.providers.sinch import Sinch, SinchSettings

FIXTURES = Path(__file__).parent / "fixtures"


class TestSinch(ProviderContract):
    """All of `ProviderContract`; the world comes from conftest.py."""


def test_the_registry_names_it() -> None:
    assert PROVIDERS["sinch"] is Sinch


async def test_it_is_a_fax_provider(world: SinchWorld) -> None:
    provider: FaxProvider = world.provider
    assert provider.account == "main"


def test_settings_do_not_show_their_secrets() -> None:
    shown = repr(SinchSettings("p", "k", "s3cret", ("s",), "passw0rd", old_webhook_password="0ld-one"))
    assert "s3cret" not in shown
    assert "passw0rd" not in shown
    assert "0ld-one" not in shown


# --- what a send request says ---


async def test_an_order_says_everything_that_we_want(world: SinchWorld) -> None:
    await world.provider.submit(REQUEST)
    [(order, _)] = world.server.orders
    assert base64.b64decode(order.pop("files")[0]["file"]) == PDF
    callback = urlsplit(order.pop("callbackUrl"))
    assert (callback.username, callback.password, callback.query) == ("hook", "new-one", f"ref={REFERENCE}")
    assert (callback.hostname, callback.path) == ("fax.example.com", "/webhooks/main/s3cret")
    assert order == {
        "to": "+12025550143",
        "from": "+12025550100",
        "serviceId": SERVICE,
        "labels": {"gw": REFERENCE},
        "maxRetries": 0,
        "resolution": "FINE",
        "headerText": "North Clinic +1 202 555 0100",
        "headerTimeZone": "America/New_York",
        "headerPageNumbers": True,
        "callbackUrlContentType": "application/json",
    }


async def test_credentials_survive_in_the_callback_url_whatever_they_contain(world: SinchWorld) -> None:
    provider = world.build(webhook_user="a@b", webhook_password="p:/?#[]%")
    await provider.submit(REQUEST)
    url = world.server.orders[0][0]["callbackUrl"]
    assert url.startswith("https://a%40b:p%3A%2F%3F%23%5B%5D%25@fax.example.com/")


async def test_no_callback_is_asked_for_without_a_url(world: SinchWorld) -> None:
    await world.provider.submit(replace(REQUEST, callback_url=None))
    assert not [key for key in world.server.orders[0][0] if key.startswith("callback")]


async def test_a_tiff_is_handed_over_as_one(world: SinchWorld) -> None:
    await world.provider.submit(replace(REQUEST, media_type="image/tiff", document=b"II*\x00"))
    assert world.server.orders[0][0]["files"][0]["fileType"] == "TIF"


async def test_a_type_that_they_do_not_take_never_leaves(world: SinchWorld) -> None:
    with pytest.raises(PermanentError) as caught:
        await world.provider.submit(replace(REQUEST, media_type="application/zip"))
    assert caught.value.reason is Reason.UNSUPPORTED_TYPE
    assert world.server.received == []


# --- what an answer to it says ---


async def test_an_answer_in_list_form_is_understood(world: SinchWorld) -> None:
    world.will_answer(200, b'{"faxes": [{"id": "01KB2C5D7E9F1G3H5J7K9M1N3P"}]}')
    assert await world.provider.submit(REQUEST) == "01KB2C5D7E9F1G3H5J7K9M1N3P"


@pytest.mark.parametrize(
    "body",
    [b'{"faxes": []}', b'{"faxes": [{"id":"A1"}, {"id":"A2"}]}', b'{"id": 5}', b'{"id": "../x"}', b"ok"],
)
async def test_an_answer_without_one_usable_id_is_ambiguous(world: SinchWorld, body: bytes) -> None:
    world.will_answer(200, body)
    with pytest.raises(AmbiguousError):
        await world.provider.submit(REQUEST)


@pytest.mark.parametrize("shape", ["error_prose.json", "error_schema.json"])
@pytest.mark.parametrize("status", [400, 422])
async def test_a_refused_number_is_a_bad_number(world: SinchWorld, shape: str, status: int) -> None:
    world.will_answer(status, (FIXTURES / shape).read_bytes())
    with pytest.raises(PermanentError) as caught:
        await world.provider.submit(REQUEST)
    assert caught.value.reason is Reason.BAD_NUMBER
    assert "One or more fields were rejected.; to: +12 is not a phone number" in caught.value.detail


async def test_another_refused_field_is_no_bad_number(world: SinchWorld) -> None:
    body = (FIXTURES / "error_prose.json").read_bytes().replace(b'"to"', b'"headerTimeZone"')
    world.will_answer(422, body)
    with pytest.raises(PermanentError) as caught:
        await world.provider.submit(REQUEST)
    assert caught.value.reason is Reason.OTHER


async def test_a_send_that_finds_no_project_or_service_is_trouble_with_the_account(world: SinchWorld) -> None:
    with pytest.raises(AccountError) as caught:
        await world.build(project_id="another").submit(REQUEST)
    assert caught.value.reason is Reason.PROVIDER_AUTH


# --- looking for a fax ---


async def test_every_list_names_its_time_and_encodes_it(world: SinchWorld) -> None:
    """Without a time filter they answer for one week, and a bare plus sign may become a space."""
    await world.provider.find(attempt(), NUMBER, NOW)
    _ = [report async for report in world.provider.list_inbound(NOW)]
    queries = [request.raw_query for request in world.server.received if request.method == "GET"]
    assert all(
        "createTime%3E=2026-11-19T09%3A15%3A00Z" in q or "createTime%3E=2026-11-20T09%3A15%3A00Z" in q for q in queries
    )
    assert "to=%2B12025550143" in queries[0]
    assert [q for q in queries if f"serviceId={SERVICE}&" in q]
    assert [q for q in queries if f"serviceId={SECOND_SERVICE}&" in q]


async def test_a_fax_whose_number_they_write_in_another_way_is_found_all_the_same(world: SinchWorld) -> None:
    fax_id = world.has_sent(REFERENCE, NOW, number="0012025550143")
    found = await world.provider.find(attempt(), NUMBER, NOW + timedelta(minutes=6))
    assert found == Found(Verdict.FOUND, fax_id)


async def test_a_marker_goes_to_the_free_number_and_proves_freshness(world: SinchWorld) -> None:
    world.server.now = NOW + timedelta(minutes=7)
    await world.provider.send_marker("K-1")
    [marker] = world.submissions()
    assert (marker.number, marker.calls) == ("+19898989898", 1)
    with pikepdf.open(io.BytesIO(marker.document)) as pdf:
        assert len(pdf.pages) == 1
    found = await world.provider.find(attempt(), NUMBER, NOW + timedelta(minutes=6))
    assert found.verdict is Verdict.NOT_THERE


async def test_no_marker_is_sent_where_the_operator_forbids_it(world: SinchWorld) -> None:
    await world.build(send_markers=False).send_marker("K-1")
    assert world.submissions() == []


async def test_pages_that_shift_while_they_are_read_give_each_fax_once(world: SinchWorld) -> None:
    world.server.page_size = 2
    expected = [world.has_received(NOW + timedelta(seconds=n)) for n in range(5)]
    world.server.between_pages.append(lambda: world.has_received(NOW + timedelta(seconds=9)))
    listed = [report.provider_fax_id async for report in world.provider.list_inbound(NOW)]
    assert world.server.between_pages == []
    assert sorted(listed) == sorted(expected)


async def test_a_list_that_does_not_advance_is_not_taken_for_its_end(world: SinchWorld) -> None:
    fax = {"id": "A1", "direction": "OUTBOUND"}
    for page in (1, 2):
        world.will_answer(200, json.dumps({"faxes": [fax], "page": page, "totalPages": 9}).encode())
    with pytest.raises(TemporaryError):
        await world.provider.find(attempt(), NUMBER, NOW)


async def test_a_received_fax_in_a_list_of_sent_ones_proves_nothing(world: SinchWorld) -> None:
    late = (NOW + timedelta(hours=1)).isoformat()
    strange = {"faxes": [{"id": "A1", "direction": "INBOUND", "createTime": late, "labels": {"gw": REFERENCE}}]}
    for _ in range(2):
        world.will_answer(200, json.dumps(strange).encode())
    found = await world.provider.find(attempt(), NUMBER, NOW + timedelta(minutes=6))
    assert found == Found(Verdict.CANNOT_TELL)


async def test_a_list_without_page_numbers_ends_with_a_page_that_is_not_full(world: SinchWorld) -> None:
    body = json.dumps({"faxes": [{"id": "A1", "direction": "OUTBOUND", "labels": {"gw": REFERENCE}}]})
    world.will_answer(200, body.encode())
    assert await world.provider.find(attempt(), NUMBER, NOW) == Found(Verdict.FOUND, "A1")


async def test_a_list_with_a_nameless_fax_proves_nothing(world: SinchWorld) -> None:
    body = json.dumps({"faxes": [{"direction": "OUTBOUND"}], "page": 1, "totalPages": 1})
    world.will_answer(200, body.encode())
    with pytest.raises(TemporaryError):
        await world.provider.find(attempt(), NUMBER, NOW)


async def test_a_search_in_a_project_that_is_gone_is_trouble_with_the_account(world: SinchWorld) -> None:
    with pytest.raises(AccountError):
        await world.build(project_id="another").find(attempt(), NUMBER, NOW)


# --- received faxes and their documents ---


async def test_the_older_download_address_is_tried_as_well(world: SinchWorld) -> None:
    fax_id = world.has_received(NOW)
    world.will_answer(404)
    assert await world.provider.fetch_document(fax_id) == PDF
    assert world.server.received[-1].path.endswith(f"/{fax_id}/file.pdf")


async def test_a_received_fax_that_names_no_service_is_taken_for_ours(world: SinchWorld) -> None:
    fax_id = world.has_received(NOW)
    del world.server.faxes[fax_id]["serviceId"]
    assert world.provider.serves(await world.provider.report(fax_id))


async def test_content_is_deleted_and_gone_already_is_as_good(world: SinchWorld) -> None:
    fax_id = world.has_received(NOW)
    for _ in range(2):
        await world.provider._client.delete_content(fax_id)
    assert world.server.documents == {}


async def test_an_answer_about_another_fax_is_no_answer(world: SinchWorld) -> None:
    fax_id, other = world.has_sent(REFERENCE, NOW), world.has_sent("F-OTHER-1", NOW)
    world.will_answer(200, json.dumps(world.server.faxes[other]).encode())
    with pytest.raises(TemporaryError):
        await world.provider.report(fax_id)


# --- who may call us ---


@pytest.mark.parametrize(
    ("header", "authentic"),
    [
        ("Basic " + base64.b64encode(b"hook:new-one").decode(), True),
        ("Basic " + base64.b64encode(b"hook:old-one").decode(), True),
        ("Basic " + base64.b64encode(b"hook:older").decode(), False),
        ("Basic " + base64.b64encode(b"other:new-one").decode(), False),
        ("Basic \u2603", False),
        ("Bearer x", False),
    ],
)
async def test_passwords_are_rotated_without_a_gap(world: SinchWorld, header: str, *, authentic: bool) -> None:
    assert world.provider.authentic({"Authorization": header}) is authentic


async def test_without_a_password_nobody_is_authentic(world: SinchWorld) -> None:
    provider = world.build(webhook_password="", old_webhook_password=None)
    for header in ("", "Basic ", "Basic " + base64.b64encode(b"hook:").decode()):
        assert not provider.authentic({"Authorization": header})
