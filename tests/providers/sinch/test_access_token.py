"""The access token: fetched once for all, renewed in time, and its loss is never the loss of a fax."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta

import pytest
from provider_world import NOW, REFERENCE, REQUEST
from sinch_world import SinchWorld

from gateway.core.reasons import AccountError, NotSentError, Reason


def token_requests(world: SinchWorld) -> int:
    return sum(request.path == "/oauth2/token" for request in world.server.received)


async def test_one_token_serves_all_who_ask_at_once(world: SinchWorld) -> None:
    fax_id = world.has_sent(REFERENCE, NOW)
    await asyncio.gather(*(world.provider.report(fax_id) for _ in range(20)))
    assert token_requests(world) == 1


async def test_a_token_is_renewed_a_minute_before_its_end(world: SinchWorld) -> None:
    fax_id = world.has_sent(REFERENCE, NOW)
    for passed, expected in ((0, 1), (3538, 1), (3539, 2)):
        world.now = NOW + timedelta(seconds=passed)
        await world.provider.report(fax_id)
        assert token_requests(world) == expected


def jwt(claims: dict[str, object]) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


@pytest.mark.parametrize(
    ("token", "passed", "expected"),
    [
        (jwt({"iat": 1000, "exp": 1600}), 539, 1),
        (jwt({"iat": 1000, "exp": 1600}), 540, 2),
        (jwt({"exp": "never"}), 3600, 1),
        ("opaque", 3600, 1),
        ("a.b.c", 3600, 1),
        ("a.ÿ.c".encode("ascii", "replace").decode(), 3600, 1),
    ],
)
async def test_without_expires_in_the_token_itself_tells_its_end(
    world: SinchWorld, token: str, passed: int, expected: int
) -> None:
    fax_id = world.has_sent(REFERENCE, NOW)

    def grant() -> None:
        world.server.tokens.append(token)
        body = json.dumps({"access_token": token}).encode()
        world.server.order(world.server.answers(200, body), "/oauth2/token")

    asked = 0
    for seconds in (0, passed):
        grant()
        world.now = NOW + timedelta(seconds=seconds)
        await world.provider.report(fax_id)
        asked = 2 - sum(part == "/oauth2/token" for part, _ in world.server._faults)
    assert asked == expected


async def test_an_expired_token_is_replaced_and_even_a_submission_repeated_once(world: SinchWorld) -> None:
    fax_id = world.has_sent(REFERENCE, NOW)
    await world.provider.report(fax_id)
    world.server.tokens.append("ours is no longer the latest")
    await world.provider.submit(REQUEST)
    assert len(world.submissions()) == 1
    assert token_requests(world) == 2


async def test_a_token_that_is_expired_at_once_is_not_replaced_for_ever(world: SinchWorld) -> None:
    expired = world.server.answers(401, b"", {"WWW-Authenticate": 'Bearer error_description="token expired"'})
    world.server.order(expired, "/v3/")
    world.server.order(expired, "/v3/")
    with pytest.raises(AccountError):
        await world.provider.submit(REQUEST)
    assert world.submissions() == []
    assert token_requests(world) == 2


async def test_any_other_401_is_final_and_the_token_not_used_again(world: SinchWorld) -> None:
    world.server.order(world.server.answers(401, b"", {"WWW-Authenticate": 'Bearer error="revoked"'}), "/v3/")
    with pytest.raises(AccountError):
        await world.provider.submit(REQUEST)
    assert token_requests(world) == 1
    await world.provider.submit(REQUEST)
    assert token_requests(world) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_refused_credentials_are_trouble_with_the_account(world: SinchWorld, status: int) -> None:
    world.server.order(world.server.answers(status), "/oauth2/token")
    with pytest.raises(AccountError) as caught:
        await world.provider.submit(REQUEST)
    assert caught.value.reason is Reason.PROVIDER_AUTH


@pytest.mark.parametrize("fault", ["drops_the_answer", "cuts_the_request", "tears_the_answer", "502", "200", "302"])
async def test_whatever_happens_to_the_token_request_no_fax_was_sent(world: SinchWorld, fault: str) -> None:
    server = world.server
    server.order(server.answers(int(fault)) if fault.isdigit() else getattr(server, fault), "/oauth2/token")
    with pytest.raises(NotSentError):
        await world.provider.submit(REQUEST)
    assert world.submissions() == []


async def test_a_token_endpoint_that_is_asked_too_often_is_left_alone_longer_each_time(
    world: SinchWorld,
) -> None:
    world.now, waits = NOW, []
    for _ in range(5):
        world.server.order(world.server.answers(429), "/oauth2/token")
        for _ in range(3):  # the endpoint hears only the first of them
            with pytest.raises(NotSentError) as caught:
                await world.provider.submit(REQUEST)
        assert caught.value.retry_after is not None
        waits.append(caught.value.retry_after.total_seconds())
        world.now += caught.value.retry_after
    assert waits == [1, 4, 16, 60, 60]
    await world.provider.submit(REQUEST)


async def test_a_wait_that_the_token_endpoint_names_is_honoured(world: SinchWorld) -> None:
    world.server.order(world.server.answers(429, b"", {"Retry-After": "33"}), "/oauth2/token")
    with pytest.raises(NotSentError) as caught:
        await world.provider.submit(REQUEST)
    assert caught.value.retry_after == timedelta(seconds=33)


async def test_those_who_wait_for_a_token_share_its_failure(world: SinchWorld) -> None:
    world.server.order(world.server.answers(503), "/oauth2/token")
    results = await asyncio.gather(*(world.provider.submit(REQUEST) for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [NotSentError] * 5
    assert token_requests(world) == 0  # the one that failed is not counted by the server
