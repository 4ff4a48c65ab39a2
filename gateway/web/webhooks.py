"""Webhooks of the providers: refuse, read, parse, commit, answer (docs/durability.md, sinch-fax-v3 4).

A webhook is only a hint. 200 says that it is durable, 4xx that it is none of ours; 503 is our own trouble, and
the provider comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Final, Protocol
from urllib.parse import urlsplit

from aiohttp import web

from gateway.core.model import FaxEvent
from gateway.providers.base import BadEventError, FaxProvider
from gateway.web.body import IN_MEMORY, read_body

#: When the provider may come back after our own trouble, seconds.
_RETRY_AFTER: Final = "60"


class WakesFaxes(Protocol):
    """What webhooks ask of EmailToFax."""

    async def wake(self, account: str, event: FaxEvent) -> None:
        """Makes the fax of an event due; durable when it returns."""


class TakesFaxes(Protocol):
    """What webhooks ask of FaxToEmail."""

    async def accept(self, account: str, event: FaxEvent) -> None:
        """Stores a received fax once; durable when it returns."""


class SeesCallbacks(Protocol):
    """What webhooks ask of the canary."""

    async def saw_callback(self, account: str, reference: str | None, event: FaxEvent) -> bool:
        """Says whether an event is about a test fax of the canary; then it is durably noted and nobody else's."""


class WebhookLog(Protocol):
    """What webhooks tell the log (faxlog)."""

    def webhook_refused(self, account: str, status: int) -> None:
        """A webhook was answered with an error; ``account`` is empty when it named none of ours."""

    def bug(self, where: str, row: str, error: BaseException) -> None:
        """An unexpected error of ours; ``row`` names the account."""


@dataclass(frozen=True, slots=True)
class WebhookAccount:
    """One provider account: who reads its events, and the path part that only the provider knows."""

    provider: FaxProvider
    secret: str


@dataclass(frozen=True, slots=True)
class WebhookDesk:
    """Where webhooks are handed in; another one takes its place when the configuration changes.

    Attributes:
        accounts: by their name in the configuration.
        email_to_fax: hears of faxes that we sent.
        fax_to_email: hears of faxes that we received.
        canary: hears of its own test faxes.
        max_body: bytes.
    """

    accounts: Mapping[str, WebhookAccount]
    email_to_fax: WakesFaxes
    fax_to_email: TakesFaxes
    canary: SeesCallbacks
    max_body: int


class Webhooks:
    """The one route that providers call: ``POST {public_url}/webhooks/{account}/{secret}``.

    Args:
        desk: takes what comes in.
        public_url: where providers reach us; its path is kept in front of ours.
        log: for what was refused.
        body_seconds: for a whole body to arrive.
        spool_directory: where large bodies wait; a disk, not memory.
    """

    def __init__(
        self, desk: WebhookDesk, *, public_url: str, log: WebhookLog, body_seconds: float, spool_directory: Path
    ) -> None:
        self._desk = desk
        self._path = urlsplit(public_url).path.rstrip("/") + "/webhooks/{account}/{secret}"
        self._log = log
        self._body_seconds = body_seconds
        self._spool_directory = spool_directory
        # One large body in memory at a time: fifty of them at once must not need fifty times the memory.
        self._large = asyncio.Semaphore(1)

    def replace(self, desk: WebhookDesk) -> None:
        """Hands what comes in from now on to another desk; what has begun is finished at the former."""
        self._desk = desk

    def app(self) -> web.Application:
        """Builds the application with its one route."""
        app = web.Application()
        app.router.add_post(self._path, self._receive)
        return app

    async def _receive(self, request: web.Request) -> web.Response:
        name, desk = "", self._desk
        try:
            name, provider = _addressee(desk, request)
            if not provider.authentic(request.headers):
                raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Basic realm="webhooks"'}, text="")  # noqa: TRY301 - one place answers
            await self._take(desk, name, provider, request)
        except web.HTTPException as refusal:
            self._log.webhook_refused(name, refusal.status)
            raise
        except BadEventError:
            self._log.webhook_refused(name, 400)
            return web.Response(status=400)
        except Exception as error:  # noqa: BLE001 - whatever our trouble is, the provider must come back
            self._log.bug("webhook", name, error)
            self._log.webhook_refused(name, 503)
            return web.Response(status=503, headers={"Retry-After": _RETRY_AFTER})
        return web.Response()

    async def _take(self, desk: WebhookDesk, name: str, provider: FaxProvider, request: web.Request) -> None:
        body = await read_body(
            request,
            max_size=desk.max_body,
            seconds=self._body_seconds,
            directory=self._spool_directory,
        )
        with body:
            large = body.tell() > IN_MEMORY
            async with self._large if large else contextlib.nullcontext():
                content_type = request.headers.get("Content-Type", "")
                events = await asyncio.to_thread(_parse, provider, content_type, body)
                for event in events:
                    await _hand_on(desk, name, event, request.query.get("ref"))


def _addressee(desk: WebhookDesk, request: web.Request) -> tuple[str, FaxProvider]:
    """Finds the account of a URL; an unknown account takes as long as a wrong secret."""
    name = request.match_info["account"]
    account = desk.accounts.get(name)
    right = account.secret if account else ""
    if not _same(request.match_info["secret"], right) or account is None:
        raise web.HTTPNotFound
    return name, account.provider


async def _hand_on(desk: WebhookDesk, name: str, event: FaxEvent, reference: str | None) -> None:
    if event.inbound:
        await desk.fax_to_email.accept(name, event)
        return
    event = event if event.reference else replace(event, reference=reference)
    if not await desk.canary.saw_callback(name, event.reference, event):
        await desk.email_to_fax.wake(name, event)


def _parse(provider: FaxProvider, content_type: str, body: SpooledTemporaryFile[bytes]) -> list[FaxEvent]:
    body.seek(0)
    return provider.parse_webhook(content_type, body.read())


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(sha256(given.encode(errors="replace")).digest(), sha256(right.encode()).digest())
