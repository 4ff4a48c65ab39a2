"""The stories with InterFAX in them: money runs out, answers get lost, calls fail; and what its sender and we hear."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from interfax_world import PASSWORD, USER, FakeInterfax
from provider_world import OUR_NUMBER

from gateway.core.lifecycle import FaxState
from gateway.core.model import FaxJob
from gateway.core.reasons import Reason
from gateway.providers.interfax import Interfax, InterfaxSettings
from gateway.store import fax_jobs, invariants
from tests.fakes import OPERATOR, SENDER, Gateway

OTHER = "+12025550144"


@pytest.fixture
async def interfax() -> AsyncIterator[FakeInterfax]:
    server = FakeInterfax()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def gateway(gateway: Gateway, interfax: FakeInterfax) -> AsyncIterator[Gateway]:
    """The stories with InterFAX as their only provider; it and they have the same clock."""
    interfax.clock = gateway.clock
    settings = InterfaxSettings(
        USER, PASSWORD, (OUR_NUMBER,), base_url=interfax.url, polls_per_minute=1e9, requests_per_second=1000
    )
    provider = Interfax("sinch", settings, gateway.clock)
    gateway.providers["sinch"] = provider  # type: ignore[assignment]
    yield gateway
    assert await gateway.database.read(invariants.find_violations) == []
    await provider.close()


async def job(gateway: Gateway, job_id: str) -> FaxJob:
    found = await gateway.database.read(fax_jobs.get_job, job_id)
    assert found is not None
    return found


async def test_without_credit_faxes_wait_and_the_operator_is_told_once(
    gateway: Gateway, interfax: FakeInterfax
) -> None:
    interfax.status = -22
    numbers = [f"+1202555{last:04}" for last in range(150, 160)]
    first = (await gateway.accept(numbers[0])).job_ids[0]
    await gateway.pass_time(minutes=1)
    later = (await gateway.accept(*numbers[1:])).job_ids
    await gateway.pass_time(hours=5)
    assert (await job(gateway, first)).state is FaxState.SUBMITTED
    assert len(interfax.orders) == 1
    [alert] = gateway.next_hop.mails
    assert alert.to == OPERATOR
    assert b"no credit" in alert.content

    interfax.status = 0
    for fax in interfax.sent.values():
        fax["status"] = 0
    await gateway.pass_time(minutes=30)
    for job_id in (first, *later):
        assert (await job(gateway, job_id)).state is FaxState.DELIVERED
    assert len(interfax.orders) == len(numbers)
    assert len(gateway.next_hop.to(SENDER)) == len(numbers)


async def test_credit_that_never_comes_makes_no_second_fax(gateway: Gateway, interfax: FakeInterfax) -> None:
    interfax.status = -22
    held = (await gateway.accept()).job_ids[0]
    await gateway.pass_time(hours=25)
    interfax.sent[min(interfax.sent)]["status"] = 205000
    await gateway.pass_time(hours=5)
    assert len(interfax.orders) == 1
    ended = await job(gateway, held)
    assert (ended.state, ended.reason) == (FaxState.FAILED, Reason.NO_CREDIT_IN_TIME)
    assert len(gateway.next_hop.to(SENDER)) == 2  # in doubt when its time was over; then the truth


@pytest.mark.parametrize(
    ("status", "state", "calls"),
    [
        (6017, FaxState.FAILED, 4),
        (6034, FaxState.FAILED, 4),
        (3932, FaxState.FAILED, 2),
        (488, FaxState.FAILED, 2),
        (256, FaxState.FAILED, 2),
        (9001, FaxState.FAILED, 2),
        (3936, FaxState.FAILED, 1),
        (6021, FaxState.FAILED, 1),
        (6022, FaxState.FAILED, 1),
        (6088, FaxState.FAILED, 1),
        (204000, FaxState.FAILED, 1),
        (403, FaxState.CANCELLED, 1),
    ],
)
async def test_a_fax_is_sent_again_as_its_category_says(
    gateway: Gateway, interfax: FakeInterfax, status: int, state: FaxState, calls: int
) -> None:
    interfax.status = status
    sent = (await gateway.accept()).job_ids[0]
    await gateway.pass_time(hours=2)
    assert (await job(gateway, sent)).state is state
    assert [order.query["reference"] for order in interfax.orders] == [f"{sent}-{n + 1}" for n in range(calls)]
    [report] = gateway.next_hop.to(SENDER)
    assert f"(sinch {status} ".encode() in report.content


async def test_a_failure_after_all_pages_is_never_sent_again_by_itself(
    gateway: Gateway, interfax: FakeInterfax
) -> None:
    interfax.status = -3
    sent = (await gateway.accept()).job_ids[0]
    await gateway.pass_time(seconds=20)
    interfax.sent[min(interfax.sent)] |= {"status": 3268, "pagesSent": 2, "pagesSubmitted": 2}
    await gateway.pass_time(hours=2)
    assert (await job(gateway, sent)).state is FaxState.UNKNOWN
    assert len(interfax.orders) == 1


async def test_a_fax_whose_answer_was_lost_is_adopted(gateway: Gateway, interfax: FakeInterfax) -> None:
    interfax.status = 0
    interfax.order(interfax.drops_the_answer, "/outbound/faxes")
    sent = (await gateway.accept()).job_ids[0]
    await gateway.pass_time(minutes=2)
    assert (await job(gateway, sent)).state is FaxState.DELIVERED
    assert len(interfax.orders) == 1


async def test_a_fax_that_got_lost_is_sent_again_once_later_faxes_prove_it(
    gateway: Gateway, interfax: FakeInterfax
) -> None:
    interfax.status = 0
    interfax.order(interfax.cuts_the_request, "/outbound/faxes")
    lost = (await gateway.accept()).job_ids[0]
    for _ in range(8):
        await gateway.accept(OTHER, body=f"at {gateway.clock()}\r\n".encode())
        await gateway.pass_time(minutes=5)
    assert (await job(gateway, lost)).state is FaxState.DELIVERED
    assert [order.query["reference"] for order in interfax.orders].count(f"{lost}-1") == 1


async def test_a_fax_that_got_lost_without_any_proof_is_unknown(gateway: Gateway, interfax: FakeInterfax) -> None:
    interfax.order(interfax.cuts_the_request, "/outbound/faxes")
    lost = (await gateway.accept()).job_ids[0]
    await gateway.pass_time(hours=3)
    assert (await job(gateway, lost)).state is FaxState.UNKNOWN
    assert interfax.orders == []
    assert len(gateway.next_hop.to(SENDER)) == 1


async def test_a_fax_that_shows_up_late_is_not_sent_twice(gateway: Gateway, interfax: FakeInterfax) -> None:
    """Neither list nor search shows it for a quarter of an hour; other faxes are not shown sooner."""
    interfax.status = 0
    interfax.order(interfax.drops_the_answer, "/outbound/faxes")
    lost = (await gateway.accept()).job_ids[0]
    await gateway.run_until_idle()
    for minute in range(15):
        await gateway.accept(OTHER, body=f"at {gateway.clock()}\r\n".encode())
        late = {number for number, fax in interfax.sent.items() if fax["attemptsMade"] == 0}
        interfax.hidden_from_lists |= late
        interfax.hidden_from_search |= late
        await gateway.pass_time(minutes=1)
        assert (await job(gateway, lost)).state is FaxState.SUBMITTING, minute
    interfax.hidden_from_lists.clear()
    interfax.hidden_from_search.clear()
    await gateway.pass_time(hours=1)
    assert (await job(gateway, lost)).state is FaxState.DELIVERED
    assert [order.query["reference"] for order in interfax.orders].count(f"{lost}-1") == 1


async def test_a_refused_login_pauses_the_account_and_is_told_once(gateway: Gateway, interfax: FakeInterfax) -> None:
    interfax.order(interfax.answers(401), "/")
    sent = (await gateway.accept()).job_ids[0]
    interfax.status = 0
    await gateway.pass_time(minutes=8)
    assert interfax.received == []
    assert (await job(gateway, sent)).state is FaxState.READY
    await gateway.pass_time(minutes=10)
    assert (await job(gateway, sent)).state is FaxState.DELIVERED
    assert len(gateway.next_hop.to(OPERATOR)) == 2  # paused; works again
