"""What only the client does: cancelling, marking, mailing again, the credit."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from interfax_world import InterfaxWorld
from provider_world import NOW, PDF, REFERENCE

from gateway.core.model import Phase
from gateway.core.reasons import AccountError, PermanentError, Reason, TemporaryError
from gateway.providers.interfax.client import Client
from gateway.providers.interfax.return_codes import TooFrequentError

GHOST = 4711


@pytest.fixture
def client(world: InterfaxWorld) -> Client:
    return world.provider._client


async def test_a_waiting_fax_is_cancelled_and_its_status_says_so(world: InterfaxWorld, client: Client) -> None:
    fax_id = world.has_sent(REFERENCE, NOW)
    assert await client.cancel(int(fax_id.removeprefix("out-")))
    report = await world.provider.report(fax_id)
    assert (report.phase, report.reason) == (Phase.FAILED, Reason.CANCELLED_BY_OPERATOR)


@pytest.mark.parametrize("status", [200, 409])
async def test_whether_a_fax_was_over_already_only_its_status_tells(
    world: InterfaxWorld, client: Client, status: int
) -> None:
    fax_id = world.has_sent(REFERENCE, NOW, phase=Phase.DELIVERED)
    if status != 409:
        world.will_answer(status)
    assert await client.cancel(int(fax_id.removeprefix("out-")))
    assert (await world.provider.report(fax_id)).phase is Phase.DELIVERED


async def test_a_received_fax_is_marked_as_read(world: InterfaxWorld, client: Client) -> None:
    number = world.server.add_received(NOW, PDF)
    for _ in range(2):
        assert await client.mark_read(number)
    assert world.server.marked == [number] * 2
    assert world.server.received[-1].raw_query == ""


async def test_a_received_fax_is_mailed_again(world: InterfaxWorld, client: Client) -> None:
    number = world.server.add_received(NOW, PDF)
    assert await client.mail_again(number, "ana+fax@clinic.example")
    assert world.server.mailed == [(number, "ana+fax@clinic.example")]
    with pytest.raises(PermanentError) as caught:
        await client.mail_again(number, "ana+fax@clinic.example")
    assert "-312" in caught.value.detail


@pytest.mark.parametrize("status", [302, 408, 500, 503])
async def test_an_action_whose_outcome_is_open_may_be_repeated(
    world: InterfaxWorld, client: Client, status: int
) -> None:
    number = world.server.add_received(NOW, PDF)
    world.will_answer(status)
    with pytest.raises(TemporaryError):
        await client.mark_read(number)
    assert await client.mark_read(number)


async def test_what_they_do_not_know_is_named_as_such(world: InterfaxWorld, client: Client) -> None:
    assert not await client.cancel(GHOST)
    assert not await client.mark_read(GHOST)
    assert not await client.mail_again(GHOST, "ana@clinic.example")


@pytest.mark.parametrize("code", [-310, -311, -3001, -1005])
async def test_somebody_elses_fax_is_as_good_as_unknown(world: InterfaxWorld, client: Client, code: int) -> None:
    number = world.server.add_received(NOW, PDF)
    world.will_name_error(403, code)
    assert await client.received_fax(number) is None


@pytest.mark.parametrize("fault", ["will_drop_the_answer", "will_cut_the_request"])
async def test_a_lost_answer_to_an_action_is_temporary(world: InterfaxWorld, client: Client, fault: str) -> None:
    number = world.server.add_received(NOW, PDF)
    getattr(world, fault)()
    with pytest.raises(TemporaryError):
        await client.mark_read(number)


async def test_actions_are_sent_once_and_empty(world: InterfaxWorld, client: Client) -> None:
    number = world.server.add_received(NOW, PDF)
    await client.mark_read(number)
    [request] = world.server.received
    assert (request.method, request.headers["Content-Length"], request.body) == ("POST", "0", b"")


@pytest.mark.parametrize("body", [b"3.8500", b" 3.85\r\n", b'"3.8500"'])
async def test_the_credit_is_an_exact_amount(world: InterfaxWorld, client: Client, body: bytes) -> None:
    world.server.balance = body
    assert await client.balance() == Decimal("3.85")


@pytest.mark.parametrize("body", [b"", b"{}", b"NaN", b"Infinity", b"<html/>", b"\xff"])
async def test_what_is_no_amount_is_not_taken_for_one(world: InterfaxWorld, client: Client, body: bytes) -> None:
    world.server.balance = body
    with pytest.raises(TemporaryError):
        await client.balance()


@pytest.mark.parametrize("status", [400, 403, 429, 503])
async def test_told_that_we_ask_too_often_we_know_it_whatever_its_status(
    world: InterfaxWorld, client: Client, status: int
) -> None:
    world.will_name_error(status, -1011)
    with pytest.raises(TooFrequentError):
        await client.sent_faxes()


async def test_an_answer_about_another_fax_is_no_answer(world: InterfaxWorld, client: Client) -> None:
    number, other = (world.server.add_received(NOW, PDF) for _ in range(2))
    world.will_answer(200, json.dumps(world.server.received_faxes[other]).encode())
    with pytest.raises(TemporaryError):
        await client.received_fax(number)


async def test_questions_notice_that_the_account_is_at_another_host(world: InterfaxWorld, client: Client) -> None:
    world.will_name_error(400, -666)
    with pytest.raises(AccountError):
        await client.balance()


async def test_every_request_has_the_login_and_takes_any_answer(world: InterfaxWorld, client: Client) -> None:
    await client.balance()
    [request] = world.server.received
    assert request.headers["Authorization"].startswith("Basic ")
    assert request.headers["Accept"] == "*/*"
