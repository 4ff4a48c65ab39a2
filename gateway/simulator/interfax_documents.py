"""Documents uploaded in chunks before they are sent (interfax-rest 8)."""

import re
import secrets
from dataclasses import replace

from aiohttp import web

from gateway.simulator import interfax_records
from gateway.simulator.clock import Clock
from gateway.simulator.faults import Faults
from gateway.simulator.interfax_account import Account, Document
from gateway.simulator.interfax_answers import answer, base_of, created
from gateway.simulator.interfax_errors import (
    BAD_CHUNK,
    CHUNK_MISSING,
    TOO_BIG,
    ApiError,
    bad_parameter,
)
from gateway.simulator.interfax_query import Query

CHUNK_MAX = 1024 * 1024
DOCUMENT_MAX = 20 * 1024 * 1024
RANGE = re.compile(r"bytes=(\d+)-(\d+)")
DISPOSITIONS = {"singleuse": "SingleUse", "multiuse": "MultiUse", "permanent": "Permanent"}
SHARINGS = {"private": "Private", "shared": "Shared"}


class DocumentApi:
    """Answers the requests about uploaded documents.

    Args:
        account: Where they are.
        clock: Stamps them.
        faults: create_202.
    """

    def __init__(self, account: Account, clock: Clock, faults: Faults) -> None:
        self._account = account
        self._clock = clock
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes."""
        one = "/outbound/documents/{id}"
        return [
            web.post("/outbound/documents", self.create),
            web.get("/outbound/documents", self.list),
            web.post(one, self.upload),
            web.get(one, self.get),
            web.delete(one, self.delete),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Begins an upload; the size has to be told, the name decides the file type."""
        query = Query(request)
        size, name = query.whole("size", lowest=1), query.text("name")
        if size is None or name is None:
            raise bad_parameter("size and name", "given")
        if size > DOCUMENT_MAX:
            raise ApiError(TOO_BIG)
        now = self._clock.now()
        document = Document(
            id=secrets.token_hex(16),
            name=name,
            size=size,
            disposition=DISPOSITIONS[query.word("disposition", *DISPOSITIONS) or "singleuse"],
            sharing=SHARINGS[query.word("sharing", *SHARINGS) or "private"],
            created=now,
            used=now,
        )
        self._account.documents[document.id] = document
        status = 202 if self._faults.take_for("create_202", request) else 201
        return created(f"{base_of(request)}/outbound/documents/{document.id}", status)

    async def upload(self, request: web.Request) -> web.Response:
        """Takes the next chunk; 202 with what is there so far, 200 for the last one."""
        document = self._document(request)
        chunk = await request.read()
        self._check(document, request.headers.get("Range", ""), chunk)
        document = replace(document, data=document.data + chunk)
        self._account.documents[document.id] = document
        if len(document.data) == document.size:
            return web.Response()
        so_far = f"bytes 0-{len(document.data) - 1}/{document.size}"
        return web.Response(status=202, headers={"X-Content-Range": so_far})

    async def list(self, request: web.Request) -> web.Response:
        """Lists the uploaded documents."""
        query = Query(request)
        first = query.whole("offset") or 0
        documents = self._account.shown_documents()[first : first + query.limit()]
        records = [self._record(document, request) for document in documents]
        return answer(request, records, "UploadedDocument")

    async def get(self, request: web.Request) -> web.Response:
        """Answers with the state of an upload."""
        return answer(request, self._record(self._document(request), request), "UploadedDocument")

    async def delete(self, request: web.Request) -> web.Response:
        """Removes a document."""
        del self._account.documents[self._document(request).id]
        return web.Response()

    def _check(self, document: Document, text: str, chunk: bytes) -> None:
        """Refuses a chunk that does not follow what is there.

        Raises:
            ApiError: -1061 after a gap, -3005 for a bad size, 413 beyond the end or above 1 MB.
        """
        if (span := RANGE.fullmatch(text)) is None:
            raise ApiError(BAD_CHUNK, f"Range [{text}]")
        first, last = int(span[1]), int(span[2])
        if len(chunk) > CHUNK_MAX or len(document.data) == document.size or last >= document.size:
            raise ApiError(TOO_BIG)
        if first != len(document.data):
            raise ApiError(CHUNK_MISSING, f"{len(document.data)} bytes are here")
        if last - first + 1 != len(chunk):
            raise ApiError(BAD_CHUNK)

    def _document(self, request: web.Request) -> Document:
        return self._account.uploaded(request.match_info["id"].lower())

    def _record(self, document: Document, request: web.Request) -> interfax_records.Record:
        return interfax_records.document(document, self._account.username, base_of(request))
