"""Makes the document of a fax of the parts of a request: bytes, uploaded documents, URLs (interfax-rest 3 and 8)."""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.simulator.documents import ConversionError, Upload, kind_of, merge
from gateway.simulator.faults import Faults
from gateway.simulator.fetching import fetch
from gateway.simulator.interfax_account import Account
from gateway.simulator.interfax_errors import CHUNK_MISSING, ApiError
from gateway.simulator.interfax_parts import MEDIA_TYPES, Part

#: Pictures beyond those that every simulator knows; other types of the vendor's list become a page that names them.
PICTURES = {"bmp", "gif", "pcx"}
UPLOADED = re.compile(r"/outbound/documents/([0-9a-fA-F]{32})$")


@dataclass(frozen=True, slots=True)
class Content:
    """What is faxed, or nothing if it cannot be rendered; `sha256` is that of the document, else of what came in."""

    document: bytes | None
    sha256: str
    pages: int


class Renderer:
    """Collects the parts of a fax and renders them.

    Args:
        account: Has the uploaded documents; those for a single use are gone afterwards.
        faults: skip_unsupported.
    """

    def __init__(self, account: Account, faults: Faults) -> None:
        self._account = account
        self._faults = faults

    async def render(self, parts: Sequence[Part]) -> Content:
        """Returns the pages of all parts in their order.

        Raises:
            ApiError: -1062 or -1061, an uploaded document is not there or not complete.
        """
        uploads = [await self._upload(part) for part in parts]
        if self._faults.take("skip_unsupported"):
            uploads = [upload for upload in uploads if upload.kind is not None]
        return await asyncio.to_thread(_render, uploads)

    async def _upload(self, part: Part) -> Upload:
        if part.location is None:
            return Upload(_kind(f"x.{MEDIA_TYPES.get(part.media_type)}"), part.data)
        if found := UPLOADED.search(part.location):
            return self._use(found[1].lower())
        try:
            [upload] = await fetch([part.location])
        except ConversionError:
            return Upload(None, b"", part.location)
        return upload

    def _use(self, document_id: str) -> Upload:
        document = self._account.uploaded(document_id)
        if len(document.data) != document.size:
            raise ApiError(CHUNK_MISSING)
        if document.disposition == "SingleUse":
            del self._account.documents[document_id]
        else:
            self._account.documents[document_id] = replace(document, used=self._account.clock.now())
        return Upload(_kind(document.name), document.data, document.name)


def _kind(name: str) -> str | None:
    """Returns how a file is rendered, None for one that is not."""
    extension = name.rpartition(".")[2].lower()
    if extension not in MEDIA_TYPES.values():
        return kind_of(name)
    return kind_of(name) or ("PNG" if extension in PICTURES else "DOCX")


def _render(uploads: Sequence[Upload]) -> Content:
    try:
        document, pages = merge(uploads)
    except ConversionError:
        received = b"".join(upload.data for upload in uploads)
        return Content(None, hashlib.sha256(received).hexdigest(), 0)
    return Content(document, hashlib.sha256(document).hexdigest(), pages)
