"""Provider accounts in trouble, and the open markers that prove a provider's list fresh."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from gateway.core.lifecycle import CALLING, FaxState, Move
from gateway.core.model import FaxJob
from gateway.core.reasons import Reason
from gateway.store import journal
from gateway.store.database import Tx, announce, serialise
from gateway.store.schema import fax_job, marker, provider_account


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


def proven_by(tx: Tx, job: FaxJob, step: Move) -> bool:
    """Says whether this result of a job proves that its paused account works again.

    A true answer proves the credentials. That there is credit again is proven only by how a call of the probe ended,
    not by the acceptance of its order.
    """
    if job.state not in CALLING or step.to is job.state:
        return False
    paused = sa.select(provider_account.c.reason, provider_account.c.probe_job)
    trouble = tx.execute(paused.where(provider_account.c.name == job.account)).one_or_none()
    if trouble is None:
        return False
    if trouble.reason == Reason.OUT_OF_CREDIT.code:
        ended = step.to in (FaxState.DELIVERED, FaxState.FAILED, FaxState.READY)
        return trouble.probe_job == job.id and job.state is FaxState.SUBMITTED and ended
    return step.to in (FaxState.SUBMITTED, FaxState.DELIVERED, FaxState.FAILED)


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
