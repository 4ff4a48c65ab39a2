"""Claim, move, wake: the same three functions for all three queue tables. The row is the queue.

`move` is the only writer of `state`: it matches id and version, so a late result can never overwrite a newer truth.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.core.lifecycle import ALLOWED, CALLING, WAKEABLE, FaxState, Move, State, is_final
from gateway.store import journal
from gateway.store.database import Tx, announce
from gateway.store.schema import UtcTime, fax_job, provider_account

Row = Mapping[str, Any]


class LostRaceError(Exception):
    """Somebody else moved the row first; our result is dropped."""


def claim(
    tx: Tx,
    table: sa.Table,
    state: State,
    *,
    now: datetime,
    lease_end: datetime,
    worker: str,
    limit: int,
) -> list[Row]:
    """Takes up to ``limit`` due rows of one state until ``lease_end``; after a crash they become due again by then.

    Passed over are jobs whose number is being called by another job or rests after a call of it, and jobs of a paused
    provider account; when its pause is over, exactly one of them is taken to find out whether it works again.

    Returns:
        The rows as they are now, with the raised ``version`` that a move must match.
    """
    found = tx.execute(_due_rows(table, state), {"now": now, "at_most": limit})
    rows: list[Row] = [dict(row) for row in found.mappings()]
    if state is FaxState.READY:
        rows = list({row["number"]: row for row in reversed(rows)}.values())
    if rows and state in _PAUSABLE:
        rows = _let_one_probe(tx, rows, now, lease_end)
    if rows:
        tx.execute(
            sa.update(table)
            .where(table.c.id.in_([row["id"] for row in rows]))
            .values(due_at=lease_end, claimed_by=worker, version=table.c.version + 1),
        )
    return [{**row, "due_at": lease_end, "claimed_by": worker, "version": row["version"] + 1} for row in rows]


#: What a paused account holds back: only submitting costs money. Looking and asking goes on.
_PAUSABLE = frozenset({FaxState.READY})


#: The statements below are built once per queue: every commit that makes rows due leads to several of them, and
#: building one takes ten times as long as running it.
_NOW = sa.bindparam("now", type_=UtcTime)


@functools.cache
def _due_rows(table: sa.Table, state: State) -> sa.Select[Any]:
    return (
        sa.select(table)
        .where(*_eligible(table, state), table.c.due_at <= _NOW)
        .order_by(table.c.due_at)
        .limit(sa.bindparam("at_most", type_=sa.Integer))
        .with_for_update(skip_locked=True, of=table)
    )


@functools.cache
def _next_due(table: sa.Table, state: State) -> sa.Select[Any]:
    return sa.select(sa.func.min(table.c.due_at)).where(*_eligible(table, state))


_END_OF_PAUSE = sa.select(sa.func.min(provider_account.c.paused_until)).where(provider_account.c.paused_until > _NOW)


def _eligible(table: sa.Table, state: State) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [table.c.state == state.value]
    if state is FaxState.READY:
        other = fax_job.alias()
        calling = other.c.state.in_([calling.value for calling in CALLING])
        resting = sa.and_(other.c.state == state.value, other.c.calls > 0, other.c.due_at > _NOW)
        rival = sa.and_(other.c.number == fax_job.c.number, other.c.id != fax_job.c.id)
        conditions.append(~sa.exists().where(rival, sa.or_(calling, resting)))
    if state in _PAUSABLE:
        trouble = provider_account
        conditions.append(
            ~sa.exists().where(
                trouble.c.name == fax_job.c.account,
                trouble.c.paused_until > _NOW,
                fax_job.c.deadline > _NOW,  # one whose life is over ends, pause or not
                sa.or_(trouble.c.probe_job.is_(None), trouble.c.probe_job != fax_job.c.id),
            ),
        )
    return conditions


def _let_one_probe(tx: Tx, rows: list[Row], now: datetime, lease_end: datetime) -> list[Row]:
    """Of each account whose pause has just ended, keeps one row and prolongs the pause for the others."""
    in_trouble = {row.name: row.probe_job for row in tx.execute(sa.select(provider_account).with_for_update())}
    kept: list[Row] = []
    for row in rows:
        account = row["account"]
        if account in in_trouble and in_trouble[account] != row["id"] and row["deadline"] > now:
            if in_trouble[account] in {taken["id"] for taken in kept}:
                continue
            in_trouble[account] = row["id"]
            tx.execute(
                sa.update(provider_account)
                .where(provider_account.c.name == account)
                .values(probe_job=row["id"], paused_until=lease_end),
            )
        kept.append(row)
    return kept


def next_due(tx: Tx, table: sa.Table, state: State, now: datetime) -> datetime | None:
    """Tells when the next row of a state becomes due, or the pause of an account ends; None if nothing waits."""
    due = tx.execute(_next_due(table, state), {"now": now}).scalar()
    if table is fax_job and state in _PAUSABLE:
        pause = tx.execute(_END_OF_PAUSE, {"now": now}).scalar()
        due = min((at for at in (due, pause) if at is not None), default=None)
    return due


def move(tx: Tx, table: sa.Table, row_id: str, version: int, old: State, step: Move, now: datetime) -> None:
    """Moves one row, if nobody has moved it since it was read, and writes the journal.

    A move ends the claim. If the row was woken meanwhile and its new state may be woken, it is due at once.

    Args:
        tx: the transaction; the caller's further writes belong to the same promise.
        table: one of the three queue tables.
        row_id: the row.
        version: as claimed.
        old: its state as claimed.
        step: what core/lifecycle decided; ``step.columns`` may keep the claim (``claimed_by``).
        now: the time of the decision.

    Raises:
        LostRaceError: the version has changed; nothing was written.
        ValueError: the move is not allowed (our bug).
    """
    if step.to not in ALLOWED[old]:
        raise ValueError(f"{row_id}: {old} -> {step.to} is not allowed")
    values: dict[str, Any] = {
        "state": step.to.value,
        "version": version + 1,
        "claimed_by": None,
        "woken": False,
        "ended_at": now if is_final(step.to) else None,
        "bugs": 0,
    }
    if step.to is not old:
        values |= {"tries": 0}
    if step.reason is not None:
        values |= {"reason": step.reason.code}
    if step.detail:
        values |= {"detail": step.detail}
    values |= step.columns
    wakes = step.to in WAKEABLE and step.due_at is not None
    values |= {"later": step.due_at, "now": now} if wakes else {"due_at": step.due_at}
    match = {"row_id": row_id, "read_version": version}
    changed = tx.execute(_move(table, wakes), values | match).rowcount
    if changed == 0:
        raise LostRaceError(row_id)
    announce(tx, table.name, step.to.value)
    if old in CALLING and step.to not in CALLING:  # its number is free for the next one
        announce(tx, table.name, FaxState.READY.value)
    if step.to is not old or step.reason is not None:
        journal.moved(tx, now, row_id, old=old, new=step.to, reason=step.reason, detail=step.detail)


@functools.cache
def _move(table: sa.Table, wakes: bool) -> sa.Update:  # noqa: FBT001 - one of two statements
    """Builds the update of ``move``; the columns beside ``due_at`` come with its parameters."""
    update = sa.update(table).where(
        table.c.id == sa.bindparam("row_id"), table.c.version == sa.bindparam("read_version")
    )
    if not wakes:
        return update
    later = sa.bindparam("later", type_=UtcTime)
    return update.values(due_at=sa.case((table.c.woken, _NOW), else_=later))


def wake(tx: Tx, table: sa.Table, row_id: str, now: datetime) -> bool:
    """Makes a row due at once, if its state may be woken. Safe to repeat.

    A running lease is never shortened: the row is marked, and the move that ends the claim makes it due.

    Returns:
        Whether the row is in a state that may be woken.
    """
    state = tx.execute(_wake(table), {"row_id": row_id, "now": now}).scalar()
    if state is not None:
        announce(tx, table.name, state)
    return state is not None


@functools.cache
def _wake(table: sa.Table) -> Any:
    leased = sa.and_(table.c.claimed_by.is_not(None), table.c.due_at > _NOW)
    return (
        sa.update(table)
        .where(table.c.id == sa.bindparam("row_id"), table.c.state.in_([state.value for state in WAKEABLE]))
        .values(
            woken=sa.case((leased, sa.true()), else_=table.c.woken),
            due_at=sa.case((leased, table.c.due_at), else_=_NOW),
        )
        .returning(table.c.state)
    )


def release(tx: Tx, table: sa.Table, row: Row, due_at: datetime) -> None:
    """Ends a claim without another result, also one that its step has kept through a move. Safe to repeat."""
    kept = table.c.version.in_([row["version"], row["version"] + 1])
    mine = sa.and_(table.c.id == row["id"], table.c.claimed_by == row["claimed_by"], kept, table.c.due_at > due_at)
    released = tx.execute(sa.update(table).where(mine).values(claimed_by=None, due_at=due_at).returning(table.c.state))
    for state in released.scalars():
        announce(tx, table.name, state)


def end_leases(tx: Tx, table: sa.Table, now: datetime) -> int:
    """Makes every claimed row due at once: for a start of which a lock proves that nobody works.

    Returns:
        How many rows were claimed.
    """
    return tx.execute(
        sa.update(table).where(table.c.claimed_by.is_not(None)).values(due_at=now, claimed_by=None),
    ).rowcount
