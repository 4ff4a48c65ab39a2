"""Sinch against a simulator written from the same reference by other hands: both understand it alike."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pikepdf
import pytest
from aiohttp import web
from contract import attempt
from provider_world import REQUEST

from gateway.core.model import Attempt, FaxEvent, Found, Phase, Verdict
from gateway.core.reasons import AccountError, AmbiguousError, NotSentError, PermanentError, Reason
from gateway.providers.base import NoDocumentError, UnknownFaxError
from gateway.providers.http import basic_credentials
from gateway.providers.sinch import Sinch, SinchSettings
from gateway.simulator.sinch import SinchSimulator

PAIRS = list(csv.reader((Path(__file__).parent / "fixtures" / "error_pairs.csv").read_text().splitlines()))[1:]
TYPES = {"DOCUMENT_CONVERSION_ERROR": 1, "CALL_ERROR": 2, "FAX_ERROR": 3}
OURS = "+12025550100"

both_encodings = pytest.mark.parametrize("encoding", ["form", "json"])


@dataclass
class Receiver:
    """Takes webhooks as our web side does: authenticates, parses, answers 200."""

    provider: Sinch | None = None
    events: list[FaxEvent] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        assert self.provider is not None
        if not self.provider.authentic(request.headers):
            return web.Response(status=401)
        self.events += self.provider.parse_webhook(request.headers["Content-Type"], await request.read())
        return web.Response()


@dataclass
class Simulated:
    simulator: SinchSimulator
    provider: Sinch
    receiver: Receiver

    async def an_hour_passes(self) -> None:
        await self.simulator.advance(3600)

    def an_attempt(self) -> Attempt:
        return replace(attempt(), intent_at=datetime.now(UTC))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@pytest.fixture
def encoding() -> str:
    return "form"


@pytest.fixture
def storage() -> bool:
    return True


@pytest.fixture
async def sinch(receiver: Receiver, encoding: str, *, storage: bool) -> AsyncIterator[Simulated]:
    simulator = SinchSimulator(
        numbers=[OURS],
        webhook=receiver.url.replace("http://", "http://hook:pass@"),
        webhook_encoding=encoding,
        storage=storage,
    )
    url = await simulator.start()
    settings = SinchSettings(
        project_id=simulator.project,
        key_id=simulator.key_id,
        key_secret=simulator.key_secret,
        services=(await default_service(simulator, url),),
        webhook_user="hook",
        webhook_password="pass",
        base_url=url,
        auth_url=url,
        requests_per_second=1000,
    )
    receiver.provider = Sinch("main", settings, lambda: datetime.now(UTC))
    yield Simulated(simulator, receiver.provider, receiver)
    await receiver.provider.close()
    await simulator.stop()


async def default_service(simulator: SinchSimulator, url: str) -> str:
    login = {"Authorization": basic_credentials(simulator.key_id, simulator.key_secret)}
    async with (
        aiohttp.ClientSession(headers=login) as session,
        session.get(f"{url}/v3/projects/{simulator.project}/services") as answer,
    ):
        return str((await answer.json())["services"][0]["id"])


@pytest.fixture
def document() -> bytes:
    """One page that opens: the simulator converts what it gets, as the service does."""
    page = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(612, 792))
        pdf.save(page)
    return page.getvalue()


async def test_a_fax_is_sent_delivered_and_announced(sinch: Simulated, receiver: Receiver, document: bytes) -> None:
    fax_id = await sinch.provider.submit(replace(REQUEST, document=document, callback_url=f"{receiver.url}?ref=F-1"))
    waiting = await sinch.provider.report(fax_id)
    assert (waiting.phase, waiting.inbound, waiting.references) == (Phase.WAITING, False, {REQUEST.reference})
    assert sinch.simulator.document(fax_id) == document

    await sinch.an_hour_passes()

    report = await sinch.provider.report(fax_id)
    assert (report.phase, report.reason, report.pages, report.pages_sent) == (
        Phase.DELIVERED,
        Reason.DELIVERED,
        1,
        1,
    )
    assert (report.number, report.caller) == (REQUEST.number, REQUEST.caller_id)
    assert report.price
    assert report.completed_at
    assert receiver.events == [FaxEvent(fax_id, inbound=False, reference=REQUEST.reference)]
    assert [fax["maxRetries"] for fax in sinch.simulator.faxes()] == [0]


async def test_each_of_the_59_failures_has_its_reason(sinch: Simulated, document: bytes) -> None:
    expected = {}
    for kind, code, reason in PAIRS:
        number = f"+1555555{TYPES[kind]}{int(code):03d}"
        fax_id = await sinch.provider.submit(replace(REQUEST, number=number, document=document, callback_url=None))
        expected[fax_id] = (kind, code, reason)
    await sinch.an_hour_passes()
    for fax_id, (kind, code, reason) in expected.items():
        report = await sinch.provider.report(fax_id)
        assert (report.phase, report.reason) == (Phase.FAILED, Reason.of(reason))
        assert report.raw.startswith(f"{kind} {code}: ")


@both_encodings
async def test_a_received_fax_is_announced_listed_and_downloaded(sinch: Simulated, receiver: Receiver) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    fax_id = await sinch.simulator.receive_fax(OURS, sender="+13125550177", pages=2)
    await sinch.an_hour_passes()
    pages = sinch.simulator.document(fax_id)
    assert pages is not None
    [event] = receiver.events
    assert (event.provider_fax_id, event.inbound, event.document) == (fax_id, True, pages)
    [listed] = [report async for report in sinch.provider.list_inbound(since)]
    report = await sinch.provider.report(fax_id)
    assert listed == report
    assert sinch.provider.serves(report)
    assert (report.number, report.caller, report.pages) == (OURS, "+13125550177", 2)
    assert report.has_document
    assert await sinch.provider.fetch_document(fax_id) == pages


@both_encodings
async def test_a_failed_reception_brings_an_event_without_a_document(sinch: Simulated, receiver: Receiver) -> None:
    fax_id = await sinch.simulator.receive_fax(OURS, failure=("FAX_ERROR", 132))
    await sinch.an_hour_passes()
    assert receiver.events == [FaxEvent(fax_id, inbound=True)]
    report = await sinch.provider.report(fax_id)
    assert (report.phase, report.reason) == (Phase.FAILED, Reason.RECEPTION_FAILED)
    assert report.caller is None


@both_encodings
@pytest.mark.parametrize("storage", [False])
async def test_where_they_store_nothing_the_event_has_the_only_copy(sinch: Simulated, receiver: Receiver) -> None:
    fax_id = await sinch.simulator.receive_fax(OURS)
    await sinch.an_hour_passes()
    [event] = receiver.events
    assert event.document == sinch.simulator.document(fax_id)
    with pytest.raises(NoDocumentError):
        await sinch.provider.fetch_document(fax_id)


async def test_a_document_that_is_not_ready_yet_can_be_fetched_later(sinch: Simulated) -> None:
    fax_id = await sinch.simulator.receive_fax(OURS)
    sinch.simulator.set_faults([{"fault": "not_ready", "times": 2}])  # /file and /file.pdf
    with pytest.raises(NoDocumentError):
        await sinch.provider.fetch_document(fax_id)
    assert (await sinch.provider.fetch_document(fax_id)).startswith(b"%PDF-")
    with pytest.raises(UnknownFaxError):
        await sinch.provider.fetch_document("01KB0000000000000000000000")


@pytest.mark.parametrize("fault", ["drop_response", "torn_response", "status_after"])
async def test_an_accepted_fax_whose_answer_was_lost_is_found(sinch: Simulated, document: bytes, fault: str) -> None:
    tried = sinch.an_attempt()
    sinch.simulator.set_faults([{"fault": fault, "method": "POST", "path": "/v3/", "times": 1}])
    with pytest.raises(AmbiguousError):
        await sinch.provider.submit(replace(REQUEST, document=document))
    [sent] = sinch.simulator.faxes()
    found = await sinch.provider.find(tried, REQUEST.number, tried.intent_at + timedelta(minutes=6))
    assert found == Found(Verdict.FOUND, sent["id"])


async def test_a_lost_request_is_proven_absent_once_a_marker_shows(sinch: Simulated, document: bytes) -> None:
    tried = sinch.an_attempt()
    fresh_after = tried.intent_at + timedelta(minutes=6)
    sinch.simulator.set_faults([{"fault": "drop_request", "method": "POST", "path": "/v3/", "times": 1}])
    with pytest.raises(AmbiguousError):
        await sinch.provider.submit(replace(REQUEST, document=document))
    assert await sinch.provider.find(tried, REQUEST.number, fresh_after) == Found(Verdict.CANNOT_TELL)
    await sinch.an_hour_passes()
    sinch.simulator.set_faults([{"fault": "list_lag", "seconds": 60}])
    await sinch.provider.send_marker("K-1")
    assert await sinch.provider.find(tried, REQUEST.number, fresh_after) == Found(Verdict.CANNOT_TELL)
    await sinch.simulator.advance(61)
    assert await sinch.provider.find(tried, REQUEST.number, fresh_after) == Found(Verdict.NOT_THERE)
    [marker] = sinch.simulator.faxes()
    assert marker["to"] == "+19898989898"
    assert (await sinch.provider.report(marker["id"])).phase is Phase.DELIVERED


async def test_an_expired_token_costs_nothing(sinch: Simulated, document: bytes) -> None:
    await sinch.provider.submit(replace(REQUEST, document=document))
    await sinch.simulator.advance(7200)
    await sinch.provider.submit(replace(REQUEST, document=document))
    assert len(sinch.simulator.faxes()) == 2


async def test_refusals_are_read_in_both_shapes(sinch: Simulated, document: bytes) -> None:
    for faults in ([], [{"fault": "error_shape_b"}]):
        sinch.simulator.set_faults(faults)
        with pytest.raises(PermanentError) as caught:
            await sinch.provider.submit(replace(REQUEST, number="+12", document=document))
        assert caught.value.reason is Reason.BAD_NUMBER


async def test_their_429_and_402_are_no_fault_of_the_fax(sinch: Simulated, document: bytes) -> None:
    busy = {"fault": "status", "status": 429, "retry_after": 7, "path": "/v3/", "times": 1}
    broke = {"fault": "status", "status": 402, "path": "/v3/", "times": 1}
    sinch.simulator.set_faults([busy, broke])
    with pytest.raises(NotSentError) as caught:
        await sinch.provider.submit(replace(REQUEST, document=document))
    assert caught.value.retry_after == timedelta(seconds=7)
    with pytest.raises(AccountError):
        await sinch.provider.submit(replace(REQUEST, document=document))
    assert sinch.simulator.faxes() == []


async def test_many_at_once_are_each_sent_once(sinch: Simulated, document: bytes) -> None:
    requests = [replace(REQUEST, reference=f"F-{n}-1", document=document, callback_url=None) for n in range(50)]
    ids = await asyncio.gather(*(sinch.provider.submit(request) for request in requests))
    assert len(set(ids)) == 50
    assert sorted(fax["labels"]["gw"] for fax in sinch.simulator.faxes()) == sorted(
        request.reference for request in requests
    )
