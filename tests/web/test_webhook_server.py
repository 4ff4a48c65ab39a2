"""200 means durable, 4xx none of ours, 503 our own trouble; nobody unknown learns anything or costs anything."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from gateway.core.model import FaxEvent
from gateway.core.reasons import DiskError, DiskFullError

#: The credentials that the provider of this account was given.
GOOD = {"Authorization": "Basic " + base64.b64encode(b"sinch:pass").decode()}
OpenDoor = Callable[..., Awaitable]
BIG = 20 * 1024 * 1024


async def test_a_received_fax_is_accepted(open_door: OpenDoor) -> None:
    door = await open_door()
    assert await door.post({"id": "f1", "inbound": True}) == 200
    assert door.stories.accepted == [("main", FaxEvent("f1", True))]
    assert door.last_headers["Server"] == "faxgw"


async def test_an_event_about_our_own_fax_wakes_it_by_its_own_reference_or_the_one_of_the_url(
    open_door: OpenDoor,
) -> None:
    door = await open_door()
    url = door.url(query="?ref=F-7K3M9QX2-1")
    assert await door.post({"id": "f1", "inbound": False}, url) == 200
    assert await door.post({"id": "f2", "inbound": False, "reference": "F-own"}, url) == 200
    assert await door.post({"id": "f3", "inbound": True}, url) == 200
    assert [event.reference for _, event in door.stories.woken] == ["F-7K3M9QX2-1", "F-own"]
    assert door.stories.accepted[0][1].reference is None


async def test_an_event_that_means_nothing_to_us_is_taken(open_door: OpenDoor) -> None:
    door = await open_door()
    assert await door.post({}) == 200
    assert not door.stories.accepted
    assert not door.stories.woken


async def test_strangers_look_all_the_same_and_nothing_is_parsed(open_door: OpenDoor) -> None:
    door = await open_door()
    event = {"id": "f1", "inbound": True}
    wrong_urls = [
        door.url(account="other"),
        door.url(secret="wrong"),
        door.url(secret=""),
        door.url(secret="%ff"),
        door.url().replace("/fax/", "/"),
        door.url() + "/x",
    ]
    assert {await door.post(event, url) for url in wrong_urls} == {404}
    wrong = {"Authorization": "Basic " + base64.b64encode(b"sinch:wrong").decode()}
    for headers in ({}, wrong, {"Authorization": "Bearer x"}):
        assert await door.post(event, headers=headers) == 401
        assert door.last_headers["WWW-Authenticate"].startswith("Basic ")
    assert door.provider.parsed == 0
    assert not door.stories.accepted


async def test_only_post_is_answered(open_door: OpenDoor) -> None:
    door = await open_door()
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        async with door.http.request(method, door.url()) as answer:
            assert answer.status == 405


async def test_what_is_no_event_is_refused(open_door: OpenDoor) -> None:
    door = await open_door()
    assert await door.post(b"hello", headers={**GOOD, "Content-Type": "text/plain"}) == 400
    assert door.log.refusals == [("main", 400)]


@pytest.mark.parametrize("error", [DiskError("secret"), DiskFullError("secret"), KeyError("secret"), TimeoutError()])
@pytest.mark.parametrize("inbound", [True, False])
async def test_our_own_trouble_is_never_a_refusal(open_door: OpenDoor, error: Exception, inbound: bool) -> None:
    door = await open_door()
    door.stories.error = error
    assert await door.post({"id": "f1", "inbound": inbound}) == 503
    assert door.last_headers["Retry-After"] == "60"
    assert door.log.bugs == [error]
    door.stories.error = None
    assert await door.post({"id": "f1", "inbound": inbound}) == 200


async def test_a_body_over_the_limit_is_refused_announced_or_not(open_door: OpenDoor) -> None:
    door = await open_door(max_body=300_000)
    assert await door.post(b"x" * 300_001) == 413

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(301):
            yield b"x" * 1000

    async with door.http.post(door.url(), data=unannounced(), headers=GOOD) as answer:
        assert answer.status == 413
    assert door.provider.parsed == 0


async def test_a_body_that_does_not_come_ends_at_its_deadline(open_door: OpenDoor) -> None:
    door = await open_door(body_seconds=0.05)
    hold = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await hold.wait()

    async with door.http.post(door.url(), data=slow(), headers=GOOD) as answer:
        assert answer.status == 408
    hold.set()
    assert await door.post({}) == 200


async def test_a_client_that_leaves_in_the_middle_changes_nothing(open_door: OpenDoor) -> None:
    door = await open_door()
    host, _, port = door.address.partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    path = door.url().partition(door.address)[2]
    authorization = GOOD["Authorization"]
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Length: 900\r\n\r\n{{".encode()
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await door.post({"id": "f1", "inbound": True}) == 200
    assert len(door.stories.accepted) == 1
    assert not door.log.bugs


async def test_fifty_large_bodies_at_once_are_worked_on_one_at_a_time(open_door: OpenDoor) -> None:
    door = await open_door()
    body = b'{"id":"f1","inbound":true,"document":"' + b"x" * 2_000_000 + b'"}'
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50)) as http:

        async def post() -> int:
            typed = {**GOOD, "Content-Type": "application/json"}
            async with http.post(door.url(), data=io.BytesIO(body), headers=typed) as answer:
                return answer.status

        assert await asyncio.gather(*(post() for _ in range(50))) == [200] * 50
    assert door.stories.most_at_a_time == 1
    assert len(door.stories.accepted) == 50
    assert list(door.spool.iterdir()) == [], "nothing stays behind"


async def test_a_body_of_20_mb_arrives_whole(open_door: OpenDoor) -> None:
    door = await open_door()
    body = b'{"id":"f1","inbound":true,"document":"' + b"x" * BIG + b'"}'
    assert await door.post(body) == 200
    assert door.provider.largest == len(body)


async def test_the_callback_of_a_test_fax_is_the_canarys_alone(open_door: OpenDoor) -> None:
    door = await open_door()
    door.stories.of_the_canary.add("K-7K3M9QX2")
    body = {"id": "f", "inbound": False}
    assert await door.post(body, door.url(query="?ref=K-7K3M9QX2")) == 200
    assert door.stories.woken == []
    assert await door.post(body, door.url(query="?ref=F-7K3M9QX2-1")) == 200
    assert len(door.stories.woken) == 1
