"""The names of provider accounts and who they are: kept with the faxes, and moved when the configuration changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from gateway.core.account_names import new_names
from gateway.core.canary import FAX, WEBHOOK
from gateway.core.lifecycle import FaxState, InboundState
from gateway.store import journal
from gateway.store.database import Tx, serialise
from gateway.store.schema import (
    attempt,
    canary_leg,
    fax_job,
    inbound_fax,
    known_account,
    mapping_owned,
    mapping_reading,
    mapping_seen,
    marker,
    provider_account,
    setting_owned,
)

_OPEN_JOBS: Final = [
    state.value for state in (FaxState.QUEUED, FaxState.READY, FaxState.SUBMITTING, FaxState.SUBMITTED, FaxState.HELD)
]
#: Faxes that went through an account, and what besides the account must not be there twice.
_FAXES: Final[Sequence[tuple[sa.Table, Sequence[str]]]] = (
    (attempt, ("provider_fax_id",)),
    (inbound_fax, ("provider_fax_id",)),
)
#: What is known of an account itself: where both names have it, that of the new name counts.
_STATE: Final[Sequence[tuple[sa.Table, Sequence[str]]]] = (
    (mapping_seen, ("service", "address", "number")),
    (mapping_owned, ("service", "address", "number")),
    (setting_owned, ("service", "name")),
    (mapping_reading, ()),
    (marker, ()),
    (provider_account, ()),
)

#: How many faxes of an account are open, by the state they are in.
OpenFaxes = dict[str, int]


class AccountsInUseError(Exception):
    """Accounts would go away under open faxes; nothing was changed. ``accounts`` says which, and what is open."""

    def __init__(self, accounts: Mapping[str, OpenFaxes]) -> None:
        super().__init__(", ".join(accounts))
        self.accounts = accounts


def settle(tx: Tx, configured: Mapping[str, str], now: datetime, *, keep_open: bool) -> dict[str, str]:
    """Gives the faxes of every account the name that it has in the configuration now. Safe to repeat.

    Args:
        tx: the transaction.
        configured: identity by name.
        now: for the journal.
        keep_open: refuse to leave open faxes without the account that they had until now.

    Returns:
        The new name of each one that had faxes under a former name.

    Raises:
        AccountsInUseError: see ``keep_open``.
    """
    serialise(tx, "account names")
    known, in_use = _known(tx)
    for name in sorted(known.keys() | configured.keys()):
        serialise(tx, inbound_lock(name))
    moves = new_names(known, configured)
    if keep_open:
        left = {name for name in in_use if configured.get(name) != known[name] and moves.get(name) not in configured}
        waiting = {name: faxes for name, faxes in open_faxes(tx).items() if name in left}
        if waiting:
            raise AccountsInUseError(waiting)
    moved = _move_all(tx, moves, now)
    names = {**known, **{new: known[old] for old, new in moves.items()}, **configured}
    tx.execute(sa.delete(known_account))
    for name, identity in names.items():
        tx.execute(sa.insert(known_account).values(name=name, identity=identity, configured=name in configured))
    return moved


def gather_strays(tx: Tx, configured: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Moves what was still stored under a name that was given up meanwhile, by somebody who had begun before.

    Returns:
        As ``settle``.
    """
    known, in_use = _known(tx)
    moves = new_names(known, configured)
    return _move_all(tx, {old: new for old, new in moves.items() if old not in in_use and new in in_use}, now)


def is_called(tx: Tx, account: str, identity: str) -> bool:
    """Says whether this account has this name, as last settled."""
    named = sa.select(known_account.c.identity).where(known_account.c.name == account, known_account.c.configured)
    return tx.execute(named).scalar() == identity


def inbound_lock(account: str) -> str:
    """Names the lock of the transactions that may add a received fax of an account."""
    return f"inbound {account}"


def open_faxes(tx: Tx) -> dict[str, OpenFaxes]:
    """Counts by account the faxes that need it: outgoing ones without an outcome, received ones not yet fetched."""
    found: dict[str, OpenFaxes] = {}
    for table, states in ((fax_job, _OPEN_JOBS), (inbound_fax, [InboundState.RECEIVED.value])):
        query = sa.select(table.c.account, table.c.state, sa.func.count()).where(table.c.state.in_(states))
        for account, state, number in tx.execute(query.group_by(table.c.account, table.c.state)):
            found.setdefault(account, {})[state] = number
    return found


def without_account(tx: Tx, configured: Collection[str]) -> dict[str, OpenFaxes]:
    """Counts the open faxes of accounts that are not in the configuration."""
    return {name: faxes for name, faxes in open_faxes(tx).items() if name not in configured}


def _known(tx: Tx) -> tuple[dict[str, str], frozenset[str]]:
    """Reads the identity of every name, and which names are in use."""
    rows = tx.execute(sa.select(known_account)).all()
    if rows:
        return {row.name: row.identity for row in rows}, frozenset(row.name for row in rows if row.configured)
    # The store of a release that did not note them: each name is taken for the account that has it now.
    names = {
        name for table in (fax_job, inbound_fax) for name in tx.execute(sa.select(table.c.account).distinct()).scalars()
    }
    return dict.fromkeys(names, ""), frozenset()


def _move_all(tx: Tx, moves: Mapping[str, str], now: datetime) -> dict[str, str]:
    steps = list(moves.items())
    if moves.keys() & set(moves.values()):  # names were exchanged: first all of them out of the way
        steps = [(old, f"{old} (moving)") for old in moves] + [(f"{old} (moving)", new) for old, new in steps]
    touched = {old for old, new in steps if _move(tx, old, new)}
    if moves:
        _move_stand_ins(tx, moves)
    moved = {old: new for old, new in moves.items() if old in touched}
    for old, new in moved.items():
        journal.note(tx, now, new, "account renamed", detail=f"{old} -> {new}")
    return moved


def _move(tx: Tx, old: str, new: str) -> bool:
    """Moves everything of one name; says whether there was anything."""
    touched = tx.execute(sa.update(fax_job).where(fax_job.c.account == old).values(account=new)).rowcount
    for table, keys in (*_FAXES, *_STATE):
        name, twin = _name_of(table), table.alias()
        same = [twin.c[name.name] == new, *(twin.c[key] == table.c[key] for key in keys)]
        update = sa.update(table).where(name == old, ~sa.exists().where(*same)).values({name: new})
        touched += tx.execute(update).rowcount
    for table, _ in _STATE:
        tx.execute(sa.delete(table).where(_name_of(table) == old))
    for kind in (FAX, WEBHOOK):
        twin = canary_leg.alias()
        there = sa.exists().where(twin.c.night == canary_leg.c.night, twin.c.leg == f"{kind} {new}")
        legs = sa.update(canary_leg).where(canary_leg.c.leg == f"{kind} {old}", ~there)
        touched += tx.execute(legs.values(leg=f"{kind} {new}")).rowcount
    return bool(touched)


def _name_of(table: sa.Table) -> sa.Column[str]:
    return table.c.name if table is provider_account else table.c.account


def _move_stand_ins(tx: Tx, moves: Mapping[str, str]) -> None:
    query = sa.select(fax_job.c.id, fax_job.c.other_accounts).where(fax_job.c.state.in_(_OPEN_JOBS))
    for row in tx.execute(query).all():
        others = list(dict.fromkeys(moves.get(name, name) for name in row.other_accounts))
        if others != row.other_accounts:
            tx.execute(sa.update(fax_job).where(fax_job.c.id == row.id).values(other_accounts=others))
