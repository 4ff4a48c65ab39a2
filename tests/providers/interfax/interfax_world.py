"""InterFAX's side of the wire for tests: faxes, documents, received faxes, small, exact and able to fail."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web
from faulty_server import FaultyServer, Received
from provider_world import NOW, NUMBER, OUR_NUMBER, PDF, Submission, World

from gateway.core.model import Phase
from gateway.providers.interfax import Interfax, InterfaxSettings

USER, PASSWORD, OTHER_USER = "north-clinic", "s3cret", "south-clinic"
STATUSES = {Phase.WAITING: -3, Phase.DELIVERED: 0, Phase.FAILED: 6017}
NO_DATE = "0001-01-01T00:00:00"


@dataclass
class Order:
    """A fax as it was handed over."""

    query: dict[str, str]
    document: bytes
    headers: Mapping[str, str]
    connection: object


@dataclass
class FakeInterfax(FaultyServer):
    """The documented behaviour of interfax-rest sections 1 to 10, for one user."""

    clock: Callable[[], datetime] = lambda: NOW
    status: int = -2
    sent: dict[int, dict[str, Any]] = field(default_factory=dict)
    received_faxes: dict[int, dict[str, Any]] = field(default_factory=dict)
    images: dict[tuple[str, int], bytes] = field(default_factory=dict)
    documents: dict[str, tuple[int, bytearray]] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    marked: list[int] = field(default_factory=list)
    mailed: list[tuple[int, str]] = field(default_factory=list)
    hidden_from_lists: set[int] = field(default_factory=set)
    hidden_from_search: set[int] = field(default_factory=set)
    most_rows: int = 1000
    balance: bytes = b"3.8500"
    pci: bool = False

    async def answer(self, request: Received) -> web.Response:
        if request.headers.get("Authorization") != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            return _error(401, -1003)
        match request.method, *request.path.strip("/").split("/"):
            case "POST", "outbound", "faxes":
                return self._send(request)
            case "POST", "outbound", "documents":
                return self._create(request)
            case "POST", "outbound", "documents", name:
                return self._chunk(request, name)
            case "GET", "outbound", "faxes":
                return self._list(request, self.sent, self.hidden_from_lists)
            case "GET", "outbound", "search":
                return self._search(request)
            case "GET", "inbound", "faxes":
                own = {number: fax for number, fax in self.received_faxes.items() if fax["userId"] != OTHER_USER}
                return self._list(request, own, set())
            case "GET", "accounts", "self", "ppcards", "balance":
                return web.Response(body=self.balance, content_type="text/json")
            case method, ("outbound" | "inbound") as side, "faxes", number, *action:
                return self._one(request, method, side, int(number), action)
        return web.Response(status=404, text="<html>no such page</html>", content_type="text/html")

    def add_sent(self, created_at: datetime, **fields: Any) -> int:
        number = 2_150_000_001 + 10 * len(self.sent)
        self.sent[number] = {
            "submitTime": _written(created_at),
            "userId": USER,
            "pagesSent": 0,
            "pagesSubmitted": 2,
            "completionTime": NO_DATE,
            "units": 0.00,
            "costPerUnit": 0.1500,
            "attemptsMade": 0,
            "id": number,
            "uri": f"{self.url}/outbound/faxes/{number}",
            **fields,
        }
        return number

    def add_received(self, created_at: datetime, document: bytes | None, **fields: Any) -> int:
        number = 292_000_001 + 10 * len(self.received_faxes)
        self.received_faxes[number] = {
            "userId": USER,
            "messageId": number,
            "phoneNumber": OUR_NUMBER[2:],
            "remoteCSID": "+1 312 555 0177",
            "messageStatus": 0,
            "pages": 2,
            "messageSize": 49201,
            "messageType": 1,
            "receiveTime": _written(created_at),
            "callerId": None,
            "recordingDuration": 68,
            "imageStatus": "UNREAD" if document else "DONT_EXIST",
            "numOfEmails": 0,
            "numOfFailedEmails": 0,
            **fields,
        }
        if document is not None:
            self.images["inbound", number] = document
        return number

    def _send(self, request: Received) -> web.Response:
        document = request.body
        if uri := request.headers.get("Content-Location"):
            size, content = self.documents.pop(uri.rpartition("/")[2], (1, bytearray()))
            if len(content) != size:
                return _error(404, -1062)
            document = bytes(content)
        self.orders.append(Order(dict(request.query), document, request.headers, request.connection))
        number = self.add_sent(
            self.clock(),
            status=self.status,
            destinationFax="00" + request.query["faxNumber"].lstrip("+"),
            subject=request.query["reference"],
        )
        return self._created(f"outbound/faxes/{number}")

    def _create(self, request: Received) -> web.Response:
        assert request.body == b""
        assert request.query["name"] in ("fax.pdf", "fax.tif")
        assert request.query["disposition"] == "singleUse"
        assert request.query["sharing"] == "private"
        name = f"{len(self.documents):032x}"
        self.documents[name] = (int(request.query["size"]), bytearray())
        return self._created(f"outbound/documents/{name}")

    def _chunk(self, request: Received, name: str) -> web.Response:
        if name not in self.documents:
            return _error(404, -1062)
        size, content = self.documents[name]
        first, last = request.headers["Range"].removeprefix("bytes=").split("-")
        assert int(last) - int(first) + 1 == len(request.body) <= 1_000_000
        if int(first) != len(content):
            return _error(400, -1061)
        content += request.body
        if len(content) < size:
            return web.Response(status=202, headers={"X-Content-Range": f"bytes 0-{last}/{size}"})
        return web.Response(status=200)

    def _created(self, path: str) -> web.Response:
        return web.Response(status=201, body=b"", headers={"Location": f"{self.url}/{path}"})

    def _list(self, request: Received, faxes: Mapping[int, dict[str, Any]], hidden: set[int]) -> web.Response:
        assert set(request.query) <= {"limit", "lastId", "sortOrder"}
        upwards = request.query.get("sortOrder") == "asc"
        last = int(request.query.get("lastId", 0 if upwards else 2**63))
        numbers = sorted(set(faxes) - hidden, reverse=not upwards)
        return self._rows(request, [faxes[n] for n in numbers if (n > last if upwards else n < last)])

    def _search(self, request: Received) -> web.Response:
        query = request.query
        assert query["status"] == "All"
        wanted = [int(number) for number in query["ids"].split(",")] if "ids" in query else list(self.sent)
        since = datetime.fromisoformat(query.get("dateFrom", "2000-01-01T00:00:00"))
        reference = query.get("reference", "").lower()
        found = [
            self.sent[number]
            for number in sorted(wanted, reverse=True)
            if number in self.sent and number not in self.hidden_from_search
        ]
        return self._rows(
            request,
            [
                fax
                for fax in found
                if datetime.fromisoformat(fax["submitTime"]) >= since and reference in str(fax.get("subject")).lower()
            ],
        )

    def _rows(self, request: Received, faxes: list[dict[str, Any]]) -> web.Response:
        most = min(int(request.query.get("limit", "25")), self.most_rows)
        return _json([self._shown(fax) for fax in faxes[:most]])

    def _shown(self, fax: dict[str, Any]) -> dict[str, Any]:
        if not self.pci:
            return fax
        names = {"subject": "reference", "destinationFax": "faxNumber"}
        return {names.get(name, name): value for name, value in fax.items()}

    def _one(self, request: Received, method: str, side: str, number: int, action: list[str]) -> web.Response:
        faxes = self.sent if side == "outbound" else self.received_faxes
        if number not in faxes:
            return _error(404, -1005 if side == "outbound" else -3001)
        match method, side, action:
            case "GET", _, []:
                return _json(self._shown(faxes[number]))
            case "GET", _, ["image"]:
                if (side, number) not in self.images:
                    return _error(404, -1009)
                return web.Response(body=self.images[side, number], content_type="application/pdf")
            case "POST", "outbound", ["cancel"]:
                if faxes[number]["status"] >= 0:
                    return _error(409, -162)
                faxes[number]["status"] = 403
                return web.Response()
            case "POST", "inbound", ["mark"]:
                assert "unread" not in request.query
                self.marked.append(number)
                return _json(data=True)
            case "POST", "inbound", ["resend"]:
                if (number, request.query["email"]) in self.mailed:
                    return _error(400, -312)
                self.mailed.append((number, request.query["email"]))
                return _json(data=True)
        return web.Response(status=405)


def _written(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def _json(data: object) -> web.Response:
    return web.Response(body=json.dumps(data).encode(), content_type="text/json")


def _error(status: int, code: int, more: str | None = None) -> web.Response:
    body = {"code": code, "message": f"error {code}", "moreInfo": more}
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="text/json")


class InterfaxWorld(World):
    """The world of the contract suite, with InterFAX in it."""

    def __init__(self, server: FakeInterfax) -> None:
        self.server = server
        self.now = NOW
        self.built: list[Interfax] = []
        self.provider: Interfax = self.build()

    def build(self, **changes: Any) -> Interfax:
        settings = {
            "username": USER,
            "password": PASSWORD,
            "numbers": (OUR_NUMBER, "+442079460000"),
            "base_url": self.server.url,
            "polls_per_minute": 1e9,
            "requests_per_second": 1000,
            "request_timeout": 30,
            **changes,
        }
        provider = Interfax("main", InterfaxSettings(**settings), lambda: self.now)
        self.built.append(provider)
        return provider

    def submissions(self) -> list[Submission]:
        return [
            Submission(
                order.query["reference"],
                order.query["faxNumber"],
                order.document,
                int(order.query["retriesToPerform"]),
                order.connection,
            )
            for order in self.server.orders
        ]

    def requests(self, path: str) -> list[Received]:
        return [request for request in self.server.received if path in request.path]

    def impatient_provider(self) -> Interfax:
        return self.build(request_timeout=1)

    async def will_refuse_connections(self) -> None:
        await self.server.stop()

    def will_drop_the_answer(self) -> None:
        self.server.order(self.server.drops_the_answer, "/")

    def will_cut_the_request(self) -> None:
        self.server.order(self.server.cuts_the_request, "/")

    def will_tear_the_answer(self) -> None:
        self.server.order(self.server.tears_the_answer, "/")

    def will_hang(self) -> None:
        self.server.order(self.server.hangs, "/")

    def will_answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.server.order(self.server.answers(status, body, headers), "/")

    def will_name_error(self, status: int, code: int, more: str | None = None) -> None:
        """The next request is refused with one of their codes."""
        body = {"code": code, "message": f"error {code}", "moreInfo": more}
        self.will_answer(status, json.dumps(body).encode(), {"Content-Type": "text/json"})

    def will_accept_without_an_id(self) -> None:
        self.will_answer(201)

    def has_sent(
        self, reference: str, created_at: datetime, *, phase: Phase = Phase.WAITING, number: str = NUMBER
    ) -> str:
        destination = "00" + number.lstrip("+")
        fax = self.server.add_sent(created_at, status=STATUSES[phase], subject=reference, destinationFax=destination)
        return f"out-{fax}"

    def has_received(self, created_at: datetime, *, ours: bool = True, document: bytes | None = PDF) -> str:
        return f"in-{self.server.add_received(created_at, document, userId=USER if ours else OTHER_USER)}"

    def event_of(self, fax_id: str) -> tuple[str, bytes]:
        direction, _, number = fax_id.partition("-")
        fields = {
            "CompletionTime": "20/11/2026 09:16:36",
            "Contact": "",
            "CostPerUnit": "0.15",
            "TransactionIDType": {"in": "Inbound", "out": "Outbound"}[direction],
            "TransactionID": number,
        }
        if direction == "out":
            fax = self.server.sent[int(number)]
            fields |= {"Status": fax["status"], "Subject": fax["subject"], "DestinationFax": fax["destinationFax"]}
        return "application/x-www-form-urlencoded", urllib.parse.urlencode(fields).encode()

    def webhook_headers(self) -> dict[str, str]:
        return {}
