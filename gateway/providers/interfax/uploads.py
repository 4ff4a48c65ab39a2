"""Documents that are too large for one request: uploaded in chunks, then sent by reference (interfax-rest 8)."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.core.reasons import AmbiguousError, NotSentError, Reason
from gateway.providers.interfax.client import Client

#: Up to here a document goes out inside the request, bytes. About 8 MB are known to work; half of that passes a slow
#: line within the time of one request, and a request that takes too long leaves a fax in doubt.
DIRECT_LIMIT: Final = 4_000_000
#: The most that they take at once.
_CHUNK: Final = 1_000_000


async def upload(client: Client, name: str, document: bytes, *, seconds: float) -> str:
    """Uploads a document and returns its URI. Safe to repeat: what was uploaded before and not used is dropped.

    Until it is sent nothing is accepted, so that whatever happens here is no doubt about a fax.

    Args:
        client: the user's endpoints.
        name: its ending decides what it is taken for.
        document: the whole of it.
        seconds: for the whole upload.

    Raises:
        NotSentError: it did not arrive.
        AccountError, PermanentError: it was refused.
    """
    try:
        async with asyncio.timeout(seconds):
            uri = await client.create_document(name, len(document))
            complete = False
            for first in range(0, len(document), _CHUNK):
                complete = await client.upload_chunk(uri, first, document[first : first + _CHUNK])
    except AmbiguousError as error:
        raise NotSentError(Reason.PROVIDER_DOWN, f"upload: {error.detail}") from error
    except TimeoutError as error:
        raise NotSentError(Reason.PROVIDER_DOWN, f"upload: not done within {seconds:.0f} s") from error
    if not complete:
        raise NotSentError(Reason.PROVIDER_DOWN, "upload: they wait for more than there is")
    return uri
