"""The right account carries a fax; another one stands in only after a definite failure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.account_choice import AccountRule, choose_account, choose_accounts, stay
from gateway.core.attempts import current_attempt, next_attempt
from gateway.core.lifecycle import CALLING, FaxState, FaxTiming, Move, Notice
from gateway.core.model import Attempt, AttemptState, FaxJob, Sender
from gateway.core.reasons import Reason

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ANA = Sender("@clinic.example", "+12025550100", "Clinic", "UTC", "sinch")
TIMING = FaxTiming()
JOB = FaxJob(
    id="F-7K3M9QX2",
    message_id="E-7K3M9QX2",
    state=FaxState.SUBMITTING,
    due_at=NOW,
    version=3,
    created_at=NOW,
    deadline=NOW + timedelta(hours=24),
    number="+442079460000",
    address="+442079460000@fax.example",
    notify=None,
    orcpt=None,
    caller_id="+12025550100",
    header_text="Clinic",
    header_time_zone="UTC",
    account="sinch",
    other_accounts=("interfax", "backup"),
)
CALLED = replace(JOB, state=FaxState.SUBMITTED, calls=1)
WAITING = replace(JOB, state=FaxState.READY)
ALL = frozenset({"sinch", "interfax", "backup"})
LATER = NOW + timedelta(minutes=5)


def chosen(
    step: Move, job: FaxJob = JOB, configured: Collection[str] = ALL, paused: Collection[str] = frozenset()
) -> Move:
    return choose_account(job, step, configured, paused, TIMING, NOW)


def unreached(tries: int) -> Move:
    """What is decided after so many failures in a row to reach the provider."""
    return Move(FaxState.READY, LATER, Reason.PROVIDER_DOWN, columns={"tries": tries})


def through(step: Move) -> tuple[str, list[str]]:
    return step.columns["account"], step.columns["other_accounts"]


@pytest.mark.parametrize(
    ("mail_from", "number", "accounts"),
    [
        ("boss@clinic.example", "+12025550143", ("backup",)),
        ("BOSS@clinic.example", "+442079460000", ("backup",)),
        ("ana@clinic.example", "+442079460000", ("interfax", "sinch")),
        ("ana@clinic.example", "+12025550143", ("second",)),
        ("ana@clinic.example", "+12025550144", ("sinch",)),
        ("ana@other.example", "+12025550143", ("sinch",)),
    ],
)
def test_the_first_rule_that_fits_names_the_accounts(mail_from: str, number: str, accounts: tuple[str, ...]) -> None:
    rules = [
        AccountRule(("backup",), sender="boss@clinic.example"),
        AccountRule(("interfax", "sinch"), prefix="+44"),
        AccountRule(("second",), sender="@clinic.example", prefix="+12025550143"),
    ]
    assert choose_accounts(rules, ANA, mail_from, number) == accounts


def test_a_domain_is_no_end_of_another_domain() -> None:
    rules = [AccountRule(("second",), sender="@clinic.example")]
    assert choose_accounts(rules, ANA, "eve@notclinic.example", "+12025550143") == ("sinch",)


def test_trouble_of_an_account_sends_its_job_to_the_next_one_at_once() -> None:
    step = Move(FaxState.READY, NOW, Reason.PROVIDER_AUTH, pauses_account=True)
    over = chosen(step)
    assert through(over) == ("interfax", ["backup", "sinch"])
    assert (over.to, over.due_at, over.pauses_account) == (FaxState.READY, NOW, True)


def test_an_account_out_of_reach_is_tried_three_times_first() -> None:
    assert chosen(unreached(2)) == unreached(2)
    over = chosen(unreached(3))
    assert (over.due_at, through(over), over.columns["tries"]) == (NOW, ("interfax", ["backup", "sinch"]), 3)


def test_when_no_account_was_reached_each_in_turn_is_tried_at_the_growing_waits() -> None:
    assert [chosen(unreached(tries)).due_at for tries in (6, 9, 10, 11)] == [NOW, LATER, LATER, LATER]
    assert {chosen(unreached(tries)).columns["account"] for tries in (9, 10, 11)} == {"interfax"}
    assert chosen(unreached(6), paused={"backup"}).due_at == LATER
    assert chosen(unreached(9), paused={"interfax", "backup"}) == unreached(9)


def test_a_refused_account_does_not_end_the_row_of_tries() -> None:
    step = Move(FaxState.READY, NOW, Reason.PROVIDER_AUTH, pauses_account=True)
    assert chosen(step, replace(JOB, tries=4)).columns["tries"] == 4
    assert "tries" not in chosen(step, replace(CALLED, tries=4)).columns  # those were questions


def test_a_refusal_of_the_providers_own_goes_to_another_one_and_never_back() -> None:
    refused = Move(FaxState.FAILED, None, Reason.OTHER, "no", Notice.FAILURE, columns={"pages_sent": 0})
    over = chosen(refused)
    assert (over.to, over.due_at, over.notice) == (FaxState.READY, NOW, None)
    assert over.columns == {"account": "interfax", "other_accounts": ["backup"], "pages_sent": 0}
    assert through(chosen(refused, paused={"interfax"})) == ("backup", ["interfax"])
    assert through(chosen(refused, paused={"interfax", "backup"})) == ("interfax", ["backup"])


@pytest.mark.parametrize("reason", [Reason.UNSUPPORTED_TYPE, Reason.TOO_BIG, Reason.BAD_NUMBER, Reason.NUMBER_DEAD])
@pytest.mark.parametrize("job", [JOB, CALLED], ids=["refused", "called"])
def test_what_is_wrong_with_the_fax_itself_is_wrong_everywhere(job: FaxJob, reason: Reason) -> None:
    step = Move(FaxState.FAILED, None, reason, "", Notice.FAILURE)
    assert chosen(step, job) is step


@pytest.mark.parametrize(
    ("reason", "goes"), [(Reason.BUSY, False), (Reason.NO_ANSWER, False), (Reason.CONGESTION, True)]
)
def test_a_failed_call_is_repeated_elsewhere_if_the_network_was_the_cause(reason: Reason, *, goes: bool) -> None:
    over = chosen(Move(FaxState.READY, LATER, reason, columns={"tries": 0}), CALLED)
    assert (over.due_at, over.columns.get("account")) == (LATER, "interfax" if goes else None)


def test_the_most_calls_count_over_all_accounts() -> None:
    step = Move(FaxState.FAILED, None, Reason.OTHER, "", Notice.FAILURE)
    assert chosen(step, replace(CALLED, calls=TIMING.max_calls)) is step
    assert chosen(step, CALLED).due_at == NOW + TIMING.fault_pause


@given(
    job=st.sampled_from([JOB, CALLED, WAITING]),
    state=st.sampled_from(
        [FaxState.SUBMITTING, FaxState.UNKNOWN, FaxState.SUBMITTED, FaxState.HELD, FaxState.DELIVERED]
    ),
    reason=st.sampled_from(Reason),
    paused=st.sets(st.sampled_from(sorted(ALL))),
)
def test_from_a_doubt_nobody_else_is_tried(job: FaxJob, state: FaxState, reason: Reason, paused: set[str]) -> None:
    step = Move(state, NOW, reason)
    assert chosen(step, job, paused=paused) is step


@given(
    to=st.sampled_from(FaxState),
    reason=st.sampled_from(Reason),
    paused=st.sets(st.sampled_from(sorted(ALL))),
    pauses=st.booleans(),
    state=st.sampled_from(sorted(CALLING, key=str)),
)
def test_what_has_to_stay_with_its_account_stays(
    to: FaxState, reason: Reason, paused: set[str], *, pauses: bool, state: FaxState
) -> None:
    step = stay(Move(to, NOW, reason, pauses_account=pauses))
    assert chosen(step, replace(JOB, state=state), paused=paused) is step
    for_ever = replace(JOB, state=state, other_accounts=())
    later = Move(to, NOW, reason, pauses_account=pauses)
    assert chosen(later, for_ever, paused=paused) is later


def test_a_job_that_waits_for_a_paused_account_goes_through_one_that_works() -> None:
    step = Move(FaxState.READY, LATER)
    assert through(chosen(step, WAITING, paused={"sinch"})) == ("interfax", ["backup", "sinch"])
    assert through(chosen(step, WAITING, paused={"sinch", "interfax"})) == ("backup", ["interfax", "sinch"])
    assert chosen(step, WAITING, paused=ALL) is step
    assert chosen(step, WAITING, paused={"interfax"}) is step


def test_an_account_that_is_not_configured_any_more_is_never_chosen() -> None:
    step = Move(FaxState.READY, NOW, Reason.PROVIDER_AUTH, pauses_account=True)
    assert through(chosen(step, configured={"sinch", "backup"})) == ("backup", ["interfax", "sinch"])
    assert chosen(step, configured={"sinch"}) is step
    assert chosen(unreached(3), configured={"sinch"}) == unreached(3)
    refused = Move(FaxState.FAILED, None, Reason.OTHER, "", Notice.FAILURE)
    assert chosen(refused, configured={"sinch"}) is refused


# --- which attempt


def attempt(number: int, state: AttemptState, account: str, hint: str | None = None) -> Attempt:
    return Attempt(f"{JOB.id}-{number}", JOB.id, number, state, account, NOW, hinted_fax_id=hint)


def test_each_account_has_one_attempt_until_it_makes_a_call() -> None:
    tried = [attempt(1, AttemptState.NOT_SENT, "sinch"), attempt(2, AttemptState.NOT_SENT, "interfax")]
    again = next_attempt(tried, JOB, LATER)
    assert (again.reference, again.state, again.intent_at) == (f"{JOB.id}-1", AttemptState.OPEN, LATER)
    assert current_attempt([again, tried[1]]) is again
    called = [*tried[:1], attempt(2, AttemptState.FAILED, "sinch"), attempt(3, AttemptState.NOT_SENT, "interfax")]
    assert next_attempt(called, JOB, LATER).number == 4


@pytest.mark.parametrize("state", [AttemptState.NOT_SENT, AttemptState.REFUSED])
def test_an_attempt_that_arrived_after_all_comes_first_wherever_the_job_is(state: AttemptState) -> None:
    tried = [attempt(1, state, "sinch", "out-1"), attempt(2, AttemptState.NOT_SENT, "interfax")]
    again = next_attempt(tried, replace(JOB, account="interfax"), LATER)
    assert again == replace(tried[0], state=AttemptState.OPEN)  # with its hint, looked for since its own intent
