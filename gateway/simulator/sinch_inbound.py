"""Faxes that come in: the record, its pages, the service it belongs to (sinch-fax-v3 3.5 and 4.5)."""

import asyncio
import hashlib
from datetime import datetime
from typing import Any

from gateway.simulator.clock import Clock
from gateway.simulator.control import BadControlError, Inbound
from gateway.simulator.documents import ConversionError, Upload, merge
from gateway.simulator.pages import received_fax
from gateway.simulator.sinch_account import Account, Fax, Service
from gateway.simulator.sinch_fates import FaxError, error_of
from gateway.simulator.sinch_lifecycle import Lifecycle

#: What inbound faxes show in the vendor's own samples.
SAMPLE_OPTIONS: dict[str, Any] = {
    "headerText": "",
    "headerPageNumbers": True,
    "headerTimeZone": "UTC",
    "retryDelaySeconds": 60,
    "maxRetries": 0,
    "resolution": "FINE",
}
NO_FAX_TONE = ("FAX_ERROR", 132)
NOT_OPERATIONAL = ("CALL_ERROR", 34)


class Reception:
    """Lets faxes come in.

    Args:
        account: Gets the records.
        clock: Stamps them.
        lifecycle: Tells the service.
    """

    def __init__(self, account: Account, clock: Clock, lifecycle: Lifecycle) -> None:
        self._account = account
        self._clock = clock
        self._lifecycle = lifecycle

    async def receive(self, fax: Inbound) -> str:
        """Records a fax that has just come in, plans its webhook, and returns its id.

        Raises:
            BadControlError: There is no such service, or the PDF cannot be opened.
        """
        now = self._clock.now()
        service = self._service_of(fax)
        error = self._error_of(fax)
        document, pages = (None, 0) if error else await asyncio.to_thread(_pages_of, fax, now)
        record = Fax(
            id=self._account.new_id(),
            direction="INBOUND",
            to=fax.to,
            sender=fax.sender,
            service=service.id,
            created=now,
            options=_options_of(service),
            document=document,
            sha256=hashlib.sha256(document or b"").hexdigest(),
            pages=pages,
            number_of_pages=pages,
            error=error,
            barcodes=list(fax.barcodes),
        )
        self._lifecycle.received(record)
        return record.id

    def _service_of(self, fax: Inbound) -> Service:
        owned = self._account.numbers.get(fax.to)
        if fax.service is None:
            return self._account.service(owned.service) if owned else self._account.default_service()
        if fax.service not in self._account.services:
            raise BadControlError(f"there is no service {fax.service}")
        return self._account.service(fax.service)

    def _error_of(self, fax: Inbound) -> FaxError | None:
        if fax.failure is not None:
            kind, code = fax.failure
            return error_of(kind or NO_FAX_TONE[0], NO_FAX_TONE[1] if code is None else code)
        return error_of(*NOT_OPERATIONAL) if self._account.is_suspended(fax.to) else None


def _options_of(service: Service) -> dict[str, Any]:
    url = service.settings.get("incomingWebhookUrl")
    encoding = {"callbackUrlContentType": service.settings["webhookContentType"]}
    return {**SAMPLE_OPTIONS, **encoding, **({"callbackUrl": url} if url else {})}


def _pages_of(fax: Inbound, now: datetime) -> tuple[bytes, int]:
    if fax.pdf is None:
        return received_fax(pages=fax.pages, caller=fax.sender, called=fax.to, time=now), fax.pages
    try:
        return merge([Upload("PDF", fax.pdf)])
    except ConversionError as problem:
        raise BadControlError("pdf_base64 is not a PDF that can be opened") from problem
