"""The OAuth2 access token of a Sinch project (sinch-fax-v3 section 1)."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

import orjson

from gateway.core.reasons import AccountError, AmbiguousError, NotSentError, Reason, TemporaryError
from gateway.providers.http import (
    Answer,
    Clock,
    HttpClient,
    basic_credentials,
    refused_submission,
    retry_after,
)
from gateway.providers.sinch.words import error_text

_RENEW_EARLY: Final = timedelta(seconds=60)
#: A token that tells nothing of its end is used until it is refused; this only keeps the sum in range.
_LONGEST_LIFETIME: Final = timedelta(days=1)
#: Waits after a 429, which names none itself; the last one repeats.
_WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 4, 16, 60))
#: How long callers share a failure instead of each repeating it.
_SHARED: Final = timedelta(seconds=1)


class AccessToken:
    """Fetches the token when it is needed, renews it early, once for all who wait for it.

    Args:
        http: connections of the account.
        auth_url: such as ``https://auth.sinch.com``.
        key_id: user of the token request.
        key_secret: its password.
        clock: the time.
    """

    def __init__(self, http: HttpClient, auth_url: str, key_id: str, key_secret: str, clock: Clock) -> None:
        self._http = http
        self._url = f"{auth_url.rstrip('/')}/oauth2/token"
        self._authorization = basic_credentials(key_id, key_secret)
        self._clock = clock
        self._fetching = asyncio.Lock()
        self._token: str | None = None
        self._renew_at = datetime.max.replace(tzinfo=UTC)
        self._failure: TemporaryError | None = None
        self._failed_until = datetime.min.replace(tzinfo=UTC)
        self._too_many = 0

    async def current(self) -> str:
        """Returns a token that is good for now. Safe to repeat.

        Raises:
            NotSentError: none to be had at the moment; so the request that needs it is not sent.
            AccountError: the credentials are refused.
        """
        async with self._fetching:
            if self._token is None or self._clock() >= self._renew_at:
                self._token = await self._renewed()
            return self._token

    def forget(self, token: str) -> None:
        """Drops a token that was refused, unless another caller has renewed it meanwhile."""
        if self._token == token:
            self._token = None

    async def _renewed(self) -> str:
        if self._failure is not None and self._clock() < self._failed_until:
            raise type(self._failure)(self._failure.reason, self._failure.detail, self._failure.retry_after)
        try:
            token, lifetime = await self._fetch()
        except TemporaryError as failure:
            self._failure = failure
            self._failed_until = self._clock() + (failure.retry_after or _SHARED)
            raise
        self._failure, self._too_many = None, 0
        self._renew_at = self._clock() + lifetime - min(_RENEW_EARLY, lifetime / 2)
        return token

    async def _fetch(self) -> tuple[str, timedelta]:
        headers = {"Authorization": self._authorization, "Content-Type": "application/x-www-form-urlencoded"}
        form = b"grant_type=client_credentials"
        try:
            answer = await self._http.request("POST", self._url, headers=headers, body=form)
        except AmbiguousError as error:  # ambiguous for the token, not for the fax
            raise NotSentError(Reason.PROVIDER_DOWN, f"token endpoint: {error.detail}") from error
        if not answer.ok:
            raise self._refusal(answer)
        grant = answer.json_object() or {}
        token = grant.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise NotSentError(Reason.PROVIDER_DOWN, "token endpoint: no token in the answer")
        return token, _lifetime(grant.get("expires_in"), token)

    def _refusal(self, answer: Answer) -> TemporaryError:
        now = self._clock()
        text = f"token endpoint: {error_text(answer)}"
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = retry_after(answer, now) or _WAITS[min(self._too_many, len(_WAITS) - 1)]
            self._too_many += 1
            return NotSentError(Reason.PROVIDER_DOWN, text, wait)
        if isinstance(refused_submission(answer, text, now), AmbiguousError):
            return NotSentError(Reason.PROVIDER_DOWN, text)
        return AccountError(Reason.PROVIDER_AUTH, text)  # there is nothing to refuse here but our credentials


def _lifetime(expires_in: object, token: str) -> timedelta:
    # Both sources are durations, so that a wrong clock on our side does not matter.
    seconds = expires_in if isinstance(expires_in, int | float) else _jwt_lifetime(token)
    longest = _LONGEST_LIFETIME.total_seconds()
    return _LONGEST_LIFETIME if seconds is None else timedelta(seconds=min(max(seconds, 0), longest))


def _jwt_lifetime(token: str) -> float | None:
    try:
        payload = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"] - claims["iat"])
    except (ValueError, LookupError, TypeError):
        return None
