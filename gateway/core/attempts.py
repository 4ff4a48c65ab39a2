"""How an attempt begins and what a report leaves on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from gateway.core.ids import make_reference
from gateway.core.lifecycle import FaxState, Move, State
from gateway.core.model import Attempt, AttemptState, FaxJob, FaxReport, FaxRequest


def next_attempt(attempts: Sequence[Attempt], job: FaxJob, now: datetime) -> Attempt:
    """Makes the next attempt of a job; one that provably never arrived is made again under its own reference.

    So if both should exist after all, the next search shows two hits and the damage is seen (docs/durability.md).
    """
    last = attempts[-1] if attempts else None
    if last is not None and last.state is AttemptState.NOT_SENT:
        return replace(last, state=AttemptState.OPEN, intent_at=now, searches=0, absent_since=None)
    number = last.number + 1 if last else 1
    return Attempt(make_reference(job.id, number), job.id, number, AttemptState.OPEN, job.account, now)


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
