"""Every received fax is for somebody."""

from __future__ import annotations

from gateway.core.model import Route
from gateway.core.routing import addresses_for

ROUTES = [Route("+12025550100", ("a@x.example", "b@x.example", "a@x.example")), Route("+12025550101", ())]


def test_a_route_names_each_address_once() -> None:
    assert addresses_for("+12025550100", ROUTES, "f@x.example") == ("a@x.example", "b@x.example")


def test_a_fax_that_no_route_claims_goes_to_the_fallback() -> None:
    assert addresses_for("+12025550199", ROUTES, "f@x.example") == ("f@x.example",)
    assert addresses_for("+12025550101", ROUTES, "f@x.example") == ("f@x.example",)
    assert addresses_for(None, ROUTES, "f@x.example") == ("f@x.example",)
