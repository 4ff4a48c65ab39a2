"""Every documented status has its cause, its RFC 3463 status and its rule for another call."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.lifecycle import FaxTiming, retry_rule
from gateway.core.model import Phase
from gateway.core.reasons import Reason
from gateway.providers.interfax.status_codes import NETWORK_CAUSES, STATUSES, FaxStatus, meaning_of

ROWS = list(csv.DictReader((Path(__file__).parent / "fixtures" / "status_codes.csv").read_text().splitlines()))


def test_exactly_the_104_documented_statuses_are_in_the_table() -> None:
    assert len(ROWS) == 104
    assert {int(row["code"]) for row in ROWS} == set(STATUSES)


@pytest.mark.parametrize("row", ROWS, ids=[row["code"] for row in ROWS])
def test_each_documented_status_has_its_cause_and_its_rule(row: dict[str, str]) -> None:
    meaning = meaning_of(FaxStatus(int(row["code"])))
    assert meaning.phase == row["phase"]
    assert (meaning.reason.code if meaning.reason else "") == row["reason"]
    assert (meaning.reason.status if meaning.reason else "") == row["status"]
    called_again = meaning.phase is Phase.FAILED and retry_rule(meaning.reason or Reason.OTHER, FaxTiming()) is not None
    assert called_again == (row["again"] == "yes")
    assert meaning.words


@pytest.mark.parametrize("code", [3932, 488, 256, 3211, 9001])
def test_a_cause_that_is_worth_one_more_call_gets_only_one(code: int) -> None:
    reason = meaning_of(FaxStatus(code)).reason
    assert reason is not None
    rule = retry_rule(reason, FaxTiming())
    assert rule is not None
    assert rule.calls == 2


def test_every_status_of_the_telephone_network_says_its_cause_in_plain_words() -> None:
    theirs = {int(row["code"]) - 6000 for row in ROWS if 6001 <= int(row["code"]) <= 6127}
    assert theirs == set(NETWORK_CAUSES)
    assert meaning_of(FaxStatus(6019)).words.endswith("the network says: it rings and nobody answers")
    assert meaning_of(FaxStatus(6027)).words == (
        "the number is not in service; the network says: the destination is out of order"
    )


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_status_ends_or_does_not_end_by_its_sign(code: int) -> None:
    meaning = meaning_of(FaxStatus(code))
    assert (meaning.phase is Phase.WAITING) == (code < 0)
    assert (meaning.phase is Phase.DELIVERED) == (code == 0) == (meaning.reason is Reason.DELIVERED)


def test_statuses_that_they_do_not_document_are_temporary() -> None:
    assert meaning_of(FaxStatus(-7)).reason is None
    assert meaning_of(FaxStatus(77777)).reason is Reason.OTHER_TEMPORARY


def test_only_a_fax_that_waits_for_credit_waits_for_a_reason() -> None:
    waiting = {code: meaning.reason for code, meaning in STATUSES.items() if meaning.phase is Phase.WAITING}
    assert {code for code, reason in waiting.items() if reason is not None} == {-22}
