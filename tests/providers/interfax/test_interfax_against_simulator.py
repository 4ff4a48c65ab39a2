"""InterFAX against a simulator written from the same reference by other hands: both understand it alike."""

from __future__ import annotations

import asyncio
import csv
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from aiohttp import web
from contract import attempt
from provider_world import REQUEST

from gateway.core.model import Attempt, FaxEvent, Found, Phase, Verdict
from gateway.core.reasons import AccountError, AmbiguousError, NotSentError, PermanentError, Reason, TemporaryError
from gateway.providers.base import NoDocumentError, UnknownFaxError
from gateway.providers.interfax import Interfax, InterfaxSettings
from gateway.simulator.interfax import InterfaxSimulator

ROWS = list(csv.DictReader((Path(__file__).parent / "fixtures" / "status_codes.csv").read_text().splitlines()))
OURS = "+12025550100"


@dataclass
class Receiver:
    """Takes callbacks as our web side does: parses, answers 200."""

    provider: Interfax | None = None
    events: list[FaxEvent] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        assert self.provider is not None
        assert self.provider.authentic(request.headers)
        self.events += self.provider.parse_webhook(request.headers["Content-Type"], await request.read())
        return web.Response()


@dataclass
class Clock:
    """The time there, which can be moved ahead."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Simulated:
    """One simulated account, and ours at it."""

    simulator: InterfaxSimulator
    provider: Interfax
    settings: InterfaxSettings
    receiver: Receiver
    now: Clock

    async def passes(self, **time: float) -> None:
        self.now.ahead += timedelta(**time)
        await self.simulator.advance(timedelta(**time).total_seconds())

    def an_attempt(self) -> Attempt:
        return replace(attempt(), intent_at=self.now())


Start = Callable[..., Awaitable[Simulated]]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def start(receiver: Receiver) -> AsyncIterator[Start]:
    """Starts a simulator with options of the test's choice, and our side with settings of its choice."""
    running: list[Simulated] = []

    async def started(ours: dict[str, Any] | None = None, **options: Any) -> Simulated:
        simulator = InterfaxSimulator(
            **{
                "numbers": [OURS],
                "callback_url": receiver.url,
                "inbound_callback_url": receiver.url,
                "polls_per_minute": 0,
                **options,
            }
        )
        settings = InterfaxSettings(
            **{
                "username": simulator.username,
                "password": simulator.password,
                "numbers": (OURS,),
                "base_url": await simulator.start(),
                "polls_per_minute": 1e9,
                "requests_per_second": 1000,
                **(ours or {}),
            }
        )
        clock = Clock()
        interfax = Simulated(simulator, Interfax("main", settings, clock), settings, receiver, clock)
        receiver.provider = interfax.provider
        running.append(interfax)
        return interfax

    yield started
    for interfax in running:
        await interfax.provider.close()
        await interfax.simulator.stop()


@pytest.fixture
async def interfax(start: Start) -> Simulated:
    return await start()


@pytest.fixture
def document() -> bytes:
    """One page that opens: the simulator looks at what it gets, as the service does."""
    return a_page(b"")


def a_page(padding: bytes) -> bytes:
    page = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(612, 792))
        pdf.Root.Padding = pikepdf.Stream(pdf, padding)
        pdf.save(page)
    return page.getvalue()


@pytest.mark.parametrize("pci", [False, True])
async def test_a_fax_is_sent_delivered_and_announced(
    start: Start, receiver: Receiver, document: bytes, *, pci: bool
) -> None:
    interfax = await start(pci=pci)
    fax_id = await interfax.provider.submit(replace(REQUEST, document=document))
    assert int(fax_id.removeprefix("out-")) > 2**31
    waiting = await interfax.provider.report(fax_id)
    assert (waiting.phase, waiting.inbound, waiting.references) == (Phase.WAITING, False, {REQUEST.reference})

    await interfax.passes(hours=1)

    report = await interfax.provider.report(fax_id)
    assert (report.phase, report.reason, report.pages, report.pages_sent) == (Phase.DELIVERED, Reason.DELIVERED, 1, 1)
    assert report.number == REQUEST.number
    assert report.price
    assert report.completed_at
    [event] = receiver.events
    assert (event.provider_fax_id, event.inbound) == (fax_id, False)
    [sent] = interfax.simulator.faxes()
    assert (sent["attemptsToPerform"], sent["code"]) == (1, 0)


async def test_each_of_the_99_ends_has_its_cause(interfax: Simulated, document: bytes) -> None:
    expected = {}
    for row in ROWS:
        if int(row["code"]) >= 0:
            request = replace(REQUEST, number=f"+9999999{row['code']}", document=document)
            expected[await interfax.provider.submit(request)] = row
    assert len(expected) == 99
    await interfax.passes(hours=1)
    reports = await asyncio.gather(*(interfax.provider.report(fax_id) for fax_id in expected))
    for report in reports:
        row = expected[report.provider_fax_id]
        assert (report.phase, report.reason.code if report.reason else "") == (row["phase"], row["reason"])
        assert report.raw.startswith(f"{row['code']} ")


@pytest.mark.parametrize(
    "faults",
    [
        [{"fault": "callback_form", "form": "multipart"}],
        [{"fault": "callback_form", "form": "soap"}],
        [{"fault": "callback_extra"}],
        [{"fault": "callback_extra"}, {"fault": "callback_form", "form": "soap"}],
        [{"fault": "double_callback"}],
        [{"fault": "callback_wrong_status"}],
    ],
)
async def test_a_callback_is_understood_in_every_form(
    interfax: Simulated, receiver: Receiver, document: bytes, faults: list[dict[str, Any]]
) -> None:
    interfax.simulator.set_faults(faults)
    sent = await interfax.provider.submit(replace(REQUEST, document=document))
    received = f"in-{await interfax.simulator.receive_fax(OURS)}"
    await interfax.passes(hours=1)
    assert {(event.provider_fax_id, event.inbound) for event in receiver.events} == {(sent, False), (received, True)}
    assert (await interfax.provider.report(sent)).phase is Phase.DELIVERED


async def test_a_callback_before_the_record_says_so_loses_nothing(
    interfax: Simulated, receiver: Receiver, document: bytes
) -> None:
    interfax.simulator.set_faults([{"fault": "early_callback", "seconds": 30}])
    fax_id = await interfax.provider.submit(replace(REQUEST, document=document))
    await interfax.passes(seconds=10)
    assert receiver.events
    assert (await interfax.provider.report(fax_id)).phase is Phase.WAITING
    await interfax.passes(seconds=60)
    assert (await interfax.provider.report(fax_id)).phase is Phase.DELIVERED


@pytest.mark.parametrize("images", ["pdf", "tiff"])
async def test_a_received_fax_is_announced_listed_and_downloaded(start: Start, receiver: Receiver, images: str) -> None:
    interfax = await start(inbound_images=images)
    since = interfax.now() - timedelta(minutes=1)
    fax_id = f"in-{await interfax.simulator.receive_fax(OURS, sender='+13125550177', pages=2)}"
    await interfax.passes(hours=1)
    assert receiver.events == [FaxEvent(fax_id, inbound=True)]
    [listed] = [report async for report in interfax.provider.list_inbound(since)]
    assert listed == await interfax.provider.report(fax_id)
    assert interfax.provider.serves(listed)
    assert (listed.provider_fax_id, listed.number, listed.pages) == (fax_id, OURS, 2)
    with pikepdf.open(io.BytesIO(await interfax.provider.fetch_document(fax_id))) as pdf:
        assert len(pdf.pages) == 2


async def test_a_failed_reception_is_told_as_such(interfax: Simulated, receiver: Receiver) -> None:
    fax_id = f"in-{await interfax.simulator.receive_fax(OURS, failure=3220)}"
    await interfax.passes(hours=1)
    assert receiver.events == [FaxEvent(fax_id, inbound=True)]
    report = await interfax.provider.report(fax_id)
    assert (report.phase, report.reason) == (Phase.FAILED, Reason.RECEPTION_FAILED)
    with pytest.raises(NoDocumentError):
        await interfax.provider.fetch_document(fax_id)


async def test_what_they_do_not_know_is_unknown(interfax: Simulated) -> None:
    for ask in (interfax.provider.report, interfax.provider.fetch_document):
        for fax_id in ("out-4711", "in-4711"):
            with pytest.raises(UnknownFaxError):
                await ask(fax_id)


@pytest.mark.parametrize("fault", ["drop_response", "torn_response", "status_after"])
async def test_an_accepted_fax_whose_answer_was_lost_is_found(interfax: Simulated, document: bytes, fault: str) -> None:
    tried = interfax.an_attempt()
    interfax.simulator.set_faults([{"fault": fault, "method": "POST", "path": "/outbound/faxes", "times": 1}])
    with pytest.raises(AmbiguousError):
        await interfax.provider.submit(replace(REQUEST, document=document))
    [sent] = interfax.simulator.faxes()
    found = await interfax.provider.find(tried, REQUEST.number, tried.intent_at + timedelta(minutes=6))
    assert found == Found(Verdict.FOUND, f"out-{sent['id']}")


@pytest.mark.parametrize("lag", [60, 600, 900])
async def test_while_lists_lag_nothing_is_said_to_be_absent(interfax: Simulated, document: bytes, lag: float) -> None:
    tried = interfax.an_attempt()
    fresh_after = tried.intent_at + timedelta(minutes=6)
    interfax.simulator.set_faults(
        [
            {"fault": "list_lag", "seconds": lag},
            {"fault": "drop_response", "method": "POST", "path": "/outbound/faxes", "times": 1},
        ]
    )
    with pytest.raises(AmbiguousError):
        await interfax.provider.submit(replace(REQUEST, document=document))
    verdicts = []
    for _ in range(lag // 30 + 2):
        await interfax.provider.submit(replace(REQUEST, reference=f"F-{len(verdicts)}-9", document=document))
        verdicts.append((await interfax.provider.find(tried, REQUEST.number, fresh_after)).verdict)
        await interfax.passes(seconds=30)
    assert set(verdicts) == {Verdict.CANNOT_TELL, Verdict.FOUND}
    assert verdicts[-1] is Verdict.FOUND


async def test_a_lost_request_is_proven_absent_once_a_later_fax_shows(start: Start, document: bytes) -> None:
    interfax = await start({"marker_number": "+99999993931"})
    tried = interfax.an_attempt()
    fresh_after = tried.intent_at + timedelta(minutes=6)
    lost = {"fault": "drop_request", "method": "POST", "path": "/outbound/faxes", "times": 1}
    interfax.simulator.set_faults([lost])
    with pytest.raises(AmbiguousError):
        await interfax.provider.submit(replace(REQUEST, document=document))
    assert await interfax.provider.find(tried, REQUEST.number, fresh_after) == Found(Verdict.CANNOT_TELL)
    await interfax.passes(minutes=7)
    interfax.simulator.set_faults([{"fault": "list_lag", "seconds": 60}])
    await interfax.provider.send_marker("K-1")
    assert await interfax.provider.find(tried, REQUEST.number, fresh_after) == Found(Verdict.CANNOT_TELL)
    await interfax.passes(seconds=61)
    assert await interfax.provider.find(tried, REQUEST.number, fresh_after) == Found(Verdict.NOT_THERE)
    [marker] = interfax.simulator.faxes()
    assert (marker["code"], marker["pagesSent"]) == (3931, 0)


@pytest.mark.parametrize("match", ["ignore_case", "substring"])
async def test_however_they_match_references_only_our_own_is_found(
    interfax: Simulated, document: bytes, match: str
) -> None:
    interfax.simulator.set_faults([{"fault": "reference_match", "match": match}])
    tried = interfax.an_attempt()
    for reference in (f"{REQUEST.reference}7", REQUEST.reference.lower()):
        await interfax.provider.submit(replace(REQUEST, reference=reference, document=document))
    verdict = (await interfax.provider.find(tried, REQUEST.number, interfax.now() + timedelta(hours=1))).verdict
    assert verdict is Verdict.CANNOT_TELL


async def test_a_large_document_arrives_whole(interfax: Simulated) -> None:
    large = a_page(os.urandom(6_000_000))
    fax_id = await interfax.provider.submit(replace(REQUEST, document=large))
    await interfax.passes(hours=1)
    assert (await interfax.provider.report(fax_id)).phase is Phase.DELIVERED
    assert interfax.simulator.document(fax_id.removeprefix("out-")) == large


@pytest.mark.parametrize("fault", ["drop_request", "drop_response", "status", "status_after", "torn_response"])
async def test_an_upload_that_breaks_sends_nothing(interfax: Simulated, fault: str) -> None:
    broken = {"fault": fault, "method": "POST", "path": "/outbound/documents/", "times": 1}
    interfax.simulator.set_faults([broken])
    request = replace(REQUEST, document=a_page(os.urandom(5_000_000)))
    with pytest.raises(NotSentError):
        await interfax.provider.submit(request)
    assert interfax.simulator.faxes() == []
    await interfax.provider.submit(request)
    assert len(interfax.simulator.faxes()) == 1


async def test_a_fax_without_credit_waits_and_goes_on_when_there_is_some(start: Start, document: bytes) -> None:
    interfax = await start(balance=Decimal(0))
    fax_id = await interfax.provider.submit(replace(REQUEST, document=document))
    await interfax.passes(hours=2)
    for _ in range(2):
        with pytest.raises(AccountError) as caught:
            await interfax.provider.report(fax_id)
        assert caught.value.reason is Reason.OUT_OF_CREDIT
    interfax.simulator.set_balance(Decimal(10))
    await interfax.passes(hours=2)
    assert (await interfax.provider.report(fax_id)).phase is Phase.DELIVERED
    assert await interfax.provider._client.balance() < 10


async def test_a_fax_that_never_gets_credit_fails_after_a_day(start: Start, document: bytes) -> None:
    interfax = await start(balance=Decimal(0))
    fax_id = await interfax.provider.submit(replace(REQUEST, document=document))
    await interfax.passes(hours=25)
    report = await interfax.provider.report(fax_id)
    assert (report.phase, report.reason) == (Phase.FAILED, Reason.NO_CREDIT_IN_TIME)
    assert report.raw == "205000 no credit for a day"


@pytest.mark.parametrize("odd", ["strings", "missing", "extra", "null"])
async def test_odd_records_are_read_as_far_as_they_go(interfax: Simulated, document: bytes, odd: str) -> None:
    fax_id = await interfax.provider.submit(replace(REQUEST, document=document))
    await interfax.passes(hours=1)
    interfax.simulator.set_faults([{"fault": "odd_json", "odd": odd}])
    report = await interfax.provider.report(fax_id)
    assert report.provider_fax_id == fax_id
    assert report.phase in (Phase.DELIVERED, Phase.WAITING)


async def test_a_state_that_no_document_lists_is_not_an_end(interfax: Simulated, document: bytes) -> None:
    interfax.simulator.set_faults([{"fault": "unlisted_state"}, {"fault": "stuck"}])
    fax_id = await interfax.provider.submit(replace(REQUEST, document=document))
    await interfax.passes(seconds=0.25)
    assert (await interfax.provider.report(fax_id)).phase is Phase.WAITING


@pytest.mark.parametrize("pages", [1, 2])
async def test_pages_that_were_sent_before_a_failure_are_counted(interfax: Simulated, pages: int) -> None:
    interfax.simulator.set_faults([{"fault": "fail", "code": 3268, "pages_sent": pages}])
    two_pages = io.BytesIO()
    with pikepdf.new() as pdf:
        for _ in range(2):
            pdf.add_blank_page(page_size=(612, 792))
        pdf.save(two_pages)
    fax_id = await interfax.provider.submit(replace(REQUEST, document=two_pages.getvalue()))
    await interfax.passes(hours=1)
    report = await interfax.provider.report(fax_id)
    assert (report.phase, report.pages, report.pages_sent) == (Phase.FAILED, 2, pages)


@pytest.mark.parametrize(
    "answer", [{"status": 429}, {"status": 400}, {"status": 503}, {"status": 429, "retry_after": 7}]
)
async def test_told_to_slow_down_we_ask_later(start: Start, document: bytes, answer: dict[str, int]) -> None:
    interfax = await start(polls_per_minute=1)
    interfax.simulator.set_faults([{"fault": "poll_answer", **answer}])
    fax_id = await interfax.provider.submit(replace(REQUEST, document=document))
    await interfax.provider.report(fax_id)
    interfax.provider.parse_webhook("", f"TransactionID={fax_id.removeprefix('out-')}".encode())
    with pytest.raises(TemporaryError) as caught:
        await interfax.provider.report(fax_id)
    assert not isinstance(caught.value, AccountError)
    assert "-1011" in caught.value.detail


async def test_a_wrong_password_does_not_lock_the_user(start: Start, document: bytes) -> None:
    interfax = await start({"password": "wrong"}, lock_after=2)
    for _ in range(20):
        with pytest.raises(AccountError):
            await interfax.provider.submit(replace(REQUEST, document=document))
    right = Interfax("main", replace(interfax.settings, password=interfax.simulator.password), interfax.now)
    await right.submit(replace(REQUEST, document=document))
    await right.close()
    assert len(interfax.simulator.faxes()) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-111, PermanentError),
        (-112, PermanentError),
        (-150, AmbiguousError),
        (-666, AccountError),
        (-1011, NotSentError),
    ],
)
async def test_refusals_are_read(interfax: Simulated, document: bytes, code: int, kind: type[Exception]) -> None:
    interfax.simulator.set_faults([{"fault": "refuse", "api_code": code, "path": "/outbound/faxes"}])
    with pytest.raises(kind):
        await interfax.provider.submit(replace(REQUEST, document=document))
    assert interfax.simulator.faxes() == []


async def test_a_number_that_they_cannot_dial_is_a_bad_number(interfax: Simulated, document: bytes) -> None:
    with pytest.raises(PermanentError) as caught:
        await interfax.provider.submit(replace(REQUEST, number="+", document=document))
    assert caught.value.reason is Reason.BAD_NUMBER


async def test_a_waiting_fax_can_be_cancelled(interfax: Simulated, document: bytes) -> None:
    interfax.simulator.set_faults([{"fault": "stuck"}])
    fax_id = await interfax.provider.submit(replace(REQUEST, document=document))
    await interfax.passes(seconds=5)
    number = int(fax_id.removeprefix("out-"))
    for _ in range(2):
        assert await interfax.provider._client.cancel(number)
    assert (await interfax.provider.report(fax_id)).reason is Reason.CANCELLED_BY_OPERATOR


async def test_a_received_fax_can_be_marked_and_mailed_again(interfax: Simulated) -> None:
    number = int(await interfax.simulator.receive_fax(OURS))
    assert await interfax.provider._client.mark_read(number)
    assert await interfax.provider._client.mail_again(number, "ana@clinic.example")
    record = await interfax.provider._client.received_fax(number)
    assert record is not None
    assert record["imagestatus"] == "READ"


async def test_many_at_once_are_each_sent_once(interfax: Simulated, document: bytes) -> None:
    requests = [replace(REQUEST, reference=f"F-{n}-1", document=document) for n in range(50)]
    ids = await asyncio.gather(*(interfax.provider.submit(request) for request in requests))
    assert len(set(ids)) == 50
    reports = await asyncio.gather(*(interfax.provider.report(fax_id) for fax_id in ids))
    assert {reference for report in reports for reference in report.references} == {
        request.reference for request in requests
    }
