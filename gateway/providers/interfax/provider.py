"""InterFAX as a fax provider: our contract kept with their REST API (interfax-rest)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import pikepdf

from gateway.core.model import Attempt, FaxEvent, FaxReport, FaxRequest, Found, Phase, Verdict
from gateway.core.reasons import AccountError, PermanentError, Reason, TemporaryError
from gateway.providers.base import NoDocumentError, UnknownFaxError
from gateway.providers.http import Clock, HttpClient
from gateway.providers.interfax import callbacks, tiff, words
from gateway.providers.interfax.client import Client
from gateway.providers.interfax.login import Login
from gateway.providers.interfax.polling import Turns
from gateway.providers.interfax.received_faxes import ReceivedFaxes
from gateway.providers.interfax.sent_faxes import SentFaxes
from gateway.providers.interfax.uploads import DIRECT_LIMIT, upload
from gateway.providers.settings import NOT_CONFIGURED, NUMBER, ORIGIN, PER_SECOND, SECRET, Example

#: How far back the list of sent faxes is read for one that was lost: their clock and ours differ by less.
_LISTED_BEFORE: Final = timedelta(hours=1)
#: The same for the search by reference, which costs no more for a longer time.
_SEARCHED_BEFORE: Final = timedelta(days=1)
#: A fax that was held for want of credit so long ago, and was not asked for since, says nothing any more.
_STILL_HELD: Final = timedelta(minutes=15)
#: An upload may take so many times as long as one request.
_UPLOAD_PATIENCE: Final = 2
_FILE_NAMES: Final[Mapping[str, str]] = {"application/pdf": "fax.pdf", "image/tiff": "fax.tif"}
_LETTER: Final = (612, 792)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class InterfaxSettings:
    """One user at InterFAX.

    Attributes:
        username: of the user.
        password: its password.
        numbers: its fax numbers, E.164. InterFAX shows the number that was called without country code; a received
            fax to a number that is not here has its number as it is shown.
        marker_number: where a page may be sent to prove that a list is fresh; a call there must cost nothing.
        base_url: their host for this account; an account lives on one of them.
        polls_per_minute: most questions how faxes are doing, all together; they take six.
        requests_per_second: pace of all requests.
        request_timeout: seconds for one request.
    """

    username: Annotated[str, Example("the user name at InterFAX")]
    password: Annotated[str, SECRET, Example("interfax-password")] = field(repr=False)
    numbers: Annotated[tuple[Annotated[str, NUMBER], ...], Example(["+12025550199"])]
    marker_number: Annotated[str, NUMBER] | None = None
    base_url: Annotated[str, ORIGIN] = "https://rest.interfax.net"
    polls_per_minute: float = 6
    requests_per_second: Annotated[float, PER_SECOND] = 5
    request_timeout: Annotated[float, NOT_CONFIGURED] = 60


class Interfax:
    """Keeps `providers.base.FaxProvider` for one user at InterFAX.

    Args:
        account: its name in the configuration.
        settings: login and limits.
        clock: the time, with zone.
    """

    #: By this name whoever builds a provider of any kind finds its settings.
    Settings = InterfaxSettings

    def __init__(self, account: str, settings: InterfaxSettings, clock: Clock) -> None:
        self.account = account
        self.identity = f"interfax user {settings.username}"
        self._settings = settings
        self._clock = clock
        self._http = HttpClient(requests_per_second=settings.requests_per_second, timeout=settings.request_timeout)
        login = Login(settings.username, settings.password, clock)
        self._client = Client(self._http, settings.base_url, login, clock)
        self._turns = Turns(settings.polls_per_minute, login.check)
        self._sent = SentFaxes(self._client, self._turns)
        self._received = ReceivedFaxes(self._client, self._turns, settings.username, settings.numbers)
        self._held: dict[str, datetime] = {}

    async def submit(self, fax: FaxRequest) -> str:
        """Hands one fax over; one call only, their own redialling is off (see the contract).

        There is no callback of its own for a request: ``callback_url`` is not used. While a fax is held there until
        there is credit, the next one would only be held as well, so it is not handed over.
        """
        self._held = {fax_id: seen for fax_id, seen in self._held.items() if self._clock() - seen < _STILL_HELD}
        if self._held:
            raise AccountError(Reason.OUT_OF_CREDIT, "not handed over: they hold another fax until there is credit")
        options = {
            **_options(fax.number, fax.reference),
            "csid": fax.caller_id,
            "pageHeader": self._page_header(fax),
        }
        return words.sent_id(await self._send(options, fax.document, fax.media_type))

    async def find(self, attempt: Attempt, number: str, fresh_after: datetime) -> Found:  # noqa: ARG002 - the contract has it; they search by reference
        """Looks for the reference in the list of sent faxes, then searches for it (see the contract).

        The list is what proves absence, so it is read whole, and references are compared here. The search is a second
        look that another lag may have.
        """
        if attempt.hinted_fax_id and await self._carries(attempt.hinted_fax_id, attempt.reference):
            return Found(Verdict.FOUND, attempt.hinted_fax_id)
        listed = await self._sent.listed_since(attempt.intent_at - _LISTED_BEFORE)
        hits = _carrying(attempt.reference, listed)
        if not hits:
            hits = _carrying(
                attempt.reference, await self._sent.search(attempt.reference, attempt.intent_at - _SEARCHED_BEFORE)
            )
        if hits:
            return _adopt(hits)
        fresh = any(report.created_at is not None and report.created_at > fresh_after for report in listed)
        return Found(Verdict.NOT_THERE if fresh else Verdict.CANNOT_TELL)

    async def send_marker(self, reference: str) -> None:
        """Sends an empty page to the number that the settings name for it, if any (see the contract)."""
        if self._settings.marker_number is not None:
            options = _options(self._settings.marker_number, reference)
            await self._send(options, _empty_page(), "application/pdf")

    async def report(self, provider_fax_id: str) -> FaxReport:
        """Asks how one fax went (see the contract).

        A fax that they hold until there is credit is an AccountError: the account has to be told about, not the fax,
        which goes on by itself.
        """
        report = await self._report(provider_fax_id)
        self._held.pop(provider_fax_id, None)
        if report is None:
            raise UnknownFaxError(provider_fax_id)
        if report.phase is Phase.WAITING and report.reason is not None:
            self._held[provider_fax_id] = self._clock()
            raise AccountError(report.reason, report.raw)
        return report

    async def fetch_document(self, provider_fax_id: str) -> bytes:
        """Downloads the pages of a fax; where the account gives TIFF they become PDF here (see the contract)."""
        number = words.number_of(provider_fax_id)
        if number is None:
            raise UnknownFaxError(provider_fax_id)
        received = words.is_received(provider_fax_id)
        image = await (self._client.received_image(number) if received else self._client.sent_image(number))
        if image is None:
            await self.report(provider_fax_id)  # tells a fax without a document from no fax
            raise NoDocumentError(provider_fax_id)
        if b"%PDF-" in image[:1024]:
            return image
        try:
            return await asyncio.to_thread(tiff.pdf_of, image)
        except ValueError as error:
            detail = f"no usable document in {len(image)} bytes of download: {error}"
            raise TemporaryError(Reason.PROVIDER_DOWN, detail) from error

    async def list_inbound(self, since: datetime) -> AsyncIterator[FaxReport]:
        """Yields the received faxes of this user (see the contract)."""
        async for report in self._received.since(since):
            yield report

    def serves(self, report: FaxReport) -> bool:
        """Says whether a received fax belongs to this user; one that names no user is taken for ours."""
        return report.service is None or report.service.casefold() == self._settings.username.casefold()

    def parse_webhook(self, content_type: str, body: bytes) -> list[FaxEvent]:
        """Reads a callback into hints (see the contract); its fax is asked for anew before it is reported on again."""
        events = callbacks.parse_callback(content_type, body)
        for event in events:
            number = words.number_of(event.provider_fax_id)
            if number is not None and not event.inbound:
                self._sent.event(number)
        return events

    def authentic(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - the contract has it; theirs prove nothing
        """Says True: their callbacks carry no credentials. The secret path of the URL is all that a caller can prove.

        A forged one costs a question at most, and polls have their turns.
        """
        return True

    async def close(self) -> None:
        """Gives its connections back. Safe to repeat: yes."""
        await self._sent.stop()
        await self._received.stop()
        await self._http.close()

    async def _send(self, options: Mapping[str, str], document: bytes, media_type: str) -> int:
        name = _FILE_NAMES.get(media_type)
        if name is None:
            raise PermanentError(Reason.UNSUPPORTED_TYPE, f"cannot hand over {media_type}")
        if len(document) <= DIRECT_LIMIT:
            return await self._client.send(options, document, media_type)
        patience = _UPLOAD_PATIENCE * self._settings.request_timeout
        uri = await upload(self._client, name, document, seconds=patience)
        return await self._client.send_uploaded(options, uri)

    def _page_header(self, fax: FaxRequest) -> str:
        """Writes the line on each page (47 CFR 68.318(d)).

        Of their placeholders only some are documented, and none for the time; the call follows soon enough.
        """
        time = self._clock().astimezone(ZoneInfo(fax.header_time_zone))
        identity = fax.header_text.translate(_NO_PLACEHOLDERS)
        return f"{time:%Y-%m-%d %H:%M %Z} {identity} Pages: {{TotalPages}}"

    async def _report(self, fax_id: str) -> FaxReport | None:
        number = words.number_of(fax_id)
        if number is None:
            return None
        return await (self._received if words.is_received(fax_id) else self._sent).report(number)

    async def _carries(self, fax_id: str, reference: str) -> bool:
        report = await self._report(fax_id)
        return report is not None and reference in report.references


_NO_PLACEHOLDERS: Final = str.maketrans("{}", "()")


def _options(number: str, reference: str) -> dict[str, str]:
    # They count calls, not repetitions: 1 is one call.
    return {"faxNumber": number, "reference": reference, "retriesToPerform": "1", "resolution": "fine"}


def _carrying(reference: str, reports: Sequence[FaxReport]) -> list[FaxReport]:
    return [report for report in reports if reference in report.references]


def _adopt(hits: list[FaxReport]) -> Found:
    # More than one is somebody's mistake; the recipient has, or will have, the oldest that did not fail.
    best, *others = sorted(hits, key=lambda hit: (hit.phase is Phase.FAILED, hit.created_at or _NEVER))
    return Found(Verdict.FOUND, best.provider_fax_id, tuple(other.provider_fax_id for other in others))


def _empty_page() -> bytes:
    page = BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=_LETTER)
        pdf.save(page)
    return page.getvalue()
