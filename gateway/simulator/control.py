"""The control surface of every simulated fax service: HTTP below `/_control`, beside its own API."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from gateway.simulator.faults import BadFaultError
from gateway.simulator.pages import MAX_PAGES

PREFIX = "/_control/"
INBOUND_FIELDS = {"from", "to", "pages", "pdf_base64", "barcodes", "fail", "service"}


@dataclass(frozen=True, slots=True)
class Inbound:
    """A fax that somebody sends to the simulated service.

    Args:
        to: The number called.
        sender: The caller, None for one who hides.
        pages: How many pages to make up, 1 to 200; without meaning if there is a PDF.
        pdf: The pages themselves.
        barcodes: What the service read on them.
        failure: Error type and code of a failed reception, None in it for the usual one.
        service: Id of the service, instead of the one that owns the number.
    """

    to: str
    sender: str | None = None
    pages: int = 1
    pdf: bytes | None = None
    barcodes: tuple[dict[str, Any], ...] = ()
    failure: tuple[str | None, int | None] | None = None
    service: str | None = None


class Simulated(Protocol):
    """What a simulated service can be told and asked to do."""

    def faxes(self) -> list[dict[str, Any]]:
        """Returns every accepted outbound fax, newest last."""

    def document(self, fax_id: str) -> bytes | None:
        """Returns the document of a fax in either direction, None if there is none."""

    async def receive(self, fax: Inbound) -> str:
        """Lets a fax come in and returns its id."""

    def set_faults(self, faults: list[dict[str, Any]]) -> None:
        """Replaces the list of faults."""

    async def advance(self, seconds: float) -> str:
        """Moves the clock ahead and returns the new time."""

    def webhooks(self) -> list[dict[str, Any]]:
        """Returns each try to deliver an event, oldest first."""

    async def reset(self) -> None:
        """Forgets everything but the ledger on disk."""


class BadControlError(ValueError):
    """A control request was not understood; the text says why."""


def control_routes(service: Simulated) -> list[web.RouteDef]:
    """Returns the routes of the control surface for a service."""

    async def faxes(_: web.Request) -> web.Response:
        return web.json_response(service.faxes())

    async def document(request: web.Request) -> web.Response:
        pdf = service.document(request.match_info["id"])
        if pdf is None:
            return web.json_response({"error": "no such fax, or it has no document"}, status=404)
        return web.Response(body=pdf, content_type="application/pdf")

    async def inbound(request: web.Request) -> web.Response:
        return web.json_response({"id": await service.receive(read_inbound(await read_json(request)))})

    async def faults(request: web.Request) -> web.Response:
        wanted = await read_json(request)
        service.set_faults(wanted)
        return web.json_response(wanted)

    async def clock(request: web.Request) -> web.Response:
        body = await read_json(request)
        seconds = body.get("advance_seconds") if isinstance(body, dict) else None
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            raise BadControlError('the body must be {"advance_seconds": a number, 0 or more}')
        return web.json_response({"now": await service.advance(seconds)})

    async def webhooks(_: web.Request) -> web.Response:
        return web.json_response(service.webhooks())

    async def reset(_: web.Request) -> web.Response:
        await service.reset()
        return web.json_response({})

    return [
        web.get("/_control/faxes", faxes),
        web.get("/_control/faxes/{id}/document", document),
        web.post("/_control/inbound", explained(inbound)),
        web.post("/_control/faults", explained(faults)),
        web.post("/_control/clock", explained(clock)),
        web.get("/_control/webhooks", webhooks),
        web.post("/_control/reset", reset),
    ]


def read_inbound(body: object) -> Inbound:
    """Returns the fax that a control request describes.

    Raises:
        BadControlError: It cannot be understood.
    """
    if not isinstance(body, dict) or not isinstance(body.get("to"), str):
        raise BadControlError('the body must be an object with at least "to"')
    if unknown := sorted(set(body) - INBOUND_FIELDS):
        raise BadControlError(f"unknown field {unknown[0]!r}; accepted are {', '.join(sorted(INBOUND_FIELDS))}")
    pages = body.get("pages", 1)
    if not isinstance(pages, int) or not 1 <= pages <= MAX_PAGES:
        raise BadControlError(f"pages must be a whole number from 1 to {MAX_PAGES}")
    for field in ("from", "service", "pdf_base64"):
        if not isinstance(body.get(field), str | None):
            raise BadControlError(f"{field} must be text or null")
    return Inbound(
        to=body["to"],
        sender=body.get("from"),
        pages=pages,
        pdf=_decode(body.get("pdf_base64")),
        barcodes=_read_barcodes(body.get("barcodes") or []),
        failure=_read_failure(body.get("fail")),
        service=body.get("service"),
    )


def _decode(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise BadControlError("pdf_base64 is not base64") from problem


def _read_barcodes(barcodes: Any) -> tuple[dict[str, Any], ...]:
    if isinstance(barcodes, list) and all(isinstance(each, dict) for each in barcodes):
        return tuple(barcodes)
    raise BadControlError("barcodes must be a list of objects with type, page and value")


def _read_failure(fail: Any) -> tuple[str | None, int | None] | None:
    if fail is None or fail is False:
        return None
    if fail is True:
        return None, None
    if isinstance(fail, dict) and isinstance(fail.get("type"), str | None):
        code = fail.get("code")
        if isinstance(code, int | None):
            return fail.get("type"), code
    raise BadControlError('fail must be true or {"type": text, "code": number}')


async def read_json(request: web.Request) -> Any:
    """Returns the JSON in the body of a control request.

    Raises:
        BadControlError: There is none.
    """
    try:
        return json.loads(await request.read())
    except ValueError as problem:
        raise BadControlError(f"the body is not JSON: {problem}") from problem


_Handler = Callable[[web.Request], Awaitable[web.Response]]


def explained(handler: _Handler) -> _Handler:
    """Lets a handler answer 400 with the reason where it does not understand what it is told."""

    async def explain(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except (BadControlError, BadFaultError) as problem:
            return web.json_response({"error": str(problem)}, status=400)

    return explain
