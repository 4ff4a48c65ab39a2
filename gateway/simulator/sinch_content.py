"""Makes the document of a fax: cover page, then what the URLs hold, then the files (sinch-fax-v3 3.1)."""

import asyncio
import hashlib
import ipaddress
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp
from yarl import URL

from gateway.simulator.documents import ConversionError, Upload, fill_placeholders, kind_of, merge
from gateway.simulator.sinch_fates import CONVERSION, FaxError, error_of

FETCH_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Content:
    """What is faxed, or why there is nothing; `sha256` is that of the document, else of what was uploaded."""

    document: bytes | None
    sha256: str
    pages: int
    error: FaxError | None = None


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


async def prepare(uploads: Sequence[Upload], cover: bytes | None, words: Mapping[str, str]) -> Content:
    """Merges everything into one PDF; what cannot be converted becomes the error of the fax."""
    return await asyncio.to_thread(_prepare, uploads, cover, words)


def failed(uploads: Sequence[Upload], problem: ConversionError) -> Content:
    """Returns the content of a fax that has no document."""
    received = b"".join(upload.data for upload in uploads)
    return Content(None, hashlib.sha256(received).hexdigest(), 0, error_of(CONVERSION, problem.code, problem.url))


def _prepare(uploads: Sequence[Upload], cover: bytes | None, words: Mapping[str, str]) -> Content:
    try:
        document, pages = merge(uploads)
        if cover is not None:
            _, cover_pages = merge([Upload("PDF", cover)])
            filled = fill_placeholders(cover, {**words, "pageCount": str(pages + cover_pages)})
            document, pages = merge([Upload("PDF", filled), Upload("PDF", document)])
    except ConversionError as problem:
        return failed(uploads, problem)
    return Content(document, hashlib.sha256(document).hexdigest(), pages)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
