"""A fax from acceptance to its final state and the event that tells it (sinch-fax-v3 3.6 and section 11)."""

from functools import partial

from gateway.simulator.clock import Clock
from gateway.simulator.faults import Faults
from gateway.simulator.sinch_account import Account, Fax
from gateway.simulator.sinch_events import COMPLETED, INCOMING, event_of
from gateway.simulator.sinch_fates import Fate, error_of, fate_of
from gateway.simulator.webhooks import WebhookSender

CONVERSION_SECONDS = 0.2
CALL_SECONDS = 0.3
PAGE_SECONDS = 0.2


class Lifecycle:
    """Moves faxes on as simulated time passes and sends the event at the end.

    Args:
        account: Where the faxes and services are.
        clock: Plans the steps.
        faults: fail, callback_fallback, swapped_files.
        webhooks: Takes the events.
    """

    def __init__(self, account: Account, clock: Clock, faults: Faults, webhooks: WebhookSender) -> None:
        self._account = account
        self._clock = clock
        self._faults = faults
        self._webhooks = webhooks

    def fate_of(self, number: str) -> Fate:
        """Returns the fate of a fax accepted now: that of a `fail` fault, else that of its number."""
        fault = self._faults.take("fail")
        if fault is None:
            return fate_of(number)
        error = error_of(fault.extra.get("type", "CALL_ERROR"), fault.extra.get("code", 17))
        return Fate(error=error, pages_sent=fault.extra.get("pages_sent", 0))

    def begin(self, fax: Fax) -> None:
        """Starts the conversion of an accepted outbound fax."""
        self._clock.after(CONVERSION_SECONDS, partial(self._converted, fax))

    def received(self, fax: Fax) -> None:
        """Records an incoming fax that has just ended and tells its service."""
        fax.completed = self._clock.now()
        fax.status = "COMPLETED" if fax.error is None else "FAILURE"
        service = self._account.service(fax.service)
        fax.has_file = fax.document is not None and service.settings["saveInboundFaxDocuments"]
        self._account.faxes[fax.id] = fax
        url = service.settings.get("incomingWebhookUrl")
        if url and not self._account.is_suspended(fax.to):
            self._tell(INCOMING, fax, url, service.settings["webhookContentType"], 1)

    async def _converted(self, fax: Fax) -> None:
        if fax.fate.error is not None and fax.fate.error.before_the_call:
            self._finish(fax)
            return
        fax.number_of_pages = fax.pages
        self._dial(fax)

    def _dial(self, fax: Fax) -> None:
        if fax.fate.stuck:
            return
        pages = fax.pages if fax.fate.error is None else fax.fate.pages_sent
        seconds = fax.fate.seconds
        self._clock.after(
            CALL_SECONDS + PAGE_SECONDS * pages if seconds is None else seconds, partial(self._hung_up, fax)
        )

    async def _hung_up(self, fax: Fax) -> None:
        if fax.fate.error is not None and fax.retries < fax.options["maxRetries"]:
            fax.retries += 1
            self._clock.after(fax.options["retryDelaySeconds"], partial(self._redial, fax))
        else:
            self._finish(fax)

    async def _redial(self, fax: Fax) -> None:
        self._dial(fax)

    def _finish(self, fax: Fax) -> None:
        service = self._account.services.get(fax.service, self._account.default_service())
        fax.error = fax.fate.error
        fax.status = "COMPLETED" if fax.error is None else "FAILURE"
        fax.pages_sent = fax.pages if fax.error is None else min(fax.fate.pages_sent, fax.pages)
        fax.has_file = fax.document is not None and service.settings["saveOutboundFaxDocuments"]
        fax.completed = self._clock.now()
        url = fax.options.get("callbackUrl")
        if not url and self._faults.take("callback_fallback"):
            url = service.settings.get("incomingWebhookUrl")
        if url and fax.fate.callbacks:
            self._tell(COMPLETED, fax, url, fax.options["callbackUrlContentType"], fax.fate.callbacks)

    def _tell(self, name: str, fax: Fax, url: str, content_type: str, copies: int) -> None:
        event = event_of(
            name,
            url,
            content_type,
            fax=self._account.fax_json(fax),
            document=fax.document,
            now=self._clock.now(),
            swapped=self._faults.take("swapped_files") is not None,
        )
        self._webhooks.send(event, copies=copies)
