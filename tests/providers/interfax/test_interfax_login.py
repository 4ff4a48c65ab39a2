"""A refused login is not tried again and again: InterFAX locks the user for an hour."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from aiohttp import web
from contract import attempt
from faulty_server import Handler
from interfax_world import PASSWORD, InterfaxWorld
from provider_world import NOW, NUMBER, REFERENCE, REQUEST

from gateway.core.reasons import AccountError, Reason, TemporaryError
from gateway.providers.interfax import Interfax


async def test_after_a_refused_login_nothing_goes_out_whatever_is_asked(world: InterfaxWorld) -> None:
    provider = world.build(password="wrong")
    with pytest.raises(AccountError) as first:
        await provider.submit(REQUEST)
    assert (first.value.reason, first.value.detail) == (Reason.PROVIDER_AUTH, "HTTP 401 -1003: error -1003")
    for _ in range(3):
        for ask in (
            provider.submit(REQUEST),
            provider.report("out-1"),
            provider.report("in-1"),
            provider.fetch_document("in-1"),
            provider.find(attempt(), NUMBER, NOW),
            listed(provider),
        ):
            with pytest.raises(AccountError) as caught:
                await ask
            assert "not tried again before 09:25 UTC" in caught.value.detail
            assert caught.value.retry_after == timedelta(minutes=10)
    assert len(world.server.received) == 1


async def test_it_is_tried_again_after_ten_minutes_and_then_once_an_hour(world: InterfaxWorld) -> None:
    provider = world.build(password="wrong")
    tried = []
    for minute in range(200):
        world.now = NOW + timedelta(minutes=minute)
        before = len(world.server.received)
        with pytest.raises(AccountError):
            await provider.submit(REQUEST)
        if len(world.server.received) > before:
            tried.append(minute)
    assert tried == [0, 10, 70, 130, 190]


async def test_a_locked_user_rests_for_the_whole_hour_at_once(world: InterfaxWorld) -> None:
    world.will_name_error(403, -1876)
    for minute, tried in ((0, 0), (59, 0), (60, 1)):
        world.now = NOW + timedelta(minutes=minute)
        try:
            await world.provider.submit(REQUEST)
        except AccountError:
            assert not tried
        assert len(world.submissions()) == tried


async def test_a_login_that_works_again_is_as_good_as_new(world: InterfaxWorld) -> None:
    for minute in (0, 20, 40):
        world.now = NOW + timedelta(minutes=minute)
        world.will_answer(401)
        with pytest.raises(AccountError):
            await world.provider.submit(REQUEST)
        world.now += timedelta(minutes=11)
        await world.provider.submit(REQUEST)
    assert len(world.submissions()) == 3


@dataclass
class Gate:
    """Holds requests back, and lets them in one by one."""

    waiting: list[asyncio.Event] = field(default_factory=list)
    _came: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def hold(self, request: web.Request, serve: Handler) -> web.StreamResponse:
        """Waits until it is let in."""
        let_in = asyncio.Event()
        self.waiting.append(let_in)
        self._came.release()
        await let_in.wait()
        return await serve(request)

    async def until(self, number: int) -> None:
        """Waits until so many more have come."""
        async with asyncio.timeout(20):
            for _ in range(number):
                await self._came.acquire()


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
async def test_a_login_that_never_worked_is_tried_by_one_request(world: InterfaxWorld, password: str) -> None:
    gate = Gate()
    for _ in range(9):
        world.server.order(gate.hold, "/")
    provider = world.build(password=password)
    sending = [
        asyncio.ensure_future(provider.submit(replace(REQUEST, reference=f"F-{number}-1"))) for number in range(9)
    ]
    await gate.until(1)
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert len(gate.waiting) == 1
    gate.waiting[0].set()
    if password == PASSWORD:
        await gate.until(8)  # now that it works they all go out at once
    for held in gate.waiting:
        held.set()
    answers = await asyncio.gather(*sending, return_exceptions=True)
    worked = [answer for answer in answers if isinstance(answer, str)]
    assert len(worked) == (9 if password == PASSWORD else 0)
    assert all(isinstance(answer, AccountError) for answer in answers if answer not in worked)
    assert len(world.server.received) == (9 if password == PASSWORD else 1)


async def test_requests_that_were_refused_together_count_as_one(world: InterfaxWorld) -> None:
    await world.provider.submit(REQUEST)
    refused = 5
    for _ in range(refused):
        world.will_answer(401)
    sending = (world.provider.submit(replace(REQUEST, reference=f"F-{number}-1")) for number in range(refused))
    answers = await asyncio.gather(*sending, return_exceptions=True)
    assert all(isinstance(answer, AccountError) for answer in answers)
    world.now += timedelta(minutes=10)
    await world.provider.submit(REQUEST)
    assert len(world.submissions()) == 2


async def test_whatever_else_happens_to_the_first_request_the_next_one_tries(world: InterfaxWorld) -> None:
    fax_id = world.has_sent(REFERENCE, NOW)
    for status in (500, 503, 302):
        world.will_answer(status)
        with pytest.raises(TemporaryError):
            await world.provider.report(fax_id)
    assert (await world.provider.report(fax_id)).references == {REFERENCE}


async def listed(provider: Interfax) -> list[object]:
    return [report async for report in provider.list_inbound(NOW)]
