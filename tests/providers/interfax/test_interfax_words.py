"""InterFAX's words are read rightly, under the names of both hosts, and none of them makes us fall over."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import FaxReport, Phase
from gateway.core.reasons import Reason
from gateway.providers.interfax.words import (
    number_of,
    read_number,
    read_time,
    received_id,
    received_report,
    record_of,
    sent_id,
    sent_report,
)

NUMBERS = ("+442079460000", "+12025550100")
SENT = {
    "submitTime": "2026-03-01T08:00:41",
    "contact": None,
    "destinationFax": "00442079460000",
    "replyEmail": "",
    "subject": "F-7K3M9QX2-1",
    "pagesSubmitted": 3,
    "senderCSID": "NORTH CLINIC",
    "attemptsToPerform": 1,
    "pageSize": "A4",
    "resolution": "Fine",
    "pageResolution": "Fine",
    "pageOrientation": "Portrait",
    "rendering": "Standard",
    "pageHeader": "0",
    "userId": "north-clinic",
    "pagesSent": 3,
    "completionTime": "2026-03-01T08:01:36",
    "remoteCSID": "Widgets",
    "duration": 41,
    "priority": 2,
    "units": 3.00,
    "costPerUnit": 0.1500,
    "attemptsMade": 1,
    "id": 2727000001,
    "uri": "https://rest.interfax.net/outbound/faxes/2727000001",
    "status": 0,
}
RECEIVED = {
    "userId": "north-clinic",
    "messageId": 292000001,
    "phoneNumber": "2079460000",
    "remoteCSID": "Widgets",
    "messageStatus": 0,
    "pages": 2,
    "messageSize": 49201,
    "messageType": 1,
    "receiveTime": "2026-03-01T12:54:26",
    "callerId": None,
    "recordingDuration": 68,
    "imageStatus": "UNREAD",
    "numOfEmails": 0,
    "numOfFailedEmails": 0,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def sent(**changes: Any) -> FaxReport:
    record = record_of(orjson.loads(orjson.dumps({**SENT, **changes})))
    assert record is not None
    return sent_report(record)


def received(**changes: Any) -> FaxReport:
    record = record_of(orjson.loads(orjson.dumps({**RECEIVED, **changes})))
    assert record is not None
    return received_report(record, NUMBERS)


def test_a_sent_fax_is_read() -> None:
    assert sent() == FaxReport(
        provider_fax_id="out-2727000001",
        inbound=False,
        phase=Phase.DELIVERED,
        number="+442079460000",
        caller=None,
        created_at=datetime(2026, 3, 1, 8, 0, 41, tzinfo=UTC),
        completed_at=datetime(2026, 3, 1, 8, 1, 36, tzinfo=UTC),
        pages=3,
        pages_sent=3,
        reason=Reason.DELIVERED,
        raw="0 sent",
        price=Decimal("0.45"),
        references=frozenset({"F-7K3M9QX2-1"}),
        service="north-clinic",
        has_document=True,
    )


def test_the_names_of_the_pci_host_are_read() -> None:
    names = {"subject": "reference", "destinationFax": "faxNumber"}
    record = record_of({names.get(name, name): value for name, value in SENT.items()})
    assert record is not None
    assert sent_report(record) == sent()


def test_names_are_read_without_regard_to_case() -> None:
    record = record_of({name.upper(): value for name, value in SENT.items()})
    assert record is not None
    assert sent_report(record) == sent()


def test_while_a_call_runs_nothing_but_the_status_counts() -> None:
    """All pages are counted, no attempt is, and there is a date: the year one."""
    report = sent(status=-3, pagesSent=3, attemptsMade=0, completionTime="0001-01-01T00:00:00", units=0.0)
    assert (report.phase, report.reason, report.completed_at, report.price) == (Phase.WAITING, None, None, None)
    assert report.raw == "-3 being sent, or waiting for its next call"
    assert sent(status=-3).completed_at is None  # the end of a call that is followed by another one


def test_an_end_may_be_before_the_beginning() -> None:
    assert sent(completionTime="2026-03-01T08:00:33").completed_at == datetime(2026, 3, 1, 8, 0, 33, tzinfo=UTC)


def test_a_failed_fax_keeps_their_code_and_its_meaning() -> None:
    report = sent(status=6034, pagesSent=1)
    assert (report.phase, report.reason, report.pages_sent) == (Phase.FAILED, Reason.CONGESTION, 1)
    assert report.raw == "6034 the call could not be set up; the network says: no line is free"


@pytest.mark.parametrize("status", [None, "", "x", [], {}, True, 1.5])
def test_a_fax_whose_status_cannot_be_read_is_not_final(status: object) -> None:
    report = sent(status=status)
    assert (report.phase, report.reason, report.raw) == (Phase.WAITING, None, "no status")


def test_numbers_may_come_as_text() -> None:
    texts = {name: str(value) if isinstance(value, int) else value for name, value in SENT.items()}
    assert sent(**texts) == sent()
    assert sent(status="-3").phase is Phase.WAITING


def test_almost_nothing_is_required() -> None:
    report = sent_report({"id": 5})
    assert (report.number, report.created_at, report.pages, report.price) == (None, None, None, None)
    report = received_report({"messageid": 5}, NUMBERS)
    assert (report.phase, report.number, report.caller) == (Phase.DELIVERED, None, None)


@pytest.mark.parametrize(
    "value",
    [None, [], "x", 5, {}, {"id": 0}, {"id": -1}, {"id": 1.5}, {"id": "x"}, {"id": None}, {"id": True}, {"id": 10**20}],
)
def test_what_has_no_number_is_no_fax(value: object) -> None:
    assert record_of(value) is None


def test_a_received_fax_is_read() -> None:
    assert received() == FaxReport(
        provider_fax_id="in-292000001",
        inbound=True,
        phase=Phase.DELIVERED,
        number="+442079460000",
        caller=None,
        created_at=datetime(2026, 3, 1, 12, 54, 26, tzinfo=UTC),
        pages=2,
        reason=Reason.DELIVERED,
        raw="message status 0, image UNREAD",
        service="north-clinic",
        has_document=True,
    )


@pytest.mark.parametrize(
    ("shown", "number"),
    [
        ("2079460000", "+442079460000"),
        ("02079460000", "+442079460000"),
        ("442079460000", "+442079460000"),
        ("+442079460000", "+442079460000"),
        ("00442079460000", "+442079460000"),
        ("2025550100", "+12025550100"),
        ("3125550199", "3125550199"),  # none of ours: nobody knows its country
        ("", None),
        (None, None),
    ],
)
def test_the_number_called_is_one_of_ours_without_its_country(shown: object, number: str | None) -> None:
    assert received(phoneNumber=shown).number == number


def test_a_number_that_two_of_ours_end_with_is_neither() -> None:
    record = {"messageid": 1, "phonenumber": "2079460000"}
    assert received_report(record, ("+442079460000", "+12079460000")).number == "2079460000"
    assert received_report({**record, "phonenumber": "0"}, NUMBERS).number == "0"


@pytest.mark.parametrize(
    ("caller_id", "station", "caller"),
    [
        ("+13125550177", "Widgets", "+13125550177"),
        (None, "+1 312 555 0177", "+13125550177"),
        (None, " 0044 20 7946 0000 ", "+442079460000"),
        (None, "(312) 555-0177", "3125550177"),
        (None, "Widgets 3125550177", None),
        (None, "12345", None),
        ("", "", None),
        (None, None, None),
    ],
)
def test_the_caller_is_a_number_or_unknown(caller_id: object, station: object, caller: str | None) -> None:
    assert received(callerId=caller_id, remoteCSID=station).caller == caller


@pytest.mark.parametrize(
    ("status", "image", "phase"),
    [
        (0, "UNREAD", Phase.DELIVERED),
        (0, "DONT_EXIST", Phase.DELIVERED),
        (5, "UNREAD", Phase.DELIVERED),  # pages have arrived: they are delivered
        (5, "DONT_EXIST", Phase.FAILED),
        (-1, "UNREAD", Phase.WAITING),
        (None, None, Phase.DELIVERED),
    ],
)
def test_a_reception_has_failed_only_if_nothing_arrived(status: object, image: object, phase: Phase) -> None:
    assert received(messageStatus=status, imageStatus=image).phase is phase


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-01T08:00:41", datetime(2026, 3, 1, 8, 0, 41, tzinfo=UTC)),
        ("2026-03-01T08:00:41.25", datetime(2026, 3, 1, 8, 0, 41, 250000, tzinfo=UTC)),
        ("2026-03-01T09:00:41+01:00", datetime(2026, 3, 1, 8, 0, 41, tzinfo=UTC)),
        ("01/03/2026 08:00:41", datetime(2026, 3, 1, 8, 0, 41, tzinfo=UTC)),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("13/13/2026 08:00:41", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_times_are_gmt_iso_or_day_first_and_the_year_one_is_none(text: object, time: datetime | None) -> None:
    assert read_time(text) == time


@pytest.mark.parametrize("number", [1, 2_147_483_649, 9_223_372_036_854_775_807])
def test_ids_are_64_bit_and_say_which_side_they_are_of(number: int) -> None:
    assert (number_of(sent_id(number)), number_of(received_id(number))) == (number, number)
    assert sent_id(number) != received_id(number)


@pytest.mark.parametrize(("units", "cost", "price"), [("1.00", "0.1500", "0.15"), (2, 0.07, "0.14"), (0, 0.1, "0")])
def test_prices_are_exact(units: object, cost: object, price: str) -> None:
    assert sent(units=units, costPerUnit=cost).price == Decimal(price)


@pytest.mark.parametrize("units", [None, "x", "NaN", "Infinity", "1e999999", []])
def test_a_price_that_cannot_be_read_is_none(units: object) -> None:
    assert sent(units=units, costPerUnit="1e999999" if units == "1e999999" else 1).price is None


@given(st.dictionaries(st.sampled_from([*SENT, *RECEIVED]), JSON), st.integers(1, 2**63))
def test_any_fax_object_can_be_read(fields: dict[str, Any], number: int) -> None:
    record = record_of({**fields, "id": number})
    assert record is None or sent_report(record).raw.isprintable()
    record = record_of({**fields, "id": None, "messageId": number})
    assert record is None or received_report(record, NUMBERS).inbound


@given(JSON)
def test_any_value_is_a_number_or_none(value: object) -> None:
    number = read_number(value)
    assert number is None or number.removeprefix("+").isdigit()
