"""States, allowed moves as data, and the pure decisions about what happens next.

Nothing here knows a clock, a database or a provider: `now` is an argument, the answer is a Move. The diagram of
docs/states.md is compared with ALLOWED by a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final

from gateway.core.reasons import Reason

if TYPE_CHECKING:
    from gateway.core.model import Attempt, FaxJob, FaxReport


class _State(Enum):
    """A state of a queue. Not a string: `queued` of a fax and `queued` of a mail are different things."""

    def __str__(self) -> str:
        return str(self.value)


class FaxState(_State):
    """Where one fax job is."""

    #: Accepted and durable. Left by render. A crash changes nothing: the lease ends and it is rendered again.
    QUEUED = "queued"
    #: One document with a known page count lies ready. Left by submit when it is due and its number is free.
    READY = "ready"
    #: Intent is on disk; the provider may or may not have the fax. Left by submit, or after a crash or a lost
    #: answer by recover, which asks the provider.
    SUBMITTING = "submitting"
    #: The provider gave it a fax id. Left by check, which asks how it went.
    SUBMITTED = "submitted"
    #: The receiving machine confirmed all pages. Final.
    DELIVERED = "delivered"
    #: It will not be sent, and the sender has been told why. Final.
    FAILED = "failed"
    #: It may have been sent and nobody can tell. Never sent again by itself; takes late proof.
    UNKNOWN = "unknown"
    #: Stopped by a person. Final.
    CANCELLED = "cancelled"
    #: Waits for an operator (our bug, or his wish); goes back to the state it came from.
    HELD = "held"


class InboundState(_State):
    """Where one received fax is."""

    #: Known to us, durable. Left by route, which fetches the truth and queues the mails.
    RECEIVED = "received"
    #: One delivery per address is queued. Left by acknowledge when the last of them has ended.
    ROUTED = "routed"
    #: It reached somebody, or the provider's own e-mail service delivers it. Final.
    DONE = "done"
    #: The reception failed, or the provider does not know it. Kept and told. Final.
    FAILED = "failed"
    #: Waits for an operator; goes back to the state it came from.
    HELD = "held"


class MailState(_State):
    """Where one mail of ours is."""

    #: Waits for the smarthost. A crash sends it again under the same Message-ID.
    QUEUED = "queued"
    #: The smarthost took it. Final.
    SENT = "sent"
    #: Refused for good, or given up after days. Final.
    FAILED = "failed"
    #: Not wanted any more. Final.
    CANCELLED = "cancelled"
    #: Waits for an operator.
    HELD = "held"


State = FaxState | InboundState | MailState

_F, _I, _M = FaxState, InboundState, MailState
ALLOWED: Final[Mapping[State, frozenset[State]]] = {
    _F.QUEUED: frozenset({_F.QUEUED, _F.READY, _F.FAILED, _F.CANCELLED, _F.HELD}),
    _F.READY: frozenset({_F.READY, _F.SUBMITTING, _F.FAILED, _F.CANCELLED, _F.HELD}),
    _F.SUBMITTING: frozenset(
        {_F.SUBMITTING, _F.SUBMITTED, _F.READY, _F.FAILED, _F.UNKNOWN, _F.HELD},
    ),
    _F.SUBMITTED: frozenset(
        {_F.SUBMITTED, _F.READY, _F.DELIVERED, _F.FAILED, _F.UNKNOWN, _F.CANCELLED, _F.HELD},
    ),
    _F.UNKNOWN: frozenset({_F.UNKNOWN, _F.DELIVERED, _F.FAILED}),
    _F.HELD: frozenset(
        {_F.QUEUED, _F.READY, _F.SUBMITTING, _F.SUBMITTED, _F.FAILED, _F.UNKNOWN, _F.CANCELLED, _F.HELD},
    ),
    _F.DELIVERED: frozenset(),
    _F.FAILED: frozenset(),
    _F.CANCELLED: frozenset(),
    _I.RECEIVED: frozenset({_I.RECEIVED, _I.ROUTED, _I.DONE, _I.FAILED, _I.HELD}),
    _I.ROUTED: frozenset({_I.ROUTED, _I.DONE, _I.HELD}),
    _I.HELD: frozenset({_I.RECEIVED, _I.ROUTED, _I.HELD}),
    _I.DONE: frozenset(),
    _I.FAILED: frozenset(),
    _M.QUEUED: frozenset({_M.QUEUED, _M.SENT, _M.FAILED, _M.CANCELLED, _M.HELD}),
    _M.HELD: frozenset({_M.QUEUED, _M.HELD}),
    _M.SENT: frozenset(),
    _M.FAILED: frozenset(),
    _M.CANCELLED: frozenset(),
}

#: States in which a webhook may bring the due time forward. A job in `ready` waits out its pause between two calls,
#: whatever a late event of the call before says.
WAKEABLE: Final = frozenset({_F.SUBMITTING, _F.SUBMITTED, _F.UNKNOWN, _I.RECEIVED, _I.ROUTED})

#: States in which a call may be running: at most one job of a number is in one of them.
CALLING: Final = frozenset({_F.SUBMITTING, _F.SUBMITTED})


def is_final(state: State) -> bool:
    """Says that nothing moves on by itself from here (``unknown`` still takes late proof)."""
    return state is FaxState.UNKNOWN or not ALLOWED[state]


def held_state(state: State) -> State:
    """Names the held state of the same queue."""
    held: Mapping[type, State] = {FaxState: _F.HELD, InboundState: _I.HELD, MailState: _M.HELD}
    return held[type(state)]


class Notice(StrEnum):
    """What the sender is told about a job; each at most once."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Move:
    """What happens next to a row: its state, when it is due, what is written into it, who is told.

    ``columns`` are further columns of the row. ``due_at`` None means: nothing moves it but an event or a person.
    """

    to: State
    due_at: datetime | None
    reason: Reason | None = None
    detail: str = ""
    notice: Notice | None = None
    pauses_account: bool = False
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How a failed call is repeated: at most ``calls`` in all, after ``pause``."""

    calls: int
    pause: timedelta


@dataclass(frozen=True, slots=True)
class FaxTiming:
    """All waits of a fax job. The defaults keep the redialling manners of 47 CFR 68.318(b); tests make them small.

    Attributes:
        lifetime: from acceptance to the last moment at which the job may still be sent.
        max_calls: calls per job, whatever their causes.
        busy_pause: least pause after a busy line.
        fault_pause: least pause after any other fault of a call.
        not_sent_delays: waits while the provider cannot be reached; the last one repeats. Not a call.
        render_delays: waits after a temporary fault while rendering.
        poll_delays: waits between two questions how a call went; the last one repeats.
        search_times: when a lost submission is looked for, counted from its intent. Searches that the provider did
            not answer are repeated and do not count.
        fresh_after: a provider's list proves absence only if it shows something this much newer than the intent.
        proof_gap: least time between the two searches that together prove absence.
        number_busy_delay: wait while another job of ours is calling the same number.
        bug_delays: waits after our own unexpected errors; after the last one the row is held.
    """

    lifetime: timedelta = timedelta(hours=24)
    max_calls: int = 4
    busy_pause: timedelta = timedelta(minutes=3)
    fault_pause: timedelta = timedelta(minutes=5)
    not_sent_delays: tuple[timedelta, ...] = (
        timedelta(seconds=10),
        timedelta(seconds=30),
        timedelta(minutes=1),
        timedelta(minutes=2),
        timedelta(minutes=5),
    )
    render_delays: tuple[timedelta, ...] = (
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
    )
    poll_delays: tuple[timedelta, ...] = (
        timedelta(seconds=15),
        timedelta(seconds=30),
        timedelta(minutes=1),
        timedelta(minutes=2),
        timedelta(minutes=5),
    )
    search_times: tuple[timedelta, ...] = (
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(minutes=30),
        timedelta(minutes=60),
    )
    fresh_after: timedelta = timedelta(minutes=6)
    proof_gap: timedelta = timedelta(minutes=10)
    number_busy_delay: timedelta = timedelta(seconds=2)
    bug_delays: tuple[timedelta, ...] = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5))


#: Cause -> is it worth another call, and which of the two pauses. Causes not listed are never called again.
_BUSY_PAUSE, _FAULT_PAUSE = "busy_pause", "fault_pause"
CALL_AGAIN: Final[Mapping[Reason, tuple[int, str]]] = {
    Reason.BUSY: (4, _BUSY_PAUSE),
    Reason.NO_ANSWER: (4, _FAULT_PAUSE),
    Reason.CONGESTION: (4, _FAULT_PAUSE),
    Reason.LINE_DROPPED: (4, _FAULT_PAUSE),
    Reason.DEVICE_FULL: (4, _FAULT_PAUSE),
    Reason.RENDER_TEMPORARY: (4, _FAULT_PAUSE),
    Reason.OTHER_TEMPORARY: (4, _FAULT_PAUSE),
    Reason.PROVIDER_DOWN: (4, _FAULT_PAUSE),
    Reason.NOT_A_FAX: (2, _FAULT_PAUSE),  # a person may have answered: disturb once more at most
    Reason.INCOMPATIBLE: (2, _FAULT_PAUSE),  # often line noise in disguise
    Reason.FAST_BUSY: (2, _FAULT_PAUSE),  # the network may be overloaded
    Reason.CALL_NOT_ACCEPTED: (2, _FAULT_PAUSE),  # another route may be taken
    Reason.PROVIDER_FAULT: (2, _FAULT_PAUSE),
}


def retry_rule(reason: Reason, timing: FaxTiming) -> RetryRule | None:
    """Looks up whether and how a call that failed for this reason is made again; None means never."""
    found = CALL_AGAIN.get(reason)
    if found is None:
        return None
    calls, pause = found
    return RetryRule(min(calls, timing.max_calls), getattr(timing, pause))


def ladder(delays: Sequence[timedelta], step: int) -> timedelta:
    """Picks the delay for the ``step``-th wait (0 is the first); the last one repeats."""
    return delays[min(step, len(delays) - 1)]


def after_render_error(
    job: FaxJob, reason: Reason, detail: str, *, temporary: bool, timing: FaxTiming, now: datetime
) -> Move:
    """Decides after a document could not be rendered: again while the cause may pass, else failed."""
    if temporary and job.tries < len(timing.render_delays):
        due = now + timing.render_delays[job.tries]
        return Move(FaxState.QUEUED, due, reason, detail, columns={"tries": job.tries + 1})
    return Move(FaxState.FAILED, None, reason, detail, Notice.FAILURE)


def after_not_sent(
    job: FaxJob, reason: Reason, detail: str, retry_after: timedelta | None, timing: FaxTiming, now: datetime
) -> Move:
    """Decides after proof that a submission never left us: the same reference again, later. Waiting is no call."""
    wait = retry_after or ladder(timing.not_sent_delays, job.tries)
    columns = {"tries": job.tries + 1}
    return Move(FaxState.READY, min(now + wait, job.deadline), reason, detail, columns=columns)


def after_account_trouble(reason: Reason, detail: str, now: datetime) -> Move:
    """Decides after the provider refused the account: the job waits as it is, the account is paused."""
    return Move(FaxState.READY, now, reason, detail, pauses_account=True)


def after_refusal(reason: Reason, detail: str) -> Move:
    """Decides after the provider refused the request itself: failed, told."""
    return Move(FaxState.FAILED, None, reason, detail, Notice.FAILURE)


def after_ambiguous(attempt: Attempt, detail: str, timing: FaxTiming) -> Move:
    """Decides after a lost answer: stay, search. Never repeat (docs/durability.md)."""
    return Move(FaxState.SUBMITTING, attempt.intent_at + timing.search_times[0], Reason.OUTCOME_UNKNOWN, detail)


def after_fruitless_search(
    attempt: Attempt, job: FaxJob, *, proven_absent: bool, timing: FaxTiming, now: datetime
) -> Move:
    """Decides after a search that did not find the attempt (docs/durability.md).

    Two searches at least ``proof_gap`` apart, both on a list proven fresh, prove absence; then, once in the life of
    an attempt, it may be sent again under the same reference. Without proof it is searched again until the times
    are used up, and is unknown after that.

    Args:
        attempt: as it was before this search.
        job: its job, for the deadline.
        proven_absent: the list was fresh and the attempt not on it.
        timing: the waits.
        now: the time of this search.

    Returns:
        READY (absence proven), SUBMITTING (search again at ``due_at``) or UNKNOWN.
    """
    proven_before = attempt.absent_since is not None
    if proven_absent and attempt.absent_since is not None and now - attempt.absent_since >= timing.proof_gap:
        if attempt.resends == 0 and now < job.deadline:
            return Move(FaxState.READY, now, Reason.PROVIDER_DOWN, "proven absent at the provider")
        return _unknown("absent again after its one resend")
    if proven_absent or proven_before:
        due: datetime | None = now + timing.proof_gap
    else:
        due = _next_search(attempt.searches + 1, timing, now)
    if due is None or due > job.deadline or attempt.searches >= _most_searches(timing):
        return _unknown("not found at the provider, and its absence could not be proven")
    return Move(FaxState.SUBMITTING, due, Reason.OUTCOME_UNKNOWN)


def _next_search(answered: int, timing: FaxTiming, now: datetime) -> datetime | None:
    # By count, not by the clock: after an outage of hours the searches still come one after the other.
    if answered >= len(timing.search_times):
        return None
    return now + (timing.search_times[answered] - timing.search_times[answered - 1])


def search_is_due(attempt: Attempt, timing: FaxTiming, now: datetime) -> bool:
    """Says whether a search at this moment is one of the planned ones; an event may bring one before its time."""
    if attempt.absent_since is not None:
        return True  # the next one is planned by the first proof
    planned = timing.search_times[min(attempt.searches, len(timing.search_times) - 1)]
    return now >= attempt.intent_at + planned


def after_early_search(attempt: Attempt, timing: FaxTiming) -> Move:
    """Decides after a fruitless search before its time: it proves nothing and does not count."""
    planned = timing.search_times[min(attempt.searches, len(timing.search_times) - 1)]
    return Move(FaxState.SUBMITTING, attempt.intent_at + planned)


def after_unanswered_search(job: FaxJob, reason: Reason, detail: str, timing: FaxTiming, now: datetime) -> Move:
    """Decides after the provider could not be asked about a lost submission: ask again until the end of its life."""
    if now >= job.deadline:
        return _unknown(detail)
    due = min(now + ladder(timing.poll_delays, job.tries), job.deadline)
    return Move(FaxState.SUBMITTING, due, reason, detail, columns={"tries": job.tries + 1})


def _most_searches(timing: FaxTiming) -> int:
    # Proofs that come and go (a list that is fresh only now and then) must end as well.
    return 3 * len(timing.search_times)


def _unknown(detail: str) -> Move:
    return Move(FaxState.UNKNOWN, None, Reason.OUTCOME_UNKNOWN, detail, Notice.UNKNOWN)


def after_waiting(job: FaxJob, timing: FaxTiming, now: datetime) -> Move:
    """Decides while the provider is still at it, or cannot be asked: look again later; unknown in the end."""
    if now >= job.deadline:
        late = now + timing.poll_delays[-1]  # it may still end: asked for a while longer (after_late_report)
        return replace(_unknown("no outcome within the lifetime"), due_at=late)
    due = min(now + ladder(timing.poll_delays, job.tries), job.deadline)
    return Move(FaxState.SUBMITTED, due, columns={"tries": job.tries + 1})


def after_report(job: FaxJob, report: FaxReport, timing: FaxTiming, now: datetime, spread: float) -> Move:
    """Decides what a final report of one call means for its job.

    Args:
        job: with ``calls`` already counting this call.
        report: fetched by us, phase DELIVERED or FAILED.
        timing: the waits.
        now: the time of the report.
        spread: 0 to 1, random: lengthens a pause by up to a tenth, so that an outage does not end in a burst.

    Returns:
        DELIVERED, READY (call again), FAILED, CANCELLED or UNKNOWN, with the notice that goes with it.
    """
    if report.reason is Reason.DELIVERED:
        return Move(FaxState.DELIVERED, None, Reason.DELIVERED, report.raw, Notice.SUCCESS)
    reason = failure_cause(report, job.pages)
    if reason in (Reason.UNCONFIRMED, Reason.OUTCOME_UNKNOWN):
        return Move(FaxState.UNKNOWN, None, reason, report.raw, Notice.UNKNOWN)
    if reason is Reason.OUT_OF_CREDIT:
        return after_account_trouble(reason, report.raw, now)
    if reason is Reason.CANCELLED_BY_OPERATOR:
        return Move(FaxState.CANCELLED, None, reason, report.raw, Notice.FAILURE)
    rule = retry_rule(reason, timing)
    if rule is not None and job.calls < rule.calls:
        due = now + rule.pause * (1 + spread / 10)
        if due < job.deadline:
            return Move(FaxState.READY, due, reason, report.raw, columns={"tries": 0})
    return Move(FaxState.FAILED, None, reason, report.raw, Notice.FAILURE)


def failure_cause(report: FaxReport, pages: int | None) -> Reason:
    """Reads the cause of a failed call, pages that arrived counted first."""
    reason = report.reason or Reason.OTHER
    total = report.pages or pages or 0
    sent = report.pages_sent or 0
    if sent > 0 and total > 0:
        return Reason.UNCONFIRMED if sent >= total else Reason.PARTIAL
    return reason


def after_late_report(job: FaxJob, report: FaxReport | None, timing: FaxTiming, now: datetime) -> Move:
    """Decides what late proof means for a job of unknown outcome: settled, or still unknown. Never sent again.

    ``report`` None means that the provider could not say; a call that still runs is asked for a while longer.
    """
    if report is not None and report.reason is Reason.DELIVERED:
        return Move(FaxState.DELIVERED, None, Reason.DELIVERED, report.raw)
    if report is not None and report.reason is not None:
        cause = failure_cause(report, job.pages)
        if cause not in (Reason.UNCONFIRMED, Reason.OUTCOME_UNKNOWN):
            return Move(FaxState.FAILED, None, cause, report.raw)
        return Move(FaxState.UNKNOWN, None)
    if job.tries >= _LATE_POLLS:
        return Move(FaxState.UNKNOWN, None)
    return Move(FaxState.UNKNOWN, now + ladder(timing.poll_delays, job.tries), columns={"tries": job.tries + 1})


#: How often a running call is asked for after its job has been given up as unknown.
_LATE_POLLS: Final = 24


def at_deadline(job: FaxJob) -> Move:
    """Decides at the end of a job's lifetime: failed if no call of it can be open, else unknown."""
    if (job.held_from if job.state is FaxState.HELD else job.state) in CALLING:
        return _unknown("no outcome within the lifetime")
    better = job.reason if job.reason is not None and job.reason.temporary else None
    detail = "" if better in (None, Reason.INTERNAL_ERROR) else job.detail
    return Move(FaxState.FAILED, None, better or Reason.EXPIRED, detail, Notice.FAILURE)


def after_bug(
    state: State, bugs: int, detail: str, delays: Sequence[timedelta], deadline: datetime, now: datetime
) -> Move:
    """Decides after an unexpected exception of ours: again a few times, then held for the operator. Never failed.

    A held row keeps the deadline of its life as due time; ``bugs`` counts the exceptions so far.
    """
    columns: dict[str, Any] = {"bugs": bugs + 1}
    if bugs < len(delays) or state in (FaxState.UNKNOWN, FaxState.HELD):  # what waits for a person goes on waiting
        return Move(state, now + ladder(delays, bugs), detail=detail, columns=columns)
    columns["held_from"] = state.value
    due = max(deadline, now) if isinstance(state, FaxState) else None
    return Move(held_state(state), due, Reason.INTERNAL_ERROR, detail, columns=columns)


def after_mail_error(
    tries: int,
    reason: Reason,
    detail: str,
    delays: Sequence[timedelta],
    deadline: datetime,
    now: datetime,
    spread: float,
) -> Move:
    """Decides after a temporary refusal of a mail: again with growing waits, failed when its days are over.

    ``spread`` (0 to 1, random) shifts a wait by up to a tenth either way.
    """
    if now >= deadline:
        return Move(MailState.FAILED, None, reason, detail)
    due = now + ladder(delays, tries) * (0.9 + spread / 5)
    return Move(MailState.QUEUED, min(due, deadline), reason, detail, columns={"tries": tries + 1})


def after_route_error(
    tries: int, reason: Reason, detail: str, delays: Sequence[timedelta], deadline: datetime, now: datetime
) -> Move:
    """Decides after a received fax could not be fetched yet: again for days, then held; never dropped."""
    if now >= deadline:
        columns = {"held_from": InboundState.RECEIVED.value}
        return Move(InboundState.HELD, None, reason, detail, columns=columns)
    due = min(now + ladder(delays, tries), deadline)
    return Move(InboundState.RECEIVED, due, reason, detail, columns={"tries": tries + 1})
