"""InterFAX keeps the contract, and what is special about it."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pikepdf
import pytest
from contract import ProviderContract, attempt
from interfax_world import InterfaxWorld
from provider_world import NOW, NUMBER, OUR_NUMBER, PDF, REFERENCE, REQUEST

from gateway.core.model import Found, Phase, Verdict
from gateway.core.reasons import AccountError, AmbiguousError, NotSentError, PermanentError, Reason, TemporaryError
from gateway.providers import PROVIDERS
from gateway.providers.base import FaxProvider, NoDocumentError, UnknownFaxError
from gateway.providers.interfax import Interfax, InterfaxSettings

FIXTURES = Path(__file__).parent / "fixtures"
LATER = NOW + timedelta(minutes=6)


class TestInterfax(ProviderContract):
    """All of `ProviderContract`; the world comes from conftest.py."""


def test_the_registry_names_it() -> None:
    assert PROVIDERS["interfax"] is Interfax


async def test_it_is_a_fax_provider(world: InterfaxWorld) -> None:
    provider: FaxProvider = world.provider
    assert provider.account == "main"


def test_settings_do_not_show_the_password() -> None:
    assert "s3cret" not in repr(InterfaxSettings("u", "s3cret", ("+12025550100",)))


# --- what a send request says ---


async def test_an_order_says_everything_that_we_want(world: InterfaxWorld) -> None:
    await world.provider.submit(REQUEST)
    [order] = world.server.orders
    assert order.query == {
        "faxNumber": NUMBER,
        "reference": REFERENCE,
        "retriesToPerform": "1",
        "resolution": "fine",
        "csid": OUR_NUMBER,
        "pageHeader": "2026-11-20 04:15 EST North Clinic +1 202 555 0100 Pages: {TotalPages}",
    }
    assert order.headers["Content-Type"] == "application/pdf"
    assert int(order.headers["Content-Length"]) == len(PDF)


async def test_the_plus_of_a_number_is_encoded(world: InterfaxWorld) -> None:
    await world.provider.submit(REQUEST)
    [request] = world.requests("/outbound/faxes")
    assert "faxNumber=%2B12025550143&" in request.raw_query
    assert len(request.raw_query) < 2000


async def test_braces_in_an_identity_are_no_placeholders(world: InterfaxWorld) -> None:
    await world.provider.submit(replace(REQUEST, header_text="{To} Clinic"))
    assert "(To) Clinic Pages: {TotalPages}" in world.server.orders[0].query["pageHeader"]


async def test_a_tiff_is_handed_over_as_one(world: InterfaxWorld) -> None:
    await world.provider.submit(replace(REQUEST, media_type="image/tiff", document=b"II*\x00"))
    assert world.server.orders[0].headers["Content-Type"] == "image/tiff"


async def test_a_type_that_they_do_not_take_never_leaves(world: InterfaxWorld) -> None:
    with pytest.raises(PermanentError) as caught:
        await world.provider.submit(replace(REQUEST, media_type="application/zip"))
    assert caught.value.reason is Reason.UNSUPPORTED_TYPE
    assert world.server.received == []


# --- what an answer to it says ---


@pytest.mark.parametrize(
    "location",
    [
        "https://rest.interfax.net/outbound/faxes/1727000001",
        "https://rest.interfax.net/outbound/faxes/1727000001/",
        "/outbound/faxes/1727000001",
        "https://rest.interfax.net/v2/outbound/faxes/1727000001?x=1",
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_the_id_is_in_the_location(world: InterfaxWorld, location: str, status: int) -> None:
    world.will_answer(status, headers={"Location": location})
    assert await world.provider.submit(REQUEST) == "out-1727000001"


@pytest.mark.parametrize(
    "location",
    [
        "",
        "https://rest.interfax.net/outbound/faxes/",
        "https://rest.interfax.net/outbound/faxes/abc",
        "https://rest.interfax.net/outbound/faxes?faxNumber=12025550143",
        "https://rest.interfax.net/outbound/batches/1727000001",
        "https://rest.interfax.net/outbound/faxes/17270000011727000001",
    ],
)
async def test_success_that_names_no_fax_is_ambiguous(world: InterfaxWorld, location: str) -> None:
    world.will_answer(201, headers={"Location": location})
    with pytest.raises(AmbiguousError):
        await world.provider.submit(REQUEST)


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (-111, PermanentError, Reason.NOT_PERMITTED),
        (-112, PermanentError, Reason.BAD_NUMBER),
        (-123, PermanentError, Reason.RENDER_FAILED),
        (-1059, PermanentError, Reason.TOO_BIG),
        (-1063, PermanentError, Reason.TOO_BIG),
        (-150, AmbiguousError, Reason.OUTCOME_UNKNOWN),
        (-1062, AmbiguousError, Reason.OUTCOME_UNKNOWN),
        (-1011, NotSentError, Reason.PROVIDER_DOWN),
        (-1061, NotSentError, Reason.PROVIDER_DOWN),
        (-666, AccountError, Reason.PROVIDER_AUTH),
        (-677, AccountError, Reason.PROVIDER_AUTH),
        (-1003, AccountError, Reason.PROVIDER_AUTH),
        (-1876, AccountError, Reason.PROVIDER_AUTH),
        (-2003, AccountError, Reason.PROVIDER_AUTH),
    ],
)
@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
async def test_their_own_code_counts_more_than_the_http_status(
    world: InterfaxWorld, status: int, code: int, kind: type[Exception], reason: Reason
) -> None:
    """Which HTTP status belongs to which code is not documented."""
    world.will_name_error(status, code, "more of it")
    with pytest.raises(kind) as caught:
        await world.provider.submit(REQUEST)
    assert type(caught.value) is kind
    assert caught.value.reason is reason  # type: ignore[attr-defined]
    assert caught.value.detail == f"HTTP {status} {code}: error {code}; more of it"  # type: ignore[attr-defined]


async def test_a_code_that_also_is_a_fax_status_is_not_taken_for_one(world: InterfaxWorld) -> None:
    """-22 of a fax waits for credit, -22 of a request is an invalid country."""
    world.will_name_error(400, -22)
    with pytest.raises(PermanentError) as caught:
        await world.provider.submit(REQUEST)
    assert caught.value.reason is Reason.OTHER


async def test_a_host_without_this_service_is_trouble_with_the_account(world: InterfaxWorld) -> None:
    provider = world.build(base_url=world.server.url + "/nothing")
    with pytest.raises(AccountError):
        await provider.submit(REQUEST)
    with pytest.raises(AccountError):
        await provider.find(attempt(), NUMBER, LATER)


# --- looking for a fax ---


@pytest.mark.parametrize("pci", [True, False])
async def test_a_reference_is_found_under_either_name(world: InterfaxWorld, *, pci: bool) -> None:
    world.server.pci = pci
    fax_id = world.has_sent(REFERENCE, NOW)
    assert await world.provider.find(attempt(), NUMBER, LATER) == Found(Verdict.FOUND, fax_id)
    assert (await world.provider.report(fax_id)).number == NUMBER


async def test_a_fax_that_the_list_does_not_show_is_found_by_the_search(world: InterfaxWorld) -> None:
    fax_id = world.has_sent(REFERENCE, NOW)
    world.has_sent("F-LATER-1", NOW + timedelta(hours=1))
    world.server.hidden_from_lists.add(int(fax_id.removeprefix("out-")))
    assert await world.provider.find(attempt(), NUMBER, LATER) == Found(Verdict.FOUND, fax_id)
    [search] = world.requests("/search")
    assert search.query == {
        "status": "All",
        "limit": "100",
        "reference": REFERENCE,
        "dateFrom": "2026-11-19T09:15:00",
    }


async def test_a_fax_that_the_search_does_not_show_yet_is_found_in_the_list(world: InterfaxWorld) -> None:
    fax_id = world.has_sent(REFERENCE, NOW)
    world.server.hidden_from_search.add(int(fax_id.removeprefix("out-")))
    assert await world.provider.find(attempt(), NUMBER, LATER) == Found(Verdict.FOUND, fax_id)


async def test_what_only_the_search_shows_proves_no_absence(world: InterfaxWorld) -> None:
    """Freshness must show in the list that is read whole, not in another one."""
    later = world.has_sent(f"{REFERENCE}9", NOW + timedelta(hours=1))
    world.server.hidden_from_lists.add(int(later.removeprefix("out-")))
    assert await world.provider.find(attempt(), NUMBER, LATER) == Found(Verdict.CANNOT_TELL)


async def test_a_search_that_matches_without_regard_to_case_or_end_finds_nothing_of_others(
    world: InterfaxWorld,
) -> None:
    world.has_sent(REFERENCE.lower(), NOW)
    world.has_sent(f"{REFERENCE}1", NOW)
    assert await world.provider.find(attempt(), NUMBER, LATER) == Found(Verdict.CANNOT_TELL)


async def test_the_whole_list_is_read_however_few_rows_it_gives_at_once(world: InterfaxWorld) -> None:
    world.server.most_rows = 3
    fax_id = world.has_sent(REFERENCE, NOW)
    world.server.hidden_from_search.add(int(fax_id.removeprefix("out-")))
    for minute in range(20):
        world.has_sent(f"F-{minute}-1", NOW + timedelta(minutes=minute))
    assert await world.provider.find(attempt(), NUMBER, LATER) == Found(Verdict.FOUND, fax_id)


async def test_the_list_is_not_read_further_back_than_our_clocks_can_differ(world: InterfaxWorld) -> None:
    world.server.most_rows = 3
    for hours in range(30):
        world.has_sent(f"F-{hours}-1", NOW - timedelta(hours=30 - hours))
    assert await world.provider.find(attempt(), NUMBER, LATER) == Found(Verdict.CANNOT_TELL)
    assert len(world.requests("/outbound/faxes")) == 1


async def test_a_list_with_a_nameless_fax_proves_nothing(world: InterfaxWorld) -> None:
    world.will_answer(200, b'[{"submitTime": "2026-11-20T12:00:00", "status": 0}]')
    with pytest.raises(TemporaryError):
        await world.provider.find(attempt(), NUMBER, LATER)


async def test_without_a_number_for_it_no_marker_is_sent(world: InterfaxWorld) -> None:
    """They have no free test number; one that costs nothing is the operator's to name."""
    await world.provider.send_marker("K-1")
    assert world.server.received == []


async def test_a_marker_goes_to_the_number_that_the_operator_names_and_proves_freshness(world: InterfaxWorld) -> None:
    provider = world.build(marker_number="+99999993931")
    world.server.clock = lambda: NOW + timedelta(minutes=7)
    await provider.send_marker("K-1")
    [marker] = world.submissions()
    assert (marker.number, marker.reference, marker.calls) == ("+99999993931", "K-1", 1)
    with pikepdf.open(io.BytesIO(marker.document)) as pdf:
        assert len(pdf.pages) == 1
    assert (await provider.find(attempt(), NUMBER, LATER)).verdict is Verdict.NOT_THERE


# --- how a fax is doing ---


async def test_a_fax_that_is_held_for_credit_is_trouble_with_the_account(world: InterfaxWorld) -> None:
    """So its job waits as it is, nothing more is sent, and the operator is told."""
    fax_id = await world.provider.submit(REQUEST)
    world.server.sent[int(fax_id.removeprefix("out-"))]["status"] = -22
    with pytest.raises(AccountError) as caught:
        await world.provider.report(fax_id)
    assert (caught.value.reason, caught.value.detail) == (
        Reason.OUT_OF_CREDIT,
        "-22 held by them until there is credit",
    )
    assert await world.provider.find(attempt(fax_id), NUMBER, LATER) == Found(Verdict.FOUND, fax_id)


async def test_while_a_fax_is_held_for_credit_no_other_is_handed_over(world: InterfaxWorld) -> None:
    fax_id = await world.provider.submit(REQUEST)
    record = world.server.sent[int(fax_id.removeprefix("out-"))]
    record["status"] = -22
    with pytest.raises(AccountError):
        await world.provider.report(fax_id)
    with pytest.raises(AccountError) as caught:
        await world.provider.submit(REQUEST)
    assert caught.value.reason is Reason.OUT_OF_CREDIT
    assert len(world.submissions()) == 1
    record["status"] = -3
    await world.provider.report(fax_id)
    await world.provider.submit(REQUEST)


async def test_a_held_fax_that_nobody_asks_for_any_more_holds_no_other(world: InterfaxWorld) -> None:
    fax_id = await world.provider.submit(REQUEST)
    world.server.sent[int(fax_id.removeprefix("out-"))]["status"] = -22
    with pytest.raises(AccountError):
        await world.provider.report(fax_id)
    world.now = NOW + timedelta(minutes=15)
    await world.provider.submit(REQUEST)
    assert len(world.submissions()) == 2


async def test_without_credit_for_a_day_it_has_failed(world: InterfaxWorld) -> None:
    fax_id = await world.provider.submit(REQUEST)
    world.server.sent[int(fax_id.removeprefix("out-"))]["status"] = 205000
    report = await world.provider.report(fax_id)
    assert (report.phase, report.reason) == (Phase.FAILED, Reason.NO_CREDIT_IN_TIME)


async def test_many_who_ask_at_once_are_answered_by_one_question(world: InterfaxWorld) -> None:
    faxes = [world.has_sent(f"F-{n}-1", NOW, phase=Phase.DELIVERED) for n in range(60)]
    reports = await asyncio.gather(*(world.provider.report(fax_id) for fax_id in faxes))
    assert [report.provider_fax_id for report in reports] == faxes
    assert len(world.server.received) == 1


async def test_a_fax_that_no_list_shows_is_asked_for_alone(world: InterfaxWorld) -> None:
    fax_id = world.has_sent(REFERENCE, NOW)
    number = int(fax_id.removeprefix("out-"))
    world.server.hidden_from_lists.add(number)
    world.server.hidden_from_search.add(number)
    assert (await world.provider.report(fax_id)).references == {REFERENCE}
    assert [request.path for request in world.server.received] == [
        "/outbound/faxes",
        "/outbound/search",
        f"/outbound/faxes/{number}",
    ]


async def test_questions_are_asked_at_the_pace_of_the_settings(world: InterfaxWorld) -> None:
    provider = world.build(polls_per_minute=1200)
    began = asyncio.get_running_loop().time()
    for _ in range(5):
        _ = [report async for report in provider.list_inbound(NOW)]
    assert asyncio.get_running_loop().time() - began >= 4 * 0.05


@pytest.mark.parametrize("fax_id", ["", "1727000001", "out-", "out-x", "in-1727000001x", "01KB2C5D7E9F1G3H", "in-1-1"])
async def test_an_id_that_is_not_of_this_provider_is_unknown_to_it(world: InterfaxWorld, fax_id: str) -> None:
    for ask in (world.provider.report, world.provider.fetch_document):
        with pytest.raises(UnknownFaxError):
            await ask(fax_id)
    assert world.server.received == []


async def test_sent_and_received_faxes_with_the_same_number_are_two(world: InterfaxWorld) -> None:
    number = world.server.add_received(NOW, PDF)
    world.server.sent[number] = {"id": number, "status": 0, "submitTime": "2026-11-20T09:15:00"}
    assert not (await world.provider.report(f"out-{number}")).inbound
    assert (await world.provider.report(f"in-{number}")).inbound


# --- received faxes ---


async def test_a_received_fax_is_for_the_number_that_it_called(world: InterfaxWorld) -> None:
    fax_id = world.has_received(NOW)
    report = await world.provider.report(fax_id)
    assert (report.number, report.caller, report.pages) == (OUR_NUMBER, "+13125550177", 2)
    assert report.created_at == NOW


async def test_a_listed_fax_is_not_asked_for_again(world: InterfaxWorld) -> None:
    listed = [world.has_received(NOW) for _ in range(3)]
    assert [report.provider_fax_id async for report in world.provider.list_inbound(NOW)] == listed[::-1]
    asked = len(world.server.received)
    for fax_id in listed:
        await world.provider.report(fax_id)
    assert len(world.server.received) == asked


async def test_a_fax_that_is_still_coming_in_is_asked_for_again(world: InterfaxWorld) -> None:
    number = world.server.add_received(NOW, PDF, messageStatus=-1)
    assert (await world.provider.report(f"in-{number}")).phase is Phase.WAITING
    world.server.received_faxes[number]["messageStatus"] = 0
    assert (await world.provider.report(f"in-{number}")).phase is Phase.DELIVERED


async def test_of_a_long_list_only_the_newest_are_remembered(world: InterfaxWorld) -> None:
    faxes = [world.has_received(NOW + timedelta(seconds=n)) for n in range(1200)]
    assert len([report async for report in world.provider.list_inbound(NOW)]) == 1200
    assert len(world.provider._received._known) == 1000
    asked = len(world.server.received)
    await world.provider.report(faxes[-1])
    assert len(world.server.received) == asked
    assert (await world.provider.report(faxes[0])).created_at == NOW


async def test_whatever_the_list_of_our_user_shows_is_ours(world: InterfaxWorld) -> None:
    """How they spell the owner of a number must not lose a fax."""
    fax_id = f"in-{world.server.add_received(NOW, PDF, userId='Clinic, North')}"
    [listed] = [report async for report in world.provider.list_inbound(NOW)]
    assert world.provider.serves(listed)
    assert world.provider.serves(await world.build().report(fax_id))
    assert world.provider.serves(replace(listed, service="North-Clinic"))
    assert world.provider.serves(replace(listed, service=None))


async def test_a_fax_of_the_second_from_which_on_we_ask_is_listed(world: InterfaxWorld) -> None:
    """Their times are whole seconds: it may have come before that moment of ours, or after it."""
    fax_id = world.has_received(NOW)
    listed = [report.provider_fax_id async for report in world.provider.list_inbound(NOW + timedelta(seconds=0.9))]
    assert listed == [fax_id]


async def test_a_list_of_received_faxes_is_read_however_few_rows_it_gives_at_once(world: InterfaxWorld) -> None:
    world.server.most_rows = 2
    expected = {world.has_received(NOW + timedelta(minutes=n)) for n in range(7)}
    assert {report.provider_fax_id async for report in world.provider.list_inbound(NOW)} == expected


async def test_a_list_of_received_faxes_is_not_read_to_its_beginning(world: InterfaxWorld) -> None:
    world.server.most_rows = 2
    for hours in range(20):
        world.has_received(NOW - timedelta(hours=19 - hours))
    assert len([report async for report in world.provider.list_inbound(NOW - timedelta(hours=2))]) == 3
    assert len(world.server.received) == 3


@pytest.mark.parametrize("name", ["group4.tif", "group3.tif"])
async def test_pages_that_come_as_tiff_become_pdf(world: InterfaxWorld, name: str) -> None:
    fax_id = world.has_received(NOW, document=(FIXTURES / name).read_bytes())
    with pikepdf.open(io.BytesIO(await world.provider.fetch_document(fax_id))) as pdf:
        assert len(pdf.pages) == 2


async def test_a_damaged_tiff_is_fetched_again_later(world: InterfaxWorld) -> None:
    fax_id = world.has_received(NOW, document=(FIXTURES / "group4.tif").read_bytes()[:200])
    with pytest.raises(TemporaryError):
        await world.provider.fetch_document(fax_id)


@pytest.mark.parametrize(("status", "code"), [(404, -1009), (400, -3003), (500, -3004), (404, -3001), (410, -1009)])
async def test_an_image_that_is_missing_is_no_document(world: InterfaxWorld, status: int, code: int) -> None:
    fax_id = world.has_received(NOW)
    world.will_name_error(status, code)
    with pytest.raises(NoDocumentError):
        await world.provider.fetch_document(fax_id)


async def test_the_pages_of_a_sent_fax_can_be_fetched_too(world: InterfaxWorld) -> None:
    fax_id = world.has_sent(REFERENCE, NOW)
    with pytest.raises(NoDocumentError):
        await world.provider.fetch_document(fax_id)
    world.server.images["outbound", int(fax_id.removeprefix("out-"))] = PDF
    assert await world.provider.fetch_document(fax_id) == PDF


# --- who may call us ---


async def test_a_callback_makes_the_next_report_a_new_one(world: InterfaxWorld) -> None:
    provider = world.build(polls_per_minute=30)  # so that a report is good for four seconds
    fax_id = world.has_sent(REFERENCE, NOW)
    assert (await provider.report(fax_id)).phase is Phase.WAITING
    world.server.sent[int(fax_id.removeprefix("out-"))]["status"] = 0
    assert (await provider.report(fax_id)).phase is Phase.WAITING
    provider.parse_webhook(*world.event_of(fax_id))
    assert (await provider.report(fax_id)).phase is Phase.DELIVERED


async def test_nothing_in_the_headers_of_a_callback_proves_anything(world: InterfaxWorld) -> None:
    for headers in ({}, {"Authorization": "Basic x"}):
        assert world.provider.authentic(headers)
