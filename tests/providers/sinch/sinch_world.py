"""Sinch's side of the wire for tests: token endpoint, faxes, services, small, exact and able to fail."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web
from fake_services import SECOND_SERVICE, SERVICE, FakeServices
from faulty_server import FaultyServer, Received
from provider_world import NOW, NUMBER, OUR_NUMBER, PDF, Submission, World

from gateway.core.model import Phase
from gateway.providers.sinch import Sinch, SinchSettings

FOREIGN_SERVICE = "01KB0000000000000000SERV99"
STATUSES = {Phase.WAITING: "IN_PROGRESS", Phase.DELIVERED: "COMPLETED", Phase.FAILED: "FAILURE"}


@dataclass
class FakeSinch(FaultyServer):
    """The documented behaviour of sinch-fax-v3 sections 1 to 3, for one project."""

    project: str = "5b0c1f7e-1111-4222-8333-944455556666"
    now: datetime = NOW
    faxes: dict[str, dict[str, Any]] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    orders: list[tuple[dict[str, Any], object]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    page_size: int = 1000
    between_pages: list[Callable[[], object]] = field(default_factory=list)
    services: FakeServices = field(default_factory=FakeServices)

    async def answer(self, request: Received) -> web.Response:
        if request.path == "/oauth2/token":
            return self._grant(request)
        if request.headers.get("Authorization") not in [f"Bearer {token}" for token in self.tokens[-1:]]:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Bearer error_description="expired"'})
        services = f"/v3/projects/{self.project}/services/"
        if request.raw_path.startswith(services):
            return self.services.answer(request, request.raw_path.removeprefix(services))
        root, _, rest = request.path.partition("/faxes")
        name, _, what = rest.removeprefix("/").partition("/")
        if root != f"/v3/projects/{self.project}" or (name and name not in self.faxes):
            return web.Response(status=404)
        if name:
            return self._content(request.method, name) if what else web.json_response(self.faxes[name])
        return self._send(request) if request.method == "POST" else self._list(request)

    def add(self, created_at: datetime, **fields: Any) -> str:
        name = f"01KB5{len(self.faxes):020d}9"
        time = created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.faxes[name] = {"id": name, "createTime": time, "serviceId": SERVICE, **fields}
        return name

    def _grant(self, request: Received) -> web.Response:
        assert request.method == "POST"
        assert request.body == b"grant_type=client_credentials"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"key:s3cret").decode()
        self.tokens.append(f"token-{len(self.tokens)}")
        return web.json_response({"access_token": self.tokens[-1], "token_type": "bearer", "expires_in": 3599})

    def _send(self, request: Received) -> web.Response:
        order = json.loads(request.body)
        self.orders.append((order, request.connection))
        name = self.add(
            self.now,
            direction="OUTBOUND",
            status="IN_PROGRESS",
            **{key: value for key, value in order.items() if key != "files"},
        )
        return web.json_response(self.faxes[name])

    def _list(self, request: Received) -> web.Response:
        # Their rule: %XX is decoded, a plus sign is a plus sign.
        wanted = dict(
            (urllib.parse.unquote(part) for part in pair.rsplit("=", 1)) for pair in request.raw_query.split("&")
        )
        found = [fax for fax in self.faxes.values() if self._matches(fax, wanted)]
        found.sort(key=lambda fax: (fax["createTime"], fax["id"]), reverse=True)
        page, size = int(wanted["page"]), min(int(wanted["pageSize"]), self.page_size)
        pages = -(-len(found) // size)
        if page < pages and self.between_pages:
            self.between_pages.pop()()
        return web.json_response(
            {
                "faxes": found[(page - 1) * size : page * size],
                "page": page,
                "totalPages": pages,
                "pageSize": size,
                "totalItems": len(found),
            }
        )

    def _matches(self, fax: dict[str, Any], wanted: dict[str, str]) -> bool:
        since = datetime.fromisoformat(wanted["createTime>"])
        return (
            datetime.fromisoformat(fax["createTime"]) >= since
            and fax["direction"] == wanted["direction"]
            and fax["serviceId"] == wanted.get("serviceId", fax["serviceId"])
            and fax["to"].startswith(wanted.get("to", ""))
        )

    def _content(self, method: str, name: str) -> web.Response:
        if method == "DELETE":
            return web.Response(status=204 if self.documents.pop(name, None) else 404)
        if name not in self.documents:
            return web.Response(status=404)
        return web.Response(body=self.documents[name], content_type="application/pdf")


class SinchWorld(World):
    """The world of the contract suite, with Sinch in it."""

    def __init__(self, server: FakeSinch) -> None:
        self.server = server
        self.now = NOW
        self.built: list[Sinch] = []
        self.provider: Sinch = self.build()

    def build(self, **changes: Any) -> Sinch:
        settings = {
            "project_id": self.server.project,
            "key_id": "key",
            "key_secret": "s3cret",
            "services": (SERVICE, SECOND_SERVICE),
            "webhook_user": "hook",
            "webhook_password": "new-one",
            "old_webhook_password": "old-one",
            "base_url": self.server.url,
            "auth_url": self.server.url,
            "requests_per_second": 1000,
            "request_timeout": 30,
            **changes,
        }
        provider = Sinch("main", SinchSettings(**settings), lambda: self.now)
        self.built.append(provider)
        return provider

    def submissions(self) -> list[Submission]:
        return [
            Submission(
                order["labels"]["gw"],
                order["to"],
                base64.b64decode(order["files"][0]["file"]),
                order["maxRetries"] + 1,
                connection,
            )
            for order, connection in self.server.orders
        ]

    def impatient_provider(self) -> Sinch:
        return self.build(request_timeout=1)

    async def will_refuse_connections(self) -> None:
        _ = [report async for report in self.provider.list_inbound(NOW)]  # logs in
        await self.server.stop()

    def will_drop_the_answer(self) -> None:
        self.server.order(self.server.drops_the_answer, "/v3/")

    def will_cut_the_request(self) -> None:
        self.server.order(self.server.cuts_the_request, "/v3/")

    def will_tear_the_answer(self) -> None:
        self.server.order(self.server.tears_the_answer, "/v3/")

    def will_hang(self) -> None:
        self.server.order(self.server.hangs, "/v3/")

    def will_answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.server.order(self.server.answers(status, body, headers), "/v3/")

    def will_accept_without_an_id(self) -> None:
        self.will_answer(200, b'{"status": "IN_PROGRESS"}')

    def has_sent(
        self, reference: str, created_at: datetime, *, phase: Phase = Phase.WAITING, number: str = NUMBER
    ) -> str:
        error = {"errorType": "CALL_ERROR", "errorCode": 17} if phase is Phase.FAILED else {}
        return self.server.add(
            created_at,
            direction="OUTBOUND",
            to=number,
            status=STATUSES[phase],
            labels={"gw": reference},
            **error,
            **{"from": OUR_NUMBER},
        )

    def has_received(self, created_at: datetime, *, ours: bool = True, document: bytes | None = PDF) -> str:
        name = self.server.add(
            created_at,
            direction="INBOUND",
            to=OUR_NUMBER,
            status="COMPLETED",
            hasFile=document is not None,
            serviceId=SECOND_SERVICE if ours else FOREIGN_SERVICE,
        )
        if document is not None:
            self.server.documents[name] = document
        return name

    def event_of(self, fax_id: str) -> tuple[str, bytes]:
        fax = self.server.faxes[fax_id]
        event: dict[str, Any] = {
            "event": "INCOMING_FAX" if fax["direction"] == "INBOUND" else "FAX_COMPLETED",
            "eventTime": "2026-11-20T10:02:11Z",
            "fax": fax,
        }
        if fax_id in self.server.documents:
            event |= {"file": base64.b64encode(self.server.documents[fax_id]).decode(), "fileType": "PDF"}
        return "application/json", json.dumps(event).encode()

    def webhook_headers(self) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(b"hook:new-one").decode()}
