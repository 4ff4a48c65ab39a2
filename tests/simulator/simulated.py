"""What the tests need around a simulator: a client with credentials, a receiver of webhooks, documents."""

import asyncio
import base64
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

import aiohttp
import pikepdf
from aiohttp import web
from multidict import CIMultiDictProxy
from PIL import Image
from yarl import URL

from gateway.simulator import Clock, SinchSimulator

OURS, ALSO_OURS = "+12025550100", "+12025550101"
THEIRS = "+12025550143"
NOON = 1_795_176_000.0
"""2026-11-20T12:00:00Z"""
HOUR, DAY = 3600, 86_400


def standing_clock(speed: float = 1.0) -> Clock:
    """A clock that only moves when a test advances it."""
    return Clock(lambda: NOON, speed=speed)


async def until(condition: Callable[[], object]) -> None:
    """Returns when the condition holds, and fails when it does not hold in half a minute."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


def pdf_of(pages: int, *, password: str | None = None) -> bytes:
    out = io.BytesIO()
    with pikepdf.new() as pdf:
        for _ in range(pages):
            pdf.add_blank_page(page_size=(612, 792))
        pdf.save(out, encryption=pikepdf.Encryption(user=password, owner=password) if password else None)
    return out.getvalue()


def picture_of(kind: str, *, pages: int = 1) -> bytes:
    out = io.BytesIO()
    page = Image.new("RGB", (200, 100), "white")
    more = {"save_all": True, "append_images": [page] * (pages - 1)} if pages > 1 else {}
    page.save(out, kind, **more)
    return out.getvalue()


def page_count(pdf: bytes) -> int:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return len(opened.pages)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def json_send(to: object = THEIRS, *, pages: int = 1, **fields: Any) -> dict[str, Any]:
    return {"to": to, "files": [{"file": base64_of(pdf_of(pages)), "fileType": "PDF"}], **fields}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def fields(self) -> list[str]:
        """The fields that a 400 or 422 complains about."""
        return [each["field"] for each in self.json["details"]["fieldViolations"]]


@dataclass
class Client:
    """Calls a simulator as a customer does, with Basic credentials unless told otherwise."""

    simulator: SinchSimulator
    base_url: str
    session: aiohttp.ClientSession

    @property
    def project_url(self) -> str:
        return f"{self.base_url}/v3/projects/{self.simulator.project}"

    async def call(self, method: str, path: str, **how: Any) -> Answer:
        """Calls a path of the project; the path goes out exactly as written."""
        return await self.call_url(method, f"{self.project_url}{path}", **how)

    async def call_url(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **how: Any) -> Answer:
        basic = aiohttp.encode_basic_auth(self.simulator.key_id, self.simulator.key_secret)
        used = {"Authorization": basic, **(headers or {})}
        async with self.session.request(method, URL(url, encoded=True), headers=used, **how) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def control(self, method: str, path: str, **how: Any) -> Answer:
        return await self.call_url(method, f"{self.base_url}/_control{path}", **how)

    async def send(self, to: object = THEIRS, *, pages: int = 1, **fields: Any) -> dict[str, Any]:
        """Sends a PDF as JSON and returns what the API says."""
        answer = await self.call("POST", "/faxes", json=json_send(to, pages=pages, **fields))
        assert answer.status == 200, answer.body
        return dict(answer.json)

    async def fax(self, fax_id: str) -> dict[str, Any]:
        return dict((await self.call("GET", f"/faxes/{fax_id}")).json)

    async def default_service(self) -> str:
        services = (await self.call("GET", "/services")).json["services"]
        return next(str(each["id"]) for each in services if each["defaultForProject"])

    async def faults(self, *faults: dict[str, Any]) -> None:
        answer = await self.control("POST", "/faults", json=list(faults))
        assert answer.status == 200, answer.body


@dataclass(frozen=True)
class Received:
    """One webhook as it came in."""

    path: str
    authorization: str | None
    content_type: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def parts(self) -> dict[str, tuple[str | None, str | None, bytes]]:
        """Part name -> its own content type, file name, content."""
        message = message_from_bytes(
            f"Content-Type: {self.content_type}\r\n\r\n".encode() + self.body, policy=policy.HTTP
        )
        return {
            str(part.get_param("name", header="content-disposition")): (
                part["Content-Type"],
                part.get_filename(),
                part.get_payload(decode=True),  # type: ignore[dict-item]
            )
            for part in message.iter_parts()  # type: ignore[attr-defined]
        }

    @property
    def fax(self) -> dict[str, Any]:
        if self.content_type == "application/json":
            return dict(self.json["fax"])
        return dict(json.loads(self.parts["fax"][2]))


@dataclass
class Receiver:
    """A customer's web server: keeps what it gets and answers as it is told, with 200 in the end."""

    answers: list[int] = field(default_factory=list)
    got: list[Received] = field(default_factory=list)
    base_url: str = ""
    silent: bool = False
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def wait_for(self, count: int) -> None:
        """Returns when so many webhooks have come."""
        async with self._came, asyncio.timeout(30):
            await self._came.wait_for(lambda: len(self.got) >= count)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(
            Received(
                request.path,
                request.headers.get("Authorization"),
                request.headers["Content-Type"],
                await request.read(),
            )
        )
        async with self._came:
            self._came.notify_all()
        if self.silent:
            await asyncio.Event().wait()
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else None)

    def url(self, path: str = "/hook", *, login: str = "") -> str:
        return f"http://{f'{login}@' if login else ''}{self.base_url.removeprefix('http://')}{path}"
