"""How often a user may ask: six queries a minute, outbound and inbound together (interfax-rest 12)."""

import re
from collections import deque

from aiohttp import web

from gateway.simulator.clock import Clock

WINDOW_SECONDS = 60
#: Lists, searches and single records. The vendor does not say more; images, documents and credit are free here.
POLL = re.compile(r"/(outbound/(faxes|search|batches)|inbound/faxes)\b(?!.*/image$)")


class PollLimit:
    """Counts the queries of a user.

    Args:
        clock: The minute is one of its time, whatever its speed.
        most: Queries a minute; 0 for no limit.
    """

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._times: deque[float] = deque()
        self._answered = self._refused = self._busiest = 0

    def admits(self, request: web.Request) -> bool:
        """Tells whether a request may be answered, and counts it; one that is refused leaves room for the next."""
        if request.method != "GET" or not POLL.match(request.path):
            return True
        now = self._clock.now().timestamp()
        while self._times and self._times[0] <= now - WINDOW_SECONDS:
            self._times.popleft()
        if self._most and len(self._times) >= self._most:
            self._refused += 1
            return False
        self._times.append(now)
        self._answered += 1
        self._busiest = max(self._busiest, len(self._times))
        return True

    def counts(self) -> dict[str, int]:
        """Returns how many queries were answered and refused, and the most that were answered in a minute."""
        return {"answered": self._answered, "refused": self._refused, "busiest_minute": self._busiest}

    def clear(self) -> None:
        """Forgets all queries."""
        self._times.clear()
        self._answered = self._refused = self._busiest = 0
