"""The figures of one week, counted."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from gateway.core.canary import CanaryPlan, Night, night_of
from gateway.core.lifecycle import FaxState, InboundState, State
from gateway.core.week import NIGHTS, Mark, Week
from gateway.store import canary, reports
from gateway.store.database import Tx
from gateway.store.schema import fax_job, inbound_fax, mail_delivery, mapping_reading

_OPEN = (FaxState.QUEUED, FaxState.READY, FaxState.SUBMITTING, FaxState.SUBMITTED)


def was_told(tx: Tx, key: str) -> bool:
    """Says whether the mail with this unique key was ordered."""
    return tx.execute(sa.select(mail_delivery.c.id).where(mail_delivery.c.unique_key == key)).first() is not None


def count_week(tx: Tx, last: Night, plan: CanaryPlan, legs: list[str], free_bytes: int) -> Week:
    """Counts what happened in the seven days before a night, and what is the case now.

    Args:
        tx: a transaction.
        last: the last night of the week; its own legs belong to it.
        plan: whose nights they are.
        legs: of the canary, in the order in which they are shown.
        free_bytes: room on disk.
    """
    since = night_of(last.day - timedelta(days=NIGHTS), plan).begins
    counts = reports.count_rows(tx)
    return Week(
        last_night=last.day,
        zone=plan.zone,
        legs=_marks(tx, last, legs),
        delivered=_ended(tx, fax_job, FaxState.DELIVERED, since, last.begins),
        failed=_ended(tx, fax_job, FaxState.FAILED, since, last.begins),
        unknown=_of_unknown_outcome(tx, since, last.begins),
        waiting=sum(counts.get((fax_job.name, state.value), 0) for state in _OPEN),
        oldest_waiting=reports.oldest_waiting(tx),
        received=_ended(tx, inbound_fax, InboundState.DONE, since, last.begins),
        not_received=_ended(tx, inbound_fax, InboundState.FAILED, since, last.begins),
        held=sum(count for (_, state), count in counts.items() if state == FaxState.HELD.value),
        drifted=_drifted(tx),
        free_bytes=free_bytes,
    )


def _marks(tx: Tx, last: Night, legs: list[str]) -> tuple[tuple[str, tuple[Mark, ...]], ...]:
    nights = [(last.day - timedelta(days=back)).isoformat() for back in reversed(range(NIGHTS))]
    tried = {(leg.leg, leg.night): leg for leg in canary.between(tx, nights[0], nights[-1])}
    marks = {True: Mark.WELL, False: Mark.LOST, None: Mark.NOT_TRIED}
    found = {key: marks[leg.well] for key, leg in tried.items()}
    return tuple((leg, tuple(found.get((leg, night), Mark.NOT_TRIED) for night in nights)) for leg in legs)


def _ended(tx: Tx, table: sa.Table, state: State, since: datetime, until: datetime) -> int:
    counted = sa.select(sa.func.count()).where(
        table.c.state == state.value, table.c.ended_at >= since, table.c.ended_at < until
    )
    return int(tx.execute(counted).scalar_one())


def _of_unknown_outcome(tx: Tx, since: datetime, until: datetime) -> int:
    """Counts by the time at which they came to be: looking for late proof moves their end on."""
    counted = sa.select(sa.func.count()).where(
        fax_job.c.state == FaxState.UNKNOWN.value, fax_job.c.created_at >= since, fax_job.c.created_at < until
    )
    return int(tx.execute(counted).scalar_one())


def _drifted(tx: Tx) -> tuple[str, ...]:
    told = sa.select(mapping_reading.c.account).where(mapping_reading.c.told != "")
    return tuple(tx.execute(told.order_by(mapping_reading.c.account)).scalars())
