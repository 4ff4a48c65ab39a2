"""The world around the stories, as fakes with verbs; the store and the documents are real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from gateway.core.account_choice import AccountRule
from gateway.core.ids import make_id
from gateway.core.lifecycle import FaxTiming
from gateway.core.model import (
    Attempt,
    Envelope,
    Fate,
    FaxEvent,
    FaxReport,
    FaxRequest,
    Found,
    LedgerEntry,
    Phase,
    Recipient,
    Route,
    Sender,
    Verdict,
)
from gateway.core.notices import MailSettings
from gateway.core.policy import AccessRules
from gateway.core.reasons import PermanentError, Reason
from gateway.email_to_fax import EmailToFax, Rendered
from gateway.fax_to_email import FaxToEmail, RouteTiming
from gateway.mail.intake import Receipt
from gateway.outgoing_mail import MailIdentity, OutgoingMail
from gateway.providers.base import NoDocumentError, UnknownFaxError
from gateway.providers.missing import Accounts
from gateway.settle_accounts import SettleAccounts
from gateway.store import queue
from gateway.store.database import SqliteDatabase
from gateway.store.documents import Documents
from gateway.store.facts import note_start
from gateway.store.opening import prepare_schema
from gateway.store.outcomes import Outcomes
from gateway.worker import Step, steps

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NUMBER = "+12025550143"
OURS = "+12025550100"
SENDER = "ana@clinic.example"
OPERATOR = "operator@clinic.example"
FALLBACK = "front@clinic.example"
SERVICE = "our-service"


class Clock:
    """A wall clock that only the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


class Entropy:
    """Random bytes that count up, so that ids are the same in each run."""

    def __init__(self) -> None:
        self._number = 0

    def __call__(self, size: int) -> bytes:
        self._number += 1
        return (self._number % 256**size).to_bytes(size, "big")


@dataclass
class SentFax:
    """One fax that the fake provider accepted."""

    id: str
    request: FaxRequest
    report: FaxReport
    visible: bool = True


@dataclass
class FakeProvider:
    """A fax provider that does what the test says; by default every fax is delivered at once."""

    clock: Clock
    account: str = "sinch"
    #: Who it is at the provider; by default as its name.
    identity: str = ""
    sent: list[SentFax] = field(default_factory=list)
    markers: list[str] = field(default_factory=list)
    inbound: dict[str, FaxReport] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    _answers: list[Exception | Callable[[], Exception]] = field(default_factory=list)
    _losses: list[bool] = field(default_factory=list)
    _outcomes: list[dict[str, Any]] = field(default_factory=list)
    _asking_fails: Exception | None = None
    fresh: bool = True

    def __post_init__(self) -> None:
        self.identity = self.identity or f"fake {self.account}"

    # what the test says

    def will_refuse(self, error: Exception, times: int = 1) -> None:
        """The next submissions are answered with this error; no fax exists."""
        self._answers += [error] * times

    def will_lose_the_answer(self, error: Exception, *, accepted: bool = True) -> None:
        """The next submission has no answer, whether or not it was accepted."""
        self._losses.append(accepted)
        self._answers.append(error)

    def will_end(self, reason: Reason, *, times: int = 1, pages_sent: int | None = 0, pages: int | None = None) -> None:
        """The next accepted faxes end like this."""
        self._outcomes += [{"reason": reason, "pages_sent": pages_sent, "pages": pages}] * times

    def will_hang(self) -> None:
        """The next accepted fax stays in progress."""
        self._outcomes.append({})

    def cannot_be_asked(self, error: Exception | None) -> None:
        """Reports, searches and lists fail like this until told otherwise (None)."""
        self._asking_fails = error

    def finish(self, fax: SentFax, reason: Reason, pages_sent: int = 1) -> None:
        """A fax in progress ends."""
        fax.report = replace(fax.report, phase=_phase(reason), reason=reason, pages_sent=pages_sent)

    def has_received(self, fax_id: str = "in-1", **changes: Any) -> str:
        """A fax has come in."""
        report = FaxReport(
            fax_id, True, Phase.DELIVERED, OURS, "+13125550177", self.clock(), self.clock(), 2, reason=Reason.DELIVERED
        )
        self.inbound[fax_id] = replace(report, **{"service": SERVICE, "has_document": True} | changes)
        self.documents.setdefault(fax_id, b"%PDF two pages")
        return fax_id

    # the contract

    async def submit(self, fax: FaxRequest) -> str:
        self.calls.append(f"submit {fax.reference}")
        error = self._answers.pop(0) if self._answers else None
        if error is not None and not (self._losses and self._losses.pop(0)):
            raise error
        fax_id = f"out-{len(self.sent) + 1}"
        outcome = self._outcomes.pop(0) if self._outcomes else {"reason": Reason.DELIVERED, "pages_sent": 1}
        reason = outcome.get("reason")
        report = FaxReport(
            provider_fax_id=fax_id,
            inbound=False,
            phase=_phase(reason),
            number=fax.number,
            caller=fax.caller_id,
            created_at=self.clock(),
            completed_at=self.clock() if reason else None,
            pages=outcome.get("pages"),
            pages_sent=outcome.get("pages_sent"),
            reason=reason,
            raw=f"raw {reason.code}" if reason else "",
            references=frozenset({fax.reference}),
        )
        self.sent.append(SentFax(fax_id, fax, report))
        if error is not None:
            raise error
        return fax_id

    async def find(self, attempt: Attempt, number: str, fresh_after: datetime) -> Found:
        self.calls.append(f"find {attempt.reference}")
        self._ask()
        hits = [
            fax
            for fax in self.sent
            if fax.visible and fax.request.reference == attempt.reference and number == fax.request.number
        ]
        if hits:
            return Found(Verdict.FOUND, hits[0].id, tuple(fax.id for fax in hits[1:]))
        return Found(Verdict.NOT_THERE if self.fresh and self.clock() > fresh_after else Verdict.CANNOT_TELL)

    async def send_marker(self, reference: str) -> None:
        self.markers.append(reference)

    async def report(self, provider_fax_id: str) -> FaxReport:
        self.calls.append(f"report {provider_fax_id}")
        self._ask()
        for fax in self.sent:
            if fax.id == provider_fax_id:
                return fax.report
        if provider_fax_id not in self.inbound:
            raise UnknownFaxError(provider_fax_id)
        return self.inbound[provider_fax_id]

    async def fetch_document(self, provider_fax_id: str) -> bytes:
        self._ask()
        if provider_fax_id not in self.documents:
            raise NoDocumentError(provider_fax_id)
        return self.documents[provider_fax_id]

    async def list_inbound(self, since: datetime) -> AsyncIterator[FaxReport]:
        self._ask()
        for report in self.inbound.values():
            if report.created_at is not None and report.created_at >= since:
                yield report

    def serves(self, report: FaxReport) -> bool:
        return report.service == SERVICE

    def parse_webhook(self, content_type: str, body: bytes) -> list[FaxEvent]:
        raise NotImplementedError

    def authentic(self, headers: Any) -> bool:
        raise NotImplementedError

    async def close(self) -> None:
        pass

    def _ask(self) -> None:
        if self._asking_fails is not None:
            raise self._asking_fails


def _phase(reason: Reason | None) -> Phase:
    if reason is None:
        return Phase.WAITING
    return Phase.DELIVERED if reason is Reason.DELIVERED else Phase.FAILED


@dataclass(frozen=True)
class SentMail:
    """One mail that the fake next hop took."""

    mail_from: str
    to: str
    content: bytes


@dataclass
class FakeNextHop:
    """A smarthost that takes everything but what the test says."""

    mails: list[SentMail] = field(default_factory=list)
    _answers: dict[str, list[Exception]] = field(default_factory=dict)

    def will_answer(self, address: str, error: Exception, times: int = 1) -> None:
        """The next mails to an address are answered with this error."""
        self._answers.setdefault(address, []).extend([error] * times)

    async def send(self, mail_from: str, recipient: str, data: bytes, envid: str | None = None) -> str:
        if self._answers.get(recipient):
            raise self._answers[recipient].pop(0)
        self.mails.append(SentMail(mail_from, recipient, data))
        return "250 2.0.0 ok"

    def to(self, address: str) -> list[SentMail]:
        return [mail for mail in self.mails if mail.to == address]


@dataclass
class FakeRenderer:
    """Makes one page of every message, unless the test says otherwise."""

    rendered: int = 0
    _errors: list[Exception] = field(default_factory=list)
    pages_of_received: int = 2
    broken: bool = False

    def will_fail(self, error: Exception, times: int = 1) -> None:
        self._errors += [error] * times

    async def make_document(self, message: Path, look: str) -> Rendered:
        if self._errors:
            raise self._errors.pop(0)
        self.rendered += 1
        entry = LedgerEntry(1, "text/plain", 10, Fate.PAGES, 1, 1)
        return Rendered(b"%PDF one page " + look.encode(), 1, (entry,))

    async def count_pages(self, document: Path) -> int:
        if self.broken:
            raise PermanentError(Reason.RENDER_FAILED, "does not open")
        return self.pages_of_received


class Gateway:
    """The stories on a real store, with a clock, a provider, a renderer and a next hop of the test."""

    def __init__(
        self,
        directory: Path,
        timing: FaxTiming | None = None,
        accounts: Sequence[str] = ("sinch",),
        account_rules: Sequence[AccountRule] = (),
    ) -> None:
        self.clock = Clock()
        self.providers = Accounts({name: FakeProvider(self.clock, name) for name in accounts})
        self.provider = self.providers[accounts[0]]
        self.next_hop = FakeNextHop()
        self.renderer = FakeRenderer()
        self.database = SqliteDatabase(directory / "store.sqlite")
        self.documents = Documents(directory / "documents")
        self.entropy = Entropy()
        self.timing = timing or FaxTiming()
        settings = MailSettings(OPERATOR, "postmaster@fax.example")
        outcomes = Outcomes(settings, (timedelta(minutes=1),), lambda: make_id("M", self.entropy(5)))
        self.outcomes = outcomes
        self.email_to_fax = EmailToFax(
            store=self.database,
            documents=self.documents,
            providers=self.providers,
            rules=RULES,
            timing=self.timing,
            outcomes=outcomes,
            make_document=self.renderer.make_document,
            look="letter",
            callback_url=lambda account, reference: f"https://fax.example/webhooks/{account}/s?ref={reference}",
            submit_lease=timedelta(seconds=150),
            request_timeout=timedelta(seconds=60),
            largest_message=1000,
            clock=self.clock,
            entropy=self.entropy,
            account_rules=account_rules,
        )
        self.fax_to_email = FaxToEmail(
            store=self.database,
            documents=self.documents,
            providers=self.providers,
            routes=ROUTES,
            fallback=FALLBACK,
            timing=RouteTiming(),
            outcomes=outcomes,
            count_pages=self.renderer.count_pages,
            clock=self.clock,
            entropy=self.entropy,
        )
        self.outgoing_mail = OutgoingMail(
            store=self.database,
            documents=self.documents,
            next_hop=self.next_hop,
            identity=MailIdentity("fax.example", "fax.example", "fax@fax.example", FALLBACK),
            outcomes=outcomes,
            delays=tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 180)),
            clock=self.clock,
        )
        self._wire()

    def _wire(self) -> None:
        self.steps = steps(self.email_to_fax, self.fax_to_email, self.outgoing_mail, renderers=2, calls=4)

    def use_routes(self, *routes: Route) -> None:
        """Received faxes go by these routes from now on."""
        self.fax_to_email = replace(self.fax_to_email, routes=routes)
        self._wire()

    async def start(self) -> None:
        await self.database.write(prepare_schema)
        await self.database.write(note_start, self.clock())
        await self.settle_accounts().settle(keep_open=False)

    def settle_accounts(self) -> SettleAccounts:
        """What a start or a reload with the accounts of this moment settles, and a chore looks after."""
        identities = {name: provider.identity for name, provider in self.providers.items()}
        return SettleAccounts(store=self.database, identities=identities, outcomes=self.outcomes, clock=self.clock)

    def close(self) -> None:
        self.database.close()
        self.documents.close()

    async def accept(self, *numbers: str, notify: str | None = None, body: bytes = b"Hello\r\n") -> Receipt:
        """A message comes in for these numbers; nothing is done with it yet."""
        recipients = tuple(Recipient(f"{number}@fax.example", number, notify) for number in numbers or (NUMBER,))
        envelope = Envelope(SENDER, recipients, "127.0.0.1", "client.example")
        intake = self.email_to_fax.begin(envelope, lambda message_id, _: f"Received: id {message_id}\r\n".encode())
        await intake.write(b"From: Ana <ana@clinic.example>\r\nMessage-ID: <m1@clinic.example>\r\n\r\n" + body)
        receipt = await intake.commit()
        await self.email_to_fax.confirm(receipt.message_id)
        return receipt

    async def run_until_idle(self) -> None:
        """Runs every due step, again and again, until nothing is due at this moment."""
        while await self._run_once():
            pass

    async def _run_once(self) -> bool:
        ran = False
        for step in self.steps:
            for row in await self.claim(step):
                await step.run(row)
                ran = True
        return ran

    async def claim(self, step: Step) -> list[queue.Row]:
        now = self.clock()
        lease_end = now + timedelta(minutes=5)
        return await self.database.write(
            queue.claim, step.table, step.state, now=now, lease_end=lease_end, worker="test", limit=10
        )

    async def pass_time(self, **duration: float) -> None:
        """Lets time pass and does what falls due, in the order of the clock, a step of it at a time."""
        end = self.clock.now + timedelta(**duration)
        await self.run_until_idle()
        while (due := await self._next_due()) is not None and due <= end:
            self.clock.now = max(due, self.clock.now)
            await self.run_until_idle()
        self.clock.now = end

    async def _next_due(self) -> datetime | None:
        times = [await self.database.read(queue.next_due, step.table, step.state, self.clock()) for step in self.steps]
        return min((at for at in times if at is not None), default=None)


RULES = AccessRules(
    domain="fax.example",
    networks=(ip_network("127.0.0.0/8"),),
    senders=(Sender("@clinic.example", OURS, "Clinic +1 202-555-0100", "UTC", "sinch"),),
    countries=frozenset({"US"}),
    home_country="US",
    allow_test_numbers=False,
)
ROUTES = (Route(OURS, ("a@clinic.example", "b@clinic.example")),)
