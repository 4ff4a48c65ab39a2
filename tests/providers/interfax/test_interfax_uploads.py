"""A document beyond the direct limit is uploaded first; until it is sent, nothing that happens is a doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web
from faulty_server import Fault, Handler
from interfax_world import InterfaxWorld
from provider_world import PDF, REQUEST

from gateway.core.reasons import AccountError, AmbiguousError, GatewayError, NotSentError, PermanentError, Reason
from gateway.providers.interfax.uploads import DIRECT_LIMIT, upload

LARGE = replace(REQUEST, document=PDF + bytes(range(256)) * 17_000)
CHUNKS = 5


async def test_up_to_the_limit_a_document_goes_out_in_one_request(world: InterfaxWorld) -> None:
    await world.provider.submit(replace(REQUEST, document=bytes(DIRECT_LIMIT)))
    assert len(world.server.received) == 1
    await world.provider.submit(replace(REQUEST, document=bytes(DIRECT_LIMIT + 1)))
    assert len(world.server.received) == 1 + 1 + 5 + 1


async def test_a_large_document_is_uploaded_in_order_and_sent_by_reference(world: InterfaxWorld) -> None:
    await world.provider.submit(LARGE)
    create, *chunks, send = world.server.received
    assert create.query == {
        "size": str(len(LARGE.document)),
        "name": "fax.pdf",
        "disposition": "singleUse",
        "sharing": "private",
    }
    assert len(chunks) == CHUNKS
    assert chunks[0].headers["Range"] == "bytes=0-999999"
    assert chunks[-1].headers["Range"] == f"bytes=4000000-{len(LARGE.document) - 1}"
    assert send.headers["Content-Length"] == "0"
    assert send.headers["Content-Location"] == f"{world.server.url}/outbound/documents/{'0' * 32}"
    assert "Content-Type" not in send.headers or send.headers["Content-Type"] != "application/pdf"
    [order] = world.server.orders
    assert order.document == LARGE.document
    assert order.query["retriesToPerform"] == "1"


async def test_a_tiff_is_uploaded_as_one(world: InterfaxWorld) -> None:
    await world.provider.submit(replace(LARGE, media_type="image/tiff"))
    assert world.server.received[0].query["name"] == "fax.tif"


FAULTS: dict[str, Callable[[InterfaxWorld], Fault]] = {
    "answer dropped": lambda world: world.server.drops_the_answer,
    "request cut": lambda world: world.server.cuts_the_request,
    "answer torn": lambda world: world.server.tears_the_answer,
    "500": lambda world: world.server.answers(500),
    "502": lambda world: world.server.answers(502, b"<html>bad gateway</html>"),
    "409": lambda world: world.server.answers(409),
    "429": lambda world: world.server.answers(429),
    "302": lambda world: world.server.answers(302, headers={"Location": "/elsewhere"}),
    "session gone": lambda world: world.server.answers(404, b'{"code": -1062}'),
    "chunk missing": lambda world: world.server.answers(400, b'{"code": -1061}'),
    "internal error": lambda world: world.server.answers(500, b'{"code": -150}'),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("before", range(CHUNKS + 1))
async def test_whatever_happens_to_an_upload_no_fax_was_sent(world: InterfaxWorld, fault: str, before: int) -> None:
    """At the beginning, at each chunk: it is tried again from the start, later."""
    await order_for_request(world, before, FAULTS[fault](world))
    with pytest.raises(NotSentError) as caught:
        await world.provider.submit(LARGE)
    assert caught.value.reason is Reason.PROVIDER_DOWN
    assert world.submissions() == []
    await world.provider.submit(LARGE)
    assert [sent.document for sent in world.submissions()] == [LARGE.document]


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (413, PermanentError, Reason.TOO_BIG),
        (415, PermanentError, Reason.UNSUPPORTED_TYPE),
        (401, AccountError, Reason.PROVIDER_AUTH),
        (402, AccountError, Reason.OUT_OF_CREDIT),
    ],
)
@pytest.mark.parametrize("before", [0, 1, CHUNKS])
async def test_a_refused_upload_is_a_refusal(
    world: InterfaxWorld, status: int, kind: type[GatewayError], reason: Reason, before: int
) -> None:
    await order_for_request(world, before, world.server.answers(status))
    with pytest.raises(kind) as caught:
        await world.provider.submit(LARGE)
    assert caught.value.reason is reason
    assert world.submissions() == []


@pytest.mark.parametrize("fault", ["answer dropped", "request cut", "answer torn", "500", "409", "session gone"])
async def test_only_the_last_request_can_leave_a_doubt(world: InterfaxWorld, fault: str) -> None:
    """A document that is gone may be gone because a fax was made of it."""
    await order_for_request(world, CHUNKS + 1, FAULTS[fault](world))
    with pytest.raises(AmbiguousError):
        await world.provider.submit(LARGE)
    assert len(world.submissions()) <= 1


async def test_an_upload_that_hangs_is_not_sent(world: InterfaxWorld) -> None:
    provider = world.impatient_provider()
    await order_for_request(world, 3, world.server.hangs)
    with pytest.raises(NotSentError):
        await provider.submit(LARGE)
    assert world.submissions() == []


async def test_an_upload_ends_in_time_however_slowly_it_goes_on(world: InterfaxWorld) -> None:
    """The claim of the job must not run out before the fax is sent."""
    provider = world.build(requests_per_second=5)
    with pytest.raises(NotSentError) as caught:
        await upload(provider._client, "fax.pdf", bytes(12_000_000), seconds=0.3)
    assert "not done within" in caught.value.detail
    assert len(world.server.received) < 14


async def test_an_upload_that_they_take_for_unfinished_is_not_sent(world: InterfaxWorld) -> None:
    await order_for_request(world, CHUNKS, world.server.answers(202))
    with pytest.raises(NotSentError):
        await world.provider.submit(LARGE)
    assert world.submissions() == []


@pytest.mark.parametrize(
    "location", ["", "https://x/outbound/documents/", "https://x/outbound/documents/../faxes", "https://x/y/0f3a"]
)
async def test_a_place_that_is_no_document_is_not_used(world: InterfaxWorld, location: str) -> None:
    world.will_answer(201, headers={"Location": location})
    with pytest.raises(NotSentError):
        await world.provider.submit(LARGE)
    assert len(world.server.received) == 0


async def order_for_request(world: InterfaxWorld, number: int, fault: Fault) -> None:
    """Lets so many requests through before the fault."""

    async def pass_through(request: web.Request, serve: Handler) -> web.StreamResponse:
        return await serve(request)

    for _ in range(number):
        world.server.order(pass_through, "/")
    world.server.order(fault, "/")
