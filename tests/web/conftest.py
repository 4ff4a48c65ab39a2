"""A webhook server on a loopback port, with a provider and stories that do as they are told."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from gateway.core.model import FaxEvent
from gateway.providers.base import BadEventError
from gateway.web.server import WebServer
from gateway.web.webhooks import WebhookAccount, WebhookDesk, Webhooks

SECRET = "kx7Qp2"
GOOD = {"Authorization": "Basic " + base64.b64encode(b"sinch:pass").decode()}


class FakeProvider:
    """Reads ``{"id", "inbound", "reference", "document"}``; counts how many bodies it parses at a time."""

    def __init__(self) -> None:
        self.parsed = 0
        self.largest = 0

    def authentic(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == GOOD["Authorization"]

    def parse_webhook(self, content_type: str, body: bytes) -> list[FaxEvent]:
        self.parsed += 1
        self.largest = max(self.largest, len(body))
        if content_type != "application/json":
            raise BadEventError("no event")
        facts = json.loads(body)
        if facts.get("id") is None:
            return []
        return [FaxEvent(facts["id"], facts["inbound"], facts.get("reference"), facts.get("document"))]


class FakeStories:
    """Both stories and the canary: remembers what it was given; fails or waits as it is told."""

    def __init__(self) -> None:
        self.of_the_canary: set[str] = set()
        self.accepted: list[tuple[str, FaxEvent]] = []
        self.woken: list[tuple[str, FaxEvent]] = []
        self.error: Exception | None = None
        self.at_a_time = 0
        self.most_at_a_time = 0

    async def accept(self, account: str, event: FaxEvent) -> None:
        self.at_a_time += 1
        self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        await asyncio.sleep(0)
        self.at_a_time -= 1
        if self.error is not None:
            raise self.error
        self.accepted.append((account, event))

    async def saw_callback(self, account: str, reference: str | None, event: FaxEvent) -> bool:
        return reference in self.of_the_canary

    async def wake(self, account: str, event: FaxEvent) -> None:
        if self.error is not None:
            raise self.error
        self.woken.append((account, event))


class RememberingLog:
    def __init__(self) -> None:
        self.refusals: list[tuple[str, int]] = []
        self.bugs: list[BaseException] = []

    def webhook_refused(self, account: str, status: int) -> None:
        self.refusals.append((account, status))

    def bug(self, _where: str, _row: str, error: BaseException) -> None:
        self.bugs.append(error)


@dataclass
class Door:
    """The server as a provider sees it, and what is behind it."""

    address: str
    provider: FakeProvider
    stories: FakeStories
    log: RememberingLog
    http: aiohttp.ClientSession
    spool: Path

    def url(self, account: str = "main", secret: str = SECRET, query: str = "") -> str:
        return f"http://{self.address}/fax/webhooks/{account}/{secret}{query}"

    async def post(self, body: object, url: str = "", headers: Mapping[str, str] = GOOD) -> int:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        typed = {"Content-Type": "application/json", **headers}
        async with self.http.post(url or self.url(), data=io.BytesIO(data), headers=typed) as answer:
            text = await answer.text()
            assert "secret" not in text
            assert text == "" or answer.status != 200
            self.last_headers = answer.headers
            return answer.status


@pytest.fixture
async def open_door(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Door]]]:
    doors: list[tuple[Door, WebServer]] = []

    async def start(*, max_body: int = 64 * 1024 * 1024, body_seconds: float = 30) -> Door:
        provider, stories, log = FakeProvider(), FakeStories(), RememberingLog()
        account = WebhookAccount(provider, SECRET)  # type: ignore[arg-type]
        hooks = Webhooks(
            WebhookDesk({"main": account}, stories, stories, stories, max_body),
            public_url="https://gw.example/fax/",
            log=log,
            body_seconds=body_seconds,
            spool_directory=tmp_path,
        )
        server = WebServer(hooks.app(), "127.0.0.1:0", grace_seconds=1)
        door = Door(await server.start(), provider, stories, log, aiohttp.ClientSession(), tmp_path)
        doors.append((door, server))
        return door

    yield start
    for door, server in doors:
        await door.http.close()
        await server.stop()
