"""The provider's mappings: as they were last read there, and which of them are under our care.

Addresses that were read are kept as they are spelled at the provider, owned pairs in small letters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from gateway.core.mappings import Pair, SettingName
from gateway.core.model import ServiceState
from gateway.store.database import Tx, serialise
from gateway.store.schema import mapping_owned, mapping_reading, mapping_seen, setting_owned

#: A request whose answer got lost takes effect within this time, or never.
_UNDER_WAY: Final = timedelta(hours=1)


class _Seen(NamedTuple):
    """The key of one row of what was read, with one account's name left out."""

    service: str
    address: str
    number: str


def mailed_by_provider(tx: Tx, number: str, began: datetime, ended: datetime) -> frozenset[str] | None:
    """Tells to whom the provider itself has mailed a fax: addresses in small letters.

    Only a reading from before the fax together with one from after it proves that; a table that is older may have
    changed, and one that is newer says nothing about then.

    Args:
        tx: the transaction.
        number: that was called.
        began: when the fax came.
        ended: when it was complete.

    Returns:
        The addresses; None if an account that mails this number has not been read since.
    """
    query = (
        sa.select(mapping_seen.c.address, mapping_seen.c.since, mapping_reading.c.read_at)
        .join(mapping_reading, mapping_reading.c.account == mapping_seen.c.account)
        .where(mapping_seen.c.number == number, mapping_seen.c.permission.in_(["receive", "both"]))
    )
    rows = [row for row in tx.execute(query) if row.since <= began]
    if any(row.read_at <= ended for row in rows):
        return None
    return frozenset(row.address.lower() for row in rows)


def last_read(tx: Tx, account: str) -> datetime | None:
    """Tells when the mappings of an account were last read whole; None if never."""
    query = sa.select(mapping_reading.c.read_at).where(mapping_reading.c.account == account)
    at: datetime | None = tx.execute(query).scalar()
    return at


# --- what was read --------------------------------------------------------------------------------------------------


def remember(tx: Tx, account: str, services: Sequence[ServiceState], wanted: Collection[Pair], now: datetime) -> None:
    """Keeps what was read of an account; only what differs from last time is written. Safe to repeat.

    Args:
        tx: the transaction.
        account: whose.
        services: everything that was read.
        wanted: pairs that the configuration wants: those are never let go.
        now: the time of the reading.
    """
    serialise(tx, f"mappings {account}")
    before = _seen(tx, account)
    there = {
        _Seen(mapping.service, mapping.address, mapping.number): mapping.permission.value
        for service in services
        for mapping in service.mappings
    }
    present = {Pair(account, key.service, key.address.lower(), key.number) for key in there}
    _let_go(tx, account, {service.id for service in services}, present | set(wanted), now)
    # A pair that stayed behind when its number went to another service brings nobody anything.
    numbers = {(service.id, number) for service in services for number in service.numbers}
    read = {key: value for key, value in there.items() if (key.service, key.number) in numbers}
    _delete(tx, account, before.keys() - read.keys())
    _insert(tx, account, {key: read[key] for key in read.keys() - before.keys()}, now)
    _update(tx, account, {key: read[key] for key in read.keys() & before.keys() if read[key] != before[key]}, now)
    if last_read(tx, account) is None:
        tx.execute(sa.insert(mapping_reading).values(account=account, read_at=now))
    else:
        tx.execute(sa.update(mapping_reading).where(mapping_reading.c.account == account).values(read_at=now))


def _seen(tx: Tx, account: str) -> dict[_Seen, str]:
    rows = tx.execute(sa.select(mapping_seen).where(mapping_seen.c.account == account))
    return {_Seen(row.service, row.address, row.number): row.permission for row in rows}


def _let_go(tx: Tx, account: str, services: Collection[str], kept: Collection[Pair], now: datetime) -> None:
    """Ends our care for pairs that are not there and that nobody wants, once no request of ours can bring them back."""
    query = sa.select(mapping_owned).where(mapping_owned.c.account == account, mapping_owned.c.since < now - _UNDER_WAY)
    pairs = [Pair(account, row.service, row.address, row.number) for row in tx.execute(query)]
    disown(tx, [pair for pair in pairs if pair.service in services and pair not in kept])


def _is(account: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        mapping_seen.c.account == account,
        mapping_seen.c.service == sa.bindparam("of_service"),
        mapping_seen.c.address == sa.bindparam("of_address"),
        mapping_seen.c.number == sa.bindparam("of_number"),
    )


def _named(key: _Seen) -> dict[str, str]:
    return {f"of_{name}": value for name, value in key._asdict().items()}


def _delete(tx: Tx, account: str, keys: Iterable[_Seen]) -> None:
    if rows := [_named(key) for key in keys]:
        tx.execute(sa.delete(mapping_seen).where(_is(account)), rows)


def _insert(tx: Tx, account: str, new: Mapping[_Seen, str], now: datetime) -> None:
    common = {"account": account, "since": now}
    if rows := [common | key._asdict() | {"permission": value} for key, value in new.items()]:
        tx.execute(sa.insert(mapping_seen), rows)


def _update(tx: Tx, account: str, changed: Mapping[_Seen, str], now: datetime) -> None:
    if rows := [_named(key) | {"becomes": value} for key, value in changed.items()]:
        change = sa.update(mapping_seen).values(permission=sa.bindparam("becomes"), since=now)
        tx.execute(change.where(_is(account)), rows)


def forget_reading(tx: Tx, account: str) -> None:
    """Forgets what was read of an account; what is under our care there stays ours."""
    for table in (mapping_seen, mapping_reading):
        tx.execute(sa.delete(table).where(table.c.account == account))


def accounts_read(tx: Tx) -> frozenset[str]:
    """Lists the accounts of which a reading is kept."""
    return frozenset(tx.execute(sa.select(mapping_reading.c.account)).scalars())


# --- what the operator was told -------------------------------------------------------------------------------------


def told(tx: Tx, account: str) -> str:
    """Answers the digest of the drift that the operator was last told of; empty if all was well, or never judged."""
    query = sa.select(mapping_reading.c.told).where(mapping_reading.c.account == account)
    return tx.execute(query).scalar() or ""


def note_told(tx: Tx, account: str, digest: str) -> None:
    """Notes the drift that the operator is told of, empty for none. The account has been read."""
    tx.execute(sa.update(mapping_reading).where(mapping_reading.c.account == account).values(told=digest))


# --- what is under our care -----------------------------------------------------------------------------------------


def owned_pairs(tx: Tx) -> frozenset[Pair]:
    """Lists every pair under our care."""
    rows = tx.execute(sa.select(mapping_owned))
    return frozenset(Pair(row.account, row.service, row.address, row.number) for row in rows)


def own(tx: Tx, pairs: Iterable[Pair], now: datetime) -> None:
    """Takes pairs under our care, or notes that a request is about to change them. Safe to repeat."""
    taken = list(dict.fromkeys(pairs))
    serialise(tx, "mapping_owned")
    disown(tx, taken)
    if taken:
        tx.execute(sa.insert(mapping_owned), [pair._asdict() | {"since": now} for pair in taken])


def disown(tx: Tx, pairs: Iterable[Pair]) -> None:
    """Lets go of pairs; nothing is changed at the provider. Safe to repeat."""
    table = mapping_owned
    matches = [table.c[name] == sa.bindparam(f"of_{name}") for name in Pair._fields]
    if rows := [{f"of_{name}": value for name, value in pair._asdict().items()} for pair in pairs]:
        tx.execute(sa.delete(table).where(*matches), rows)


def owned_settings(tx: Tx) -> dict[SettingName, str]:
    """Lists every setting under our care, with the fingerprint of what we set last; empty if that is not known."""
    rows = tx.execute(sa.select(setting_owned))
    return {SettingName(row.account, row.service, row.name): row.fingerprint for row in rows}


def own_settings(tx: Tx, fingerprints: Mapping[SettingName, str], now: datetime) -> None:
    """Takes settings under our care, with the fingerprints of what was set; empty before it is. Safe to repeat."""
    serialise(tx, "setting_owned")
    disown_settings(tx, fingerprints)
    if rows := [name._asdict() | {"fingerprint": mark, "since": now} for name, mark in fingerprints.items()]:
        tx.execute(sa.insert(setting_owned), rows)


def disown_settings(tx: Tx, names: Iterable[SettingName]) -> None:
    """Lets go of settings; nothing is changed at the provider. Safe to repeat."""
    table = setting_owned
    matches = [table.c[name] == sa.bindparam(f"of_{name}") for name in SettingName._fields]
    if rows := [{f"of_{name}": value for name, value in setting._asdict().items()} for setting in names]:
        tx.execute(sa.delete(table).where(*matches), rows)
