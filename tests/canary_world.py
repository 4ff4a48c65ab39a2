"""A world in which nights pass: the gateway of the fakes with a canary, a provider that can be tried, a front door."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway.canary import Canary
from gateway.core.canary import CanaryLeg, CanaryPlan
from gateway.core.model import Envelope, FaxEvent, FaxReport, FaxRequest, Phase, Recipient
from gateway.core.reasons import Reason
from gateway.mail.intake import Receipt
from gateway.providers.http import HttpClient
from gateway.store import canary
from gateway.web.server import WebServer
from tests.fakes import OPERATOR, RULES, FakeProvider, Gateway, SentFax

NEW_YORK = ZoneInfo("America/New_York")
PLAN = CanaryPlan(at=time(3, 30), zone=NEW_YORK, mail="taken")
#: The first night after the start of the fakes, which is 04:00 in New York.
FIRST = "2026-11-03"


@dataclass
class TryableProvider(FakeProvider):
    """A provider with a free test number; it delivers and calls back unless the test says otherwise."""

    tests: list[str] = field(default_factory=list)
    pending: list[tuple[str, str]] = field(default_factory=list)
    calls_back: bool = True
    #: Called with the token while a test fax is handed over; what it raises is the answer.
    on_test: Callable[[str], None] = lambda _: None
    #: The answer to the next test faxes is lost although they were taken.
    lost_answer: Exception | None = None

    async def send_test_fax(self, reference: str, callback_url: str) -> str:
        assert callback_url == f"https://fax.example/webhooks/{self.account}/s?ref={reference}"
        self.tests.append(reference)
        self.on_test(reference)
        fax_id = f"test-{len(self.tests)}"
        delivered = Reason.DELIVERED
        report = FaxReport(
            fax_id, False, Phase.DELIVERED, "+19898989898", None, self.clock(), self.clock(), 1, 1, delivered
        )
        report = _with_reference(report, reference)
        request = FaxRequest(reference, "+19898989898", "", "", "UTC", b"", "application/pdf", callback_url)
        self.sent.append(SentFax(fax_id, request, report))
        if self.calls_back:
            self.pending.append((reference, fax_id))
        if self.lost_answer is not None:
            raise self.lost_answer
        return fax_id

    def event_about(self, report: FaxReport) -> tuple[dict[str, str], bytes]:
        body = {
            "id": report.provider_fax_id,
            "inbound": report.inbound,
            "reference": next(iter(report.references), None),
        }
        return {"Content-Type": "application/json", "Authorization": "Basic right"}, json.dumps(body).encode()


def _with_reference(report: FaxReport, reference: str) -> FaxReport:
    return FaxReport(
        **{**{name: getattr(report, name) for name in report.__slots__}, "references": frozenset({reference})}
    )


class Door:
    """Our public URL on a loopback port: hands events to the stories, or answers as the test says."""

    def __init__(self, world: CanaryWorld) -> None:
        self._world = world
        self.status: int | None = None
        self.knocks: list[dict[str, Any]] = []
        app = web.Application()
        app.router.add_post("/webhooks/sinch/s", self._receive)
        self._server = WebServer(app, "127.0.0.1:0", grace_seconds=1)
        self.url = ""

    async def open(self) -> None:
        self.url = f"http://{await self._server.start()}/webhooks/sinch/s"

    async def close(self) -> None:
        await self._server.stop()

    async def _receive(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Basic right"
        facts = await request.json()
        self.knocks.append(facts)
        if self.status is not None:
            return web.Response(status=self.status, headers={"Location": "https://elsewhere.example/"})
        event = FaxEvent(facts["id"], facts["inbound"], facts["reference"])
        if event.inbound:
            await self._world.fax_to_email.accept("sinch", event)
        elif not await self._world.canary.saw_callback("sinch", event.reference, event):
            await self._world.email_to_fax.wake("sinch", event)
        return web.Response()


class CanaryWorld(Gateway):
    """The stories and one canary; ``node`` makes another one on the same store."""

    def __init__(self, directory: Path, plan: CanaryPlan = PLAN) -> None:
        super().__init__(directory)
        self.plan = plan
        self.provider = self.tryable = TryableProvider(self.clock)
        self.providers["sinch"] = self.tryable
        self.http = HttpClient(requests_per_second=1000, timeout=10)
        self.door = Door(self)
        self.room = True
        self.mail_is_routed_here = False
        self.canary = self.node()

    def node(self, **changes: Any) -> Canary:
        """Makes a canary; ``changes`` replace its fields."""
        usual: dict[str, Any] = {
            "store": self.database,
            "documents": self.documents,
            "providers": self.providers,
            "senders": RULES.senders,
            "plan": self.plan,
            "next_hop": self.next_hop,
            "http": self.http,
            "outcomes": self.outcomes,
            "domain": "fax.example",
            "hostname": "gw.fax.example",
            "callback_url": lambda account, reference: f"https://fax.example/webhooks/{account}/s?ref={reference}",
            "webhook_url": lambda _account: self.door.url,
            "has_room": lambda: self.room,
            "running_since": self.clock(),
            "clock": self.clock,
            "entropy": self.entropy,
        }
        return Canary(**usual | changes)

    def wants(self, **changes: Any) -> None:
        """The operator changes the plan."""
        values = {name: getattr(self.plan, name) for name in self.plan.__slots__}
        self.plan = CanaryPlan(**values | changes)
        self.canary = self.node(running_since=self.canary.running_since)

    async def start(self) -> None:
        await super().start()
        await self.door.open()

    async def stop(self) -> None:
        await self.door.close()
        await self.http.close()
        self.close()

    async def sleep_until(self, day: int, hour: int, minute: int) -> None:
        """Moves the clock to a time of November 2026 (UTC); nothing happens meanwhile."""
        self.clock.now = self.clock.now.replace(day=day, hour=hour, minute=minute, second=0)

    async def minutes(self, count: int, step: int = 5) -> None:
        """Lets minutes pass: what falls due is done, callbacks and mails come in, the chore has its turns."""
        end = self.clock.now + timedelta(minutes=count)
        while self.clock.now < end:
            await self.turn()
            self.clock.now = min(end, self.clock.now + timedelta(minutes=step))
        await self.turn()

    async def turn(self) -> None:
        """One turn of the chore and everything that follows from it."""
        await self.canary.run()
        await self.deliver_callbacks()
        if self.mail_is_routed_here:
            await self.route_mails()
        await self.canary.run()
        await self.run_until_idle()

    async def night(self, day: int = 3) -> dict[str, CanaryLeg]:
        """Lets the night of a day in November pass; answers its legs."""
        await self.sleep_until(day, 8, 30)
        await self.minutes(40, step=10)
        return {leg.leg: leg for leg in await self.legs(f"2026-11-{day:02}")}

    async def legs(self, night: str) -> list[CanaryLeg]:
        return await self.database.read(canary.of_night, night)

    async def deliver_callbacks(self) -> None:
        pending, self.tryable.pending = self.tryable.pending, []
        for reference, fax_id in pending:
            event = FaxEvent(fax_id, inbound=False, reference=reference)
            assert await self.canary.saw_callback(self.tryable.account, reference, event)

    async def route_mails(self) -> None:
        """What the smarthost took for the canary's address comes back to our SMTP port."""
        for mail in [mail for mail in self.next_hop.mails if mail.to.startswith("canary+")]:
            self.next_hop.mails.remove(mail)
            await self.hand_in(mail.mail_from, mail.to, content=mail.content)

    async def hand_in(self, mail_from: str, *addresses: str, content: bytes = b"Subject: x\r\n\r\n") -> Receipt:
        """A mail comes in from a listed client for these addresses."""
        recipients = tuple(
            Recipient(address, self.email_to_fax.check_recipient("127.0.0.1", mail_from, address) or "")
            for address in addresses
        )
        envelope = Envelope(mail_from, recipients, "127.0.0.1", "client.example")
        intake = self.email_to_fax.begin(envelope, lambda message_id, _: f"Received: id {message_id}\r\n".encode())
        await intake.write(content)
        return await intake.commit()

    def told(self) -> list[EmailMessage]:
        """Reads the mails to the operator, oldest first."""
        return [read_mail(mail.content) for mail in self.next_hop.to(OPERATOR)]


def read_mail(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def at(text: str) -> datetime:
    """Reads an ISO time."""
    return datetime.fromisoformat(text)
