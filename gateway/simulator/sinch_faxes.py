"""The fax operations: send, list, export, read, download, delete the content (sinch-fax-v3 3)."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiohttp import web

from gateway.simulator.clock import Clock, stamp
from gateway.simulator.documents import ConversionError, Upload
from gateway.simulator.faults import Faults
from gateway.simulator.fetching import fetch
from gateway.simulator.ledger import Ledger
from gateway.simulator.sinch_account import Account, CoverPage, Fax, Service
from gateway.simulator.sinch_content import Content, failed, prepare
from gateway.simulator.sinch_errors import not_found, rejected
from gateway.simulator.sinch_fields import CONTENT_TYPES
from gateway.simulator.sinch_filter import select
from gateway.simulator.sinch_lifecycle import Lifecycle
from gateway.simulator.sinch_paging import page_of, query_of
from gateway.simulator.sinch_send import SendRequest, read_send

LIST_SIZE = 100
#: Columns of the CSV export (sinch-fax-v3 3.3) and the field each of them shows.
CSV_COLUMNS = {
    "Id": "id",
    "Direction": "direction",
    "From": "from",
    "To": "to",
    "Number Of Pages": "numberOfPages",
    "Status": "status",
    "Header Time Zone": "headerTimeZone",
    "Retry Delay Seconds": "retryDelaySeconds",
    "Resolution": "resolution",
    "Callback Url": "callbackUrl",
    "Callback Url Content Type": "callbackUrlContentType",
    "Error Type": "errorType",
    "Error Message": "errorMessage",
    "Error Code": "errorCode",
    "Project": "projectId",
    "Service": "serviceId",
    "Max Retries": "maxRetries",
    "Create Time": "createTime",
    "Header Text": "headerText",
    "Header Page Numbers": "headerPageNumbers",
    "Content Url": "contentUrl",
    "Labels": "labels",
    "Image Conversion Method": "imageConversionMethod",
    "Has File": "hasFile",
    "Currency Code": "currencyCode",
    "From Country": "fromCountry",
    "To Country": "toCountry",
}


class FaxApi:
    """Answers the requests about faxes.

    Args:
        account: Where the faxes are.
        lifecycle: Carries accepted faxes on.
        faults: not_ready, list_lag, oversize_413.
        clock: Stamps the faxes.
        ledger: Gets each accepted fax before the answer; None keeps none.
    """

    def __init__(
        self, account: Account, lifecycle: Lifecycle, faults: Faults, clock: Clock, ledger: Ledger | None
    ) -> None:
        self._account = account
        self._lifecycle = lifecycle
        self._faults = faults
        self._clock = clock
        self._ledger = ledger

    def routes(self, base: str) -> list[web.RouteDef]:
        """Returns the routes below a base path."""
        return [
            web.post(f"{base}/faxes", self.send),
            web.get(f"{base}/faxes", self.list),
            web.get(f"{base}/faxes/{{id}}", self.get),
            web.get(f"{base}/faxes/{{id}}/file", self.download),
            web.get(f"{base}/faxes/{{id}}/file.pdf", self.download),
            web.delete(f"{base}/faxes/{{id}}/file", self.delete_content),
        ]

    async def send(self, request: web.Request) -> web.Response:
        """Accepts a fax for each recipient."""
        oversize = 413 if self._faults.take_for("oversize_413", request) else 422
        send = await read_send(request, oversize_status=oversize)
        service = self._service_of(send)
        sender = self._sender_of(send, service)
        cover = self._cover_of(send, service)
        options = _effective(send, service)
        contents = await self._contents(send, sender, cover)
        faxes = [
            self._new_fax(to, sender, service, options, content)
            for to, content in zip(send.recipients, contents, strict=True)
        ]
        if self._ledger is not None:
            await self._ledger.append(ledger_line(fax) for fax in faxes)
        for fax in faxes:
            self._account.faxes[fax.id] = fax
            self._lifecycle.begin(fax)
        shown = [self._account.fax_json(fax) for fax in faxes]
        return web.json_response(shown[0] if len(shown) == 1 else {"faxes": shown})

    async def list(self, request: web.Request) -> web.Response:
        """Lists faxes, newest first, as a page of JSON or as CSV."""
        query = query_of(request)
        faxes = select(self._account.faxes.values(), query, self._clock.now())
        if lag := self._faults.take("list_lag"):
            fresh = self._clock.now() - timedelta(seconds=lag.seconds)
            faxes = [fax for fax in faxes if fax.created < fresh]
        shown = [self._account.fax_json(fax) for fax in faxes]
        if query.get("format") == "csv" or request.headers.get("Accept") == "text/csv":
            return self._export(shown)
        return web.json_response(page_of(shown, "faxes", query, size=LIST_SIZE))

    async def get(self, request: web.Request) -> web.Response:
        """Answers with one fax."""
        return web.json_response(self._account.fax_json(self._account.fax(request.match_info["id"])))

    async def download(self, request: web.Request) -> web.Response:
        """Answers with the PDF of a fax."""
        fax = self._account.fax(request.match_info["id"])
        if not fax.has_file or fax.document is None or self._faults.take_for("not_ready", request):
            raise not_found(f"The file of fax {fax.id}")
        disposition = f'attachment; filename="{fax.id}.pdf"'
        return web.Response(
            body=fax.document, content_type="application/pdf", headers={"Content-Disposition": disposition}
        )

    async def delete_content(self, request: web.Request) -> web.Response:
        """Deletes the content and keeps the record. Safe to repeat."""
        self._account.fax(request.match_info["id"]).has_file = False
        return web.Response(status=204)

    def _service_of(self, send: SendRequest) -> Service:
        service_id = send.options.get("serviceId")
        if service_id is None:
            return self._account.default_service()
        if service_id not in self._account.services:
            raise rejected("serviceId", "is not a service of this project")
        return self._account.services[service_id]

    def _sender_of(self, send: SendRequest, service: Service) -> str:
        first = next(iter(self._account.numbers), None)
        sender = send.options.get("from") or service.settings.get("defaultFrom") or first
        if sender not in self._account.numbers:
            raise rejected("from", f"{sender} is not a number of this account")
        if self._account.is_suspended(sender):
            raise rejected("from", f"{sender} is suspended")
        return str(sender)

    def _cover_of(self, send: SendRequest, service: Service) -> CoverPage | None:
        page_id = send.options.get("coverPageId") or service.settings.get("coverPageId")
        if not page_id:
            return None
        page = self._account.cover_pages.get(page_id)
        if page is None or page.service != service.id:
            raise rejected("coverPageId", "is not a cover page of this service")
        return page

    async def _contents(self, send: SendRequest, sender: str, cover: CoverPage | None) -> Sequence[Content]:
        """Returns the document for each recipient; with a cover page they differ in what it says."""
        try:
            uploads: list[Upload] = [*await fetch(send.urls), *send.uploads]
        except ConversionError as problem:
            return [failed(send.uploads, problem)] * len(send.recipients)
        if cover is None:
            return [await prepare(uploads, None, {})] * len(send.recipients)
        now = self._clock.now()
        words = {"from": sender, "date": f"{now.month}/{now.day}/{now.year}"}
        given = send.options.get("coverPageData", {})
        return [await prepare(uploads, cover.pdf, {**given, **words, "to": to}) for to in send.recipients]

    def _new_fax(self, to: str, sender: str, service: Service, options: dict[str, Any], content: Content) -> Fax:
        fate = self._lifecycle.fate_of(to)
        return Fax(
            id=self._account.new_id(),
            direction="OUTBOUND",
            to=to,
            sender=sender,
            service=service.id,
            created=self._clock.now(),
            options=options,
            document=content.document,
            sha256=content.sha256,
            pages=content.pages,
            fate=fate if content.error is None else replace(fate, error=content.error, stuck=False),
        )

    def _export(self, shown: Sequence[dict[str, Any]]) -> web.Response:
        out = io.StringIO(newline="")
        table = csv.writer(out)
        table.writerow(CSV_COLUMNS)
        for fax in shown:
            row = {**fax, "currencyCode": fax.get("price", {}).get("currencyCode")}
            table.writerow([row.get(name, "") for name in CSV_COLUMNS.values()])
        name = f"fax_logs_exp{int(self._clock.now().timestamp())}.csv"
        return web.Response(
            text=out.getvalue(),
            content_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def ledger_line(fax: Fax) -> dict[str, Any]:
    """Returns what the ledger keeps of an accepted fax."""
    return {
        "id": fax.id,
        "to": fax.to,
        "from": fax.sender,
        "labels": fax.options.get("labels", {}),
        "sha256": fax.sha256,
        "pages": fax.pages,
        "time": stamp(fax.created),
    }


def _effective(send: SendRequest, service: Service) -> dict[str, Any]:
    """Returns the options of the request, with those of its service where it names none."""
    settings = service.settings
    defaults = {
        "headerText": "",
        "headerPageNumbers": True,
        "headerTimeZone": "America/New_York",
        "retryDelaySeconds": settings["retryDelaySeconds"],
        "maxRetries": settings["numberOfRetries"],
        "resolution": settings["resolution"],
        "imageConversionMethod": settings["imageConversionMethod"],
        "callbackUrlContentType": CONTENT_TYPES[0],
        "coverPageId": settings.get("coverPageId") or None,
    }
    given = {name: value for name, value in send.options.items() if name not in {"from", "serviceId"}}
    return {**defaults, **given}
