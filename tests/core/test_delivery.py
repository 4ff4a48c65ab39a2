"""Each number whose faxes somebody gets twice, or from nobody named, is named."""

from __future__ import annotations

import pytest

from gateway.core.delivery import Delivery, DeliveryFinding, delivery_findings
from gateway.core.model import Carrier, Mapping, Permission, Route

NUMBER, OTHER = "+12025550100", "+12025550101"
ANA, BEN = "Ana@clinic.example", "ben@clinic.example"
RECEIVE, SEND, BOTH = Permission.RECEIVE, Permission.SEND, Permission.BOTH


def there(address: str, permission: Permission = RECEIVE, number: str = NUMBER) -> Mapping:
    return Mapping("SERV01", address, number, permission)


@pytest.mark.parametrize(
    ("carrier", "there_are", "found"),
    [
        (Carrier.GATEWAY, [], []),
        (Carrier.GATEWAY, [there(ANA, SEND)], []),
        (Carrier.GATEWAY, [there("ANA@CLINIC.EXAMPLE")], [(Delivery.TWICE, (ANA,), False)]),
        (Carrier.GATEWAY, [there(ANA, BOTH), there(BEN)], [(Delivery.TWICE, (ANA, BEN), False)]),
        (Carrier.PROVIDER, [there(ANA), there(BEN)], []),
        (Carrier.PROVIDER, [there(ANA)], [(Delivery.NOT_BY_PROVIDER, (BEN,), False)]),
        (Carrier.PROVIDER, [there(ANA, SEND)], [(Delivery.NOT_BY_PROVIDER, (ANA, BEN), False)]),
        (Carrier.BOTH, [there(ANA)], [(Delivery.TWICE, (ANA,), True)]),
        (Carrier.BOTH, [], []),
        (Carrier.GATEWAY, [there("cy@clinic.example")], [(Delivery.BEYOND_ROUTES, ("cy@clinic.example",), False)]),
        (
            Carrier.PROVIDER,
            [there(ANA), there(BEN), there("cy@clinic.example")],
            [(Delivery.BEYOND_ROUTES, ("cy@clinic.example",), False)],
        ),
    ],
)
def test_a_route_and_the_provider_are_held_against_each_other(
    carrier: Carrier, there_are: list[Mapping], found: list[tuple[Delivery, tuple[str, ...], bool]]
) -> None:
    findings = delivery_findings([Route(NUMBER, (ANA, BEN), carrier)], there_are)
    assert [(each.delivery, each.addresses, each.wanted) for each in findings] == found


def test_a_number_without_route_that_the_provider_mails_is_named() -> None:
    assert delivery_findings([], [there(ANA, number=OTHER), there(BEN, SEND, NUMBER)]) == [
        DeliveryFinding(OTHER, Delivery.BEYOND_ROUTES, (ANA,))
    ]


def test_each_finding_says_who_gets_what_from_whom() -> None:
    said = {delivery: DeliveryFinding(NUMBER, delivery, (ANA, BEN)).sentence for delivery in Delivery}
    assert said == {
        Delivery.TWICE: f"each fax to {NUMBER} is mailed twice, by the provider and by the gateway, to {ANA}, {BEN}",
        Delivery.NOT_BY_PROVIDER: (
            f"the provider does not mail faxes to {NUMBER} to {ANA}, {BEN}; until it does, the gateway does"
        ),
        Delivery.BEYOND_ROUTES: f"the provider mails faxes to {NUMBER} to {ANA}, {BEN}, which no route names",
    }
    wanted = DeliveryFinding(NUMBER, Delivery.TWICE, (ANA,), wanted=True)
    assert wanted.sentence.endswith('as delivered_by = "both" says')
