"""Who mails the faxes of a number, the gateway or the provider, and where that is odd. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.model import Carrier, Mapping, Route


class Delivery(StrEnum):
    """What is odd about who mails the faxes of a number."""

    TWICE = "twice"
    NOT_BY_PROVIDER = "not by the provider"
    BEYOND_ROUTES = "beyond the routes"


@dataclass(frozen=True, slots=True)
class DeliveryFinding:
    """One oddity of one number. ``wanted`` if the configuration says that it should be so."""

    number: str
    delivery: Delivery
    addresses: tuple[str, ...]
    wanted: bool = False

    @property
    def sentence(self) -> str:
        """Says it in words, with the whole addresses and number: for the operator only."""
        who = ", ".join(self.addresses)
        match self.delivery:
            case Delivery.TWICE:
                why = ', as delivered_by = "both" says' if self.wanted else ""
                return f"each fax to {self.number} is mailed twice, by the provider and by the gateway, to {who}{why}"
            case Delivery.NOT_BY_PROVIDER:
                return f"the provider does not mail faxes to {self.number} to {who}; until it does, the gateway does"
        return f"the provider mails faxes to {self.number} to {who}, which no route names"


def delivery_findings(routes: Iterable[Route], mappings: Iterable[Mapping]) -> list[DeliveryFinding]:
    """Names each number whose faxes somebody gets twice, or not from whom our routes say, or without a route.

    Args:
        routes: ours.
        mappings: as they are or will be at the provider (`mappings.found_mappings`, `mappings.planned_mappings`).
    """
    receivers: dict[str, dict[str, str]] = {}
    for mapping in mappings:
        if mapping.permission.receives:
            receivers.setdefault(mapping.number, {})[mapping.address.lower()] = mapping.address
    findings: list[DeliveryFinding] = []
    for route in routes:
        findings += _route_findings(route, receivers.pop(route.number, {}))
    for number, others in sorted(receivers.items()):
        findings.append(DeliveryFinding(number, Delivery.BEYOND_ROUTES, tuple(others.values())))
    return findings


def _route_findings(route: Route, receivers: AnyMapping[str, str]) -> Iterator[DeliveryFinding]:
    ours = {address.lower(): address for address in route.addresses}
    by_provider = tuple(address for key, address in ours.items() if key in receivers)
    missing = tuple(address for key, address in ours.items() if key not in receivers)
    others = tuple(address for key, address in receivers.items() if key not in ours)
    if by_provider and route.delivered_by is not Carrier.PROVIDER:
        wanted = route.delivered_by is Carrier.BOTH
        yield DeliveryFinding(route.number, Delivery.TWICE, by_provider, wanted=wanted)
    if missing and route.delivered_by is Carrier.PROVIDER:
        yield DeliveryFinding(route.number, Delivery.NOT_BY_PROVIDER, missing)
    if others:
        yield DeliveryFinding(route.number, Delivery.BEYOND_ROUTES, others)
