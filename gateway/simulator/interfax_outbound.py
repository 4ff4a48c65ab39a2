"""The operations on outbound faxes: send, list, search, read, cancel, resend, hide (interfax-rest 3, 4 and 6)."""

from dataclasses import replace

from aiohttp import web

from gateway.simulator.faults import Faults
from gateway.simulator.interfax_account import Account, Fax
from gateway.simulator.interfax_answers import answer, base_of, created
from gateway.simulator.interfax_errors import bad_parameter
from gateway.simulator.interfax_images import Images
from gateway.simulator.interfax_lifecycle import Lifecycle
from gateway.simulator.interfax_numbers import read_number
from gateway.simulator.interfax_options import sent_again
from gateway.simulator.interfax_query import Query
from gateway.simulator.interfax_records import Records
from gateway.simulator.interfax_search import Visibility, search
from gateway.simulator.interfax_send import Sending


class OutboundApi:
    """Answers the requests about outbound faxes.

    Args:
        account: Where the faxes are.
        sending: Takes new ones in.
        lifecycle: Ends those that are cancelled.
        records: Writes them down.
        visibility: Hides what is too new for a list.
        images: Hands out the pages.
        faults: cancel_done_200, reference_match.
    """

    def __init__(
        self,
        account: Account,
        sending: Sending,
        lifecycle: Lifecycle,
        records: Records,
        visibility: Visibility,
        images: Images,
        faults: Faults,
    ) -> None:
        self._account = account
        self._sending = sending
        self._lifecycle = lifecycle
        self._records = records
        self._visibility = visibility
        self._images = images
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes."""
        one = r"/outbound/faxes/{id:\d+}"
        return [
            web.post("/outbound/faxes", self.send),
            web.get("/outbound/faxes", self.list),
            web.get("/outbound/faxes/completed", self.completed),
            web.get("/outbound/search", self.search),
            web.get(one, self.get),
            web.get(f"{one}/image", self.image),
            web.post(f"{one}/cancel", self.cancel),
            web.post(f"{one}/resend", self.resend),
            web.post(f"{one}/hide", self.hide),
        ]

    async def send(self, request: web.Request) -> web.Response:
        """Accepts a fax."""
        query = Query(request)
        number = read_number(query.text("faxNumber"))
        options = self._sending.options(query)
        content = await self._sending.content(request)
        [fax] = await self._sending.accept([(number, options.contact)], options, content)
        return _sent(request, fax)

    async def list(self, request: web.Request) -> web.Response:
        """Lists recent faxes, those of batches left out."""
        query = Query(request)
        ascending, last = query.is_ascending(), query.whole("lastId")
        faxes = [fax for fax in self._visibility.of(self._account.shown_faxes()) if fax.batch is None]
        if last is not None:
            faxes = [fax for fax in faxes if (fax.id > last if ascending else fax.id < last)]
        faxes.sort(key=lambda fax: fax.id, reverse=not ascending)
        return answer(request, self._records.full(faxes[: query.limit()], base_of(request)), "FaxSummary")

    async def completed(self, request: web.Request) -> web.Response:
        """Lists the summaries of those of some faxes that are final."""
        ids = Query(request).ids("ids")
        if ids is None:
            raise bad_parameter("ids", "given")
        faxes = [fax for fax in self._account.shown_faxes() if fax.id in ids and fax.is_final]
        return answer(request, self._records.summaries(faxes, base_of(request)), "FaxSummary")

    async def search(self, request: web.Request) -> web.Response:
        """Lists the faxes that fit, those of batches too."""
        fault = self._faults.take("reference_match")
        match = fault.extra.get("match", "substring") if fault else None
        faxes = self._visibility.of(self._account.shown_faxes())
        found = search(faxes, Query(request), self._account.username, match)
        return answer(request, self._records.full(found, base_of(request)), "FaxSummary")

    async def get(self, request: web.Request) -> web.Response:
        """Answers with one fax."""
        [record] = self._records.full([self._fax(request)], base_of(request))
        return answer(request, record, "FaxSummary")

    async def image(self, request: web.Request) -> web.Response:
        """Answers with the pages of a fax."""
        return await self._images.sent(request, self._fax(request))

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancels a fax that waits."""
        fax = self._fax(request)
        if not (fax.is_final and self._faults.take_for("cancel_done_200", request)):
            self._lifecycle.cancel(fax)
        return web.Response()

    async def resend(self, request: web.Request) -> web.Response:
        """Sends a fax once more, as a new one with the same reference."""
        fax = self._fax(request)
        text = Query(request).text("faxNumber")
        number = read_number(text) if text else fax.to
        content = self._sending.content_again(fax)
        [again] = await self._sending.accept([(number, fax.options.contact)], sent_again(fax.options), content)
        return _sent(request, again)

    async def hide(self, request: web.Request) -> web.Response:
        """Leaves a fax out of all lists for ever. Safe to repeat."""
        self._account.put(replace(self._fax(request), hidden=True))
        return web.Response()

    def _fax(self, request: web.Request) -> Fax:
        return self._account.fax(int(request.match_info["id"]))


def _sent(request: web.Request, fax: Fax) -> web.Response:
    return created(f"{base_of(request)}/outbound/faxes/{fax.id}")
