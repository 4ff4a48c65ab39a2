"""Request bodies: capped in size and time, small ones in memory, large ones in a temporary file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Final

from aiohttp import web

#: Bodies up to this size stay in memory, bytes.
IN_MEMORY: Final = 256 * 1024
_CHUNK: Final = 64 * 1024


async def read_body(
    request: web.Request, *, max_size: int, seconds: float, directory: Path
) -> SpooledTemporaryFile[bytes]:
    """Reads a body to its end, holding at most ``IN_MEMORY`` of it in memory. The caller closes the file.

    Args:
        request: nothing of its body has been read.
        max_size: bytes.
        seconds: for the whole body to arrive.
        directory: where large bodies go, as files without a name that end with their last reader.

    Raises:
        web.HTTPRequestEntityTooLarge: it is larger, or says that it is.
        web.HTTPRequestTimeout: it did not arrive in time.
        web.HTTPBadRequest: it ended before its announced end.
        OSError: it could not be stored.
    """
    announced = request.content_length or 0
    if announced > max_size:
        raise web.HTTPRequestEntityTooLarge(max_size, announced, text="")
    body = SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(directory))  # noqa: SIM115 - the caller closes it
    try:
        async with asyncio.timeout(seconds):
            await _copy(request, body, max_size)
    except TimeoutError:
        body.close()
        raise web.HTTPRequestTimeout(text="") from None
    except BaseException:
        body.close()
        raise
    return body


async def _copy(request: web.Request, body: SpooledTemporaryFile[bytes], max_size: int) -> None:
    size = 0
    try:
        async for chunk in request.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > max_size:
                raise web.HTTPRequestEntityTooLarge(max_size, size, text="")
            if size > IN_MEMORY:
                await asyncio.to_thread(body.write, chunk)
            else:
                body.write(chunk)
    except (ConnectionError, web.RequestPayloadError):
        raise web.HTTPBadRequest(text="") from None
