"""Requests to one project at Sinch: with its token, and lists read to their end (sinch-fax-v3 1 and 2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from gateway.core.reasons import AmbiguousError, Reason, TemporaryError
from gateway.providers.http import JSON_LIMIT, Answer, Clock, HttpClient, no_answer
from gateway.providers.sinch.access_token import AccessToken
from gateway.providers.sinch.words import error_text, read_whole

#: Entries per page of a list; the most they allow.
PAGE_SIZE: Final = 1000

_Named = TypeVar("_Named", bound=tuple[Hashable, Any])


class NothingThereError(Exception):
    """They answered 404: no list has this path."""


class Project:
    """One project: its requests carry its token, and their failures are read in one way.

    Args:
        http: its connections.
        base_url: such as ``https://fax.api.sinch.com``.
        project_id: of the project.
        token: where the access token comes from.
        clock: the time, for Retry-After dates.
    """

    def __init__(self, http: HttpClient, base_url: str, project_id: str, token: AccessToken, clock: Clock) -> None:
        self._http = http
        self._root = f"{base_url.rstrip('/')}/v3/projects/{quote(project_id, safe='')}"
        self._token = token
        self.clock = clock

    async def call(self, method: str, path: str, *, body: bytes | None = None, limit: int = JSON_LIMIT) -> Answer:
        """Sends one request, a JSON body with it, and returns the answer, whatever its status.

        Raises:
            NotSentError, AccountError: it was not sent.
            AmbiguousError: they may have got it; there is no complete answer.
        """
        answer, token = await self._call_once(method, path, body, limit)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._token.forget(token)
            # A 401 proves that nothing was accepted, so even a POST may go out again, once (section 1).
            if "expired" in ", ".join(answer.headers.getall("WWW-Authenticate", ())).lower():
                answer, _ = await self._call_once(method, path, body, limit)
        return answer

    async def ask(self, method: str, path: str, limit: int = JSON_LIMIT) -> Answer | None:
        """Sends a request that may be repeated, and returns the successful answer; None if there is no such thing.

        Raises:
            TemporaryError, AccountError: no usable answer.
        """
        try:
            answer = await self.call(method, path, limit=limit)
        except AmbiguousError as error:
            raise TemporaryError(Reason.PROVIDER_DOWN, error.detail) from error
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if not answer.ok:
            raise no_answer(answer, error_text(answer), self.clock())
        return answer

    async def entries(
        self, path: str, key: str, read: Callable[[Any], _Named | None], query: Mapping[str, str]
    ) -> AsyncIterator[_Named]:
        """Yields all entries of a list, page by page, each once, any order. Safe to repeat.

        What is added while we read shifts the pages, so that an entry may be met twice. What is removed shifts
        them the other way, so that one may be missed: such a list counts as unread.

        Args:
            path: of the list.
            key: the field that holds its entries.
            read: makes an entry a tuple that begins with its name; None if it cannot be read.
            query: beside the page.

        Raises:
            NothingThereError: there is no such list.
            TemporaryError, AccountError: it could not be read to its end; what was yielded is true.
        """
        seen: set[Hashable] = set()
        totals: list[int] = []
        page, more = 1, True
        while more:
            paged = {**query, "page": str(page), "pageSize": str(PAGE_SIZE)}
            answer = await self.ask("GET", f"{path}?{urlencode(paged, quote_via=quote)}")
            if answer is None:
                raise NothingThereError(path)
            body = answer.json_object() or {}
            batch, more = _batch(body, key, read), _goes_on(body, key, page)
            totals.append(read_whole(body.get("totalItems")) or 0)
            known = len(seen)
            for named in batch:
                if named[0] not in seen:
                    seen.add(named[0])
                    yield named
            if more and len(seen) == known:
                # Ending here would make a part look like the whole, and absence would be read from it.
                raise TemporaryError(Reason.PROVIDER_DOWN, f"page {page} of the list brought nothing new")
            page += 1
        if totals != sorted(totals):
            raise TemporaryError(Reason.PROVIDER_DOWN, "the list became shorter while it was read")

    async def _call_once(self, method: str, path: str, body: bytes | None, limit: int) -> tuple[Answer, str]:
        token = await self._token.current()
        headers = {"Authorization": f"Bearer {token}", "Accept": "*/*"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return await self._http.request(method, self._root + path, headers=headers, body=body, limit=limit), token


def _batch(body: Mapping[str, Any], key: str, read: Callable[[Any], _Named | None]) -> list[_Named]:
    entries = body.get(key)
    if not isinstance(entries, list):
        raise TemporaryError(Reason.PROVIDER_DOWN, f"the answer is not a list of {key}")
    batch = [named for entry in entries if (named := read(entry)) is not None]
    if len(batch) < len(entries):
        raise TemporaryError(Reason.PROVIDER_DOWN, f"an entry of the list of {key} cannot be read")
    return batch


def _goes_on(body: Mapping[str, Any], key: str, page: int) -> bool:
    # The number of a page is called `page` or `pageNumber` (section 2): we count ourselves.
    pages = read_whole(body.get("totalPages"))
    return len(body[key]) >= PAGE_SIZE if pages is None else page < pages
