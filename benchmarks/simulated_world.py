"""The gateway's queues and stories beside a simulated InterFAX, in one process and in simulated time.

SMTP, rendering and the mail server are left out: letters are handed to the stories, mails are taken and forgotten.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from benchmarks.simulated_time import thread_at_work
from benchmarks.world import DOMAIN, OURS, SENDER
from gateway import faxlog
from gateway.core.ids import ENTROPY_BYTES, MAIL, make_id
from gateway.core.lifecycle import FaxTiming
from gateway.core.model import FaxEvent, Sender
from gateway.core.notices import MailSettings
from gateway.core.policy import AccessRules
from gateway.email_to_fax import EmailToFax, Rendered
from gateway.fax_to_email import FaxToEmail, RouteTiming
from gateway.outgoing_mail import MailIdentity, OutgoingMail
from gateway.providers.interfax import Interfax, InterfaxSettings
from gateway.simulator import Clock, InterfaxSimulator
from gateway.store import account_names
from gateway.store.database import Queues, SqliteDatabase
from gateway.store.documents import Documents
from gateway.store.facts import note_start
from gateway.store.opening import prepare_schema
from gateway.store.outcomes import Outcomes
from gateway.web.server import WebServer
from gateway.web.webhooks import WebhookAccount, WebhookDesk, Webhooks
from gateway.worker import Chore, Worker, steps

Renderer = Callable[[Path, str], Awaitable[Rendered]]

#: The simulator's calls last about a second; here a page takes a minute.
_SPEED: Final = 1 / 300
_START: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
_ACCOUNT: Final = "interfax"
_PATH_SECRET: Final = "benchmark-path-secret-0001"  # noqa: S105 - opens nothing but a gateway that is being measured
_OPERATOR: Final = "operator@clinic.example"
_LARGEST: Final = 1_000_000


def now() -> datetime:
    """The simulated time."""
    return _START + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass(frozen=True, slots=True)
class SimulatedWorld:
    """What a story plays with."""

    store: SqliteDatabase
    simulator: InterfaxSimulator
    email_to_fax: EmailToFax


@asynccontextmanager
async def simulated_world(
    folder: Path, make_document: Renderer, *, polls_per_minute: int, callbacks: bool
) -> AsyncIterator[SimulatedWorld]:
    """Starts everything with an empty store; ends it, whatever happened.

    Args:
        folder: where the store lies.
        make_document: renders letters.
        polls_per_minute: what the simulated InterFAX allows.
        callbacks: whether it calls back.
    """
    async with AsyncExitStack() as stack:
        store, documents = _Store(folder / "store.sqlite"), Documents(folder / "documents")
        stack.callback(documents.close)
        stack.callback(store.close)
        await store.write(prepare_schema)
        await store.write(note_start, now())

        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/webhooks/{_ACCOUNT}/{_PATH_SECRET}" if callbacks else None
        clock = Clock(lambda: now().timestamp(), speed=_SPEED)
        simulator = InterfaxSimulator(
            clock=clock, polls_per_minute=polls_per_minute, callback_url=url, inbound_callback_url=url
        )
        stack.push_async_callback(simulator.stop)
        provider = await _account_at(simulator)
        stack.push_async_callback(provider.close)
        await store.write(account_names.settle, {_ACCOUNT: provider.identity}, now(), keep_open=False)

        stories = _Stories.made_of(store, documents, provider, make_document)
        account = WebhookAccount(provider, _PATH_SECRET)
        desk = WebhookDesk({_ACCOUNT: account}, stories.email_to_fax, stories.fax_to_email, _NoCanary(), _LARGEST)
        webhooks = Webhooks(desk, public_url="http://127.0.0.1", log=faxlog, body_seconds=60, spool_directory=folder)
        web = WebServer(webhooks.app(), listener, grace_seconds=1)
        stack.push_async_callback(web.stop)
        await web.start()
        await stack.enter_async_context(_working(store, stories))
        yield SimulatedWorld(store, simulator, stories.email_to_fax)


async def _account_at(simulator: InterfaxSimulator) -> Interfax:
    url = await simulator.start()
    return Interfax(_ACCOUNT, InterfaxSettings(simulator.username, simulator.password, (OURS,), base_url=url), now)


class _Store(SqliteDatabase):
    """No time passes while its writer thread is at work."""

    async def write(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        with thread_at_work():
            return await super().write(fn, *args, **kwargs)


class _Smarthost:
    async def send(self, mail_from: str, recipient: str, data: bytes, envid: str | None = None) -> str:  # noqa: ARG002 - as Smarthost
        return "250 2.0.0 ok"


class _NoCanary:
    async def saw_callback(self, account: str, reference: str | None, event: FaxEvent) -> bool:  # noqa: ARG002 - as Canary
        return False


async def _count_pages(_document: Path) -> int:
    return 1


@dataclass(frozen=True, slots=True)
class _Stories:
    outcomes: Outcomes
    email_to_fax: EmailToFax
    fax_to_email: FaxToEmail
    outgoing_mail: OutgoingMail

    @classmethod
    def made_of(
        cls, store: SqliteDatabase, documents: Documents, provider: Interfax, make_document: Renderer
    ) -> _Stories:
        outcomes = Outcomes(
            MailSettings(_OPERATOR, f"postmaster@{DOMAIN}"),
            (timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5)),
            lambda: make_id(MAIL, secrets.token_bytes(ENTROPY_BYTES)),
        )
        common: dict[str, Any] = {"store": store, "documents": documents, "outcomes": outcomes, "clock": now}
        of_faxes = common | {"providers": {_ACCOUNT: provider}, "entropy": secrets.token_bytes}
        email_to_fax = EmailToFax(
            **of_faxes,
            rules=_rules(),
            timing=FaxTiming(),
            make_document=make_document,
            look="letter",
            callback_url=lambda account, _reference: f"http://127.0.0.1/webhooks/{account}",
            submit_lease=timedelta(minutes=5),
            request_timeout=timedelta(minutes=1),
            largest_message=_LARGEST,
        )
        return cls(
            outcomes,
            email_to_fax,
            FaxToEmail(**of_faxes, routes=(), fallback=_OPERATOR, timing=RouteTiming(), count_pages=_count_pages),
            OutgoingMail(
                **common,
                next_hop=_Smarthost(),
                identity=MailIdentity(DOMAIN, DOMAIN, f"fax@{DOMAIN}", _OPERATOR),
                delays=(timedelta(minutes=1),),
            ),
        )


def _rules() -> AccessRules:
    return AccessRules(
        domain=DOMAIN,
        networks=(ip_network("127.0.0.0/8"),),
        senders=(Sender(SENDER, OURS, "North Clinic +1 202-555-0100", "UTC", _ACCOUNT),),
        countries=frozenset({"US"}),
        home_country="US",
        allow_test_numbers=False,
    )


@asynccontextmanager
async def _working(store: SqliteDatabase, stories: _Stories) -> AsyncIterator[None]:
    """Drives the queues as the gateway does, and asks for received faxes as often."""
    catch_up = stories.fax_to_email.catch_up
    worker = Worker(
        store=store,
        outcomes=stories.outcomes,
        steps=steps(stories.email_to_fax, stories.fax_to_email, stories.outgoing_mail, renderers=4, calls=16),
        chores=[
            Chore("catch up 2 h", lambda: catch_up(timedelta(hours=2)), timedelta(minutes=5)),
            Chore("catch up 4 d", lambda: catch_up(timedelta(days=4)), timedelta(hours=1)),
        ],
        name="benchmark",
        bug_delays=FaxTiming().bug_delays,
        clock=now,
    )
    loop = asyncio.get_running_loop()

    def on_due(queues: Queues) -> None:
        loop.call_soon_threadsafe(worker.poke, queues)

    store.on_due = on_due
    working = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        await worker.stop(1)
        await working
