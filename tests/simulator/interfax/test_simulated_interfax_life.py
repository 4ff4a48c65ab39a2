"""A fax from -1 to its final status, every code by its test number, credit, retention (interfax-rest 5 and 12)."""

import csv
import io
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest
from interfax_caller import BUSY, DAY, HOUR, MINUTE, Caller, Start
from PIL import Image, ImageSequence
from simulated import standing_clock

TABLE = (resources.files("gateway.simulator") / "interfax_status_codes.csv").read_text()
CODES = [int(row["code"]) for row in csv.DictReader(io.StringIO(TABLE)) if int(row["code"]) >= 0]
NEVER = "0001-01-01T00:00:00"


async def snapshots(interfax: Caller, fax: int, *, every: float, times: int) -> list[dict[str, Any]]:
    """The fax now and again after each step of time."""
    seen = [await interfax.fax(fax)]
    for _ in range(times):
        await interfax.simulator.advance(every)
        seen.append(await interfax.fax(fax))
    return seen


def walk(seen: list[dict[str, Any]]) -> list[int]:
    """The statuses in their order, each as often as it was entered."""
    statuses = [record["status"] for record in seen]
    return [status for place, status in enumerate(statuses) if place == 0 or statuses[place - 1] != status]


async def test_a_fax_is_prepared_queued_sent_and_done(interfax: Caller) -> None:
    seen = await snapshots(interfax, await interfax.send(pages=3), every=0.1, times=20)
    assert walk(seen) == [-1, -2, -3, 0]


async def test_only_the_status_tells_that_a_fax_is_done(interfax: Caller) -> None:
    seen = await snapshots(interfax, await interfax.send(pages=3), every=0.1, times=20)
    calling = [record for record in seen if record["status"] == -3]
    assert {0, 1, 2, 3} == {record["pagesSent"] for record in calling}
    assert {(record["attemptsMade"], record["completionTime"], record["units"]) for record in calling} == {
        (0, NEVER, 0)
    }
    done = seen[-1]
    assert (done["attemptsMade"], done["pagesSent"], done["units"]) == (1, 3, 3)
    assert done["completionTime"] == "2026-11-20T12:00:01"


async def test_pages_are_known_once_they_are_prepared(interfax: Caller) -> None:
    seen = await snapshots(interfax, await interfax.send(pages=3), every=0.11, times=3)
    assert [(record["status"], record["pagesSubmitted"]) for record in seen] == [(-1, 0), (-1, 0), (-2, 3), (-3, 3)]


@pytest.mark.parametrize("attempts", [1, 3])
async def test_a_failed_call_is_repeated_every_three_minutes_as_often_as_asked(interfax: Caller, attempts: int) -> None:
    await interfax.faults({"fault": "fail"})
    fax = await interfax.send(retriesToPerform=attempts)
    for number in range(1, attempts):
        await interfax.simulator.advance(3 * MINUTE)
        record = await interfax.fax(fax)
        assert (record["status"], record["attemptsMade"], record["completionTime"]) == (-3, number, NEVER)
    await interfax.simulator.advance(3 * MINUTE)
    record = await interfax.fax(fax)
    assert (record["status"], record["attemptsMade"]) == (6017, attempts)


async def test_a_line_that_is_busy_once_and_then_free(interfax: Caller) -> None:
    await interfax.faults({"fault": "fail", "code": 3931, "times": 1})
    first, second = await interfax.send(retriesToPerform=1), await interfax.send(retriesToPerform=1)
    await interfax.simulator.advance(MINUTE)
    assert ((await interfax.fax(first))["status"], (await interfax.fax(second))["status"]) == (3931, 0)


@pytest.mark.parametrize(("sent", "shown"), [(0, 0), (1, 1), (9, 2)])
async def test_pages_may_have_arrived_before_a_failure(interfax: Caller, sent: int, shown: int) -> None:
    await interfax.faults({"fault": "fail", "code": 3268, "pages_sent": sent})
    fax = await interfax.send(pages=2, retriesToPerform=1)
    await interfax.simulator.advance(MINUTE)
    record = await interfax.fax(fax)
    assert (record["status"], record["pagesSent"], record["pagesSubmitted"], record["units"]) == (3268, shown, 2, shown)


def test_the_table_is_whole() -> None:
    assert len(CODES) == 99
    assert len(set(CODES)) == 99


@pytest.mark.parametrize("code", [*CODES, 1234, 999999])
async def test_a_test_number_ends_with_its_code(interfax: Caller, code: int) -> None:
    """No call is repeated, whatever the account allows; a code that is not in the table is a failure too."""
    fax = await interfax.send(f"+999-9999-{code}", pages=2)
    assert (await interfax.fax(fax))["status"] == -1
    await interfax.simulator.advance(MINUTE)
    record = await interfax.fax(fax)
    assert (record["status"], record["pagesSent"]) == (code, 0 if code else 2)
    assert record["destinationFax"] == f"009999999{code}"
    [shown] = interfax.simulator.faxes()
    assert (shown["status"], shown["code"]) == ("FAILURE" if code else "COMPLETED", code)
    assert shown["completedTime"] > shown["time"]


@pytest.mark.parametrize(("code", "attempts"), [(204000, 0), (205000, 0), (206001, 0), (6017, 1), (1, 1)])
async def test_nothing_is_dialled_for_what_fails_before_a_call(interfax: Caller, code: int, attempts: int) -> None:
    fax = await interfax.send(f"+9999999{code}")
    await interfax.simulator.advance(MINUTE)
    assert (await interfax.fax(fax))["attemptsMade"] == attempts


async def test_a_status_that_no_document_lists_is_passed_through(interfax: Caller) -> None:
    await interfax.faults({"fault": "unlisted_state", "times": 1})
    seen = await snapshots(interfax, await interfax.send(), every=0.1, times=10)
    assert walk(seen) == [-1, -7, -3, 0]


async def test_a_stuck_fax_stays_in_process_until_it_is_cancelled(interfax: Caller) -> None:
    await interfax.faults({"fault": "stuck", "times": 1})
    fax = await interfax.send()
    await interfax.simulator.advance(3 * DAY)
    assert (await interfax.fax(fax))["status"] == -3
    assert (await interfax.post(f"/outbound/faxes/{fax}/cancel")).status == 200
    assert (await interfax.fax(fax))["status"] == 403


async def test_speed_divides_every_duration(started: Start) -> None:
    interfax = await started(clock=standing_clock(speed=10))
    fax = await interfax.send(pages=3)
    await interfax.simulator.advance(0.13)
    assert (await interfax.fax(fax))["status"] == 0


# --- credit -----------------------------------------------------------------------------------------------------------


async def test_without_credit_a_fax_waits_and_goes_on_when_there_is_some(started: Start) -> None:
    interfax = await started(balance=Decimal("0.20"))
    first = await interfax.send(pages=1)
    await interfax.simulator.advance(MINUTE)
    second = await interfax.send(pages=1)
    await interfax.simulator.advance(23 * HOUR)
    assert ((await interfax.fax(first))["status"], (await interfax.fax(second))["status"]) == (0, -22)

    assert (await interfax.control("POST", "/balance", json={"balance": "1.50"})).json == {"balance": "1.50"}
    await interfax.simulator.advance(MINUTE)
    assert (await interfax.fax(second))["status"] == 0
    await interfax.simulator.advance(2 * DAY)
    assert (await interfax.fax(second))["status"] == 0
    assert (await interfax.call("GET", "/accounts/self/ppcards/balance")).body == b"1.3500"


async def test_credit_that_never_comes_is_205000_after_a_day(started: Start) -> None:
    interfax = await started(balance=Decimal(0))
    fax = await interfax.send()
    await interfax.simulator.advance(DAY)
    assert (await interfax.fax(fax))["status"] == -22
    await interfax.simulator.advance(MINUTE)
    record = await interfax.fax(fax)
    assert (record["status"], record["attemptsMade"]) == (205000, 0)


@pytest.mark.parametrize("body", [{}, [], {"balance": "much"}, {"balance": None}, {"balance": "NaN"}])
async def test_what_is_no_amount_is_400(interfax: Caller, body: object) -> None:
    answer = await interfax.control("POST", "/balance", json=body)
    assert (answer.status, "balance" in answer.json["error"]) == (400, True)


# --- cancel, resend, hide ---------------------------------------------------------------------------------------------


async def test_a_fax_that_waits_can_be_cancelled_once(interfax: Caller) -> None:
    fax = await interfax.send()
    assert (await interfax.post(f"/outbound/faxes/{fax}/cancel")).status == 200
    await interfax.simulator.advance(HOUR)
    record = await interfax.fax(fax)
    assert (record["status"], record["attemptsMade"], record["completionTime"]) == (403, 0, "2026-11-20T12:00:00")
    again = await interfax.post(f"/outbound/faxes/{fax}/cancel")
    assert (again.status, again.json["code"]) == (409, -162)


async def test_a_fax_cannot_be_cancelled_during_its_call(interfax: Caller) -> None:
    fax = await interfax.send(pages=3)
    await interfax.simulator.advance(0.5)
    answer = await interfax.post(f"/outbound/faxes/{fax}/cancel")
    assert (answer.status, answer.json["code"]) == (409, -162)
    await interfax.simulator.advance(MINUTE)
    assert (await interfax.fax(fax))["status"] == 0


async def test_a_fax_can_be_cancelled_between_two_attempts(interfax: Caller) -> None:
    await interfax.faults({"fault": "fail"})
    fax = await interfax.send()
    await interfax.simulator.advance(MINUTE)
    assert (await interfax.post(f"/outbound/faxes/{fax}/cancel")).status == 200
    await interfax.simulator.advance(HOUR)
    assert (await interfax.fax(fax))["attemptsMade"] == 1


async def test_cancelling_a_final_fax_can_be_200_and_changes_nothing(interfax: Caller) -> None:
    fax = await interfax.send()
    await interfax.simulator.advance(MINUTE)
    await interfax.faults({"fault": "cancel_done_200"})
    assert (await interfax.post(f"/outbound/faxes/{fax}/cancel")).status == 200
    assert (await interfax.fax(fax))["status"] == 0


@pytest.mark.parametrize(("query", "to"), [({}, "0012025550143"), ({"faxNumber": "+442079460000"}, "00442079460000")])
async def test_a_resend_is_a_new_fax_with_the_same_pages(interfax: Caller, query: dict[str, str], to: str) -> None:
    fax = await interfax.send(reference="job-1", postponeTime="2026-11-20T13:00:00Z")
    answer = await interfax.post(f"/outbound/faxes/{fax}/resend", **query)
    again = int(answer.headers["Location"].rpartition("/")[2])
    assert (answer.status, again > fax) == (201, True)
    record = await interfax.fax(again)
    assert (record["destinationFax"], record["subject"], record["status"]) == (to, "job-1", -1)
    first, second = interfax.simulator.faxes()
    assert first["sha256"] == second["sha256"]


async def test_a_hidden_fax_is_in_no_list_any_more(interfax: Caller) -> None:
    fax = await interfax.send(reference="job-1")
    assert (await interfax.post(f"/outbound/faxes/{fax}/hide")).status == 200
    assert await interfax.get("/outbound/faxes") == []
    assert await interfax.get("/outbound/search", reference="job-1") == []
    assert (await interfax.fax(fax))["id"] == fax


# --- images and retention ---------------------------------------------------------------------------------------------


async def test_the_image_is_a_fax_tiff_once_it_is_prepared(interfax: Caller) -> None:
    fax = await interfax.send(pages=3)
    early = await interfax.call("GET", f"/outbound/faxes/{fax}/image")
    assert (early.status, early.json["code"]) == (404, -1005)
    await interfax.simulator.advance(1)
    answer = await interfax.call("GET", f"/outbound/faxes/{fax}/image")
    assert answer.headers["Content-Type"] == "image/tiff"
    with Image.open(io.BytesIO(answer.body)) as tiff:
        pages = [frame.copy() for frame in ImageSequence.Iterator(tiff)]
        assert tiff.info["compression"] == "group4"
        assert tiff.info["dpi"] == (204, 196)
    assert [(page.mode, page.width) for page in pages] == [("1", 1728)] * 3


async def test_an_image_can_be_late_or_torn(interfax: Caller) -> None:
    fax = await interfax.send()
    await interfax.simulator.advance(MINUTE)
    whole = (await interfax.call("GET", f"/outbound/faxes/{fax}/image")).body
    await interfax.faults({"fault": "not_ready", "times": 1}, {"fault": "truncated_image", "times": 1})
    assert (await interfax.call("GET", f"/outbound/faxes/{fax}/image")).status == 404
    torn = await interfax.call("GET", f"/outbound/faxes/{fax}/image")
    assert (torn.status, torn.body) == (200, whole[: len(whole) // 2])


async def test_images_go_before_records_and_ids_are_never_used_again(interfax: Caller) -> None:
    fax = await interfax.send()
    await interfax.simulator.advance(14 * DAY)
    for method, what in (("GET", "image"), ("POST", "resend")):
        answer = await interfax.call(method, f"/outbound/faxes/{fax}/{what}")
        assert (answer.status, answer.json["code"]) == (404, -1009)
    await interfax.simulator.advance(21 * DAY)
    assert (await interfax.call("GET", f"/outbound/faxes/{fax}")).json["code"] == -1005
    assert await interfax.get("/outbound/faxes") == []
    assert await interfax.send() > fax


async def test_completion_can_lie_before_submission(interfax: Caller) -> None:
    fax = await interfax.send()
    await interfax.faults({"fault": "clock_skew", "seconds": 8})
    assert (await interfax.fax(fax))["completionTime"] == NEVER
    await interfax.simulator.advance(MINUTE)
    record = await interfax.fax(fax)
    assert (record["submitTime"], record["completionTime"]) == ("2026-11-20T12:00:00", "2026-11-20T11:59:52")


async def test_two_faxes_to_a_busy_line_end_alike(interfax: Caller) -> None:
    faxes = [await interfax.send(BUSY) for _ in range(2)]
    await interfax.simulator.advance(MINUTE)
    assert [fax["description"] for fax in interfax.simulator.faxes()] == ["Busy"] * len(faxes)
