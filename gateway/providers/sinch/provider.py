"""Sinch as a fax provider: our contract kept with their API (sinch-fax-v3)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

import pikepdf

from gateway.core.model import (
    Attempt,
    FaxEvent,
    FaxReport,
    FaxRequest,
    Found,
    Permission,
    Phase,
    ServiceState,
    Verdict,
)
from gateway.core.reasons import PermanentError, Reason, TemporaryError
from gateway.providers.base import NoDocumentError, UnknownFaxError
from gateway.providers.http import Clock, HttpClient, basic_credentials
from gateway.providers.settings import NOT_CONFIGURED, ORIGIN, PER_SECOND, SECRET, URL_SAFE, URL_SAFE_SECRET, Example
from gateway.providers.sinch import service_settings, webhooks, words
from gateway.providers.sinch.access_token import AccessToken
from gateway.providers.sinch.client import Client, File, Order
from gateway.providers.sinch.mappings import mappings_of
from gateway.providers.sinch.project import Project
from gateway.providers.sinch.service_client import ServiceClient

#: Takes any fax, calls nobody, costs nothing: their only test number (sinch-fax-v3 10).
TEST_NUMBER: Final = "+19898989898"

#: How far their clock may be behind ours when we look for a fax by its time. Too little would make a fax invisible on
#: a list that seems fresh, and it would be sent twice; too much only makes the list longer.
_CLOCK_MARGIN: Final = timedelta(days=1)
_LETTER: Final = (612, 792)


@dataclass(frozen=True, slots=True)
class SinchSettings:
    """One account at Sinch.

    Attributes:
        project_id: the project that the key belongs to.
        key_id: access key.
        key_secret: its secret.
        services: ids of the services whose received faxes are ours, at least one; the first one sends.
        webhook_user: user name that Sinch shows us in webhooks.
        webhook_password: new callbacks carry it.
        old_webhook_password: accepted too, while it is on its way out.
        save_received: whether Sinch keeps the pages of received faxes; None leaves that as it is there.
        save_sent: the same for sent faxes.
        base_url: origin of the fax API.
        auth_url: origin of the token endpoint.
        send_markers: may send a page to the free test number to prove that a list is fresh.
        requests_per_second: pace of all requests of this account.
        request_timeout: seconds for one request.
    """

    project_id: Annotated[str, Example("the id that their dashboard shows")]
    key_id: Annotated[str, Example("the id that their dashboard shows")]
    key_secret: Annotated[str, SECRET, Example("sinch-key-secret")] = field(repr=False)
    services: Annotated[tuple[str, ...], Example(["01JC8MKEXAMPLE"])]
    webhook_password: Annotated[str, URL_SAFE_SECRET, Example("sinch-webhook-password")] = field(repr=False)
    webhook_user: Annotated[str, URL_SAFE] = "faxgw"
    old_webhook_password: Annotated[str, URL_SAFE_SECRET] | None = field(default=None, repr=False)
    save_received: bool | None = None
    save_sent: bool | None = None
    base_url: Annotated[str, ORIGIN] = "https://fax.api.sinch.com"
    auth_url: Annotated[str, ORIGIN] = "https://auth.sinch.com"
    send_markers: bool = True
    requests_per_second: Annotated[float, PER_SECOND] = 5
    request_timeout: Annotated[float, NOT_CONFIGURED] = 60

    @property
    def webhook_passwords(self) -> tuple[str, ...]:
        """Gives the passwords that webhooks may carry; an empty one opens nothing."""
        return tuple(filter(None, (self.webhook_password, self.old_webhook_password)))


class Sinch:
    """Keeps `providers.base.FaxProvider`, `KeepsMappings` and `TestsItself` for one account at Sinch.

    Args:
        account: its name in the configuration.
        settings: credentials and limits.
        clock: the time, with zone.
    """

    #: By this name whoever builds a provider of any kind finds its settings.
    Settings = SinchSettings

    def __init__(self, account: str, settings: SinchSettings, clock: Clock) -> None:
        self.account = account
        self.identity = f"sinch project {settings.project_id}"
        self._settings = settings
        self._http = HttpClient(requests_per_second=settings.requests_per_second, timeout=settings.request_timeout)
        token = AccessToken(self._http, settings.auth_url, settings.key_id, settings.key_secret, clock)
        project = Project(self._http, settings.base_url, settings.project_id, token, clock)
        self._client = Client(project)
        self._services = ServiceClient(project)

    async def submit(self, fax: FaxRequest) -> str:
        """Hands one fax over; one call only, their own redialling is off (see the contract)."""
        order = self._order(fax.reference, fax.number, fax.document, fax.media_type)
        order["from"] = fax.caller_id
        order["headerText"] = fax.header_text
        order["headerTimeZone"] = fax.header_time_zone
        order["headerPageNumbers"] = True
        if fax.callback_url is not None:
            self._add_callback(order, fax.callback_url)
        return await self._client.send(order)

    async def find(self, attempt: Attempt, number: str, fresh_after: datetime) -> Found:
        """Looks for the reference in their labels (docs/durability.md; see the contract).

        First among the faxes to this number, then among all: the list that proves absence is itself searched,
        so that a number which they write in another way, or a filter that lags, cannot hide the fax.
        """
        if attempt.hinted_fax_id and await self._carries(attempt.hinted_fax_id, attempt.reference):
            return Found(Verdict.FOUND, attempt.hinted_fax_id)
        since = attempt.intent_at - _CLOCK_MARGIN
        fresh = False
        for narrowed in ({"to": number}, {}):
            sent = [report async for report in self._sent_since(since, narrowed)]
            if hits := [report for report in sent if attempt.reference in report.references]:
                return _adopt(hits)
            fresh = any(report.created_at and report.created_at > fresh_after for report in sent)
        return Found(Verdict.NOT_THERE if fresh else Verdict.CANNOT_TELL)

    async def send_marker(self, reference: str) -> None:
        """Sends an empty page to the free test number, if the settings allow it (see the contract)."""
        if self._settings.send_markers:
            await self._client.send(self._test_order(reference))

    async def report(self, provider_fax_id: str) -> FaxReport:
        """Asks how one fax went (see the contract)."""
        fax = await self._client.fax(provider_fax_id)
        if fax is None:
            raise UnknownFaxError(provider_fax_id)
        return words.report_of(fax, provider_fax_id)

    async def fetch_document(self, provider_fax_id: str) -> bytes:
        """Downloads the pages of a fax as PDF (see the contract)."""
        document = await self._client.document(provider_fax_id)
        if document is None:
            await self.report(provider_fax_id)  # tells a fax without a document from no fax
            raise NoDocumentError(provider_fax_id)
        if b"%PDF-" not in document[:1024]:
            raise TemporaryError(Reason.PROVIDER_DOWN, f"no PDF in {len(document)} bytes of download")
        return document

    async def list_inbound(self, since: datetime) -> AsyncIterator[FaxReport]:
        """Yields the received faxes of our services (see the contract)."""
        for service in self._settings.services:
            faxes = self._client.faxes(created_from=since, direction="INBOUND", serviceId=service)
            async for fax in faxes:
                report = words.report_of(fax, fax["id"])
                listed = report if report.service else replace(report, service=service)
                if listed.inbound and self.serves(listed) and (not listed.created_at or listed.created_at >= since):
                    yield listed

    def serves(self, report: FaxReport) -> bool:
        """Says whether the fax belongs to one of our services. One without a service is taken for ours."""
        return report.service is None or report.service in self._settings.services

    def parse_webhook(self, content_type: str, body: bytes) -> list[FaxEvent]:
        """Reads a webhook body into hints (see the contract)."""
        return webhooks.parse_webhook(content_type, body)

    def authentic(self, headers: Mapping[str, str]) -> bool:
        """Compares the Basic credentials of a webhook with every accepted pair, in constant time."""
        given = headers.get("Authorization", "").strip().encode("utf-8", "replace")
        user = self._settings.webhook_user
        accepted = [basic_credentials(user, password).encode() for password in self._settings.webhook_passwords]
        return sum(hmac.compare_digest(given, expected) for expected in accepted) > 0

    async def close(self) -> None:
        """Gives its connections back. Safe to repeat: yes."""
        await self._http.close()

    # --- KeepsMappings ---

    async def read_services(self, webhook_url: str) -> tuple[ServiceState, ...]:
        """Reads our services one after the other (see the contract)."""
        wanted = self._wanted_settings(webhook_url)
        return tuple([await self._read_service(service, wanted) for service in self._settings.services])

    async def read_address(self, service: str, address: str) -> dict[str, Permission] | None:
        """Reads the numbers of one address as they are now (see the contract)."""
        return await self._services.numbers_of(service, address)

    async def add_address(self, service: str, address: str, numbers: Mapping[str, Permission]) -> None:
        """Makes an address with these numbers (see the contract)."""
        await self._services.add_address(service, address, numbers)

    async def set_numbers(self, service: str, address: str, numbers: Mapping[str, Permission]) -> None:
        """Replaces all numbers of an address (see the contract)."""
        await self._services.set_numbers(service, address, numbers)

    async def remove_address(self, service: str, address: str) -> None:
        """Removes an address; gone already is as good (see the contract)."""
        await self._services.remove_address(service, address)

    async def change_settings(self, service: str, names: Collection[str], webhook_url: str) -> None:
        """Sets these settings of a service and touches no others (see the contract)."""
        wanted = self._wanted_settings(webhook_url)
        await self._services.change_service(service, {name: wanted[name] for name in names})

    # --- TestsItself ---

    async def send_test_fax(self, reference: str, callback_url: str) -> str:
        """Sends an empty page to the free test number, with a callback (see the contract)."""
        order = self._test_order(reference)
        self._add_callback(order, callback_url)
        return await self._client.send(order)

    def event_about(self, report: FaxReport) -> tuple[dict[str, str], bytes]:
        """Builds the JSON event about a fax, with the credentials that it would carry (see the contract)."""
        authorization = basic_credentials(self._settings.webhook_user, self._settings.webhook_password)
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        return headers, webhooks.event_about(report, self._settings.project_id)

    def _order(self, reference: str, number: str, document: bytes, media_type: str) -> Order:
        file_type = words.FILE_TYPES.get(media_type)
        if file_type is None:
            raise PermanentError(Reason.UNSUPPORTED_TYPE, f"cannot hand over {media_type}")
        return Order(
            to=number,
            files=[File(file=base64.b64encode(document).decode(), fileType=file_type)],
            labels={words.REFERENCE_LABEL: reference},
            maxRetries=0,
            resolution="FINE",
            serviceId=self._settings.services[0],
        )

    def _test_order(self, reference: str) -> Order:
        return self._order(reference, TEST_NUMBER, _empty_page(), "application/pdf")

    def _add_callback(self, order: Order, url: str) -> None:
        order["callbackUrl"] = self._with_credentials(url)
        order["callbackUrlContentType"] = "application/json"

    def _wanted_settings(self, webhook_url: str) -> dict[str, service_settings.Value]:
        return service_settings.wanted_settings(
            self._with_credentials(webhook_url),
            save_received=self._settings.save_received,
            save_sent=self._settings.save_sent,
        )

    async def _read_service(self, service: str, wanted: Mapping[str, service_settings.Value]) -> ServiceState:
        found = await self._services.service(service)
        numbers = await self._services.numbers(service)
        addresses = await self._services.addresses(service)
        return ServiceState(
            id=service,
            name=str(found.get("name") or ""),
            numbers=frozenset(numbers),
            suspended=frozenset(number for number, suspended in numbers.items() if suspended),
            mappings=mappings_of(service, addresses),
            settings=service_settings.compare(found, wanted),
            keeps_received=service_settings.keeps_received(found),
        )

    def _with_credentials(self, url: str) -> str:
        parts = urlsplit(url)
        user, password = self._settings.webhook_user, self._settings.webhook_password
        return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}").geturl()

    async def _carries(self, name: str, reference: str) -> bool:
        fax = await self._client.fax(name)
        return fax is not None and reference in words.references(fax)

    async def _sent_since(self, since: datetime, narrowed: dict[str, str]) -> AsyncIterator[FaxReport]:
        async for fax in self._client.faxes(created_from=since, direction="OUTBOUND", **narrowed):
            report = words.report_of(fax, fax["id"])
            if not report.inbound:
                yield report


def _adopt(hits: list[FaxReport]) -> Found:
    # More than one is somebody's mistake; the recipient has, or will have, the oldest that did not fail.
    best, *others = sorted(
        hits,
        key=lambda hit: (
            hit.phase is Phase.FAILED,
            hit.created_at is None,
            hit.created_at,
            hit.provider_fax_id,
        ),
    )
    return Found(Verdict.FOUND, best.provider_fax_id, tuple(other.provider_fax_id for other in others))


def _empty_page() -> bytes:
    page = BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=_LETTER)
        pdf.save(page)
    return page.getvalue()
