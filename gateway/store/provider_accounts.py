"""Provider accounts in trouble, and the open markers that prove a provider's list fresh."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.core.account_choice import behind
from gateway.core.lifecycle import CALLING, FaxState, Move
from gateway.core.model import FaxJob
from gateway.core.reasons import Reason
from gateway.store import journal
from gateway.store.database import Tx, announce, serialise
from gateway.store.schema import attempt, fax_job, marker, provider_account


def pause(tx: Tx, account: str, reason: Reason, detail: str, now: datetime, delays: tuple[timedelta, ...]) -> bool:
    """Pauses an account, longer each time in a row. Says whether it worked until now (then the operator is told)."""
    serialise(tx, f"account {account}")
    row = tx.execute(sa.select(provider_account).where(provider_account.c.name == account)).one_or_none()
    journal.note(tx, now, account, "paused", reason=reason, detail=detail)
    if row is None:
        tx.execute(
            sa.insert(provider_account).values(
                name=account,
                reason=reason.code,
                detail=detail,
                paused_since=now,
                paused_until=now + delays[0],
            ),
        )
        return True
    until = now + delays[min(row.pauses, len(delays) - 1)]
    tx.execute(
        sa.update(provider_account)
        .where(provider_account.c.name == account)
        .values(reason=reason.code, detail=detail, paused_until=until, pauses=row.pauses + 1, probe_job=None),
    )
    return False


def paused(tx: Tx, now: datetime) -> frozenset[str]:
    """Names the accounts that rest now. One whose pause is over is not among them: a job has to find out about it."""
    return frozenset(
        tx.execute(sa.select(provider_account.c.name).where(provider_account.c.paused_until > now)).scalars()
    )


def move_waiting(tx: Tx, configured: Collection[str], now: datetime) -> int:
    """Hands the waiting jobs of paused accounts on to those that stand in for them; answers how many went.

    A job that may already be at its account stays: nothing stands in for it any more. Safe to repeat.
    """
    resting = paused(tx, now)
    working = frozenset(configured) - resting
    moved = sum(_move_from(tx, account, working, now) for account in resting) if working else 0
    if moved:
        announce(tx, fax_job.name, FaxState.READY.value)
    return moved


def _move_from(tx: Tx, account: str, working: frozenset[str], now: datetime) -> int:
    """Moves all jobs with the same stand-ins at once: there may be thousands of them, and few rules."""
    waiting = sa.and_(
        fax_job.c.account == account, fax_job.c.state == FaxState.READY.value, fax_job.c.claimed_by.is_(None)
    )
    stand_ins = sa.cast(fax_job.c.other_accounts, sa.Text)
    moved = 0
    for text in tx.execute(sa.select(stand_ins).where(waiting).distinct()).scalars().all():
        others: list[str] = json.loads(text)
        following = next((each for each in others if each in working), None)
        if following is None:
            continue
        free = sa.select(fax_job.c.id).where(waiting, stand_ins == text).with_for_update(skip_locked=True)
        change = sa.update(fax_job).where(fax_job.c.id.in_(free)).returning(fax_job.c.id)
        values = {"account": following, "other_accounts": behind(following, account, others)}
        jobs = tx.execute(change.values(values)).scalars().all()
        journal.note_all(tx, now, jobs, "other account", detail=f"{account} -> {following}")
        moved += len(jobs)
    return moved


def proven_by(tx: Tx, job: FaxJob, step: Move) -> bool:
    """Says whether this result of a job proves that its paused account works again.

    A true answer proves the credentials. That there is credit again is proven only by how a call ended that was ordered
    after the credit had gone, not by the acceptance of its order.
    """
    if job.state not in CALLING or step.to is job.state:
        return False
    trouble = _trouble(tx, job.account)
    if trouble is None:
        return False
    if trouble.reason != Reason.OUT_OF_CREDIT.code:
        return step.to in (FaxState.SUBMITTED, FaxState.DELIVERED, FaxState.FAILED)
    ordered_since = sa.exists().where(
        attempt.c.job_id == job.id, attempt.c.account == job.account, attempt.c.intent_at >= trouble.paused_since
    )
    ended = step.to in (FaxState.DELIVERED, FaxState.FAILED, FaxState.READY)
    return job.state is FaxState.SUBMITTED and ended and bool(tx.execute(sa.select(ordered_since)).scalar())


def proven_by_answer(tx: Tx, account: str, now: datetime) -> bool:
    """Says whether an answer to any question proves that a paused account works again.

    Only where no job is going to find out: its pause is over and nothing waits for it. Credit is not proven by that.
    """
    trouble = _trouble(tx, account)
    if trouble is None or trouble.paused_until > now or trouble.reason == Reason.OUT_OF_CREDIT.code:
        return False
    waiting = sa.exists().where(fax_job.c.account == account, fax_job.c.state == FaxState.READY.value)
    return not tx.execute(sa.select(waiting)).scalar()


def _trouble(tx: Tx, account: str) -> sa.Row[Any] | None:
    return tx.execute(sa.select(provider_account).where(provider_account.c.name == account)).one_or_none()


def resume(tx: Tx, account: str, now: datetime) -> datetime | None:
    """Ends a pause because the account works; answers since when it was paused, None if it was not."""
    since: datetime | None = tx.execute(
        sa.select(provider_account.c.paused_since).where(provider_account.c.name == account),
    ).scalar()
    if since is not None:
        tx.execute(sa.delete(provider_account).where(provider_account.c.name == account))
        for state in (FaxState.READY, *CALLING):
            announce(tx, fax_job.name, state.value)
        journal.note(tx, now, account, "resumed")
    return since


def open_marker(tx: Tx, account: str, reference: str, now: datetime, useful_from: datetime) -> bool:
    """Notes that a marker is about to be sent; False if the last one, sent after ``useful_from``, proves as much.

    Its intent comes before its effect.
    """
    serialise(tx, f"account {account}")
    last = tx.execute(sa.select(marker.c.sent_at).where(marker.c.account == account)).scalar()
    if last is not None and last >= useful_from:
        return False
    tx.execute(sa.delete(marker).where(marker.c.account == account))
    tx.execute(sa.insert(marker).values(account=account, reference=reference, sent_at=now))
    return True
