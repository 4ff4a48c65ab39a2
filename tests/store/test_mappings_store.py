"""What the provider's table was when it was last read, and what of it is ours: the same on both databases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from gateway.core.mappings import Pair, SettingName
from gateway.core.model import Mapping, Permission, ServiceState
from gateway.store import mappings
from gateway.store.database import Database, Tx
from gateway.store.schema import mapping_seen
from tests.mapping_world import known_receivers

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACCOUNT, OTHER, SERVICE, SECOND = "sinch", "other", "SERV01", "SERV02"
NUMBER = "+12025550100"
#: A number that is in no service (any more).
MOVED = "+12025550199"
ANA, BEN = "Ana@clinic.example", "ben@clinic.example"
RECEIVE, SEND, BOTH = Permission.RECEIVE, Permission.SEND, Permission.BOTH

Table = dict[tuple[str, str], Permission]


def services(table: Table, name: str = SERVICE) -> tuple[ServiceState, ...]:
    seen = tuple(Mapping(name, address, number, permission) for (address, number), permission in table.items())
    numbers = frozenset({NUMBER, *(number for _, number in table)} - {MOVED})
    return (ServiceState(name, "Clinic", numbers, frozenset(), seen, ()),)


def pair(address: str = ANA, number: str = NUMBER, service: str = SERVICE, account: str = ACCOUNT) -> Pair:
    return Pair(account, service, address.lower(), number)


async def remember(
    database: Database,
    table: Table,
    at: datetime = NOW,
    account: str = ACCOUNT,
    wanted: Iterable[Pair] = (),
    service: str = SERVICE,
) -> None:
    await database.write(mappings.remember, account, services(table, service), frozenset(wanted), at)


async def receivers(database: Database, number: str = NUMBER) -> frozenset[str]:
    return await database.read(known_receivers, number)


def everything(tx: Tx) -> Table:
    return {(row.address, row.number): Permission(row.permission) for row in tx.execute(sa.select(mapping_seen))}


# --- what was read


async def test_whom_the_provider_mails_is_told_in_small_letters_and_only_who_receives(database: Database) -> None:
    table = {(ANA, NUMBER): RECEIVE, (BEN, NUMBER): SEND, ("cy@x.example", NUMBER): BOTH, ("di@x.example", "+1"): BOTH}
    await remember(database, table)
    assert await receivers(database) == {"ana@clinic.example", "cy@x.example"}
    assert await receivers(database, "+19995550000") == frozenset()


async def test_a_pair_whose_number_is_no_longer_in_its_service_mails_nobody(database: Database) -> None:
    await remember(database, {(ANA, MOVED): RECEIVE})
    assert await receivers(database, MOVED) == frozenset()


async def test_a_reading_replaces_the_one_before(database: Database) -> None:
    await remember(database, {(ANA, NUMBER): RECEIVE, (BEN, NUMBER): SEND, (BEN, "+1"): SEND})
    after = {(ANA, NUMBER): BOTH, (BEN, NUMBER): SEND, ("cy@x.example", NUMBER): RECEIVE}
    await remember(database, after, NOW + HOUR)
    assert await database.read(everything) == after
    assert await database.read(mappings.last_read, ACCOUNT) == NOW + HOUR


async def test_a_reading_says_nothing_about_other_accounts(database: Database) -> None:
    await remember(database, {(ANA, NUMBER): RECEIVE}, account=OTHER)
    await remember(database, {(BEN, NUMBER): RECEIVE})
    assert await receivers(database) == {"ana@clinic.example", "ben@clinic.example"}
    await database.write(mappings.forget_reading, OTHER)
    assert await receivers(database) == {"ben@clinic.example"}
    assert await database.read(mappings.accounts_read) == {ACCOUNT}


async def test_only_differences_are_written(database: Database) -> None:
    """Ten thousand mappings that stay the same cost no write but the time of the reading."""
    table = {(f"a{index}@clinic.example", NUMBER): RECEIVE for index in range(10_000)}
    await remember(database, table)
    changed = dict(list(table.items())[1:]) | {(ANA, NUMBER): SEND, ("a7@clinic.example", NUMBER): SEND}

    def rows_written(tx: Tx) -> int:
        written = 0

        def count(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
            nonlocal written
            if not statement.startswith("SELECT"):
                written += len(parameters) if isinstance(parameters, list) else 1

        sa.event.listen(tx, "before_cursor_execute", count)
        mappings.remember(tx, ACCOUNT, services(changed), frozenset(), NOW + HOUR)
        sa.event.remove(tx, "before_cursor_execute", count)
        return written

    assert await database.write(rows_written) == 4  # one gone, one new, one changed, the time
    assert await database.read(everything) == changed


async def test_an_account_was_read_once_it_was_read_whole_even_if_it_has_nothing(database: Database) -> None:
    assert await database.read(mappings.last_read, ACCOUNT) is None
    await remember(database, {})
    assert await database.read(mappings.last_read, ACCOUNT) is not None
    assert await database.read(mappings.last_read, OTHER) is None


async def test_what_the_operator_was_told_survives_the_next_reading(database: Database) -> None:
    assert await database.read(mappings.told, ACCOUNT) == ""
    await remember(database, {})
    await database.write(mappings.note_told, ACCOUNT, "0badcafe")
    await remember(database, {}, NOW + HOUR)
    assert await database.read(mappings.told, ACCOUNT) == "0badcafe"


# --- what is ours


async def test_what_is_ours_is_named_in_small_letters_and_kept_until_it_is_let_go(database: Database) -> None:
    await database.write(mappings.own, [pair(ANA), pair(ANA), pair(BEN)], NOW)
    await database.write(mappings.own, [pair(ANA)], NOW + HOUR)
    assert await database.read(mappings.owned_pairs) == {pair(ANA), pair(BEN)}
    await database.write(mappings.disown, [pair(ANA), pair("nobody@x.example")])
    assert await database.read(mappings.owned_pairs) == {pair(BEN)}
    await database.write(mappings.own, [], NOW)


async def test_a_setting_is_ours_with_the_fingerprint_of_what_was_set_last(database: Database) -> None:
    url, kind = SettingName(ACCOUNT, SERVICE, "url"), SettingName(ACCOUNT, SERVICE, "kind")
    await database.write(mappings.own_settings, {url: "", kind: ""}, NOW)
    await database.write(mappings.own_settings, {url: "print-1"}, NOW)
    assert await database.read(mappings.owned_settings) == {url: "print-1", kind: ""}
    await database.write(mappings.disown_settings, [kind])
    assert await database.read(mappings.owned_settings) == {url: "print-1"}


# --- letting go of what is long gone


async def is_still_ours(database: Database) -> bool:
    return pair(ANA) in await database.read(mappings.owned_pairs)


async def test_a_pair_of_ours_that_is_gone_and_unwanted_is_let_go(database: Database) -> None:
    await database.write(mappings.own, [pair(ANA)], NOW)
    await remember(database, {}, NOW + timedelta(minutes=61))
    assert not await is_still_ours(database)


async def test_it_stays_ours_while_a_request_that_got_lost_may_still_take_effect(database: Database) -> None:
    await database.write(mappings.own, [pair(ANA)], NOW)
    await remember(database, {}, NOW + timedelta(minutes=59))
    assert await is_still_ours(database)


async def test_each_request_about_it_begins_its_time_anew(database: Database) -> None:
    await database.write(mappings.own, [pair(ANA)], NOW - timedelta(days=1))
    await database.write(mappings.own, [pair(ANA)], NOW)
    await remember(database, {}, NOW + timedelta(minutes=59))
    assert await is_still_ours(database)


@pytest.mark.parametrize(
    ("table", "wanted", "service"),
    [({}, [pair(ANA)], SERVICE), ({}, [], SECOND), ({("ANA@clinic.example", NUMBER): SEND}, [], SERVICE)],
    ids=["wanted", "of a service that was not read", "still there"],
)
async def test_everything_else_of_ours_stays_ours(
    database: Database, table: Table, wanted: list[Pair], service: str
) -> None:
    await database.write(mappings.own, [pair(ANA)], NOW)
    await remember(database, table, NOW + timedelta(days=1), wanted=wanted, service=service)
    assert await is_still_ours(database)


# --- whom the provider has mailed a fax


async def test_a_reading_before_and_one_after_a_fax_prove_whom_the_provider_mailed(database: Database) -> None:
    table = {(ANA, NUMBER): RECEIVE, (BEN, NUMBER): SEND}
    await remember(database, table, NOW)
    came, ended = NOW + HOUR / 2, NOW + HOUR / 2
    assert await database.read(mappings.mailed_by_provider, NUMBER, came, ended) is None
    await remember(database, table, NOW + HOUR)
    assert await database.read(mappings.mailed_by_provider, NUMBER, came, ended) == {ANA.lower()}


async def test_an_entry_that_is_newer_than_a_fax_says_nothing_about_it(database: Database) -> None:
    await remember(database, {(BEN, NUMBER): SEND}, NOW)
    await remember(database, {(ANA, NUMBER): RECEIVE, (BEN, NUMBER): BOTH}, NOW + HOUR)
    came = NOW + HOUR / 2
    assert await database.read(mappings.mailed_by_provider, NUMBER, came, came) == frozenset()
