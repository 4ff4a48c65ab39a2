"""Faults: each switch does what it says, to the requests it names, as often as it says."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from simulated import OURS, THEIRS, Answer, Client, json_send, standing_clock, until

from gateway.simulator import SinchSimulator
from gateway.simulator.faults import BadFaultError, Faults
from gateway.simulator.sinch import FAULTS


async def post(api: Client, **how: Any) -> Answer:
    return await api.call("POST", "/faxes", json=json_send(), **how)


async def test_a_dropped_response_leaves_the_fax_accepted_and_in_the_ledger(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    simulator = SinchSimulator(ledger=ledger, clock=standing_clock())
    api = Client(simulator, await simulator.start(), session)
    await api.faults({"fault": "drop_response", "method": "POST", "path": "/faxes", "times": 1})

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(api)

    [fax] = simulator.faxes()
    assert [json.loads(line)["id"] for line in ledger.read_text().splitlines()] == [fax["id"]]
    assert (await post(api)).status == 200
    await simulator.stop()


async def test_a_dropped_request_is_not_processed(api: Client) -> None:
    await api.faults({"fault": "drop_request", "times": 1})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(api)
    assert api.simulator.faxes() == []


async def test_500_comes_without_a_body_and_without_processing(api: Client) -> None:
    await api.faults({"fault": "status"})
    answer = await post(api)
    assert (answer.status, answer.body) == (500, b"")
    assert api.simulator.faxes() == []


@pytest.mark.parametrize("status", [400, 402, 403, 404, 429, 502, 503])
async def test_any_other_status_comes_with_the_words_of_the_api(api: Client, status: int) -> None:
    await api.faults({"fault": "status", "status": status})
    answer = await post(api)
    assert (answer.status, answer.json["code"]) == (status, str(status))
    assert "Retry-After" not in answer.headers


async def test_429_can_name_a_pause(api: Client) -> None:
    await api.faults({"fault": "status", "status": 429, "retry_after": "Fri, 20 Nov 2026 12:00:05 GMT"})
    assert (await post(api)).headers["Retry-After"] == "Fri, 20 Nov 2026 12:00:05 GMT"


async def test_401_comes_empty(api: Client) -> None:
    await api.faults({"fault": "status", "status": 401})
    answer = await post(api)
    assert (answer.status, answer.body) == (401, b"")


async def test_a_status_after_hides_that_the_fax_was_accepted(api: Client) -> None:
    await api.faults({"fault": "status_after", "status": 502})
    assert (await post(api)).status == 502
    assert len(api.simulator.faxes()) == 1


async def test_a_torn_response_ends_in_the_middle(api: Client) -> None:
    await api.faults({"fault": "torn_response", "method": "POST"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await post(api)
    assert len(api.simulator.faxes()) == 1


async def test_a_slow_answer_comes_after_the_work_is_done(api: Client) -> None:
    await api.faults({"fault": "slow", "seconds": 60})
    with pytest.raises(TimeoutError):
        await post(api, timeout=aiohttp.ClientTimeout(total=1))
    assert len(api.simulator.faxes()) == 1
    await api.faults({"fault": "slow", "seconds": 0})
    assert (await post(api)).status == 200


async def test_a_hanging_answer_never_comes_and_does_not_keep_the_simulator_from_stopping(api: Client) -> None:
    await api.faults({"fault": "hang"})
    request = asyncio.create_task(post(api))
    await until(api.simulator.faxes)
    assert not request.done()
    await api.simulator.stop()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await request


async def test_a_file_can_be_not_ready_yet(api: Client) -> None:
    fax_id = await api.simulator.receive_fax(OURS)
    await api.faults({"fault": "not_ready", "path": f"/faxes/{fax_id}", "times": 1})
    assert (await api.call("GET", f"/faxes/{fax_id}/file")).status == 404
    assert (await api.call("GET", f"/faxes/{fax_id}/file")).status == 200


async def test_lists_can_lag_while_reads_by_id_do_not(api: Client) -> None:
    await api.faults({"fault": "list_lag", "seconds": 30})
    fax_id = (await api.send())["id"]
    assert (await api.call("GET", "/faxes")).json["totalItems"] == 0
    assert (await api.fax(fax_id))["id"] == fax_id
    await api.simulator.advance(29)
    assert (await api.call("GET", "/faxes")).json["totalItems"] == 0
    await api.simulator.advance(2)
    assert (await api.call("GET", "/faxes")).json["totalItems"] == 1


@pytest.mark.parametrize(
    ("fault", "strikes"),
    [
        ({}, True),
        ({"method": "POST"}, True),
        ({"method": "post"}, True),
        ({"method": "GET"}, False),
        ({"path": "/faxes"}, True),
        ({"path": "/v3/projects/"}, True),
        ({"path": "/v3/projects/0fa00000-0000-4000-8000-000000000001/faxes"}, True),
        ({"path": "/services"}, False),
        ({"path": "/oauth2"}, False),
        ({"share": 1}, True),
        ({"share": 0}, False),
        ({"times": 0}, False),
        ({"method": None, "path": None, "share": None, "times": None, "status": None}, True),
    ],
)
async def test_a_fault_strikes_only_what_it_names(api: Client, fault: dict[str, Any], strikes: bool) -> None:
    await api.faults({"fault": "status", **fault})
    assert ((await post(api)).status == 500) is strikes


async def test_the_control_surface_is_spared(api: Client) -> None:
    await api.faults({"fault": "drop_request"}, {"fault": "status"})
    assert (await api.control("GET", "/faxes")).status == 200
    await api.faults()
    assert (await post(api)).status == 200


def test_times_count_down_over_several_entries() -> None:
    faults = Faults(FAULTS, 0, lambda _: ())
    faults.set([{"fault": "fail", "code": 17, "times": 2}, {"fault": "fail", "code": 11, "times": 1}])
    codes = [fault.extra["code"] if (fault := faults.take("fail")) else None for _ in range(4)]
    assert codes == [17, 17, 11, None]


def test_a_share_is_a_probability_that_a_seed_repeats() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults(FAULTS, seed, lambda _: ())
        faults.set([{"fault": "slow", "share": 0.3}])
        return [faults.take("slow") is not None for _ in range(1000)]

    assert 200 < sum(strikes(1)) < 400
    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({}, ["must be a list"]),
        (["slow"], ["unknown fault None", "drop_response", "list_lag"]),
        ([{"fault": "explode"}], ["unknown fault 'explode'", "drop_response", "double_callback"]),
        ([{"fault": ["slow"]}], ["unknown fault"]),
        ([{"fault": "slow", "second": 1}], ["unknown field 'second'", "seconds", "share"]),
        ([{"fault": "slow", "retry_after": 1}], ["unknown field 'retry_after'"]),
        ([{"fault": "slow", "seconds": "1"}], ["seconds of slow"]),
        ([{"fault": "slow", "share": 1.5}], ["share of slow must be between 0 and 1"]),
        ([{"fault": "slow", "times": -1}], ["times of slow"]),
        ([{"fault": "slow", "times": 1.5}], ["times of slow"]),
        ([{"fault": "slow", "times": True}], ["times of slow"]),
        ([{"fault": "status", "status": 99}], ["status of status"]),
        ([{"fault": "slow", "path": "faxes"}], ["path of slow"]),
        ([{"fault": "slow", "method": "G T"}], ["method of slow"]),
        ([{"fault": "fail", "code": "17"}], ["code of fail"]),
    ],
)
async def test_a_list_that_is_not_understood_says_why_and_changes_nothing(
    api: Client, faults: object, words: list[str]
) -> None:
    await api.faults({"fault": "status", "status": 418})
    answer = await api.control("POST", "/faults", json=faults)
    assert answer.status == 400
    assert all(word in answer.json["error"] for word in words), answer.json
    assert (await post(api)).status == 418


def test_python_callers_get_an_exception() -> None:
    simulator = SinchSimulator()
    with pytest.raises(BadFaultError, match="accepted are"):
        simulator.set_faults([{"fault": "explode"}])


async def test_busy_then_ok(api: Client) -> None:
    """A client that dials again by itself gets through at the third try."""
    await api.faults({"fault": "fail", "times": 2})
    results = []
    for _ in range(3):
        fax_id = (await api.send(THEIRS, maxRetries=0))["id"]
        await api.simulator.advance(60)
        results.append((await api.fax(fax_id)).get("errorMessage"))
    assert results == ["Busy", "Busy", None]
