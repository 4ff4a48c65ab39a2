"""A customer of the simulated InterFAX: its credentials, a short way to send, and bodies in the dialects of clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import aiohttp
from simulated import Answer, pdf_of, standing_clock
from yarl import URL

from gateway.simulator import InterfaxSimulator

OURS = "+442079460000"
THEIRS = "+12025550143"
BUSY = "+99999996017"
MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass
class Caller:
    """Calls a simulator with Basic credentials unless told otherwise."""

    simulator: InterfaxSimulator
    base_url: str
    session: aiohttp.ClientSession

    async def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, query: str = "", **how: Any
    ) -> Answer:
        """Calls a path; it goes out exactly as written. ``query`` is what follows the question mark."""
        basic = aiohttp.encode_basic_auth(self.simulator.username, self.simulator.password)
        url = URL(f"{self.base_url}{path}{f'?{query}' if query else ''}", encoded=True)
        used = {"Authorization": basic, **(headers or {})}
        async with self.session.request(method, url, headers=used, **how) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, **query: Any) -> Any:
        """Returns the JSON at a path."""
        answer = await self.call("GET", path, query=urlencode(query))
        assert answer.status == 200, answer.body
        return answer.json

    async def xml(self, path: str) -> ET.Element:
        """Returns the XML at a path."""
        answer = await self.call("GET", path, headers={"Accept": "text/xml"})
        assert answer.status == 200, answer.body
        return ET.fromstring(answer.body)  # noqa: S314 - our own simulator wrote it

    async def post(self, path: str, **query: Any) -> Answer:
        return await self.call("POST", path, query=urlencode(query))

    async def try_send(self, to: str = THEIRS, *, pages: int = 1, **options: Any) -> Answer:
        query = f"faxNumber={quote(to, safe='')}&{urlencode(options)}"
        headers = {"Content-Type": "application/pdf"}
        return await self.call("POST", "/outbound/faxes", query=query, data=pdf_of(pages), headers=headers)

    async def send(self, to: str = THEIRS, *, pages: int = 1, **options: Any) -> int:
        """Sends a PDF and returns the id of the fax."""
        answer = await self.try_send(to, pages=pages, **options)
        assert answer.status == 201, answer.body
        return id_of(answer)

    async def send_body(self, body: Any, content_type: str, **headers: str) -> Answer:
        """Sends a body as it is: bytes, an open file, or an iterator of chunks."""
        used = {"Content-Type": content_type, **{name.replace("_", "-"): text for name, text in headers.items()}}
        return await self.call("POST", "/outbound/faxes", query=f"faxNumber=%2B{THEIRS[1:]}", data=body, headers=used)

    async def fax(self, fax_id: int) -> dict[str, Any]:
        return dict(await self.get(f"/outbound/faxes/{fax_id}"))

    async def control(self, method: str, path: str, **how: Any) -> Answer:
        return await self.call(method, f"/_control{path}", **how)

    async def faults(self, *faults: dict[str, Any]) -> None:
        answer = await self.control("POST", "/faults", json=list(faults))
        assert answer.status == 200, answer.body


Start = Callable[..., Awaitable[Caller]]


def id_of(answer: Answer) -> int:
    """The id in the path of a Location."""
    return int(answer.headers["Location"].rpartition("/")[2])


def a_simulator(**options: Any) -> InterfaxSimulator:
    """A simulator whose clock only moves when told to; it may be asked as often as a test likes."""
    return InterfaxSimulator(**{"clock": standing_clock(), "polls_per_minute": 0, **options})
