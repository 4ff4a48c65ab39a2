"""Faxes that come in, and the operations on them (interfax-rest 10)."""

import asyncio
from dataclasses import replace
from datetime import datetime

from aiohttp import web

from gateway.simulator import interfax_records
from gateway.simulator.clock import Clock
from gateway.simulator.control import BadControlError, Inbound
from gateway.simulator.documents import ConversionError, Upload, merge
from gateway.simulator.faults import Faults
from gateway.simulator.interfax_account import Account, Forwarding, Received
from gateway.simulator.interfax_answers import answer
from gateway.simulator.interfax_callbacks import Callbacks
from gateway.simulator.interfax_errors import BAD_EMAIL, SENT_AGAIN, ApiError
from gateway.simulator.interfax_images import Images
from gateway.simulator.interfax_options import EMAIL
from gateway.simulator.interfax_query import Query
from gateway.simulator.interfax_records import Records
from gateway.simulator.interfax_search import Visibility
from gateway.simulator.pages import received_fax

#: Status of a reception that fails without a code of its own.
FAILED = 3220


class Reception:
    """Lets faxes come in.

    Args:
        account: Gets the records.
        clock: Stamps them.
        callbacks: Told of each.
    """

    def __init__(self, account: Account, clock: Clock, callbacks: Callbacks) -> None:
        self._account = account
        self._clock = clock
        self._callbacks = callbacks

    async def receive(self, fax: Inbound) -> str:
        """Records a fax that has just come in, plans its callback, and returns its id.

        Raises:
            BadControlError: The PDF cannot be opened, or a field is set that means nothing here.
        """
        if fax.service is not None or fax.barcodes:
            raise BadControlError("InterFAX has no services and reads no barcodes")
        now = self._clock.now()
        status = 0 if fax.failure is None else fax.failure[1] or FAILED
        document, pages = (None, 0) if status else await asyncio.to_thread(_pages_of, fax, now)
        record = Received(
            id=self._account.new_inbound_id(),
            to=fax.to,
            sender=fax.sender,
            created=now,
            document=document,
            pages=pages,
            status=status,
        )
        self._account.received[record.id] = record
        self._callbacks.received(record)
        return str(record.id)


class InboundApi:
    """Answers the requests about received faxes.

    Args:
        account: Where they are.
        records: Writes them down.
        visibility: Hides what is too new for a list.
        images: Hands out the pages.
        faults: single_email, image_marks_read.
    """

    def __init__(
        self, account: Account, records: Records, visibility: Visibility, images: Images, faults: Faults
    ) -> None:
        self._account = account
        self._records = records
        self._visibility = visibility
        self._images = images
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes."""
        one = r"/inbound/faxes/{id:\d+}"
        return [
            web.get("/inbound/faxes", self.list),
            web.get(one, self.get),
            web.get(f"{one}/image", self.image),
            web.get(f"{one}/emails", self.emails),
            web.post(f"{one}/mark", self.mark),
            web.post(f"{one}/resend", self.resend),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Lists the faxes that have pages, newest first: there is no other order."""
        query = Query(request)
        unread_only, last = query.flag("unreadOnly"), query.whole("lastId")
        query.flag("allUsers")
        faxes = [
            fax
            for fax in reversed(self._visibility.of(self._account.shown_received()))
            if not (unread_only and fax.read) and (last is None or fax.id < last)
        ]
        return answer(request, self._records.received(faxes[: query.limit()]), "Fax")

    async def get(self, request: web.Request) -> web.Response:
        """Answers with one fax."""
        [record] = self._records.received([self._fax(request)])
        return answer(request, record, "Fax")

    async def image(self, request: web.Request) -> web.Response:
        """Answers with the pages of a fax."""
        fax = self._fax(request)
        response = await self._images.received(request, fax)
        if self._faults.take_for("image_marks_read", request):
            self._put(replace(fax, read=True))
        return response

    async def emails(self, request: web.Request) -> web.Response:
        """Answers with the mails that a fax went out in."""
        records = [interfax_records.forwarding(email) for email in self._fax(request).emails]
        if records and self._faults.take_for("single_email", request):
            return answer(request, records[0], "Email")
        return answer(request, records, "Email")

    async def mark(self, request: web.Request) -> web.Response:
        """Marks a fax as read, or unread if told so. Safe to repeat."""
        unread = Query(request).flag("unread")
        self._put(replace(self._fax(request), read=not unread))
        return answer(request, True, "boolean")  # noqa: FBT003 - the whole body

    async def resend(self, request: web.Request) -> web.Response:
        """Mails a fax, or mails it again to those who had it; once only.

        Raises:
            ApiError: -170 for nobody or a bad address, -312 the second time.
        """
        fax = self._fax(request)
        query = Query(request)
        asked = query.text("email") or query.text("emailAddress")
        addresses = asked.split(",") if asked else [email.address for email in fax.emails]
        if not addresses or not all(EMAIL.fullmatch(address.strip()) for address in addresses):
            raise ApiError(BAD_EMAIL)
        if fax.resent:
            raise ApiError(SENT_AGAIN)
        mails = tuple(Forwarding(address.strip(), self._account.clock.now()) for address in addresses)
        self._put(replace(fax, emails=fax.emails + mails, resent=True))
        return answer(request, True, "boolean")  # noqa: FBT003 - the whole body

    def _fax(self, request: web.Request) -> Received:
        return self._account.received_fax(int(request.match_info["id"]))

    def _put(self, fax: Received) -> None:
        self._account.received[fax.id] = fax


def _pages_of(fax: Inbound, now: datetime) -> tuple[bytes, int]:
    if fax.pdf is None:
        return received_fax(pages=fax.pages, caller=fax.sender, called=fax.to, time=now), fax.pages
    try:
        return merge([Upload("PDF", fax.pdf)])
    except ConversionError as problem:
        raise BadControlError("pdf_base64 is not a PDF that can be opened") from problem
