"""Fetches the documents that a request names by URL, from this machine only."""

import ipaddress
import mimetypes
from collections.abc import Sequence

import aiohttp
from yarl import URL

from gateway.simulator.documents import ConversionError, Upload, kind_of

FETCH_SECONDS = 10


async def fetch(urls: Sequence[str]) -> list[Upload]:
    """Fetches each URL, from loopback addresses only, so that no simulated fax ever touches the network.

    Raises:
        ConversionError: 54, one of them could not be fetched.
    """
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as client:
        return [await _fetch_one(client, url) for url in urls]


async def _fetch_one(client: aiohttp.ClientSession, url: str) -> Upload:
    try:
        if not _is_loopback(URL(url).host or ""):
            raise ConversionError(54, url)
        async with client.get(url, allow_redirects=False) as answer:
            if answer.status != 200:  # noqa: PLR2004 - anything but OK has no document
                raise ConversionError(54, url)
            name = URL(url).name
            extension = mimetypes.guess_extension(answer.content_type) or ""
            kind = kind_of(name) or kind_of(f"x{extension}")
            return Upload(kind, await answer.read(), name)
    except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
        raise ConversionError(54, url) from problem


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
