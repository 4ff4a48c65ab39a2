"""HTTP as every provider client needs it: bounded, paced, and exact about what a failure proves.

The one question that matters after a failed submission is whether the provider can have it. Here it is
answered once: `HttpClient.request` tells "provably not sent" from "nobody knows", `refused_submission` and
`no_answer` read the same out of HTTP statuses (docs/durability.md).
"""

from __future__ import annotations

import base64
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any, Final

import aiohttp
import orjson
from aiolimiter import AsyncLimiter
from multidict import CIMultiDictProxy
from yarl import URL

from gateway import __version__
from gateway.core.reasons import (
    AccountError,
    AmbiguousError,
    GatewayError,
    NotSentError,
    PermanentError,
    Reason,
    TemporaryError,
)

#: The time, with zone.
Clock = Callable[[], datetime]

#: The largest answers that are read (bytes). A page of 1000 faxes is about 1.5 MB, a fax of 500 pages 50 MB.
JSON_LIMIT: Final = 16 * 1024**2
DOCUMENT_LIMIT: Final = 100 * 1024**2

#: Name lookup, TCP and TLS together. Short, because running into it still proves that nothing was sent.
_CONNECT_SECONDS: Final = 10.0
_LONGEST_WAIT: Final = timedelta(days=1)
_TEXT_LENGTH: Final = 200
_ANY_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:\\?/){2}\S*")

_ACCOUNT_TROUBLE: Final = {
    401: Reason.PROVIDER_AUTH,
    402: Reason.OUT_OF_CREDIT,
    403: Reason.PROVIDER_AUTH,
}
_REFUSALS: Final = {413: Reason.TOO_BIG, 415: Reason.UNSUPPORTED_TYPE}
#: 4xx that do not say that the request was refused: timeout, conflict, too early.
_UNDECIDED: Final = frozenset({408, 409, 425})
_TOO_MANY_REQUESTS: Final = 429


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Says that the provider did what was asked (2xx)."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of status codes that RFC 9110 calls successful

    def json_object(self) -> dict[str, Any] | None:
        """Reads the body as one JSON object; None if it is anything else."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None
        return value if isinstance(value, dict) else None


class HttpClient:
    """The HTTP of one provider account.

    Every request has a connection of its own. A handshake is cheap beside a fax, and it takes away a doubt:
    no submission can meet a pooled connection that died unnoticed. A POST is sent once;
    a lost GET, PUT or DELETE the library may repeat once by itself. Certificates are verified; redirects, cookies
    and proxies from the environment are off.

    Args:
        requests_per_second: pace of this account, bursts of one second included.
        timeout: seconds for one whole request, connecting included.
    """

    def __init__(self, *, requests_per_second: float, timeout: float) -> None:
        # Connecting ends well before the whole: if both ended at once, nobody would know which it was.
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(timeout / 2, _CONNECT_SECONDS))
        self._pace = AsyncLimiter(max(1, requests_per_second), max(1, 1 / requests_per_second))
        self._session: aiohttp.ClientSession | None = None
        self._resolver: aiohttp.AsyncResolver | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None = None,
        limit: int = JSON_LIMIT,
    ) -> Answer:
        """Sends one request once and returns the answer, whatever its status.

        Args:
            method: HTTP method.
            url: absolute, already percent-encoded; it is sent as it is.
            headers: beside the usual ones.
            body: request content; its type is in ``headers``.
            limit: most bytes of an answer.

        Raises:
            NotSentError: the provider provably did not get the request.
            AmbiguousError: it may have got it; there is no complete answer.
        """
        await self._pace.acquire()
        # A stream, because aiohttp would write one large block of bytes without letting others run.
        data = None if body is None else BytesIO(body)
        try:
            async with self._open().request(
                method, URL(url, encoded=True), headers=headers, data=data, allow_redirects=False
            ) as response:
                return Answer(response.status, response.headers, await _read(response, limit))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Refused, name not found, TLS handshake failed, connecting took too long. Never their parents: a
            # ClientOSError is also a connection that broke in the middle.
            raise NotSentError(Reason.PROVIDER_DOWN, self._describe(error, URL(url, encoded=True))) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AmbiguousError(Reason.OUTCOME_UNKNOWN, self._describe(error, URL(url, encoded=True))) from error

    async def close(self) -> None:
        """Closes what is open. Safe to repeat."""
        if self._session is not None and self._resolver is not None:
            await self._session.close()
            await self._resolver.close()
        self._session = self._resolver = None

    def _describe(self, error: Exception, url: URL) -> str:
        """Says in plain words why there is no answer. Of the URL only host and port: a path can hold secrets."""
        peer = f"{url.host}:{url.port}"
        match error:
            case aiohttp.ClientConnectorDNSError():
                text = f"{url.host}: name not found"
            case aiohttp.ClientConnectorCertificateError():
                why = error.certificate_error
                text = f"TLS: {why.verify_message if isinstance(why, ssl.SSLCertVerificationError) else why}"
            case aiohttp.ClientConnectorSSLError():
                text = f"TLS: {error.os_error.strerror or error.os_error}"
            case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))):
                text = f"cannot connect to {peer}: {os.strerror(number).lower()}"
            case aiohttp.ConnectionTimeoutError():
                text = f"cannot connect to {peer}: no answer within {self._timeout.connect:g} s"
            case TimeoutError():
                text = f"no answer within {self._timeout.total:g} s"
            case aiohttp.ClientOSError(errno=int(number)):
                text = f"{peer}: {os.strerror(number).lower()}"
            case aiohttp.ServerDisconnectedError():
                text = f"{peer} ended the connection without an answer"
            case aiohttp.ClientPayloadError():
                text = f"broken answer: {error}"
            case _:
                text = f"{type(error).__name__}: {error}"
        return short_text(text)

    def _open(self) -> aiohttp.ClientSession:
        # Opened at the first request: a session belongs to a running event loop.
        if self._session is None:
            # c-ares instead of getaddrinfo: slow name servers must not fill the threads that write to disk.
            self._resolver = aiohttp.AsyncResolver()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=self._resolver, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"faxgw/{__version__}", "Accept-Encoding": "identity"},
                timeout=self._timeout,
            )
        return self._session


def refused_submission(answer: Answer, detail: str, now: datetime) -> GatewayError:
    """Reads what an unsuccessful status of a submission proves (docs/durability.md).

    Only a 4xx is a refusal; 408, 409, 425, redirects and 5xx leave open what became of the request.

    Args:
        answer: any status but 2xx.
        detail: raw text for the journal.
        now: for a Retry-After that names a date.

    Returns:
        NotSentError, AccountError, PermanentError or AmbiguousError.
    """
    if answer.status == _TOO_MANY_REQUESTS:
        return NotSentError(Reason.PROVIDER_DOWN, detail, retry_after(answer, now))
    if answer.status in _ACCOUNT_TROUBLE:
        return AccountError(_ACCOUNT_TROUBLE[answer.status], detail)
    if 400 <= answer.status < 500 and answer.status not in _UNDECIDED:  # noqa: PLR2004 - client errors of RFC 9110
        return PermanentError(_REFUSALS.get(answer.status, Reason.OTHER), detail)
    return AmbiguousError(Reason.OUTCOME_UNKNOWN, detail)


def no_answer(answer: Answer, detail: str, now: datetime) -> TemporaryError:
    """Reads an unsuccessful status of a question: account trouble, or ask again later. Arguments as above."""
    if answer.status in _ACCOUNT_TROUBLE:
        return AccountError(_ACCOUNT_TROUBLE[answer.status], detail)
    return TemporaryError(Reason.PROVIDER_DOWN, detail, retry_after(answer, now))


def retry_after(answer: Answer, now: datetime) -> timedelta | None:
    """Reads Retry-After as seconds or HTTP date (RFC 9110 10.2.3), at most a day; None if there is none."""
    text = answer.headers.get("Retry-After", "").strip()
    try:
        if text.isascii() and text.isdecimal():
            wait = timedelta(seconds=min(float(text), _LONGEST_WAIT.total_seconds()))
        else:
            wanted = parsedate_to_datetime(text)
            wait = (wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), _LONGEST_WAIT)


def basic_credentials(user: str, password: str) -> str:
    """Builds the value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def their_words(text: str) -> str:
    """Cuts what a provider says of an error as ``short_text`` does; any URL is left out, because ours hold secrets."""
    return short_text(_ANY_URL.sub("(a URL)", text))


def short_text(text: str) -> str:
    """Cuts foreign text down to one short printable line for the journal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _TEXT_LENGTH]).split())
    return line if len(line) <= _TEXT_LENGTH else line[: _TEXT_LENGTH - 1] + "…"


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise aiohttp.ClientPayloadError(f"answer is larger than {limit} bytes")
    return bytes(body)
