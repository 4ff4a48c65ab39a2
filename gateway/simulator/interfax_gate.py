"""The door of the simulated InterFAX API: credentials, pace, and every error in its words (interfax-rest 1 and 2)."""

import base64
import binascii
import hmac
from datetime import datetime, timedelta
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.simulator.clock import Clock
from gateway.simulator.control import PREFIX
from gateway.simulator.faults import Faults
from gateway.simulator.interfax_answers import error_answer
from gateway.simulator.interfax_errors import (
    ADDRESS_REFUSED,
    BAD_CREDENTIALS,
    BAD_PARAMETER,
    FAX_UNKNOWN,
    INTERNAL_ERROR,
    LOGIN_BLOCKED,
    TOO_BIG,
    TOO_MANY_QUERIES,
    WRONG_STATE,
    ApiError,
)
from gateway.simulator.interfax_polls import PollLimit

LOCKED_FOR = timedelta(hours=1)
URL_MAX = 2000
#: What every answer has besides its own headers; the cookie is one of a load balancer and means nothing.
HEADERS = {
    "Cache-Control": "private",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Range",
    "Set-Cookie": "TS01a2b3c4=0156e3f0; Path=/",
}

#: The code that comes with a status when a fault asks for that status alone.
CODE_BY_STATUS = {
    400: BAD_PARAMETER,
    401: BAD_CREDENTIALS,
    403: ADDRESS_REFUSED,
    404: FAX_UNKNOWN,
    409: WRONG_STATE,
    413: TOO_BIG,
    429: TOO_MANY_QUERIES,
}


class Login:
    """Judges credentials, and blocks the user for an hour after too many wrong passwords.

    Args:
        username: The one user.
        password: The password.
        clock: The hour passes by it.
        lock_after: Wrong passwords in a row that are too many.
    """

    def __init__(self, username: str, password: str, clock: Clock, lock_after: int) -> None:
        self._username = username
        self._password = password
        self._clock = clock
        self._lock_after = lock_after
        self._failures = 0
        self._locked_until: datetime | None = None

    def check(self, authorization: str) -> None:
        """Judges the value of an Authorization header.

        Raises:
            ApiError: -1003 for bad credentials, -1876 while the user is blocked, even with good ones.
        """
        if self._locked_until is not None and self._clock.now() < self._locked_until:
            raise ApiError(LOGIN_BLOCKED)
        username, password = _read_basic(authorization)
        ours = hmac.compare_digest(username.lower().encode(), self._username.lower().encode())
        if ours and hmac.compare_digest(password.encode(), self._password.encode()):
            self._failures = 0
            return
        self._failures += ours
        if self._failures >= self._lock_after:
            self._failures = 0
            self._locked_until = self._clock.now() + LOCKED_FOR
        raise ApiError(BAD_CREDENTIALS)

    def unlock(self) -> None:
        """Forgets all bad logins."""
        self._failures, self._locked_until = 0, None


class Gate:
    """Lets in whoever has the credentials and does not ask too often.

    Args:
        login: Judges the credentials.
        polls: Counts the queries.
        faults: refuse, poll_answer, bare_errors.
    """

    def __init__(self, login: Login, polls: PollLimit, faults: Faults) -> None:
        self._login = login
        self._polls = polls
        self._faults = faults

    def middleware(self) -> Middleware:
        """Returns the aiohttp middleware."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(PREFIX):
                return await handler(request)
            try:
                response = self._refusal(request) or await handler(request)
            except ApiError as error:
                response = self.answer(error)
            except web.HTTPException as error:
                response = _page(error.status, error.reason)
            response.headers.update(HEADERS)
            return response

        return guard

    def answer(self, error: ApiError) -> web.Response:
        """Returns the answer to a request that failed."""
        if self._faults.take("bare_errors"):
            return web.Response(status=error.status)
        return error_answer(error)

    def status_answer(self, status: int) -> web.Response:
        """Returns the answer that a fault asks for: in the words of the API if it has some for this status."""
        code = CODE_BY_STATUS.get(status)
        if code is None:
            return _page(status, HTTPStatus(status).phrase if status in set(HTTPStatus) else "")
        return self.answer(ApiError(code, status=status))

    def _refusal(self, request: web.Request) -> web.Response | None:
        self._login.check(request.headers.get("Authorization", ""))
        if len(request.raw_path) > URL_MAX:
            return _page(414, "Request-URI Too Long")
        if fault := self._faults.take_for("refuse", request):
            raise ApiError(fault.extra.get("api_code", INTERNAL_ERROR))
        if self._polls.admits(request):
            return None
        fault = self._faults.take_for("poll_answer", request)
        response = self.answer(ApiError(TOO_MANY_QUERIES, status=fault.status if fault else None))
        if fault and "retry_after" in fault.extra:
            response.headers["Retry-After"] = str(fault.extra["retry_after"])
        return response


def fault_paths(request: web.Request) -> tuple[str, ...]:
    """Returns the paths that a fault may name for a request."""
    return (request.path,)


def _read_basic(authorization: str) -> tuple[str, str]:
    """Returns user and password, empty if there are none; the word `Basic` needs its capital letter."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme != "Basic":
        return "", ""
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return username, password


def _page(status: int, reason: str) -> web.Response:
    """Returns what the web server in front of the API says by itself."""
    text = f"<html><head><title>{status} {reason}</title></head><body><h1>{reason}</h1></body></html>"
    return web.Response(status=status, text=text, content_type="text/html")
