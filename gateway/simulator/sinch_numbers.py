"""The numbers of the account from outside: at Sinch that is another API, the one of the Numbers (sinch-fax-v3 6)."""

from collections.abc import Callable, Sequence

from aiohttp import web

from gateway.simulator.control import BadControlError, explained, read_json
from gateway.simulator.sinch_fields import is_e164


def number_route(place: Callable[[Sequence[str], str | None], None]) -> web.RouteDef:
    """Returns the control route that gives numbers to a service or releases them."""

    async def numbers(request: web.Request) -> web.Response:
        body = await read_json(request)
        wanted = body.get("numbers") if isinstance(body, dict) else None
        service = body.get("service") if isinstance(body, dict) else None
        if not isinstance(wanted, list) or not isinstance(service, str | None):
            raise BadControlError('the body must be {"numbers": [numbers], "service": id, or null to release them}')
        if wrong := [problem for number in wanted if (problem := is_e164(number))]:
            raise BadControlError(wrong[0])
        place(wanted, service)
        return web.json_response({"numbers": wanted, "service": service})

    return web.post("/_control/numbers", explained(numbers))
