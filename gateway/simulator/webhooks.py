"""Delivery of events to the URL of a customer: Basic credentials, retries, duplicates, losses, a log."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp
from yarl import URL

from gateway.simulator.clock import Clock, stamp
from gateway.simulator.faults import Faults

MINUTE = 60
HOUR = 60 * MINUTE


@dataclass(frozen=True, slots=True)
class Event:
    """One event on its way: where to, about which fax, and the bytes."""

    url: str
    name: str
    fax: str
    content_type: str
    body: bytes


class WebhookSender:
    """Delivers events until they are answered 200, and remembers each try.

    Args:
        clock: Plans the retries.
        faults: lose_callback, double_callback, reorder_callback.
        retry_delays: Seconds of simulated time before each retry.
        timeout: Seconds of real time that the receiver has for its answer.
    """

    def __init__(self, clock: Clock, faults: Faults, retry_delays: Sequence[float], timeout: float) -> None:
        self._clock = clock
        self._faults = faults
        self._retry_delays = retry_delays
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._client: aiohttp.ClientSession | None = None
        self._held: list[tuple[Event, Sequence[float]]] = []
        self.log: list[dict[str, Any]] = []

    async def start(self) -> None:
        """Opens the HTTP client."""
        self._client = aiohttp.ClientSession(timeout=self._timeout, auto_decompress=False)

    async def stop(self) -> None:
        """Closes the HTTP client. Safe to repeat."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def clear(self) -> None:
        """Forgets the log and the events held back."""
        self._held.clear()
        self.log.clear()

    def send(self, event: Event, *, copies: int = 1, retry: bool = True) -> None:
        """Plans the first try at once; a callback fault may lose, double or hold the event."""
        delays = self._retry_delays if retry else ()
        path = URL(event.url).raw_path
        if self._faults.take("lose_callback", "POST", path):
            self._note(event, 0, error="lost on purpose, never sent", result="lost")
            return
        if self._faults.take("reorder_callback", "POST", path):
            self._held.append((event, delays))
            return
        if self._faults.take("double_callback", "POST", path):
            copies += 1
        for _ in range(copies):
            self._clock.after(0, partial(self._try, event, 1, delays))

    async def _try(self, event: Event, number: int, delays: Sequence[float]) -> None:
        status, error = await self._post(event)
        if status == HTTPStatus.OK:
            self._note(event, number, status=status, result="delivered")
        elif number <= len(delays):
            self._note(event, number, status=status, error=error, result="retry")
            self._clock.after(delays[number - 1], partial(self._try, event, number + 1, delays))
        else:
            self._note(event, number, status=status, error=error, result="given up")
        held, self._held = self._held, []
        for late, its_delays in held:
            self._clock.after(0, partial(self._try, late, 1, its_delays))

    async def _post(self, event: Event) -> tuple[int | None, str | None]:
        if self._client is None:
            raise RuntimeError("the sender of webhooks is not started")
        url = URL(event.url)
        headers = {"Content-Type": event.content_type}
        if url.user is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(url.user, url.password or "")
        try:
            async with self._client.post(
                url.with_user(None), data=event.body, headers=headers, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status, None
        except TimeoutError:
            return None, "no answer in time"
        except (aiohttp.ClientError, OSError) as problem:
            return None, f"{type(problem).__name__}: {problem}"

    def _note(
        self, event: Event, number: int, *, result: str, status: int | None = None, error: str | None = None
    ) -> None:
        self.log.append(
            {
                "time": stamp(self._clock.now()),
                "event": event.name,
                "fax": event.fax,
                "url": mask_credentials(event.url),
                "contentType": event.content_type.partition(";")[0],
                "try": number,
                "status": status,
                "error": error,
                "result": result,
            }
        )


def mask_credentials(url: str) -> str:
    """Returns the URL with user and password as `***`, the way the services show it (sinch-fax-v3 4.2)."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://)[^/?#]*@", r"\1***:***@", url, flags=re.IGNORECASE)
