"""One document to many recipients: a batch of faxes with one head (interfax-rest 7)."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

from aiohttp import web

from gateway.simulator import interfax_records
from gateway.simulator.interfax_account import Account, Fax
from gateway.simulator.interfax_answers import answer, base_of, created
from gateway.simulator.interfax_errors import BAD_NUMBER, LIST_UNKNOWN, ApiError
from gateway.simulator.interfax_images import Images
from gateway.simulator.interfax_lifecycle import Lifecycle
from gateway.simulator.interfax_numbers import read_number
from gateway.simulator.interfax_options import REFERENCE_MAX, sent_again
from gateway.simulator.interfax_query import Query
from gateway.simulator.interfax_records import Records
from gateway.simulator.interfax_send import Sending

Recipients = list[tuple[str, str | None]]


class BatchApi:
    """Answers the requests about batches.

    Args:
        account: Where the faxes are.
        sending: Takes new ones in.
        lifecycle: Ends those that are cancelled.
        records: Writes them down.
        images: Hands out the pages.
    """

    def __init__(
        self, account: Account, sending: Sending, lifecycle: Lifecycle, records: Records, images: Images
    ) -> None:
        self._account = account
        self._sending = sending
        self._lifecycle = lifecycle
        self._records = records
        self._images = images

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes."""
        one = r"/outbound/batches/{id:\d+}"
        return [
            web.post("/outbound/batches", self.send),
            web.get("/outbound/batches", self.list),
            web.get(one, self.get),
            web.get(f"{one}/children", self.children),
            web.get(f"{one}/image", self.image),
            web.post(f"{one}/resend", self.resend),
            web.post(f"{one}/cancel", self.cancel),
            web.post(f"{one}/hide", self.hide),
        ]

    async def send(self, request: web.Request) -> web.Response:
        """Accepts a fax for each recipient of a list in JSON or XML."""
        query = Query(request)
        recipients = read_recipients(query.text("list") or "")
        options = self._sending.options(query)
        content = await self._sending.content(request)
        return _sent(request, await self._sending.accept(recipients, options, content, batch=True))

    async def list(self, request: web.Request) -> web.Response:
        """Lists the heads of batches."""
        query = Query(request)
        ascending, last = query.is_ascending(), query.whole("lastId")
        ids = sorted({fax.batch for fax in self._account.shown_faxes() if fax.batch}, reverse=not ascending)
        if last is not None:
            ids = [each for each in ids if (each > last if ascending else each < last)]
        batches = [self._account.batch(each) for each in ids[: query.limit()]]
        heads = [interfax_records.batch_head(faxes, self._account.username) for faxes in batches]
        return answer(request, heads, "BatchHead")

    async def get(self, request: web.Request) -> web.Response:
        """Answers with the head of a batch and how far it is."""
        record = interfax_records.batch_totals(self._batch(request), self._account.username)
        return answer(request, record, "BatchHeadStat")

    async def children(self, request: web.Request) -> web.Response:
        """Lists the summaries of the faxes of a batch."""
        query = Query(request)
        first = query.whole("offset") or 0
        faxes = self._batch(request)[first : first + query.limit()]
        return answer(request, self._records.summaries(faxes, base_of(request)), "FaxSummary")

    async def image(self, request: web.Request) -> web.Response:
        """Answers with the pages that all faxes of a batch have."""
        return await self._images.sent(request, self._batch(request)[0])

    async def resend(self, request: web.Request) -> web.Response:
        """Sends what failed once more, as a new batch; with `sendAlsoOK` everything that is final."""
        query = Query(request)
        also_ok = query.flag("sendAlsoOK")
        faxes = self._batch(request)
        content = self._sending.content_again(faxes[0])
        recipients = [(fax.to, fax.options.contact) for fax in faxes if fax.status > 0 or (also_ok and fax.is_final)]
        if not recipients:
            raise ApiError(BAD_NUMBER, "No fax of the batch is to be sent again")
        options = sent_again(faxes[0].options, query.text("reference", REFERENCE_MAX))
        return _sent(request, await self._sending.accept(recipients, options, content, batch=True))

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancels the faxes of a batch that wait. Safe to repeat."""
        for fax in self._batch(request):
            if not (fax.is_final or fax.calling):
                self._lifecycle.cancel(fax)
        return web.Response()

    async def hide(self, request: web.Request) -> web.Response:
        """Leaves a batch out of all lists for ever. Safe to repeat."""
        for fax in self._batch(request):
            self._account.put(replace(fax, hidden=True))
        return web.Response()

    def _batch(self, request: web.Request) -> Sequence[Fax]:
        return self._account.batch(int(request.match_info["id"]))


def read_recipients(text: str) -> Recipients:
    """Returns the recipients that a list names; the simulated account has no address books.

    Raises:
        ApiError: -113 for the name of an address book, -112 for a list that cannot be read.
    """
    try:
        match text.strip()[:1]:
            case "[":
                entries: list[Any] = json.loads(text)
            case "<":
                entries = [{child.tag: child.text for child in each} for each in _parse(text)]
            case _:
                raise ApiError(LIST_UNKNOWN, f"List [{text}]")
        recipients = [(read_number(entry["faxNumber"]), entry.get("contact")) for entry in entries]
    except (ValueError, ET.ParseError, TypeError, KeyError, AttributeError) as problem:
        raise ApiError(BAD_NUMBER, f"List [{text}]") from problem
    if not recipients:
        raise ApiError(BAD_NUMBER, "The list is empty")
    return recipients


def _parse(text: str) -> ET.Element:
    if "<!" in text:
        raise ValueError("no document types, no entities")
    return ET.fromstring(text)  # noqa: S314 - entities were refused above


def _sent(request: web.Request, faxes: list[Fax]) -> web.Response:
    return created(f"{base_of(request)}/outbound/batches/{faxes[0].id}")
