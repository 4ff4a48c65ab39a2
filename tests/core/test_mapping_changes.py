"""What an address becomes: more first, less afterwards, and nothing of what is not ours is ever different."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.mapping_changes import Record, changed, name_of, narrowed, widened, work_of
from gateway.core.mappings import Pair, Plan, Wish, make_plan
from gateway.core.model import Mapping, Permission, ServiceState, Setting

SEND, RECEIVE, BOTH = Permission.SEND, Permission.RECEIVE, Permission.BOTH
ACCOUNT, SERVICE = "sinch", "SERV01"
NUMBERS = ["+12025550100", "+12025550101", "+12025550102"]
ANA, BEN = "ana@clinic.example", "ben@clinic.example"

Table = dict[tuple[str, str], Permission]
TABLES = st.dictionaries(
    st.tuples(st.sampled_from([ANA, BEN]), st.sampled_from(NUMBERS)), st.sampled_from(list(Permission))
)
OWNED = st.sets(st.tuples(st.sampled_from([ANA, BEN]), st.sampled_from(NUMBERS)))


def pair(address: str, number: str) -> Pair:
    return Pair(ACCOUNT, SERVICE, address, number)


def plan_of(found: Table, wanted: Table, owned: set[tuple[str, str]], *settings: Setting) -> Plan:
    mappings = tuple(Mapping(SERVICE, *key, permission) for key, permission in found.items())
    service = ServiceState(SERVICE, "Clinic", frozenset(NUMBERS), frozenset(), mappings, settings)
    wishes = [Wish(*key, permission) for key, permission in wanted.items()]
    return make_plan(wishes, {ACCOUNT: [service]}, {pair(*key) for key in owned}, {})


def numbers_of(table: Table, address: str) -> dict[str, Permission]:
    return {number: permission for (owner, number), permission in table.items() if owner == address}


@given(found=TABLES, wanted=TABLES, owned=OWNED)
def test_widening_takes_nothing_away_narrowing_adds_nothing_and_together_they_are_the_plan(
    found: Table, wanted: Table, owned: set[tuple[str, str]]
) -> None:
    work = work_of(plan_of(found, wanted, owned), ACCOUNT)
    ours = {pair(*key) for key in owned}
    table = dict(found)
    for record in work.widen:
        now = numbers_of(table, record.address)
        after = widened(record, now, ours)
        assert all(may_at_least(after[number], permission) for number, permission in now.items())
        ours.update(changed(record, now, after))
        table |= {(record.address, number): permission for number, permission in after.items()}
    for record in work.narrow:
        now = numbers_of(table, record.address)
        after = narrowed(record, now)
        assert all(number in now and may_at_least(now[number], held) for number, held in after.items())
        table = {key: held for key, held in table.items() if key[0] != record.address}
        table |= {(record.address, number): permission for number, permission in after.items()}
    assert table == wanted | {key: held for key, held in found.items() if key not in owned}


def may_at_least(one: Permission, other: Permission) -> bool:
    return (one.sends or not other.sends) and (one.receives or not other.receives)


@given(found=TABLES, wanted=TABLES, owned=OWNED, now=TABLES)
def test_pairs_that_are_not_ours_come_through_as_they_are_found_whatever_the_plan_was(
    found: Table, wanted: Table, owned: set[tuple[str, str]], now: Table
) -> None:
    """``now`` is the table as others left it by the time that we write."""
    work = work_of(plan_of(found, wanted, owned), ACCOUNT)
    ours = {pair(*key) for key in owned}
    for record, become in [
        *((record, lambda record, now: widened(record, now, ours)) for record in work.widen),
        *((record, narrowed) for record in work.narrow),
    ]:
        before = numbers_of(now, record.address)
        after = become(record, before)
        for number, permission in before.items():
            if (record.address, number) not in owned:
                assert after[number] is permission


def test_a_pair_that_appeared_meanwhile_is_neither_changed_nor_claimed() -> None:
    [record] = work_of(plan_of({}, {(ANA, NUMBERS[0]): SEND}, set()), ACCOUNT).widen
    now = {NUMBERS[0]: RECEIVE}
    assert widened(record, now, set()) == now
    assert changed(record, now, now) == []


def test_a_pair_that_somebody_removed_meanwhile_stays_away_until_it_is_planned_anew() -> None:
    [record] = work_of(
        plan_of({(ANA, NUMBERS[0]): BOTH}, {(ANA, NUMBERS[0]): SEND}, {(ANA, NUMBERS[0])}), ACCOUNT
    ).narrow
    assert narrowed(record, {NUMBERS[1]: RECEIVE}) == {NUMBERS[1]: RECEIVE}


def test_what_a_request_changes_is_noted_as_ours_and_nothing_else() -> None:
    wanted = {(ANA, NUMBERS[0]): BOTH, (ANA, NUMBERS[1]): SEND}
    [record] = work_of(plan_of({(ANA, NUMBERS[0]): SEND}, wanted, {(ANA, NUMBERS[0])}), ACCOUNT).widen
    now = {NUMBERS[0]: SEND, NUMBERS[2]: RECEIVE}
    after = widened(record, now, {pair(ANA, NUMBERS[0])})
    assert changed(record, now, after) == [pair(ANA, NUMBERS[0]), pair(ANA, NUMBERS[1])]
    assert changed(record, after, {NUMBERS[2]: RECEIVE}) == [pair(ANA, NUMBERS[0]), pair(ANA, NUMBERS[1])]
    assert changed(record, after, after) == []


def test_who_changes_direction_may_do_both_in_between() -> None:
    key = (ANA, NUMBERS[0])
    work = work_of(plan_of({key: SEND}, {key: RECEIVE}, {key}), ACCOUNT)
    [widen], [narrow] = work.widen, work.narrow
    assert widened(widen, {NUMBERS[0]: SEND}, {pair(*key)}) == {NUMBERS[0]: BOTH}
    assert narrowed(narrow, {NUMBERS[0]: BOTH}) == {NUMBERS[0]: RECEIVE}


def test_settings_are_one_piece_of_work_per_service() -> None:
    settings = [Setting(name, "a", "b", agrees=False, untouched=True, fingerprint="f") for name in ("one", "two")]
    plan = plan_of({}, {(ANA, NUMBERS[0]): SEND}, set(), *settings)
    work = work_of(plan, ACCOUNT)
    assert [[line.setting.name for line in lines] for lines in work.settings] == [["one", "two"]]
    assert work.size == 2
    assert {name_of(line) for line in plan.changes} == {
        name_of(line) for lines in ([*work.widen[0].lines], *work.settings) for line in lines
    }


def test_an_address_with_many_numbers_is_one_record() -> None:
    wanted = {(ANA, number): RECEIVE for number in NUMBERS} | {(BEN, NUMBERS[0]): SEND}
    work = work_of(plan_of({}, wanted, set()), ACCOUNT)
    assert [(record.address, len(record.lines)) for record in work.widen] == [(ANA, 3), (BEN, 1)]
    assert isinstance(work.widen[0], Record)
