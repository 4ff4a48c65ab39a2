"""Which outbound faxes a search shows, and what it can be made to overlook (interfax-rest 6)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

from gateway.simulator.clock import Clock
from gateway.simulator.faults import Faults
from gateway.simulator.interfax_account import Fax, Received
from gateway.simulator.interfax_errors import bad_parameter
from gateway.simulator.interfax_numbers import read_number
from gateway.simulator.interfax_query import Query

AnyFax = TypeVar("AnyFax", Fax, Received)

STATUS_WORDS: dict[str, Callable[[int], bool]] = {
    "all": lambda _: True,
    "completed": lambda status: status >= 0,
    "success": lambda status: status == 0,
    "failed": lambda status: status > 0,
    "inprocess": lambda status: status < 0,
}


class Visibility:
    """Hides from every list what is too new for it.

    Args:
        clock: Tells how new.
        faults: list_lag.
    """

    def __init__(self, clock: Clock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults

    def of(self, faxes: Iterable[AnyFax]) -> list[AnyFax]:
        """Returns the faxes that a list shows by now."""
        lag = self._faults.take("list_lag")
        if lag is None:
            return list(faxes)
        fresh = self._clock.now() - timedelta(seconds=lag.seconds)
        return [fax for fax in faxes if fax.created < fresh]


def search(faxes: Iterable[Fax], query: Query, user: str, match: str | None) -> Sequence[Fax]:
    """Returns the page of faxes that a search asks for, newest first unless told otherwise.

    Args:
        faxes: All that lists may show.
        query: The request; both ends of the window count.
        user: The one user there is.
        match: How references are compared: `ignore_case`, `substring`, or None for exactly.

    Raises:
        ApiError: -710, -707 or -112 for a parameter that cannot be understood.
    """
    wanted = _filters(query, user, match)
    found = [fax for fax in faxes if all(fits(fax) for fits in wanted)]
    found.sort(key=lambda fax: fax.id, reverse=not query.is_ascending())
    first = query.whole("offset") or 0
    return found[first : first + query.limit()]


def _filters(query: Query, user: str, match: str | None) -> list[Callable[[Fax], bool]]:
    filters: list[Callable[[Fax], bool]] = [_status(query)]
    if (ids := query.ids("ids")) is not None:
        filters.append(lambda fax: fax.id in ids)
    if reference := query.text("reference"):
        filters.append(lambda fax: _matches(fax.options.reference or "", reference, match))
    if (earliest := query.time("dateFrom")) is not None:
        filters.append(lambda fax: fax.created.replace(microsecond=0) >= earliest)
    if (latest := query.time("dateTo")) is not None:
        filters.append(lambda fax: fax.created.replace(microsecond=0) <= latest)
    if text := query.text("faxNumber"):
        number = read_number(text)
        filters.append(lambda fax: fax.to == number)
    if users := query.text("userId"):
        filters.append(lambda _: user.lower() in users.lower().split(","))
    return filters


def _status(query: Query) -> Callable[[Fax], bool]:
    text = (query.text("status") or "all").lower()
    if text in STATUS_WORDS:
        fits = STATUS_WORDS[text]
        return lambda fax: fits(fax.status)
    if not text.removeprefix("-").isdecimal():
        raise bad_parameter("status", f"a status code or one of {', '.join(STATUS_WORDS)}")
    return lambda fax: fax.status == int(text)


def _matches(found: str, wanted: str, match: str | None) -> bool:
    match match:
        case "ignore_case":
            return found.lower() == wanted.lower()
        case "substring":
            return wanted in found
        case _:
            return found == wanted
