"""The door of the simulated Sinch API: credentials first, then every error in the words of the API."""

import re
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.simulator.control import PREFIX
from gateway.simulator.faults import Faults
from gateway.simulator.sinch_auth import Auth, Login
from gateway.simulator.sinch_errors import ApiError, error_response

PROJECT_PATH = re.compile(r"/v3/projects/(?P<project>[^/]*)")
EXPIRED = 'Bearer error="invalid_token", error_description="The access token expired"'


class Gate:
    """Lets in whoever has the credentials of the project.

    Args:
        project: The one project there is.
        auth: Judges the credentials.
        faults: error_shape_b.
    """

    def __init__(self, project: str, auth: Auth, faults: Faults) -> None:
        self._project = project
        self._auth = auth
        self._faults = faults

    def middleware(self) -> Middleware:
        """Returns the aiohttp middleware."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/v3/") and (refusal := self._refusal(request)):
                return refusal
            try:
                return await handler(request)
            except ApiError as error:
                return self.answer(error)
            except web.HTTPException as error:
                if request.path.startswith(PREFIX):
                    raise
                return self.answer(ApiError(error.status, f"{request.path}: {error.reason}"))

        return guard

    def answer(self, error: ApiError) -> web.Response:
        """Returns the answer to a request that failed, in the shape switched on at present."""
        return error_response(error, schema_shape=self._faults.take("error_shape_b") is not None)

    def status_answer(self, status: int) -> web.Response:
        """Returns the answer that a fault asks for."""
        return self.answer(ApiError(status, "This answer was asked for."))

    def _refusal(self, request: web.Request) -> web.Response | None:
        login = self._auth.check(request.headers.get("Authorization", ""))
        asked = PROJECT_PATH.match(request.path)
        if login is Login.GOOD and asked is not None and asked["project"] == self._project:
            return None
        challenge = EXPIRED if login is Login.EXPIRED else 'Basic realm="fax"'
        return web.Response(status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": challenge})


def fault_paths(request: web.Request) -> tuple[str, ...]:
    """Returns the paths that a fault may name for a request: the whole one, and the one below the project."""
    return request.path, PROJECT_PATH.sub("", request.path, count=1)
