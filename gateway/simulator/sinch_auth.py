"""Both authentications of the Sinch APIs: Basic, and a bearer token that expires (sinch-fax-v3 1)."""

import base64
import hashlib
import hmac
import json
import secrets
from enum import Enum
from typing import Any

import aiohttp
from aiohttp import web

from gateway.simulator.clock import Clock

TOKEN_SECONDS = 3599


class Login(Enum):
    """What became of the credentials of a request."""

    GOOD = "good"
    BAD = "bad"
    EXPIRED = "expired"


class Auth:
    """Checks credentials and hands out tokens.

    Args:
        key_id: The access key.
        key_secret: Its secret.
        clock: Tokens expire by it.
    """

    def __init__(self, key_id: str, key_secret: str, clock: Clock) -> None:
        self._expected = aiohttp.encode_basic_auth(key_id, key_secret)
        self._clock = clock
        self._signing_key = secrets.token_bytes(32)

    async def token(self, request: web.Request) -> web.Response:
        """Answers `POST /oauth2/token` with an access token."""
        if not self._is_basic(request.headers.get("Authorization", "")):
            return web.Response(status=401)
        form = await request.post()
        if form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        return web.json_response(
            {
                "access_token": self._new_token(),
                "token_type": "bearer",
                "expires_in": TOKEN_SECONDS,
                "scope": "",
            }
        )

    def check(self, authorization: str) -> Login:
        """Judges the value of an Authorization header."""
        if authorization.lower().startswith("bearer "):
            return self._check_token(authorization[7:].strip())
        return Login.GOOD if self._is_basic(authorization) else Login.BAD

    def _is_basic(self, authorization: str) -> bool:
        return hmac.compare_digest(authorization.encode(), self._expected.encode())

    def _new_token(self) -> str:
        now = int(self._clock.now().timestamp())
        claims = {"iat": now, "exp": now + TOKEN_SECONDS, "jti": secrets.token_hex(8)}
        unsigned = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        return f"{unsigned}.{self._signature(unsigned)}"

    def _check_token(self, token: str) -> Login:
        unsigned, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(unsigned).encode()):
            return Login.BAD
        claims = json.loads(base64.urlsafe_b64decode(unsigned.partition(".")[2] + "=="))
        return Login.GOOD if self._clock.now().timestamp() < claims["exp"] else Login.EXPIRED

    def _signature(self, unsigned: str) -> str:
        return _base64url(hmac.digest(self._signing_key, unsigned.encode(), hashlib.sha256))


def _encode(part: dict[str, Any]) -> str:
    return _base64url(json.dumps(part).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
