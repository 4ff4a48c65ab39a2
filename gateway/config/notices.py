"""What a configuration may say, but its author should know: told beside the problems, never an error. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.places import Path
from gateway.config.settings import Config
from gateway.core.delivery import Delivery, DeliveryFinding
from gateway.core.model import Carrier

Notices = Iterator[tuple[Path, str]]


def notices_of(config: Config) -> Notices:
    """Gives the place and one sentence for everything that is allowed and worth knowing."""
    yield from _senders(config)
    yield from _routes(config)
    yield from _canary(config)


def _senders(config: Config) -> Notices:
    told = {route.number for route in config.routes}
    for index, sender in enumerate(config.senders):
        if sender.caller_id not in told:
            yield ("senders", index, "caller_id"), f"{sender.caller_id} has no route: {_to_fallback(config)}"
            told.add(sender.caller_id)
        if sender.accepted_by is Carrier.BOTH:
            what = f"the provider's own e-mail service takes mail from {sender.address} past every rule of this file"
            yield ("senders", index, "accepted_by"), what + _unwatched(config)


def _routes(config: Config) -> Notices:
    for index, route in enumerate(config.routes):
        if route.delivered_by is Carrier.BOTH:
            twice = DeliveryFinding(route.number, Delivery.TWICE, route.addresses, wanted=True)
            yield ("routes", index, "delivered_by"), twice.sentence + _unwatched(config)


def _canary(config: Config) -> Notices:
    number = config.canary.own_fax_to
    if number is not None and number not in {route.number for route in config.routes}:
        yield ("canary", "own_fax_to"), f"{number} has no route: {_to_fallback(config)}"


def _to_fallback(config: Config) -> str:
    return f"what is faxed to it goes to {config.received.fallback}"


def _unwatched(config: Config) -> str:
    unwatched = '; nobody looks whether the provider knows that: mode of [mappings] is "off"'
    return unwatched if config.mappings.mode == "off" else ""
