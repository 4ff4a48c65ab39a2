"""What happens next to a fax, decided without clock, database or network."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import lifecycle
from gateway.core.lifecycle import ALLOWED, FaxState, FaxTiming, InboundState, MailState, Move, Notice
from gateway.core.model import Attempt, AttemptState, FaxJob, FaxReport, Phase
from gateway.core.reasons import Reason

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
TIMING = FaxTiming()
MINUTE = timedelta(minutes=1)


def a_job(**changes: Any) -> FaxJob:
    job = FaxJob(
        id="F-00000001",
        message_id="E-00000001",
        state=FaxState.SUBMITTED,
        due_at=NOW,
        version=3,
        created_at=NOW,
        deadline=NOW + timedelta(hours=24),
        number="+12025550143",
        address="FAX=+12025550143@fax.example",
        notify=None,
        orcpt=None,
        caller_id="+12025550100",
        header_text="Clinic +1 202-555-0100",
        header_time_zone="UTC",
        account="sinch",
        calls=1,
        pages=3,
    )
    return replace(job, **changes)


def an_attempt(**changes: Any) -> Attempt:
    attempt = Attempt("F-00000001-1", "F-00000001", 1, AttemptState.OPEN, "sinch", NOW)
    return replace(attempt, **changes)


def a_report(reason: Reason, *, pages: int | None = 3, sent: int | None = 0) -> FaxReport:
    phase = Phase.DELIVERED if reason is Reason.DELIVERED else Phase.FAILED
    return FaxReport("01KA", False, phase, "+12025550143", None, NOW, pages=pages, pages_sent=sent, reason=reason)


def after(reason: Reason, *, now: datetime = NOW, sent: int = 0, **changes: Any) -> Move:
    return lifecycle.after_report(a_job(**changes), a_report(reason, sent=sent), TIMING, now, 0.0)


def test_confirmed_pages_are_a_delivery() -> None:
    move = after(Reason.DELIVERED, sent=3)
    assert (move.to, move.notice) == (FaxState.DELIVERED, Notice.SUCCESS)


@pytest.mark.parametrize(
    ("reason", "pause"),
    [(Reason.BUSY, 3 * MINUTE), (Reason.NO_ANSWER, 5 * MINUTE), (Reason.LINE_DROPPED, 5 * MINUTE)],
)
def test_a_passing_fault_is_called_again_after_the_pause_of_its_cause(reason: Reason, pause: timedelta) -> None:
    move = after(reason)
    assert (move.to, move.due_at, move.notice) == (FaxState.READY, NOW + pause, None)


def test_the_fourth_call_is_the_last() -> None:
    assert after(Reason.BUSY, calls=3).to is FaxState.READY
    move = after(Reason.BUSY, calls=4)
    assert (move.to, move.reason, move.notice) == (FaxState.FAILED, Reason.BUSY, Notice.FAILURE)


def test_a_number_where_no_fax_answers_is_disturbed_once_more_at_most() -> None:
    assert after(Reason.NOT_A_FAX, calls=1).to is FaxState.READY
    assert after(Reason.NOT_A_FAX, calls=2).to is FaxState.FAILED


@pytest.mark.parametrize("reason", [Reason.NUMBER_DEAD, Reason.RENDER_FAILED, Reason.NOT_PERMITTED, Reason.OTHER])
def test_a_lasting_cause_is_never_called_again(reason: Reason) -> None:
    assert after(reason).to is FaxState.FAILED


def test_some_pages_sent_are_told_and_not_sent_again() -> None:
    move = after(Reason.LINE_DROPPED, sent=2)
    assert (move.to, move.reason) == (FaxState.FAILED, Reason.PARTIAL)


def test_all_pages_sent_without_confirmation_is_unknown_and_never_sent_again() -> None:
    move = after(Reason.LINE_DROPPED, sent=3)
    assert (move.to, move.reason, move.notice) == (FaxState.UNKNOWN, Reason.UNCONFIRMED, Notice.UNKNOWN)


def test_no_credit_keeps_the_job_and_pauses_the_account() -> None:
    move = after(Reason.OUT_OF_CREDIT)
    assert (move.to, move.pauses_account, move.notice) == (FaxState.READY, True, None)


def test_a_pause_that_would_end_after_the_lifetime_ends_the_job_now() -> None:
    assert after(Reason.BUSY, deadline=NOW + MINUTE).to is FaxState.FAILED


def test_a_call_that_still_runs_at_the_end_of_the_lifetime_is_unknown() -> None:
    assert lifecycle.after_waiting(a_job(), TIMING, NOW).to is FaxState.SUBMITTED
    move = lifecycle.after_waiting(a_job(deadline=NOW), TIMING, NOW)
    assert (move.to, move.notice) == (FaxState.UNKNOWN, Notice.UNKNOWN)


def test_waiting_is_no_call_and_ends_with_the_lifetime() -> None:
    job = a_job(state=FaxState.READY, tries=40)
    move = lifecycle.after_not_sent(job, Reason.PROVIDER_DOWN, "refused", None, TIMING, NOW)
    assert (move.to, move.due_at, "calls" in move.columns) == (FaxState.READY, NOW + 5 * MINUTE, False)
    wished = lifecycle.after_not_sent(job, Reason.PROVIDER_DOWN, "429", timedelta(hours=48), TIMING, NOW)
    assert wished.due_at == job.deadline


def search(attempt: Attempt, *, absent: bool, now: datetime, **changes: Any) -> Move:
    job = a_job(state=FaxState.SUBMITTING, **changes)
    return lifecycle.after_fruitless_search(attempt, job, proven_absent=absent, timing=TIMING, now=now)


def test_one_proof_of_absence_is_not_enough() -> None:
    now = NOW + 7 * MINUTE
    move = search(an_attempt(), absent=True, now=now)
    assert (move.to, move.due_at) == (FaxState.SUBMITTING, now + TIMING.proof_gap)


def test_two_proofs_ten_minutes_apart_allow_one_resend() -> None:
    now = NOW + 17 * MINUTE
    proven = an_attempt(absent_since=NOW + 7 * MINUTE)
    assert search(proven, absent=True, now=now).to is FaxState.READY
    too_soon = an_attempt(absent_since=NOW + 8 * MINUTE)
    assert search(too_soon, absent=True, now=now).to is FaxState.SUBMITTING


def test_an_attempt_is_sent_again_only_once_in_its_life() -> None:
    again = an_attempt(absent_since=NOW, resends=1)
    move = search(again, absent=True, now=NOW + 20 * MINUTE)
    assert (move.to, move.notice) == (FaxState.UNKNOWN, Notice.UNKNOWN)


def test_without_proof_it_is_searched_for_an_hour_and_is_unknown_then() -> None:
    attempt, now, times = an_attempt(), NOW + timedelta(seconds=5), []
    while (move := search(attempt, absent=False, now=now)).to is FaxState.SUBMITTING:
        assert move.due_at is not None
        now = move.due_at
        times.append(now - NOW)
        attempt = replace(attempt, searches=attempt.searches + 1)
    assert tuple(times) == TIMING.search_times[1:]
    assert move.to is FaxState.UNKNOWN


def test_an_outage_of_the_provider_uses_up_no_searches() -> None:
    job = a_job(state=FaxState.SUBMITTING, tries=100)
    move = lifecycle.after_unanswered_search(job, Reason.PROVIDER_DOWN, "503", TIMING, NOW + timedelta(hours=6))
    assert (move.to, "searches" in move.columns) == (FaxState.SUBMITTING, False)


def test_a_temporary_rendering_fault_is_tried_again_and_a_lasting_one_is_told() -> None:
    job = a_job(state=FaxState.QUEUED)
    args: dict[str, Any] = {"timing": TIMING, "now": NOW}
    again = lifecycle.after_render_error(job, Reason.RENDER_TEMPORARY, "", temporary=True, **args)
    assert again.to is FaxState.QUEUED
    told = lifecycle.after_render_error(job, Reason.RENDER_FAILED, "", temporary=False, **args)
    assert (told.to, told.notice) == (FaxState.FAILED, Notice.FAILURE)
    tired = replace(job, tries=len(TIMING.render_delays))
    assert (
        lifecycle.after_render_error(tired, Reason.RENDER_TEMPORARY, "", temporary=True, **args).to is FaxState.FAILED
    )


def test_our_own_bug_is_tried_again_then_held_and_never_failed() -> None:
    delays = TIMING.bug_delays
    for state, held in (
        (FaxState.READY, FaxState.HELD),
        (InboundState.RECEIVED, InboundState.HELD),
        (MailState.QUEUED, MailState.HELD),
    ):
        again = lifecycle.after_bug(state, 0, "KeyError", delays, NOW + MINUTE, NOW)
        assert (again.to, again.due_at) == (state, NOW + delays[0])
        move = lifecycle.after_bug(state, len(delays), "KeyError", delays, NOW + MINUTE, NOW)
        assert (move.to, move.columns["held_from"]) == (held, state.value)


@pytest.mark.parametrize(
    ("state", "end"),
    [
        (FaxState.QUEUED, FaxState.FAILED),
        (FaxState.READY, FaxState.FAILED),
        (FaxState.SUBMITTING, FaxState.UNKNOWN),
        (FaxState.SUBMITTED, FaxState.UNKNOWN),
    ],
)
def test_at_the_end_of_its_life_a_job_fails_unless_a_call_may_be_open(state: FaxState, end: FaxState) -> None:
    assert lifecycle.at_deadline(a_job(state=state)).to is end
    assert lifecycle.at_deadline(a_job(state=FaxState.HELD, held_from=state)).to is end


def test_an_expired_job_names_the_cause_it_waited_for() -> None:
    assert lifecycle.at_deadline(a_job(state=FaxState.READY, reason=Reason.BUSY)).reason is Reason.BUSY
    assert lifecycle.at_deadline(a_job(state=FaxState.READY)).reason is Reason.EXPIRED


def test_late_proof_settles_an_unknown_fax() -> None:
    job = a_job(state=FaxState.UNKNOWN)
    assert lifecycle.after_late_report(job, a_report(Reason.DELIVERED), TIMING, NOW).to is FaxState.DELIVERED
    assert lifecycle.after_late_report(job, a_report(Reason.BUSY), TIMING, NOW).to is FaxState.FAILED
    assert lifecycle.after_late_report(job, a_report(Reason.BUSY, sent=3), TIMING, NOW).to is FaxState.UNKNOWN
    assert lifecycle.after_late_report(job, None, TIMING, NOW).due_at is not None
    assert lifecycle.after_late_report(replace(job, tries=99), None, TIMING, NOW).due_at is None


def test_mail_is_tried_for_days_with_growing_waits_and_fails_after_them() -> None:
    delays = (MINUTE, 5 * MINUTE)
    move = lifecycle.after_mail_error(0, Reason.MAIL_TEMPORARY, "451", delays, NOW + timedelta(days=5), NOW, 0.5)
    assert (move.to, move.due_at) == (MailState.QUEUED, NOW + MINUTE)
    end = lifecycle.after_mail_error(9, Reason.MAIL_TEMPORARY, "451", delays, NOW, NOW, 0.5)
    assert end.to is MailState.FAILED


def test_a_received_fax_without_its_document_is_held_not_dropped() -> None:
    delays = (MINUTE,)
    end = lifecycle.after_route_error(9, Reason.RENDER_TEMPORARY, "", delays, NOW, NOW)
    assert end.to is InboundState.HELD


REPORTED = [reason for reason in Reason if reason is not Reason.DELIVERED]


@given(
    reason=st.sampled_from(REPORTED),
    sent=st.none() | st.integers(0, 5),
    pages=st.none() | st.integers(0, 5),
    calls=st.integers(1, 6),
    tries=st.integers(0, 50),
    left=st.integers(-10, 2000),
    spread=st.floats(0, 1),
)
def test_every_failure_leads_to_an_allowed_state_and_pages_are_never_sent_twice(
    reason: Reason, sent: int | None, pages: int | None, calls: int, tries: int, left: int, spread: float
) -> None:
    job = a_job(calls=calls, tries=tries, deadline=NOW + left * MINUTE)
    move = lifecycle.after_report(job, a_report(reason, pages=pages, sent=sent), TIMING, NOW, spread)
    assert move.to in ALLOWED[FaxState.SUBMITTED]
    if sent and move.to is FaxState.READY:
        assert move.pauses_account or not (pages or job.pages)
    if move.to is FaxState.READY and not move.pauses_account:
        assert calls < TIMING.max_calls
        assert move.due_at is not None
        assert NOW + 3 * MINUTE <= move.due_at < job.deadline
    if move.to in (FaxState.FAILED, FaxState.UNKNOWN, FaxState.CANCELLED):
        assert move.notice is not None


@given(
    searches=st.integers(0, 40),
    resends=st.integers(0, 1),
    absent=st.booleans(),
    since=st.none() | st.integers(0, 100),
    at=st.integers(0, 2000),
)
def test_nothing_is_sent_again_without_two_proofs(
    searches: int, resends: int, absent: bool, since: int | None, at: int
) -> None:
    first_proof = None if since is None else NOW + since * MINUTE
    attempt = an_attempt(searches=searches, resends=resends, absent_since=first_proof)
    move = search(attempt, absent=absent, now=NOW + at * MINUTE)
    assert move.to in ALLOWED[FaxState.SUBMITTING]
    if move.to is FaxState.READY:
        assert absent
        assert resends == 0
        assert since is not None
        assert at - since >= 10
    if move.to is FaxState.SUBMITTING:
        assert move.due_at is not None
        assert move.due_at > NOW + at * MINUTE
