"""Sinch's words are read rightly, and none of them makes us fall over."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import FaxReport, Phase
from gateway.core.reasons import Reason
from gateway.providers.sinch.words import REASONS, Fax, fax_id, read_number, reason_of, report_of

FIXTURES = Path(__file__).parent / "fixtures"
PAIRS = list(csv.reader((FIXTURES / "error_pairs.csv").read_text().splitlines()))[1:]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def fixture(name: str) -> dict[str, Any]:
    return json.loads((FIXTURES / name).read_text())


def test_exactly_the_59_documented_pairs_are_in_the_table() -> None:
    assert len(PAIRS) == 59
    assert {(kind.replace("_", ""), int(code)) for kind, code, _ in PAIRS} == set(REASONS)


@pytest.mark.parametrize(("kind", "code", "reason"), PAIRS)
def test_each_documented_pair_has_its_reason(kind: str, code: str, reason: str) -> None:
    camel = kind.title().replace("_", "")
    for spelling in (kind, kind.replace("_", ""), kind.lower(), camel[0].lower() + camel[1:]):
        assert reason_of(spelling, int(code)) is Reason.of(reason)


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        ("FATAL_ERROR", None, Reason.OUTCOME_UNKNOWN),
        ("FATAL_ERROR", 9, Reason.OUTCOME_UNKNOWN),
        ("GENERAL_ERROR", 3, Reason.OTHER),
        ("LINE_ERROR", 89, Reason.LINE_DROPPED),
        ("LINEERROR", None, Reason.LINE_DROPPED),
        ("CALL_ERROR", 133, Reason.OTHER),
        ("CALL_ERROR", None, Reason.OTHER),
        ("NEW_ERROR", 17, Reason.OTHER),
        (None, None, Reason.OTHER),
        (None, 17, Reason.OTHER),
    ],
)
def test_what_is_not_documented_has_a_safe_reason(kind: object, code: int | None, reason: Reason) -> None:
    assert reason_of(kind, code) is reason


@given(JSON, st.none() | st.integers())
def test_any_error_has_a_reason(kind: object, code: int | None) -> None:
    assert isinstance(reason_of(kind, code), Reason)


@pytest.mark.parametrize(
    "error",
    [
        {"errorCode": 17},
        {"errorCode": "17"},
        {"errorCode": "Busy", "errorId": 17},
        {"errorCode": None, "errorId": "17"},
        {"errorId": 17},
    ],
)
def test_the_code_is_read_wherever_it_is(error: Fax) -> None:
    report = report_of({"id": "A1", "status": "FAILURE", "errorType": "CALL_ERROR", **error}, "A1")
    assert report.reason is Reason.BUSY
    assert report.raw == "CALL_ERROR 17"


def test_a_sent_fax_is_read() -> None:
    assert report_of(fixture("fax_sent.json"), "01KB2C5D7E9F1G3H5J7K9M1N3P") == FaxReport(
        provider_fax_id="01KB2C5D7E9F1G3H5J7K9M1N3P",
        inbound=False,
        phase=Phase.DELIVERED,
        number="+12025550143",
        caller="+12025550100",
        created_at=datetime(2026, 11, 20, 9, 15, 2, 418000, UTC),
        completed_at=datetime(2026, 11, 20, 9, 17, 40, tzinfo=UTC),
        pages=2,
        pages_sent=2,
        reason=Reason.DELIVERED,
        raw="COMPLETED",
        price=Decimal("0.0900"),
        currency="USD",
        references=frozenset({"F-7K3M9QX2-1"}),
        service="01KB0000000000000000SERV01",
        has_document=True,
    )


def test_a_failed_fax_keeps_their_words() -> None:
    report = report_of(fixture("fax_busy.json"), "x")
    assert (report.phase, report.reason) == (Phase.FAILED, Reason.BUSY)
    assert report.raw == "CALL_ERROR 17: Busy"
    assert (report.pages_sent, report.price) == (0, Decimal(0))


def test_a_failed_reception_is_told_as_such() -> None:
    """Their error codes speak of calls that we make: "no fax machine answered" would be nonsense here."""
    report = report_of(fixture("fax_reception_failed.json"), "x")
    assert (report.inbound, report.phase, report.reason) == (True, Phase.FAILED, Reason.RECEPTION_FAILED)
    assert (report.caller, report.has_document) == (None, False)
    assert report.raw == "FAX_ERROR 132: No fax tone detected"


@pytest.mark.parametrize("status", ["PAUSED", "completed", "", None, 5, ["COMPLETED"], {}])
def test_a_status_that_we_do_not_know_is_not_final(status: object) -> None:
    report = report_of({"id": "A1", "status": status}, "A1")
    assert (report.phase, report.reason) == (Phase.WAITING, None)


def test_almost_nothing_is_required() -> None:
    report = report_of({}, "A1")
    assert (report.number, report.caller, report.created_at, report.raw) == (None, None, None, "no status")


@pytest.mark.parametrize(
    ("amount", "price"),
    [("0.07", "0.07"), ("0.210", "0.210"), (0.045, "0.045"), (0, "0"), ("NaN", None), ("", None), ([], None)],
)
def test_prices_are_exact(amount: object, price: str | None) -> None:
    report = report_of({"price": {"amount": amount, "currencyCode": "USD"}}, "A1")
    assert report.price == (None if price is None else Decimal(price))


@pytest.mark.parametrize(("value", "expected"), [(True, True), ("true", True), (False, False), ("false", False)])
def test_has_file_is_read_as_boolean_and_as_text(value: object, *, expected: bool) -> None:
    assert report_of({"hasFile": value}, "A1").has_document is expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+12025550143", "+12025550143"),
        (" 12025550143", "+12025550143"),
        ("12025550143", "+12025550143"),
        ("0012025550143", "+12025550143"),
        ("+1 (202) 555-0143", "+12025550143"),
        ("2025550143", "2025550143"),
        ("anonymous", None),
        ("", None),
        (None, None),
        (5, None),
        ("١٢٣", None),
    ],
)
def test_numbers_are_normalised_leniently(text: object, number: str | None) -> None:
    assert read_number(text) == number


@given(st.dictionaries(st.sampled_from([*fixture("fax_busy.json"), "errorId"]), JSON))
def test_any_fax_object_can_be_read(fax: dict[str, Any]) -> None:
    report = report_of(fax, "A1")
    assert report.raw.isprintable()
    assert (report.reason is Reason.DELIVERED) == (report.phase is Phase.DELIVERED)


@given(JSON)
def test_a_usable_id_is_safe_in_a_url(value: object) -> None:
    found = fax_id({"id": value})
    assert found is None or (found == value and "/" not in found and "." not in found)
