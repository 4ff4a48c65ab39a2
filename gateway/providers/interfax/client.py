"""InterFAX's REST API over HTTP: the endpoints that we use (interfax-rest 3, 4, 8, 9 and 10).

Nothing here is paced; polls wait for their turn elsewhere (`polling.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import orjson

from gateway.core.reasons import AccountError, AmbiguousError, Reason, TemporaryError
from gateway.providers.http import DOCUMENT_LIMIT, JSON_LIMIT, Answer, Clock, HttpClient
from gateway.providers.interfax.login import Login
from gateway.providers.interfax.return_codes import (
    error_text,
    no_use,
    refusal,
    says_no_image,
    says_not_there,
)
from gateway.providers.interfax.words import Record, record_number, record_of

#: Rows that we ask for at once. Their largest is not documented; fewer rows than these never mean the end of a list.
PAGE_SIZE: Final = 100

_FAX_PATH: Final = re.compile(r".*/outbound/faxes/([0-9]{1,19})/?")
_DOCUMENT_PATH: Final = re.compile(r".*/outbound/documents/[0-9A-Za-z-]{1,64}/?")


class Client:
    """The endpoints of one user.

    Args:
        http: its connections.
        base_url: such as ``https://rest.interfax.net``; each account lives on one host.
        login: user name and password.
        clock: the time, for Retry-After dates.
    """

    def __init__(self, http: HttpClient, base_url: str, login: Login, clock: Clock) -> None:
        self._http = http
        self._root = base_url.rstrip("/")
        self._login = login
        self._clock = clock

    # --- sending --------------------------------------------------------------------------------------------------

    async def send(self, options: Mapping[str, str], document: bytes, media_type: str) -> int:
        """Hands one fax over, its document in the request, and returns its number. Safe to repeat: no.

        Raises:
            NotSentError, AccountError, PermanentError, AmbiguousError: as `return_codes.refusal` says, or there is
                no whole answer.
        """
        return await self._submit(options, {"Content-Type": media_type}, document)

    async def send_uploaded(self, options: Mapping[str, str], document: str) -> int:
        """Hands one fax over whose document was uploaded before; ``document`` is its URI. Otherwise as `send`."""
        return await self._submit(options, {"Content-Location": document}, b"")

    async def _submit(self, options: Mapping[str, str], headers: dict[str, str], body: bytes) -> int:
        answer = await self._call("POST", "/outbound/faxes", options, headers=headers, body=body)
        if not answer.ok:
            raise refusal(answer, self._clock())
        found = _FAX_PATH.fullmatch(urlsplit(answer.headers.get("Location", "")).path)
        if found is None:
            raise AmbiguousError(Reason.OUTCOME_UNKNOWN, f"HTTP {answer.status} without a fax id")
        return int(found[1])

    async def create_document(self, name: str, size: int) -> str:
        """Begins the upload of a document, gone after its first fax, and returns its URI. Safe to repeat.

        Args:
            name: its ending decides what it is taken for.
            size: bytes, exactly.

        Raises:
            NotSentError, AccountError, PermanentError, AmbiguousError: as for `send`.
        """
        query = {"size": str(size), "name": name, "disposition": "singleUse", "sharing": "private"}
        answer = await self._call("POST", "/outbound/documents", query, body=b"")
        if not answer.ok:
            raise refusal(answer, self._clock())
        uri = answer.headers.get("Location", "")
        if _DOCUMENT_PATH.fullmatch(urlsplit(uri).path) is None or not uri.isprintable():
            raise AmbiguousError(Reason.OUTCOME_UNKNOWN, f"HTTP {answer.status} without a document")
        return uri

    async def upload_chunk(self, document: str, first: int, chunk: bytes) -> bool:
        """Uploads the next bytes of a document; says whether they have all of it now.

        Args:
            document: its URI.
            first: position of the chunk in the document.
            chunk: at most one megabyte.

        Raises:
            NotSentError, AccountError, PermanentError, AmbiguousError: as for `send`.
        """
        path = f"/outbound/documents/{urlsplit(document).path.rstrip('/').rpartition('/')[2]}"
        headers = {"Range": f"bytes={first}-{first + len(chunk) - 1}", "Content-Type": "application/octet-stream"}
        answer = await self._call("POST", path, headers=headers, body=chunk)
        if not answer.ok:
            raise refusal(answer, self._clock())
        return answer.status != HTTPStatus.ACCEPTED

    async def cancel(self, number: int) -> bool:
        """Asks for a sent fax to be cancelled; says whether they know it. Only its status then tells. Safe to repeat.

        Raises:
            PermanentError, AccountError: it was refused.
            TemporaryError: nobody knows whether it was heard.
        """
        # 409: it is over already. Seen as 200 too, so that neither says how it went.
        return await self._act(f"/outbound/faxes/{number}/cancel", done=HTTPStatus.CONFLICT)

    # --- asking ---------------------------------------------------------------------------------------------------

    async def sent_faxes(self, *, below: int | None = None, above: int | None = None) -> list[Record]:
        """Reads the newest sent faxes, those next below a number or those next above one. Safe to repeat.

        Raises:
            TemporaryError, AccountError: no usable list.
        """
        if above is not None:
            return await self._list("/outbound/faxes", {**_page(above), "sortOrder": "asc"})
        return await self._list("/outbound/faxes", _page(below))

    async def search(self, **filters: str) -> list[Record]:
        """Reads the sent faxes that fit, newest first, at most ``PAGE_SIZE``. Raises as `sent_faxes`."""
        return await self._list("/outbound/search", {"status": "All", "limit": str(PAGE_SIZE), **filters})

    async def sent_fax(self, number: int) -> Record | None:
        """Reads one sent fax; None if they do not know it. Raises as `sent_faxes`."""
        return await self._fax(f"/outbound/faxes/{number}", number)

    async def received_faxes(self, *, below: int | None = None) -> list[Record]:
        """Reads the newest received faxes of this user, or those next below a number. Raises as `sent_faxes`."""
        return await self._list("/inbound/faxes", _page(below))

    async def received_fax(self, number: int) -> Record | None:
        """Reads one received fax; None if they do not know it. Raises as `sent_faxes`."""
        return await self._fax(f"/inbound/faxes/{number}", number)

    async def sent_image(self, number: int) -> bytes | None:
        """Downloads the pages of a sent fax, PDF or TIFF; None if there are none. Raises as `sent_faxes`."""
        return await self._image(f"/outbound/faxes/{number}/image")

    async def received_image(self, number: int) -> bytes | None:
        """Downloads the pages of a received fax, PDF or TIFF; None if there are none. Raises as `sent_faxes`."""
        return await self._image(f"/inbound/faxes/{number}/image")

    async def balance(self) -> Decimal:
        """Reads the credit of a prepaid account, in its own currency. Raises as `sent_faxes`."""
        answer = self._useful(await self._question("GET", "/accounts/self/ppcards/balance"))
        try:
            balance = Decimal(answer.body.decode("ascii", "replace").strip().strip('"'))
        except InvalidOperation:
            raise TemporaryError(Reason.PROVIDER_DOWN, "the answer is not an amount") from None
        if not balance.is_finite():
            raise TemporaryError(Reason.PROVIDER_DOWN, "the answer is not an amount")
        return balance

    # --- received faxes: telling them what became of one -------------------------------------------------------------

    async def mark_read(self, number: int) -> bool:
        """Marks a received fax as read; says whether they know it. Safe to repeat. Raises as `cancel`."""
        return await self._act(f"/inbound/faxes/{number}/mark")

    async def mail_again(self, number: int, address: str) -> bool:
        """Has a received fax mailed by them to an address; says whether they know it. Raises as `cancel`.

        Safe to repeat: an address may get it twice; from some number of times on it is refused.
        """
        return await self._act(f"/inbound/faxes/{number}/resend", {"email": address})

    # --- what all share -------------------------------------------------------------------------------------------

    async def _list(self, path: str, query: Mapping[str, str]) -> list[Record]:
        answer = await self._question("GET", path, query)
        if not answer.ok and answer.status == HTTPStatus.NOT_FOUND:
            raise AccountError(Reason.PROVIDER_AUTH, f"{error_text(answer)} (is base_url their host?)")
        found = _json(self._useful(answer))
        records = [record_of(entry) for entry in found] if isinstance(found, list) else [None]
        usable = [record for record in records if record is not None]
        if len(usable) < len(records):
            # A list with a hole would make a part look like the whole, and absence would be read from it.
            raise TemporaryError(Reason.PROVIDER_DOWN, "the answer is not a list of faxes")
        return usable

    async def _fax(self, path: str, number: int) -> Record | None:
        answer = self._known(await self._question("GET", path))
        if answer is None:
            return None
        record = record_of(_json(answer))
        if record is None or record_number(record) != number:
            raise TemporaryError(Reason.PROVIDER_DOWN, "the answer is not the fax that was asked for")
        return record

    async def _image(self, path: str) -> bytes | None:
        answer = await self._question("GET", path, limit=DOCUMENT_LIMIT)
        return None if not answer.ok and says_no_image(answer) else self._useful(answer).body

    async def _act(self, path: str, query: Mapping[str, str] | None = None, *, done: int = HTTPStatus.OK) -> bool:
        answer = await self._question("POST", path, query)
        if answer.ok or answer.status == done:
            return True
        if says_not_there(answer):
            return False
        error = refusal(answer, self._clock())
        if isinstance(error, AmbiguousError):
            raise TemporaryError(Reason.PROVIDER_DOWN, error.detail)
        raise error

    def _known(self, answer: Answer) -> Answer | None:
        return None if not answer.ok and says_not_there(answer) else self._useful(answer)

    def _useful(self, answer: Answer) -> Answer:
        if not answer.ok:
            raise no_use(answer, self._clock())
        return answer

    async def _question(
        self, method: str, path: str, query: Mapping[str, str] | None = None, *, limit: int = JSON_LIMIT
    ) -> Answer:
        try:
            return await self._call(method, path, query, limit=limit)
        except AmbiguousError as error:
            raise TemporaryError(Reason.PROVIDER_DOWN, error.detail) from error

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = JSON_LIMIT,
    ) -> Answer:
        url = self._root + path + (f"?{urlencode(query, quote_via=quote, safe=',')}" if query else "")
        ours = {"Authorization": self._login.header, "Accept": "*/*", **(headers or {})}
        async with self._login.use():
            answer = await self._http.request(method, url, headers=ours, body=body, limit=limit)
            self._login.learn(answer)
        return answer


def gmt(time: datetime) -> str:
    """Writes a time as their queries want it; without offset it means GMT."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _page(last: int | None) -> dict[str, str]:
    page = {"limit": str(PAGE_SIZE)}
    return page if last is None else {**page, "lastId": str(last)}


def _json(answer: Answer) -> object:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
