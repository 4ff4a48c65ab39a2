"""A plan says all that differs, the same way each time, and names what is not ours without touching it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.mappings import (
    CHANGES,
    Kind,
    Pair,
    Plan,
    SettingName,
    Wish,
    found_mappings,
    guard,
    is_meant,
    make_plan,
    planned_mappings,
    wanted_mappings,
)
from gateway.core.model import Carrier, Mapping, Permission, Route, Sender, ServiceState, Setting

SEND, RECEIVE, BOTH = Permission.SEND, Permission.RECEIVE, Permission.BOTH
ACCOUNT, SERVICE, OTHER_SERVICE = "sinch", "SERV01", "SERV02"
NUMBER, SECOND, THIRD, NOBODYS = "+12025550100", "+12025550101", "+12025550102", "+12025550199"
ANA, BEN = "ana@clinic.example", "ben@clinic.example"
URL = Setting("incomingWebhookUrl", "https://***@other.example/", "https://***@fax.example/", False, False, "print-1")


def service(*mappings: Mapping, settings: tuple[Setting, ...] = (), name: str = SERVICE) -> ServiceState:
    numbers = {SERVICE: {NUMBER, SECOND}, OTHER_SERVICE: {THIRD}}[name]
    return ServiceState(name, "Clinic", frozenset(numbers), frozenset(), mappings, settings)


def there(address: str = ANA, number: str = NUMBER, permission: Permission = RECEIVE) -> Mapping:
    return Mapping(SERVICE, address, number, permission)


def pair(address: str = ANA, number: str = NUMBER) -> Pair:
    return Pair(ACCOUNT, SERVICE, address.lower(), number)


def plan_of(
    wanted: list[Wish], *found: Mapping, owned: tuple[Pair, ...] = (), settings: tuple[Setting, ...] = ()
) -> Plan:
    return make_plan(wanted, {ACCOUNT: [service(*found, settings=settings)]}, owned, {})


def a_sender(address: str, caller_id: str, accepted_by: Carrier) -> Sender:
    return Sender(address, caller_id, "Clinic", "UTC", ACCOUNT, accepted_by)


# --- what is wanted -------------------------------------------------------------------------------------------------


def test_nothing_is_wanted_at_the_provider_unless_a_route_or_a_sender_says_so() -> None:
    routes = [Route(NUMBER, (ANA,))]
    assert wanted_mappings(routes, [a_sender(ANA, NUMBER, Carrier.GATEWAY)]) == ()


def test_routes_want_to_receive_senders_to_send_and_who_does_both_gets_both() -> None:
    routes = [Route(NUMBER, (ANA, BEN), Carrier.PROVIDER), Route(SECOND, (ANA,), Carrier.BOTH)]
    senders = [a_sender("Ana@Clinic.example", NUMBER, Carrier.BOTH)]
    wanted = {(wish.address.lower(), wish.number): wish.permission for wish in wanted_mappings(routes, senders)}
    assert wanted == {(ANA, NUMBER): BOTH, (BEN, NUMBER): RECEIVE, (ANA, SECOND): RECEIVE}


# --- the kinds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "wanted", "owned", "kind"),
    [
        (None, RECEIVE, False, Kind.CREATED),
        (None, RECEIVE, True, Kind.CREATED),
        (RECEIVE, RECEIVE, False, Kind.SAME),
        (RECEIVE, RECEIVE, True, Kind.SAME),
        (RECEIVE, BOTH, True, Kind.CHANGED),
        (RECEIVE, BOTH, False, Kind.FOREIGN),
        (RECEIVE, None, True, Kind.REMOVED),
        (RECEIVE, None, False, Kind.FOREIGN),
    ],
)
def test_each_pair_has_the_kind_that_follows_from_what_is_there_what_is_wanted_and_whose_it_is(
    found: Permission | None, wanted: Permission | None, owned: bool, kind: Kind
) -> None:
    wishes = [Wish(ANA, NUMBER, wanted)] if wanted else []
    mappings = [there(permission=found)] if found else []
    [line] = plan_of(wishes, *mappings, owned=(pair(),) if owned else ()).lines
    assert (line.kind, line.found, line.wanted, line.owned) == (kind, found, wanted, owned)


def test_a_wish_for_a_number_that_no_service_has_is_told_and_nothing_is_changed_for_it() -> None:
    plan = plan_of([Wish(ANA, NOBODYS, RECEIVE)])
    [line] = plan.lines
    assert (line.kind, line.account, line.service) == (Kind.UNKNOWN_NUMBER, "", "")
    assert plan.is_empty
    assert plan.drift == (line,)


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("found", [RECEIVE, SEND])
def test_what_is_there_for_a_number_that_no_service_has_stays_as_long_as_it_is_wanted(
    found: Permission, owned: bool
) -> None:
    """A list of numbers that comes back too short must not cost anybody their faxes."""
    left = (there(number=NOBODYS, permission=found), there(BEN, NOBODYS))
    plan = plan_of([Wish(ANA, NOBODYS, RECEIVE)], *left, owned=(pair(number=NOBODYS),) if owned else ())
    [ana, ben] = plan.lines
    assert (ana.kind, ana.service, ana.found, ana.wanted) == (Kind.UNKNOWN_NUMBER, SERVICE, found, RECEIVE)
    assert ben.kind is Kind.FOREIGN
    assert plan.is_empty
    assert plan.drift == (ana,)


def test_a_number_is_where_the_provider_has_it_not_where_it_was() -> None:
    """The pair in the old service is ours and goes; the one in the new service is made."""
    accounts = {ACCOUNT: [service(there(number=THIRD)), service(name=OTHER_SERVICE)]}
    plan = make_plan([Wish(ANA, THIRD, RECEIVE)], accounts, {pair(number=THIRD)}, {})
    assert {(line.service, line.kind) for line in plan.lines} == {
        (SERVICE, Kind.REMOVED),
        (OTHER_SERVICE, Kind.CREATED),
    }


def test_addresses_are_the_same_whatever_their_case_and_keep_their_spelling() -> None:
    plan = plan_of([Wish("ana@Clinic.example", NUMBER, BOTH)], there("ANA@clinic.example"), owned=(pair(),))
    [line] = plan.lines
    assert (line.kind, line.address, line.pair) == (Kind.CHANGED, "ANA@clinic.example", pair())


def test_what_somebody_else_made_is_no_drift_unless_something_else_is_wanted() -> None:
    plan = plan_of([Wish(BEN, NUMBER, SEND)], there(ANA), there(BEN))
    assert [line.address for line in plan.drift] == [BEN]
    assert plan.is_empty


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agrees", "untouched", "owned", "kind"),
    [
        (True, False, None, Kind.SAME),
        (True, False, "print-1", Kind.SAME),
        (True, False, "print-0", Kind.CHANGED),
        (True, False, "", Kind.CHANGED),
        (False, True, None, Kind.CHANGED),
        (False, False, "print-1", Kind.CHANGED),
        (False, False, None, Kind.FOREIGN),
    ],
)
def test_a_setting_is_changed_if_nobody_chose_it_or_we_did_and_otherwise_left_to_its_owner(
    agrees: bool, untouched: bool, owned: str | None, kind: Kind
) -> None:
    setting = replace(URL, agrees=agrees, untouched=untouched)
    owned_settings = {} if owned is None else {SettingName(ACCOUNT, SERVICE, setting.name): owned}
    plan = make_plan([], {ACCOUNT: [service(settings=(setting,))]}, (), owned_settings)
    [line] = plan.settings
    assert (line.kind, line.owned) == (kind, owned is not None)
    assert plan.is_empty == (kind not in CHANGES)
    assert bool(plan.drift) == (kind is not Kind.SAME)


# --- the digest -----------------------------------------------------------------------------------------------------

TABLES = st.dictionaries(
    st.tuples(st.sampled_from([ANA, BEN, "Cy@clinic.example"]), st.sampled_from([NUMBER, SECOND])),
    st.sampled_from(list(Permission)),
)


@given(found=TABLES, wanted=TABLES, owned=st.sets(st.sampled_from([pair(), pair(BEN), pair(ANA, SECOND)])))
def test_the_same_facts_in_any_order_make_the_same_plan(
    found: dict[tuple[str, str], Permission], wanted: dict[tuple[str, str], Permission], owned: set[Pair]
) -> None:
    mappings = [there(*key, permission) for key, permission in found.items()]
    wishes = [Wish(*key, permission) for key, permission in wanted.items()]
    forwards = make_plan(wishes, {ACCOUNT: [service(*mappings), service(name=OTHER_SERVICE)]}, owned, {})
    backwards = make_plan(
        wishes[::-1],
        {ACCOUNT: [service(name=OTHER_SERVICE), service(*mappings[::-1])]},
        frozenset(sorted(owned)[::-1]),
        {},
    )
    assert forwards == backwards


@given(found=TABLES, wanted=TABLES, owned=st.sets(st.sampled_from([pair(), pair(BEN), pair(ANA, SECOND)])))
def test_carried_out_a_plan_leaves_what_is_wanted_and_everything_that_is_not_ours(
    found: dict[tuple[str, str], Permission], wanted: dict[tuple[str, str], Permission], owned: set[Pair]
) -> None:
    wishes = [Wish(*key, permission) for key, permission in wanted.items()]
    plan = plan_of(wishes, *(there(*key, permission) for key, permission in found.items()), owned=tuple(owned))
    after = {(each.address, each.number): each.permission for each in planned_mappings(plan)}
    foreign = {key: held for key, held in found.items() if pair(*key) not in owned}
    assert after == wanted | foreign
    assert {(each.address, each.number): each.permission for each in found_mappings(plan)} == found
    assert plan.is_empty == (after == found)


@pytest.mark.parametrize(
    "other",
    [
        plan_of([Wish(ANA, NUMBER, SEND)], there(BEN)),
        plan_of([Wish(ANA, NUMBER, RECEIVE)], there(BEN, permission=SEND)),
        plan_of([Wish(ANA, NUMBER, RECEIVE)], there(BEN), owned=(pair(BEN),)),
        plan_of([Wish(ANA, NUMBER, RECEIVE)]),
        plan_of([Wish(ANA, NUMBER, RECEIVE)], there(BEN), settings=(URL,)),
    ],
)
def test_whatever_a_plan_rests_on_shows_in_its_digest(other: Plan) -> None:
    plan = plan_of([Wish(ANA, NUMBER, RECEIVE)], there(BEN))
    assert len(plan.digest) == 8
    assert other.digest != plan.digest


def test_a_change_of_our_credentials_shows_in_the_digest_although_nobody_can_see_it() -> None:
    one, other = (plan_of([], settings=(replace(URL, fingerprint=print_),)) for print_ in ("print-1", "print-2"))
    assert one.digest != other.digest


# --- the guard ------------------------------------------------------------------------------------------------------


def plan_removing(removed: int, kept: int, foreign: int = 0, absent: int = 0) -> Plan:
    """A plan with so many pairs of ours to be removed and kept, pairs of others, and pairs of ours that are gone."""
    names = [f"a{index}@clinic.example" for index in range(removed + kept + foreign + absent)]
    ours, others = names[: removed + kept], names[removed + kept : removed + kept + foreign]
    gone = names[removed + kept + foreign :]
    wishes = [Wish(name, NUMBER, RECEIVE) for name in [*ours[removed:], *gone]]
    return plan_of(wishes, *map(there, [*ours, *others]), owned=tuple(map(pair, [*ours, *gone])))


@pytest.mark.parametrize(
    ("removed", "kept", "refused"),
    [
        (0, 0, False),
        (2, 0, False),  # all of them, but two are few
        (3, 0, True),
        (3, 12, False),  # 20 % is not more than 20 %
        (3, 11, True),
        (200, 800, False),
        (201, 799, True),
    ],
)
def test_the_guard_refuses_more_than_a_fifth_of_what_we_own_and_never_fewer_than_three(
    removed: int, kept: int, refused: bool
) -> None:
    assert (guard(plan_removing(removed, kept)) is not None) == refused


def test_the_guard_counts_neither_what_is_not_ours_nor_what_is_not_there() -> None:
    assert guard(plan_removing(3, 11, foreign=10)) is not None
    assert guard(plan_removing(3, 11, absent=10)) is not None


def test_the_guard_looks_at_each_account_for_itself() -> None:
    """Five mappings of a small account do not drown in a thousand of a large one."""
    small, large = plan_removing(5, 0), plan_removing(0, 1000)
    lines = (*(replace(line, account="small") for line in small.lines), *large.lines)
    refusal = guard(replace(large, lines=lines))
    assert refusal == "5 of the 5 mappings under our care in the account small would be removed or allow less"


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], True),
        (["ANA@clinic.example"], True),
        ([ANA, BEN], True),
        ([ANA, NUMBER], True),
        ([ANA, SECOND], False),
        ([SECOND, NUMBER, "serv01"], True),
        ([ANA, OTHER_SERVICE], False),
        (["misspelled"], False),
        ([URL.name], False),
    ],
)
def test_words_mean_a_pair_if_of_each_kind_one_fits(words: list[str], meant: bool) -> None:
    [line] = plan_of([], there()).lines
    assert is_meant(line, words) == meant


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], True),
        ([URL.name.upper()], True),
        ([SERVICE], True),
        ([SERVICE, URL.name], True),
        ([OTHER_SERVICE, URL.name], False),
        ([ANA], False),
        ([NUMBER, SERVICE], False),
    ],
)
def test_words_mean_a_setting_if_all_of_them_fit(words: list[str], meant: bool) -> None:
    [line] = plan_of([], settings=(URL,)).settings
    assert is_meant(line, words) == meant


def test_each_line_says_in_words_what_is_wrong() -> None:
    plan = plan_of(
        [Wish(ANA, NUMBER, BOTH), Wish(BEN, NUMBER, SEND), Wish(BEN, SECOND, RECEIVE), Wish(ANA, NOBODYS, SEND)],
        there(ANA),
        there(BEN, NUMBER, BOTH),
        there(ANA, SECOND),
        owned=(pair(ANA), pair(ANA, SECOND)),
        settings=(URL,),
    )
    assert [line.sentence for line in plan.drift] == [
        f'{ANA} with {NOBODYS}: "send" is wanted, but the number belongs to no service',
        f'{ANA} with {NUMBER}: "receive" instead of "both"',
        f'{ANA} with {SECOND}: "receive" is no longer wanted',
        f'{BEN} with {NUMBER}: "both", made by somebody else, instead of "send"',
        f'{BEN} with {SECOND}: "receive" is missing',
        (
            "incomingWebhookUrl of service SERV01: https://***@other.example/, set by somebody else, "
            "instead of https://***@fax.example/"
        ),
    ]


# --- who listens in


def test_somebody_elses_pair_that_gets_the_faxes_of_a_routed_number_is_drift_and_is_not_changed() -> None:
    there = {ACCOUNT: [service(Mapping(SERVICE, ANA, NUMBER, RECEIVE), Mapping(SERVICE, BEN, SECOND, RECEIVE))]}
    plan = make_plan([], there, (), {}, routed={NUMBER})
    assert plan.is_empty
    [line] = plan.drift
    assert (line.pair.address, line.kind) == (ANA, Kind.FOREIGN)
    assert "gets faxes that our route does not bring there" in line.sentence


@pytest.mark.parametrize("owned", [True, False])
def test_a_pair_that_may_only_send_or_is_wanted_or_ours_does_not_listen_in(*, owned: bool) -> None:
    there = {ACCOUNT: [service(Mapping(SERVICE, ANA, NUMBER, SEND), Mapping(SERVICE, BEN, NUMBER, RECEIVE))]}
    plan = make_plan([Wish(BEN, NUMBER, RECEIVE)], there, {pair(address=BEN)} if owned else (), {}, routed={NUMBER})
    assert plan.drift == ()


def test_many_mappings_that_would_allow_less_look_like_a_mistake_too() -> None:
    people = [f"a{index}@clinic.example" for index in range(10)]
    there = {ACCOUNT: [service(*(Mapping(SERVICE, address, NUMBER, BOTH) for address in people))]}
    owned = {pair(address=address) for address in people}
    refusal = guard(make_plan([Wish(address, NUMBER, SEND) for address in people], there, owned, {}))
    assert refusal is not None
    assert "10 of the 10" in refusal
