"""Who gets a received fax. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.core.model import Route


def addresses_for(number: str | None, routes: Iterable[Route], fallback: str) -> tuple[str, ...]:
    """Chooses the addresses for a fax to ``number``: those of its route, else the fallback. Never nobody."""
    for route in routes:
        if route.number == number and route.addresses:
            return tuple(dict.fromkeys(route.addresses))
    return (fallback,)
