"""From acceptance to the final state, and the fates by number (sinch-fax-v3 3.6, 10, 11)."""

import csv
from pathlib import Path

import pytest
from simulated import OURS, THEIRS, Client, Receiver, json_send, standing_clock

import gateway.simulator
from gateway.simulator import SinchSimulator
from gateway.simulator.sinch_fates import Fate, error_of, fate_of

TABLE = Path(gateway.simulator.__file__).parent / "sinch_error_codes.csv"
PAIRS = [(row[0], int(row[1]), row[2]) for row in list(csv.reader(TABLE.read_text().splitlines()))[1:]]
TYPE_DIGITS = {"DOCUMENT_CONVERSION_ERROR": 1, "CALL_ERROR": 2, "FAX_ERROR": 3}


async def test_a_fax_is_converted_then_sent_then_final(api: Client) -> None:
    fax_id = (await api.send(pages=3))["id"]
    await api.simulator.advance(0.1)
    assert "numberOfPages" not in await api.fax(fax_id)
    await api.simulator.advance(0.2)
    converted = await api.fax(fax_id)
    assert (converted["status"], converted["numberOfPages"]) == ("IN_PROGRESS", 3)
    await api.simulator.advance(0.7)
    assert (await api.fax(fax_id))["status"] == "IN_PROGRESS"
    await api.simulator.advance(0.2)

    done = await api.fax(fax_id)

    assert (done["status"], done["pagesSentSuccessfully"], done["hasFile"]) == ("COMPLETED", 3, True)
    assert done["price"] == {"currencyCode": "USD", "amount": "0.135"}
    assert done["completedTime"] == "2026-11-20T12:00:01.100Z"
    assert "errorType" not in done


@pytest.mark.parametrize(("kind", "code", "sentence"), PAIRS)
def test_a_number_for_every_documented_error(kind: str, code: int, sentence: str) -> None:
    fate = fate_of(f"+1555555{TYPE_DIGITS[kind]}{code:03d}")
    assert fate.error is not None
    assert (fate.error.type, fate.error.code) == (kind, code)
    assert fate.error.message == sentence.replace("{contentUrl}", "").strip()


def test_an_undocumented_error_can_be_had_too() -> None:
    assert error_of("LINE_ERROR", 89).message == "Simulated error 89, not in the documented table"


@pytest.mark.parametrize("number", [THEIRS, "+19898989898", "+15555558000", "+155555520170", "+1555555201"])
def test_any_other_number_simply_gets_its_fax(number: str) -> None:
    assert fate_of(number) == Fate()


async def test_a_failing_number_fails_after_all_retries(api: Client) -> None:
    fax_id = (await api.send("+15555552017", maxRetries=2, retryDelaySeconds=30))["id"]
    for retries in (0, 1, 2):
        fax = await api.fax(fax_id)
        assert (fax["status"], fax["retryCount"]) == ("IN_PROGRESS", retries)
        await api.simulator.advance(30.5)

    done = await api.fax(fax_id)

    assert (done["status"], done["errorType"], done["errorCode"]) == ("FAILURE", "CALL_ERROR", 17)
    assert (done["errorMessage"], done["retryCount"]) == ("Busy", 2)
    assert (done["pagesSentSuccessfully"], done["price"]["amount"]) == (0, "0.000")


async def test_without_retries_it_fails_at_once(api: Client) -> None:
    fax_id = (await api.send("+15555553132", maxRetries=0))["id"]
    await api.simulator.advance(1)
    assert (await api.fax(fax_id))["status"] == "FAILURE"


async def test_a_conversion_error_dials_no_number(api: Client) -> None:
    fax_id = (await api.send("+15555551133"))["id"]
    await api.simulator.advance(1)
    done = await api.fax(fax_id)
    assert (done["status"], done["errorType"], done["retryCount"]) == ("FAILURE", "DOCUMENT_CONVERSION_ERROR", 0)
    assert "numberOfPages" not in done


async def test_a_slow_number_takes_its_seconds(api: Client) -> None:
    fax_id = (await api.send("+15555554090"))["id"]
    await api.simulator.advance(90)
    assert (await api.fax(fax_id))["status"] == "IN_PROGRESS"
    await api.simulator.advance(0.3)
    assert (await api.fax(fax_id))["status"] == "COMPLETED"


async def test_a_stuck_number_never_ends(api: Client) -> None:
    fax_id = (await api.send("+15555555000"))["id"]
    await api.simulator.advance(30 * 86_400)
    fax = await api.fax(fax_id)
    assert (fax["status"], fax["numberOfPages"]) == ("IN_PROGRESS", 1)


async def test_the_test_number_completes_free_of_charge(api: Client) -> None:
    fax_id = (await api.send("+19898989898"))["id"]
    await api.simulator.advance(60)
    done = await api.fax(fax_id)
    assert (done["status"], done["price"]["amount"]) == ("COMPLETED", "0.000")


@pytest.mark.parametrize(
    ("number", "callbacks"),
    [(THEIRS, 1), ("+15555556000", 0), ("+15555557000", 2), ("+15555552017", 1), ("+19898989898", 1)],
)
async def test_how_often_the_end_is_told(api: Client, receiver: Receiver, number: str, callbacks: int) -> None:
    fax_id = (await api.send(number, callbackUrl=receiver.url()))["id"]
    await api.simulator.advance(600)
    assert [got.fax["id"] for got in receiver.got] == [fax_id] * callbacks
    assert (await api.fax(fax_id))["status"] in {"COMPLETED", "FAILURE"}


async def test_a_fail_fault_fails_the_next_faxes_with_some_pages_sent(api: Client) -> None:
    await api.faults({"fault": "fail", "type": "FAX_ERROR", "code": 8, "pages_sent": 2, "times": 1})
    first = (await api.send(pages=3, maxRetries=0))["id"]
    second = (await api.send(pages=3, maxRetries=0))["id"]
    await api.simulator.advance(60)
    done = await api.fax(first)
    assert (done["status"], done["errorCode"], done["pagesSentSuccessfully"]) == ("FAILURE", 8, 2)
    assert done["price"]["amount"] == "0.090"
    assert (await api.fax(second))["status"] == "COMPLETED"


async def test_a_fail_fault_is_a_busy_line_unless_told_otherwise(api: Client) -> None:
    await api.faults({"fault": "fail"})
    fax_id = (await api.send(maxRetries=0))["id"]
    await api.simulator.advance(60)
    assert (await api.fax(fax_id))["errorCode"] == 17


async def test_speed_divides_durations(api: Client) -> None:
    simulator = SinchSimulator(clock=standing_clock(speed=10))
    client = Client(simulator, await simulator.start(), api.session)
    fax_id = (await client.send("+15555554100"))["id"]
    await simulator.advance(10.1)
    assert (await client.fax(fax_id))["status"] == "COMPLETED"
    await simulator.stop()


async def test_a_deleted_service_does_not_stop_its_faxes(api: Client) -> None:
    service = (await api.call("POST", "/services", json={"name": "short"})).json["id"]
    fax_id = (await api.send(serviceId=service))["id"]
    await api.call("DELETE", f"/services/{service}")
    await api.simulator.advance(60)
    assert (await api.fax(fax_id))["status"] == "COMPLETED"


async def test_time_passes_by_itself_without_anyone_advancing_it(
    api: Client, receiver: Receiver, tmp_path: Path
) -> None:
    simulator = SinchSimulator(speed=50, ledger=tmp_path / "ledger")
    client = Client(simulator, await simulator.start(), api.session)
    await client.call("POST", "/faxes", json=json_send(callbackUrl=receiver.url()))
    await receiver.wait_for(1)
    assert receiver.got[0].fax["status"] == "COMPLETED"
    await simulator.receive_fax(OURS)
    await simulator.stop()
