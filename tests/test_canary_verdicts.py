"""Every way in which a leg can fail has a sentence of its own, and one that says what to look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.canary import Sending
from gateway.core.canary_verdicts import (
    Verdict,
    judge_closed_door,
    judge_door,
    judge_fax,
    judge_mail,
    judge_own_fax,
    told,
)
from gateway.core.model import FaxReport, Phase
from gateway.core.reasons import NotSentError, Reason

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
REPORT = FaxReport("f1", False, Phase.DELIVERED, "+19898989898", None, NOW)


@given(
    phase=st.sampled_from(Sending),
    called=st.booleans(),
    reported=st.none() | st.sampled_from(Phase),
    late=st.booleans(),
)
def test_a_test_fax_is_well_only_by_both_halves_and_open_only_while_there_is_time(
    phase: Sending, called: bool, reported: Phase | None, late: bool
) -> None:
    facts = {"phase": phase.value} | ({"called_at": "then"} if called else {})
    report = replace(REPORT, phase=reported) if reported else None
    verdict = judge_fax(facts, report, late=late)
    assert (verdict is not None and verdict.well is True) == (called and reported is Phase.DELIVERED)
    if verdict is None:
        assert not late
    elif not verdict.well:
        assert verdict.detail
        assert verdict.advice.endswith(".")


@given(status=st.integers(201, 599), late=st.booleans())
def test_nothing_but_200_opens_the_door(status: int, late: bool) -> None:
    verdict = judge_door(status, late=late)
    assert verdict is None or verdict.well is False
    assert (verdict is None) == (status >= 500 and not late)
    if verdict is not None:
        assert str(status) in verdict.detail
        assert verdict.advice


@pytest.mark.parametrize(
    ("error", "what"),
    [
        ("ClientConnectorCertificateError", "its certificate is not valid"),
        ("ClientConnectorDNSError", "its name is not in the DNS"),
        ("ClientConnectorSSLError", "there is no TLS that can be agreed on"),
        ("ClientConnectorError", "nobody answers there"),
        ("TimeoutError", "nobody answers there"),
    ],
)
def test_a_closed_door_is_told_in_plain_words_once_time_is_up(error: str, what: str) -> None:
    assert judge_closed_door(error, late=False) is None
    verdict = judge_closed_door(error, late=True)
    assert verdict is not None
    assert verdict.detail == f"our public URL cannot be reached: {what}"


@given(taken=st.booleans(), returned=st.booleans(), returns=st.booleans(), late=st.booleans())
def test_a_mail_is_well_by_what_counts_here(taken: bool, returned: bool, returns: bool, late: bool) -> None:
    facts = {name: "then" for name, known in (("taken_at", taken), ("returned_at", returned)) if known}
    verdict = judge_mail(facts, returns=returns, late=late)
    assert (verdict == Verdict(well=True)) == (returned if returns else taken)
    assert verdict is not None or not late


def test_an_own_fax_that_was_never_handed_in_says_so() -> None:
    assert judge_own_fax(None, None, late=False) is None
    verdict = judge_own_fax(None, None, late=True)
    assert verdict is not None
    assert (verdict.well, verdict.detail) == (False, "the fax was not handed in")


def test_an_error_is_told_with_the_other_sides_words() -> None:
    error = NotSentError(Reason.PROVIDER_DOWN, "connection refused")
    assert told(error) == "The fax service could not be reached (connection refused)"
    assert told(NotSentError(Reason.PROVIDER_DOWN)) == "The fax service could not be reached"
