"""How an attempt begins and what a report leaves on it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from gateway.core.ids import make_reference
from gateway.core.lifecycle import FaxState, Move, State
from gateway.core.model import Attempt, AttemptState, FaxJob, FaxReport, FaxRequest

#: Answers after which there should be no fax. A webhook about one says otherwise.
NEVER_ARRIVED: Final = frozenset({AttemptState.NOT_SENT, AttemptState.REFUSED})


def next_attempt(attempts: Sequence[Attempt], job: FaxJob, now: datetime) -> Attempt:
    """Makes the next attempt of a job; one that provably never arrived is made again under its own reference.

    So if both should exist after all, the next search shows two hits and the damage is seen (docs/durability.md).
    Through another account it is an attempt of its own. One that has a hint comes first, at whatever account, and with
    its hint: a webhook says that it arrived after all, so it is looked for and not sent.
    """
    hinted = hinted_after_all(attempts)
    if hinted is not None:
        return replace(hinted, state=AttemptState.OPEN)
    through = [attempt for attempt in attempts if attempt.account == job.account]
    if through and through[-1].state is AttemptState.NOT_SENT:
        return replace(through[-1], state=AttemptState.OPEN, intent_at=now, searches=0, absent_since=None)
    number = attempts[-1].number + 1 if attempts else 1
    return Attempt(make_reference(job.id, number), job.id, number, AttemptState.OPEN, job.account, now)


def hinted_after_all(attempts: Iterable[Attempt]) -> Attempt | None:
    """Finds an attempt that should never have arrived, and of which a webhook says that it did."""
    hinted = (each for each in attempts if each.state in NEVER_ARRIVED and each.hinted_fax_id is not None)
    return next(hinted, None)


def current_attempt(attempts: Sequence[Attempt]) -> Attempt:
    """Finds the attempt that a job in a calling or unknown state is about: the one that has not definitely failed."""
    open_ones = [each for each in attempts if each.state not in {*NEVER_ARRIVED, AttemptState.FAILED}]
    return (open_ones or attempts)[-1]


def fax_request(job: FaxJob, attempt: Attempt, document: bytes, callback_url: str) -> FaxRequest:
    """Puts together what a provider is asked to send: one document to one number, under one reference."""
    return FaxRequest(
        reference=attempt.reference,
        number=job.number,
        caller_id=job.caller_id,
        header_text=job.header_text,
        header_time_zone=job.header_time_zone,
        document=document,
        media_type="application/pdf",
        callback_url=callback_url,
    )


_STATES: Final[Mapping[State, AttemptState]] = {
    FaxState.DELIVERED: AttemptState.DELIVERED,
    FaxState.UNKNOWN: AttemptState.UNKNOWN,
}


def outcome_columns(step: Move, report: FaxReport) -> dict[str, Any]:
    """Says what a final report leaves on its attempt: its own cause, whatever becomes of the job."""
    return {
        "state": _STATES.get(step.to, AttemptState.FAILED),
        "reason": step.reason,
        "detail": report.raw,
        "pages_sent": report.pages_sent,
        "price": report.price,
        "currency": report.currency,
        "ended_at": report.completed_at,
    }
