"""Builds everything from the configuration, starts it in order, stops it in order. The only wiring."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from gateway import __version__, faxlog
from gateway.config import Config
from gateway.core.ids import ENTROPY_BYTES, MAIL, make_id
from gateway.core.model import Fate, LedgerEntry
from gateway.core.notices import MailSettings
from gateway.core.reasons import DiskError
from gateway.core.refusal import Refusal
from gateway.email_to_fax import EmailToFax, Rendered
from gateway.fax_to_email import FaxToEmail, RouteTiming
from gateway.mail.smarthost import Smarthost
from gateway.outgoing_mail import MailIdentity, OutgoingMail
from gateway.providers import PROVIDERS
from gateway.providers.base import FaxProvider
from gateway.render.sandbox import Limits, Sandbox
from gateway.sd_notify import Notifier
from gateway.smtp.limits import SmtpLimits
from gateway.smtp.listener import SmtpListener
from gateway.store import reports
from gateway.store.database import Queues
from gateway.store.opening import Store, open_store
from gateway.store.outcomes import Outcomes
from gateway.web.health import health_app
from gateway.web.server import WebServer
from gateway.web.webhooks import WebhookAccount, Webhooks
from gateway.worker import Worker, chores, steps

#: sysexits.h: an input or output error.
EX_IOERR: Final = 74
#: Below the service manager's own patience (TimeoutStopSec): what does not finish is given up to its lease.
_GRACE: Final = 12.0
_REQUEST_TIMEOUT: Final = timedelta(seconds=60)
#: A submission is up to four requests: token, fax, and both again when the token has just expired.
_SUBMIT_LEASE: Final = timedelta(minutes=5)
_BODY_SECONDS: Final = 60.0
_CALLS_AT_ONCE: Final = 16
_MAKE_DOCUMENT: Final = "gateway.message_to_document:make_document"
_INSPECT_RECEIVED: Final = "gateway.message_to_document:inspect_received"


def now() -> datetime:
    """The wall clock, aware. Nothing below this file calls it by itself."""
    return datetime.now(UTC)


class App:
    """All parts of one running gateway.

    Args:
        config: the checked configuration.
        store: open.
        worker_name: different for each process on one database.
    """

    def __init__(self, config: Config, store: Store, worker_name: str) -> None:
        self.config = config
        self.store = store
        self.sandbox = Sandbox(Limits(), ["gateway.message_to_document"])
        self.providers = _providers(config)
        mails = MailSettings(
            operator=config.gateway.operator,
            fax_sender=f"postmaster@{config.gateway.domain}",
            lifetime=config.timing.mail_lifetime,
            receipt_for_every_fax=config.dialling.receipts == "always",
        )
        outcomes = Outcomes(
            mails, config.timing.pause_delays, lambda: make_id(MAIL, secrets.token_bytes(ENTROPY_BYTES))
        )
        self.email_to_fax = EmailToFax(
            store=store.database,
            documents=store.documents,
            providers=self.providers,
            rules=config.access_rules,
            timing=config.fax_timing,
            outcomes=outcomes,
            make_document=self._make_document,
            look=config.gateway.paper,
            callback_url=lambda account, reference: f"{config.webhook_url(account)}?ref={reference}",
            submit_lease=_SUBMIT_LEASE,
            request_timeout=_REQUEST_TIMEOUT,
            largest_message=config.smtp.max_message_size,
            clock=now,
            entropy=secrets.token_bytes,
        )
        self.fax_to_email = FaxToEmail(
            store=store.database,
            documents=store.documents,
            providers=self.providers,
            routes=config.routes,
            fallback=config.received.fallback,
            timing=RouteTiming(config.timing.route_delays, config.timing.route_lifetime),
            outcomes=outcomes,
            count_pages=self._count_pages,
            clock=now,
            entropy=secrets.token_bytes,
        )
        self.outgoing_mail = OutgoingMail(
            store=store.database,
            documents=store.documents,
            next_hop=_smarthost(config),
            identity=MailIdentity(
                config.gateway.domain, config.hostname, config.from_address, config.received.fallback
            ),
            outcomes=outcomes,
            delays=config.timing.mail_delays,
            clock=now,
        )
        self.worker = Worker(
            store=store.database,
            outcomes=outcomes,
            steps=steps(
                self.email_to_fax,
                self.fax_to_email,
                self.outgoing_mail,
                renderers=2 * (os.cpu_count() or 1),
                calls=_CALLS_AT_ONCE,
            ),
            chores=chores(self.fax_to_email, self._count_rows, config.timing.catch_up_every),
            name=worker_name,
            bug_delays=config.timing.bug_delays,
            clock=now,
        )

        self.failure: DiskError | None = None
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._working: asyncio.Task[None] | None = None
        self.smtp = SmtpListener(self.email_to_fax, config.hostname, _smtp_limits(config), faxlog)
        webhooks = Webhooks(
            {name: WebhookAccount(provider, _path_secret(config, name)) for name, provider in self.providers.items()},
            public_url=config.web.public_url,
            email_to_fax=self.email_to_fax,
            fax_to_email=self.fax_to_email,
            log=faxlog,
            max_body=config.web.max_body,
            body_seconds=_BODY_SECONDS,
            spool_directory=config.gateway.state_directory,
        )
        self.web = WebServer(webhooks.app(), str(config.web.listen), grace_seconds=_GRACE)
        self.health = WebServer(
            health_app(self._check_health, faxlog.registry), str(config.health.listen), grace_seconds=1
        )

    async def _make_document(self, message: Path, look: str) -> Rendered:
        """Turns a stored message into pages, in a child of the sandbox."""
        dialling = self.config.dialling
        arguments = {"paper": look, "message_text": dialling.message_text, "max_pages": dialling.max_pages}
        output = os.memfd_create("pages")
        try:
            with message.open("rb") as source:
                inputs = [source.fileno()]
                made = await self.sandbox.run(_MAKE_DOCUMENT, arguments, inputs=inputs, output=output)
            with os.fdopen(os.dup(output), "rb") as pages:
                pages.seek(0)
                content = pages.read()
        finally:
            os.close(output)
        return Rendered(content, made["pages"], tuple(_ledger_entry(entry) for entry in made["ledger"]))

    async def _count_pages(self, document: Path) -> int:
        """Opens a received document in a child of the sandbox."""
        with document.open("rb") as source:
            found = await self.sandbox.run(_INSPECT_RECEIVED, {}, inputs=[source.fileno()], output=None)
        return int(found["pages"])

    async def _check_health(self) -> dict[str, str]:
        """Says of each part whether it is well, for the health page."""
        store = "ok" if self.failure is None else str(self.failure)
        room = "ok" if self.has_room() else "low disk space: nothing is accepted until there is room"
        troubled = await self.store.database.read(reports.troubled_accounts)
        accounts = {
            f"account {name}": next((f"paused: {t.reason}" for t in troubled if t.name == name), "ok")
            for name in self.providers
        }
        stuck = {
            where: f"cannot be reached: {count} waiting since {since:%Y-%m-%d %H:%M} UTC"
            for where, (count, since) in (await self.store.database.read(reports.stuck_since)).items()
        }
        return {"store": store, "disk": room, **accounts, **stuck}

    def has_room(self) -> bool:
        """Says whether a message can be accepted now."""
        try:
            self.email_to_fax.room_for(None)
        except Refusal:
            return False
        return True

    async def start(self) -> dict[str, list[str]]:
        """Opens every listener, once everything behind it is ready; answers their addresses.

        Raises:
            OSError: an address cannot be bound.
        """
        await self.sandbox.start()
        self.store.database.on_due = self._on_due(asyncio.get_running_loop())
        self._working = asyncio.create_task(self.worker.run(), name="worker")
        health = await self.health.start()
        web = await self.web.start()
        smtp = await self.smtp.start([str(place) for place in self.config.smtp.listen])
        return {"smtp": smtp, "web": [web], "health": [health]}

    def _on_due(self, loop: asyncio.AbstractEventLoop) -> Callable[[Queues], None]:
        def on_due(queues: Queues) -> None:
            loop.call_soon_threadsafe(self.worker.poke, queues)

        return on_due

    async def ended(self) -> None:
        """Returns when the gateway can no longer work: a disk error, or a part that ended by itself."""
        assert self._working is not None  # noqa: S101 - start() has set it
        done, _ = await asyncio.wait({self._working, self._failed}, return_when=asyncio.FIRST_COMPLETED)
        if self._working in done:
            error = self._working.exception()
            if isinstance(error, BaseExceptionGroup):
                disk = error.subgroup(DiskError)
                if disk is None:
                    raise error
                self.fail(_first(disk))

    def fail(self, error: DiskError) -> None:
        """Stops intake at the first disk error: nothing may be acknowledged any more."""
        if self.failure is None:
            self.failure = error
            faxlog.disk_error(str(error))
            self._failed.set_result(None)

    async def stop(self) -> None:
        """Finishes what is being accepted and sent, within the grace time; the rest is left to its lease."""
        await asyncio.gather(self.smtp.stop(_GRACE), self.web.stop(), self.worker.stop(_GRACE))
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        await asyncio.gather(self.health.stop(), *(provider.close() for provider in self.providers.values()))
        await self.sandbox.stop()

    async def _count_rows(self) -> None:
        faxlog.waiting(await self.store.database.read(reports.count_rows))


def _first(group: BaseExceptionGroup[DiskError]) -> DiskError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _path_secret(config: Config, account: str) -> str:
    return config.accounts[account].webhook_path_secret.get_secret_value()


def _smtp_limits(config: Config) -> SmtpLimits:
    return SmtpLimits(max_message_size=config.smtp.max_message_size, max_connections=config.smtp.max_connections)


def _ledger_entry(entry: dict[str, Any]) -> LedgerEntry:
    return LedgerEntry(**{**entry, "fate": Fate(entry["fate"])})


def _providers(config: Config) -> dict[str, FaxProvider]:
    built: dict[str, FaxProvider] = {}
    for name, account in config.accounts.items():
        kind = PROVIDERS[account.kind]
        settings = kind.Settings(**account.for_provider, request_timeout=_REQUEST_TIMEOUT.total_seconds())
        built[name] = kind(name, settings, now)
    return built


def _smarthost(config: Config) -> Smarthost:
    smarthost = config.smarthost
    return Smarthost(
        host=smarthost.host,
        port=smarthost.port,
        tls=smarthost.tls,
        hostname=config.hostname,
        username=smarthost.username,
        password=smarthost.password.get_secret_value() or None,
    )


async def run(config: Config, notifier: Notifier) -> int:
    """Runs the gateway until SIGTERM, SIGINT or a disk error.

    Args:
        config: the checked configuration.
        notifier: tells the service manager.

    Returns:
        0 after a signal, 74 after a disk error.

    Raises:
        StoreBusyError: another process works on the store.
        DiskError: the store cannot be opened.
        OSError: an address cannot be bound.
    """
    os.umask(0o077)  # whatever we write is for nobody else
    loop = asyncio.get_running_loop()
    app: App | None = None

    def on_disk_error(error: DiskError) -> None:
        if app is not None:
            loop.call_soon_threadsafe(app.fail, error)

    loop.set_exception_handler(_on_stray_error)
    url = config.gateway.database_url.get_secret_value() or None
    store = await open_store(config.gateway.state_directory, url, now(), on_disk_error)
    app = App(config, store, f"{socket.gethostname()}:{os.getpid()}")
    try:
        return await _serve(app, notifier)
    finally:
        store.close()


async def _serve(app: App, notifier: Notifier) -> int:
    stopped = _stop_signals()
    try:
        addresses = await app.start()
        faxlog.started(__version__, addresses)
        notifier.ready(f"serving SMTP on {', '.join(addresses['smtp'])}")
        beat = asyncio.create_task(notifier.beat(lambda: app.failure is None))
        ended = asyncio.create_task(app.ended())
        await asyncio.wait({ended, asyncio.create_task(stopped.wait())}, return_when=asyncio.FIRST_COMPLETED)
        beat.cancel()
        if ended.done():
            ended.result()
    finally:
        notifier.stopping()
        faxlog.stopping("disk error" if app.failure else "asked to")
        await app.stop()
    return EX_IOERR if app.failure else 0


def _on_stray_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Takes what nobody caught; its message may hold anything, so only type and place are logged."""
    error = context.get("exception")
    faxlog.bug("event loop", "", error if isinstance(error, BaseException) else RuntimeError())


def _stop_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped
