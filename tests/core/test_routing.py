"""Every received fax is for somebody, and nobody is left out by both the provider and us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Carrier, Route
from gateway.core.routing import addresses_for

NUMBER = "+12025550100"
FALLBACK = "f@x.example"
A, B = "a@x.example", "b@x.example"
ROUTES = [Route(NUMBER, (A, B, A, "B@X.example")), Route("+12025550101", ())]


def test_a_route_names_each_address_once_as_it_was_first_written() -> None:
    assert addresses_for(NUMBER, ROUTES, FALLBACK, ()) == (A, B)


def test_a_fax_that_no_route_claims_goes_to_the_fallback() -> None:
    everybody = {FALLBACK, A, B}
    assert addresses_for("+12025550199", ROUTES, FALLBACK, everybody) == (FALLBACK,)
    assert addresses_for("+12025550101", ROUTES, FALLBACK, everybody) == (FALLBACK,)
    assert addresses_for(None, ROUTES, FALLBACK, everybody) == (FALLBACK,)


@pytest.mark.parametrize(
    ("delivered_by", "mailed_by_provider", "ours"),
    [
        (Carrier.GATEWAY, set(), (A, B)),
        (Carrier.GATEWAY, {A, B}, (A, B)),
        (Carrier.BOTH, set(), (A, B)),
        (Carrier.BOTH, {A, B}, (A, B)),
        (Carrier.PROVIDER, set(), (A, B)),
        (Carrier.PROVIDER, {A}, (B,)),
        (Carrier.PROVIDER, {"somebody@else.example"}, (A, B)),
        (Carrier.PROVIDER, {A, B, "somebody@else.example"}, ()),
    ],
)
def test_only_what_the_provider_really_mails_is_left_to_it(
    delivered_by: Carrier, mailed_by_provider: set[str], ours: tuple[str, ...]
) -> None:
    assert addresses_for(NUMBER, [Route(NUMBER, (A, B), delivered_by)], FALLBACK, mailed_by_provider) == ours


def test_the_provider_may_spell_an_address_in_small_letters() -> None:
    route = Route(NUMBER, ("Ana@X.example", B), Carrier.PROVIDER)
    assert addresses_for(NUMBER, [route], FALLBACK, {"ana@x.example"}) == (B,)


ADDRESSES = st.sampled_from([A, B, A.upper(), "c@x.example"])
NUMBERS = st.sampled_from([NUMBER, "+12025550101", "+12025550102"])
SOME_ROUTES = st.lists(
    st.builds(Route, NUMBERS, st.lists(ADDRESSES, max_size=4).map(tuple), st.sampled_from(Carrier)), max_size=3
)


@given(number=st.none() | NUMBERS, routes=SOME_ROUTES, mailed=st.frozensets(ADDRESSES.map(str.lower)))
def test_everybody_whom_a_fax_is_for_gets_it_from_one_or_both(
    number: str | None, routes: list[Route], mailed: frozenset[str]
) -> None:
    ours = {address.lower() for address in addresses_for(number, routes, FALLBACK, mailed)}
    meant = next((route.addresses for route in routes if route.number == number and route.addresses), (FALLBACK,))
    assert {address.lower() for address in meant} <= ours | mailed
    assert ours or mailed
