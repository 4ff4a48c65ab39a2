"""The faxes of a Sinch project over HTTP: send, get, list, download, delete content (sinch-fax-v3 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, TypedDict
from urllib.parse import quote

import orjson

from gateway.core.reasons import AccountError, AmbiguousError, Reason, TemporaryError
from gateway.providers.http import DOCUMENT_LIMIT
from gateway.providers.sinch.project import NothingThereError, Project
from gateway.providers.sinch.words import Fax, accepted_fax, fax_id, refusal


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
        project: the project whose faxes these are.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    async def send(self, order: Order) -> str:
        """Hands one fax to one recipient over and returns its id. Safe to repeat: no.

        The JSON form is used because each of its fields keeps its type: in a form, 0 and false are text.

        Raises:
            NotSentError, AccountError, PermanentError, AmbiguousError: as `words.refusal` says, or there is
                no whole answer.
        """
        answer = await self._project.call("POST", "/faxes", body=orjson.dumps(order))
        if not answer.ok:
            raise refusal(answer, self._project.clock())
        accepted = accepted_fax(answer)
        if accepted is None:
            raise AmbiguousError(Reason.OUTCOME_UNKNOWN, f"HTTP {answer.status} without a fax id")
        return accepted

    async def fax(self, name: str) -> Fax | None:
        """Reads one fax; None if they do not know it. Safe to repeat.

        Raises:
            TemporaryError, AccountError: no usable answer.
        """
        answer = await self._project.ask("GET", f"/faxes/{quote(name, safe='')}")
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
        try:
            async for _, fax in self._project.entries("/faxes", "faxes", _named, {"createTime>": since, **filters}):
                yield fax
        except NothingThereError:
            raise AccountError(Reason.PROVIDER_AUTH, "HTTP 404: no such project or service") from None

    async def document(self, name: str) -> bytes | None:
        """Downloads the PDF of a fax; None if there is none. Safe to repeat.

        Raises:
            TemporaryError, AccountError: no usable answer.
        """
        # The second one is older; which of them answers is not sure (3.4).
        for ending in ("file", "file.pdf"):
            answer = await self._project.ask("GET", f"/faxes/{quote(name, safe='')}/{ending}", DOCUMENT_LIMIT)
            if answer is not None:
                return answer.body
        return None

    async def delete_content(self, name: str) -> None:
        """Deletes the stored pages of a fax; gone already is as good. Safe to repeat.

        Raises:
            TemporaryError, AccountError: it could not be asked for.
        """
        await self._project.ask("DELETE", f"/faxes/{quote(name, safe='')}/file")


def _named(entry: Any) -> tuple[str, Fax] | None:
    name = fax_id(entry) if isinstance(entry, dict) else None
    return None if name is None else (name, entry)
