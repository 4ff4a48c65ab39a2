"""Who is let in, for how long nobody is, and how often one may ask (interfax-rest 1 and 12)."""

import base64

import pytest
from interfax_caller import HOUR, MINUTE, OURS, Caller, Start

GOOD = "simulator:simulator-password"


def basic(credentials: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(credentials.encode()).decode()}"


async def status_of(interfax: Caller, authorization: str) -> tuple[int, int | None]:
    answer = await interfax.call("GET", "/outbound/faxes", headers={"Authorization": authorization})
    return answer.status, answer.json["code"] if answer.status == 401 else None


@pytest.mark.parametrize("authorization", [basic(GOOD), basic("SIMULATOR:simulator-password")])
async def test_the_credentials_of_the_user_are_let_in(interfax: Caller, authorization: str) -> None:
    assert await status_of(interfax, authorization) == (200, None)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !",
        basic("simulator"),
        basic("simulator:wrong"),
        basic("nobody:simulator-password"),
        basic("simulator:Simulator-Password"),
        basic(GOOD, "basic"),
        basic(GOOD, "Bearer"),
        "Basic /w==",
    ],
)
async def test_everybody_else_is_401(interfax: Caller, authorization: str) -> None:
    assert await status_of(interfax, authorization) == (401, -1003)


async def test_too_many_bad_logins_block_the_user_for_an_hour(started: Start) -> None:
    interfax = await started(lock_after=3)
    for _ in range(3):
        assert await status_of(interfax, basic("simulator:wrong")) == (401, -1003)
    assert await status_of(interfax, basic(GOOD)) == (401, -1876)
    await interfax.simulator.advance(HOUR - 1)
    assert await status_of(interfax, basic(GOOD)) == (401, -1876)
    await interfax.simulator.advance(1)
    assert await status_of(interfax, basic(GOOD)) == (200, None)


async def test_a_good_login_between_forgives_the_bad_ones(started: Start) -> None:
    interfax = await started(lock_after=2)
    for _ in range(3):
        await status_of(interfax, basic("simulator:wrong"))
        assert await status_of(interfax, basic(GOOD)) == (200, None)


@pytest.mark.parametrize("authorization", ["", basic("nobody:simulator-password")])
async def test_a_request_that_does_not_name_the_user_blocks_nobody(started: Start, authorization: str) -> None:
    interfax = await started(lock_after=1)
    assert await status_of(interfax, authorization) == (401, -1003)
    assert await status_of(interfax, basic(GOOD)) == (200, None)


async def test_the_control_surface_asks_for_nothing_and_reset_unblocks(started: Start) -> None:
    interfax = await started(lock_after=1)
    await status_of(interfax, basic("simulator:wrong"))
    assert (await interfax.control("POST", "/reset", headers={"Authorization": ""})).status == 200
    assert await status_of(interfax, basic(GOOD)) == (200, None)


# --- polls ------------------------------------------------------------------------------------------------------------


async def test_six_polls_a_minute_outbound_and_inbound_together(started: Start) -> None:
    interfax = await started(polls_per_minute=6)
    fax, received = await interfax.send(), await interfax.simulator.receive_fax(OURS)
    polls = [
        "/outbound/faxes",
        "/outbound/search",
        f"/outbound/faxes/{fax}",
        "/outbound/faxes/completed?ids=1",
        "/inbound/faxes",
        f"/inbound/faxes/{received}",
    ]
    assert [(await interfax.call("GET", path)).status for path in polls] == [200] * 6

    refused = await interfax.call("GET", "/outbound/batches")
    assert (refused.status, refused.json["code"]) == (429, -1011)
    assert "Retry-After" not in refused.headers
    assert interfax.simulator.polls() == {"answered": 6, "refused": 1, "busiest_minute": 6}
    assert (await interfax.control("GET", "/polls")).json == interfax.simulator.polls()

    await interfax.simulator.advance(MINUTE)
    assert (await interfax.call("GET", "/outbound/faxes")).status == 200


async def test_the_minute_slides(started: Start) -> None:
    interfax = await started(polls_per_minute=2)
    statuses = []
    for _ in range(5):
        statuses.append((await interfax.call("GET", "/inbound/faxes")).status)
        await interfax.simulator.advance(25)
    assert statuses == [200, 200, 429, 200, 200]


async def test_sending_images_documents_and_credit_are_no_polls(started: Start) -> None:
    interfax = await started(polls_per_minute=1)
    fax, received = await interfax.send(), await interfax.simulator.receive_fax(OURS)
    await interfax.simulator.advance(MINUTE)
    for path in (
        f"/outbound/faxes/{fax}/image",
        f"/inbound/faxes/{received}/image",
        "/outbound/documents",
        "/accounts/self/ppcards/balance",
        "/outbound/help/mediatype",
    ):
        assert (await interfax.call("GET", path)).status == 200
    await interfax.post(f"/inbound/faxes/{received}/mark")
    assert interfax.simulator.polls()["answered"] == 0


async def test_a_bad_login_is_no_poll(started: Start) -> None:
    interfax = await started(polls_per_minute=1)
    await status_of(interfax, "")
    assert await status_of(interfax, basic(GOOD)) == (200, None)


@pytest.mark.parametrize("status", [429, 403, 400, 503])
@pytest.mark.parametrize("retry_after", [None, 30])
@pytest.mark.parametrize("bare", [False, True])
async def test_the_refusal_can_look_otherwise(started: Start, status: int, retry_after: int | None, bare: bool) -> None:
    interfax = await started(polls_per_minute=1)
    await interfax.call("GET", "/inbound/faxes")
    extra = [{"fault": "bare_errors"}] if bare else []
    await interfax.faults({"fault": "poll_answer", "status": status, "retry_after": retry_after}, *extra)
    answer = await interfax.call("GET", "/inbound/faxes")
    assert (answer.status, answer.headers.get("Retry-After")) == (status, str(retry_after) if retry_after else None)
    assert answer.body == b"" if bare else answer.json["code"] == -1011


async def test_reset_forgets_the_polls(started: Start) -> None:
    interfax = await started(polls_per_minute=1)
    await interfax.call("GET", "/inbound/faxes")
    await interfax.simulator.reset()
    assert (await interfax.call("GET", "/inbound/faxes")).status == 200
