"""Faults of the connection: refused, dropped, late, torn and missing answers."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.simulator.faults import Fault, Faults, FieldRules

RETRY_AFTER: FieldRules = {"retry_after": ((int, str), lambda _: True, "seconds or an HTTP date")}
#: The faults with the fields only they have.
TRANSPORT_FAULTS: dict[str, FieldRules] = {
    "drop_request": {},
    "drop_response": {},
    "hang": {},
    "slow": {},
    "status": RETRY_AFTER,
    "status_after": RETRY_AFTER,
    "torn_response": {},
}


class TransportFaults:
    """Stands before a service and lets the faults of the connection strike.

    Args:
        faults: What is switched on.
        spared: The beginning of the paths where no fault ever strikes.
        status_answer: Makes the answer that the service itself gives with a status.
    """

    def __init__(self, faults: Faults, spared: str, status_answer: Callable[[int], web.Response]) -> None:
        self._faults = faults
        self._spared = spared
        self._status_answer = status_answer
        self._stopping = asyncio.Event()

    def release(self) -> None:
        """Ends the answers that hang, so that the server can stop. Safe to repeat."""
        self._stopping.set()

    def middleware(self) -> Middleware:
        """Returns the aiohttp middleware."""

        @web.middleware
        async def strike(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(self._spared):
                return await handler(request)
            if self._faults.take_for("drop_request", request):
                return _hang_up(request)
            if fault := self._faults.take_for("status", request):
                return self._refuse(fault)
            return await self._spoil(request, await handler(request))

        return strike

    async def _spoil(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Lets a fault strike after the request has done its work."""
        if fault := self._faults.take_for("slow", request):
            await asyncio.sleep(fault.seconds)
        if self._faults.take_for("hang", request):
            await self._stopping.wait()
            return _hang_up(request)
        if self._faults.take_for("drop_response", request):
            return _hang_up(request)
        if self._faults.take_for("torn_response", request):
            return await _tear(request, response)
        if fault := self._faults.take_for("status_after", request):
            return self._refuse(fault)
        return response

    def _refuse(self, fault: Fault) -> web.Response:
        if fault.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            response = web.Response(status=fault.status)
        else:
            response = self._status_answer(fault.status)
        if "retry_after" in fault.extra:
            response.headers["Retry-After"] = str(fault.extra["retry_after"])
        return response


def _hang_up(request: web.Request) -> web.Response:
    """Closes the connection; the response returned goes nowhere."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _tear(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    if not body:  # nothing but the head can be torn
        if request.transport is not None:
            request.transport.write(f"HTTP/1.1 {response.status} ".encode())
        return _hang_up(request)
    torn = web.StreamResponse(status=response.status, headers=response.headers)
    torn.content_length = len(body)
    await torn.prepare(request)
    await torn.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return torn
