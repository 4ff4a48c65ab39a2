"""Sinch's Fax API v3 over HTTP: the endpoints that we use (sinch-fax-v3 2 and 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, TypedDict
from urllib.parse import quote, urlencode

import orjson

from gateway.core.reasons import AccountError, AmbiguousError, Reason, TemporaryError
from gateway.providers.http import DOCUMENT_LIMIT, JSON_LIMIT, Answer, Clock, HttpClient, no_answer
from gateway.providers.sinch.access_token import AccessToken
from gateway.providers.sinch.words import Fax, accepted_fax, error_text, fax_id, refusal

#: Faxes per page of a list; the most they allow.
_PAGE_SIZE: Final = 1000


class File(TypedDict):
    """A document inside an order: base64 text and one of their type names."""

    file: str
    fileType: str


#: The fields of POST /faxes that we use (sinch-fax-v3 3.1).
Order = TypedDict(
    "Order",
    {
        "to": str,
        "from": str,
        "files": list[File],
        "headerText": str,
        "headerTimeZone": str,
        "headerPageNumbers": bool,
        "maxRetries": int,
        "labels": dict[str, str],
        "callbackUrl": str,
        "callbackUrlContentType": str,
        "serviceId": str,
        "resolution": str,
    },
    total=False,
)


class Client:
    """The fax endpoints of one project.

    Args:
        http: its connections.
        base_url: such as ``https://fax.api.sinch.com``.
        project_id: the project whose faxes these are.
        token: where the access token comes from.
        clock: the time, for Retry-After dates.
    """

    def __init__(self, http: HttpClient, base_url: str, project_id: str, token: AccessToken, clock: Clock) -> None:
        self._http = http
        self._root = f"{base_url.rstrip('/')}/v3/projects/{quote(project_id, safe='')}"
        self._token = token
        self._clock = clock

    async def send(self, order: Order) -> str:
        """Hands one fax to one recipient over and returns its id. Safe to repeat: no.

        The JSON form is used because each of its fields keeps its type: in a form, 0 and false are text.

        Raises:
            NotSentError, AccountError, PermanentError, AmbiguousError: as `words.refusal` says, or there is
                no whole answer.
        """
        answer = await self._call("POST", "/faxes", body=orjson.dumps(order))
        if not answer.ok:
            raise refusal(answer, self._clock())
        accepted = accepted_fax(answer)
        if accepted is None:
            raise AmbiguousError(Reason.OUTCOME_UNKNOWN, f"HTTP {answer.status} without a fax id")
        return accepted

    async def fax(self, name: str) -> Fax | None:
        """Reads one fax; None if they do not know it. Safe to repeat.

        Raises:
            TemporaryError, AccountError: no usable answer.
        """
        answer = await self._ask("GET", f"/faxes/{quote(name, safe='')}")
        if answer is None:
            return None
        fax = answer.json_object()
        if fax is None or fax_id(fax) != name:
            raise TemporaryError(Reason.PROVIDER_DOWN, "the answer is not the fax that was asked for")
        return fax

    async def faxes(self, *, created_from: datetime, **filters: str) -> AsyncIterator[Fax]:
        """Yields all faxes created since, page by page, each once, any order. Safe to repeat.

        Without a time filter they would answer for one week only (3.3). New faxes shift the pages while we
        read, so that one may be met twice.

        Args:
            created_from: inclusive, to the second.
            filters: further query parameters, such as ``direction``.

        Raises:
            TemporaryError, AccountError: the list could not be read to its end; what was yielded is true.
        """
        since = created_from.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        seen: set[str] = set()
        page, more = 1, True
        while more:
            query = {"createTime>": since, **filters, "page": str(page), "pageSize": str(_PAGE_SIZE)}
            answer = await self._ask("GET", f"/faxes?{urlencode(query, quote_via=quote)}")
            if answer is None:
                raise AccountError(Reason.PROVIDER_AUTH, "HTTP 404: no such project or service")
            batch, more = _page(answer, page)
            known = len(seen)
            for name, fax in batch:
                if name not in seen:
                    seen.add(name)
                    yield fax
            if more and len(seen) == known:
                # Ending here would make a part look like the whole, and absence would be read from it.
                raise TemporaryError(Reason.PROVIDER_DOWN, f"page {page} of the list brought nothing new")
            page += 1

    async def document(self, name: str) -> bytes | None:
        """Downloads the PDF of a fax; None if there is none. Safe to repeat.

        Raises:
            TemporaryError, AccountError: no usable answer.
        """
        # The second one is older; which of them answers is not sure (3.4).
        for ending in ("file", "file.pdf"):
            answer = await self._ask("GET", f"/faxes/{quote(name, safe='')}/{ending}", DOCUMENT_LIMIT)
            if answer is not None:
                return answer.body
        return None

    async def delete_content(self, name: str) -> None:
        """Deletes the stored pages of a fax; gone already is as good. Safe to repeat.

        Raises:
            TemporaryError, AccountError: it could not be asked for.
        """
        await self._ask("DELETE", f"/faxes/{quote(name, safe='')}/file")

    async def _ask(self, method: str, path: str, limit: int = JSON_LIMIT) -> Answer | None:
        try:
            answer = await self._call(method, path, limit=limit)
        except AmbiguousError as error:
            raise TemporaryError(Reason.PROVIDER_DOWN, error.detail) from error
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if not answer.ok:
            raise no_answer(answer, error_text(answer), self._clock())
        return answer

    async def _call(self, method: str, path: str, *, body: bytes | None = None, limit: int = JSON_LIMIT) -> Answer:
        answer, token = await self._call_once(method, path, body, limit)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._token.forget(token)
            # A 401 proves that nothing was accepted, so even a POST may go out again, once (section 1).
            if "expired" in ", ".join(answer.headers.getall("WWW-Authenticate", ())).lower():
                answer, _ = await self._call_once(method, path, body, limit)
        return answer

    async def _call_once(self, method: str, path: str, body: bytes | None, limit: int) -> tuple[Answer, str]:
        token = await self._token.current()
        headers = {"Authorization": f"Bearer {token}", "Accept": "*/*"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return await self._http.request(method, self._root + path, headers=headers, body=body, limit=limit), token


def _page(answer: Answer, page: int) -> tuple[list[tuple[str, dict[str, Any]]], bool]:
    body = answer.json_object() or {}
    faxes = body.get("faxes")
    if not isinstance(faxes, list):
        raise TemporaryError(Reason.PROVIDER_DOWN, "the answer is not a list of faxes")
    named = [(name, fax) for fax in faxes if isinstance(fax, dict) and (name := fax_id(fax))]
    if len(named) < len(faxes):
        raise TemporaryError(Reason.PROVIDER_DOWN, "a list entry has no usable id")
    total = body.get("totalPages")
    more = page < total if isinstance(total, int) else len(faxes) >= _PAGE_SIZE
    return named, more
