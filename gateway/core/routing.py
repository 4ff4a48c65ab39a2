"""Who gets a received fax. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gateway.core.model import Carrier, Route


def addresses_for(
    number: str | None, routes: Iterable[Route], fallback: str, mailed_by_provider: Collection[str]
) -> tuple[str, ...]:
    """Chooses the addresses to which we mail a fax to ``number``: those of its route, else the fallback.

    Where the route leaves its addresses to the provider, only those that the provider does not know: a copy is
    harmless, a loss is not. So nobody is left out by both, and the answer is empty only if the provider mails all.

    Args:
        number: that was called.
        routes: the first one of a number holds.
        fallback: gets what no route claims.
        mailed_by_provider: the addresses to which the provider mails the faxes of ``number``, in small letters; none
            if its table was never read.
    """
    for route in routes:
        if route.number == number and route.addresses:
            once: dict[str, str] = {}
            for address in route.addresses:
                once.setdefault(address.lower(), address)
            left_out = mailed_by_provider if route.delivered_by is Carrier.PROVIDER else ()
            return tuple(address for small, address in once.items() if small not in left_out)
    return (fallback,)
