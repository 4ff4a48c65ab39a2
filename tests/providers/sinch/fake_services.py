"""Services, their numbers and their addresses at Sinch, as sinch-fax-v3 5 and 6 document them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from faulty_server import Received

SERVICE = "01KB0000000000000000SERV01"
SECOND_SERVICE = "01KB0000000000000000SERV02"


@dataclass
class FakeService:
    """One service; the entries of an address are kept and shown as they were given."""

    settings: dict[str, Any]
    numbers: list[Any] = field(default_factory=list)
    emails: dict[str, list[Any]] = field(default_factory=dict)


@dataclass
class FakeServices:
    """Two services, to begin with. ``lists`` changes the body of each page of a list on its way out."""

    services: dict[str, FakeService] = field(
        default_factory=lambda: {
            SERVICE: FakeService({"name": "Default service"}),
            SECOND_SERVICE: FakeService({"name": "Clinic"}),
        }
    )
    page_size: int = 1000
    between_pages: list[Callable[[], object]] = field(default_factory=list)
    lists: Callable[[dict[str, Any]], object] = lambda body: body

    def answer(self, request: Received, path: str) -> web.Response:
        name, *rest = (unquote(part) for part in path.split("/"))
        service = self.services.get(name)
        body = json.loads(request.body) if request.body else {}
        match request.method, rest:
            case _ if service is None:
                return web.Response(status=404)
            case _, ["emails", address, *more]:
                return self._address(request, service, address, more, body)
            case "GET", ["emails"]:
                emails = [{"email": address, "phoneNumbers": pairs} for address, pairs in service.emails.items()]
                return self._page(request, "emails", emails)
            case "POST", ["emails"]:
                service.emails[body["email"]] = body["phoneNumbers"]
                return web.json_response(body, status=201)
            case "GET", ["numbers"]:
                return self._page(request, "numbers", service.numbers)
            case "PATCH" | "GET", []:
                service.settings |= body
                return web.json_response({"id": name, **service.settings})
        return web.Response(status=405)

    def _address(
        self, request: Received, service: FakeService, address: str, more: list[str], body: dict[str, Any]
    ) -> web.Response:
        if address not in service.emails:
            return web.Response(status=404)
        match request.method, more:
            case "GET", ["numbers"]:
                pairs = service.emails[address]
                named = [{**pair, "phoneNumber": pair["number"]} if "number" in pair else pair for pair in pairs]
                return self._page(request, "phoneNumbers", named)
            case "PUT", []:
                service.emails[address] = body["phoneNumbers"]
                return web.json_response({"email": address, **body})
            case "DELETE", []:
                del service.emails[address]
                return web.Response(status=204)
        return web.Response(status=405)

    def _page(self, request: Received, key: str, items: list[Any]) -> web.Response:
        page, size = int(request.query["page"]), min(int(request.query["pageSize"]), self.page_size)
        pages = -(-len(items) // size)
        body = {key: items[(page - 1) * size : page * size], "page": page, "totalPages": pages}
        body |= {"pageSize": size, "totalItems": len(items)}
        self.lists(body)
        answer = web.json_response(body)
        if page < pages and self.between_pages:
            self.between_pages.pop()()
        return answer
