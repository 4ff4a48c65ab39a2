"""Accepts faxes: one record and one line of the ledger for each recipient (interfax-rest 3 and 7)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from gateway.simulator.clock import Clock, stamp
from gateway.simulator.interfax_account import Account, Fax
from gateway.simulator.interfax_content import Content, Renderer
from gateway.simulator.interfax_errors import IMAGE_GONE, TOO_BIG, ApiError
from gateway.simulator.interfax_lifecycle import Lifecycle
from gateway.simulator.interfax_options import SendOptions, read_options
from gateway.simulator.interfax_parts import read_parts
from gateway.simulator.interfax_query import Query
from gateway.simulator.ledger import Ledger

#: Beyond this a document has to be uploaded in chunks first.
DIRECT_MAX = 8 * 1024 * 1024


class Sending:
    """Takes faxes in.

    Args:
        account: Gets the records.
        lifecycle: Carries accepted faxes on.
        renderer: Makes the pages.
        clock: Stamps the faxes.
        ledger: Gets each accepted fax before the answer; None keeps none.
        pci: Whether this is a PCI host, which has fewer options.
    """

    def __init__(
        self,
        account: Account,
        lifecycle: Lifecycle,
        renderer: Renderer,
        clock: Clock,
        ledger: Ledger | None,
        *,
        pci: bool,
    ) -> None:
        self._account = account
        self._lifecycle = lifecycle
        self._renderer = renderer
        self._clock = clock
        self._ledger = ledger
        self._pci = pci

    def options(self, query: Query) -> SendOptions:
        """Returns the options that a request asks for.

        Raises:
            ApiError: A value is not accepted.
        """
        return read_options(query, self._clock.now(), pci=self._pci)

    async def content(self, request: web.Request) -> Content:
        """Returns the pages that a request holds or names.

        Raises:
            ApiError: -1063 if it is too big for one request, or whatever is wrong with a part.
        """
        body = await request.read()
        if len(body) > DIRECT_MAX:
            raise ApiError(TOO_BIG)
        return await self._renderer.render(read_parts(request.headers, body))

    def content_again(self, fax: Fax) -> Content:
        """Returns what was faxed, to fax it again.

        Raises:
            ApiError: -1009, the image is gone.
        """
        if self._account.image_of(fax) is None:
            raise ApiError(IMAGE_GONE)
        return Content(fax.document, fax.sha256, fax.pages)

    async def accept(
        self,
        recipients: Sequence[tuple[str, str | None]],
        options: SendOptions,
        content: Content,
        *,
        batch: bool = False,
    ) -> list[Fax]:
        """Accepts a fax for each recipient and returns the records; the ledger has them by then.

        Args:
            recipients: Number and contact of each.
            options: The same for all, but for the contact.
            content: The same for all.
            batch: Whether they belong together.
        """
        ids = [self._account.new_id() for _ in recipients]
        faxes = [
            Fax(
                id=fax_id,
                to=number,
                created=self._clock.now(),
                options=replace(options, contact=contact),
                document=content.document,
                sha256=content.sha256,
                pages=content.pages,
                fate=self._lifecycle.fate_of(number),
                batch=ids[0] if batch else None,
            )
            for fax_id, (number, contact) in zip(ids, recipients, strict=True)
        ]
        if self._ledger is not None:
            await self._ledger.append(map(ledger_line, faxes))
        for fax in faxes:
            self._lifecycle.begin(fax)
        return faxes


def ledger_line(fax: Fax) -> dict[str, Any]:
    """Returns what the ledger keeps of an accepted fax, in the fields that all simulators share."""
    reference = fax.options.reference
    return {
        "id": str(fax.id),
        "to": fax.to,
        "from": fax.options.csid,
        "labels": {} if reference is None else {"reference": reference},
        "sha256": fax.sha256,
        "pages": fax.pages,
        "time": stamp(fax.created),
    }
