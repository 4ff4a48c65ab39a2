"""Starts what was built from the configuration, exchanges it at a reload, stops it. The only wiring beside parts.py."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from gateway import __version__, faxlog, log_output
from gateway.config import Config, ConfigError, load_config
from gateway.core.reasons import DiskError
from gateway.operations import Operations
from gateway.parts import Parts, build_parts, has_room, now
from gateway.reloading import Reloaded, digest_of, needed_accounts, take_over, unusable
from gateway.render.sandbox import Limits, Sandbox
from gateway.sd_notify import Notifier
from gateway.smtp.listener import SmtpListener
from gateway.store import reports
from gateway.store.account_names import AccountsInUseError
from gateway.store.database import Queues, Tx
from gateway.store.opening import Store
from gateway.web.control import ControlSocket
from gateway.web.health import OK, health_app
from gateway.web.server import WebServer
from gateway.web.socket_path import control_path
from gateway.web.webhooks import Webhooks
from gateway.worker import Worker, chores, steps

#: Below the service manager's own patience (TimeoutStopSec): what does not finish is given up to its lease.
_GRACE: Final = 12.0
_BODY_SECONDS: Final = 60.0
_CALLS_AT_ONCE: Final = 16


class App:
    """One running gateway: listeners that stay, and in ``parts`` what a reload exchanges behind them.

    Args:
        config: the checked configuration.
        store: open.
        host: this machine's name.
        notifier: tells the service manager.
    """

    def __init__(self, config: Config, store: Store, host: str, notifier: Notifier) -> None:
        self.store = store
        self.failure: DiskError | None = None
        self._notifier = notifier
        self._sandbox = Sandbox(Limits(), ["gateway.message_to_document"])
        self._running_since = now()
        self.parts = build_parts(config, store, self._sandbox, self._running_since)
        self.operations = Operations(lambda: self.parts, self.reload)
        self.worker = Worker(store=store.database, name=f"{host}:{os.getpid()}", clock=now, **self._work_of(self.parts))
        self.smtp = SmtpListener(self.parts.email_to_fax, config.hostname, self.parts.smtp_limits, faxlog)
        self.webhooks = Webhooks(
            self.parts.webhook_desk,
            public_url=config.web.public_url,
            log=faxlog,
            body_seconds=_BODY_SECONDS,
            spool_directory=config.gateway.state_directory,
        )
        self.web = WebServer(self.webhooks.app(), str(config.web.listen), grace_seconds=_GRACE)
        health = health_app(self._check_health, faxlog.registry)
        self.health = WebServer(health, str(config.health.listen), grace_seconds=1)
        shared = bool(config.gateway.database_url.get_secret_value())
        path = control_path(config.gateway.state_directory, host=host, shared=shared)
        self.control = ControlSocket(path, self.operations, faxlog)

        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._working: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._status = ""
        self._restart_needed: tuple[str, ...] = ()
        self._broken: tuple[str, str] | None = None

    def _work_of(self, parts: Parts) -> dict[str, Any]:
        """Lists what the worker does, and how it records what goes wrong."""
        timing = parts.config.timing
        return {
            "steps": steps(
                parts.email_to_fax,
                parts.fax_to_email,
                parts.outgoing_mail,
                renderers=2 * (os.cpu_count() or 1),
                calls=_CALLS_AT_ONCE,
            ),
            "chores": chores(
                parts.fax_to_email,
                parts.canary,
                reconcile=self.operations.reconcile,
                count_rows=self._count_rows,
                look_after_accounts=parts.settle_accounts.look,
                catch_up_every=timing.catch_up_every,
                reconcile_every=parts.config.mappings.every,
            ),
            "outcomes": parts.outcomes,
            "bug_delays": timing.bug_delays,
        }

    async def _count_rows(self) -> None:
        faxlog.waiting(await self.store.database.read(reports.count_rows))

    # --- health ---------------------------------------------------------------------------------------------------

    async def _check_health(self) -> dict[str, str]:
        """Says of each part whether it is well, for the health page."""
        store = OK if self.failure is None else str(self.failure)
        room = OK if has_room(self.parts.email_to_fax) else "low disk space: nothing is accepted until there is room"
        troubled = await self.store.database.read(reports.troubled_accounts)
        accounts = {
            f"account {name}": next((t.told for t in troubled if t.name == name), OK) for name in self.parts.providers
        }
        stuck = {
            where: f"cannot be reached: {count} waiting since {since:%Y-%m-%d %H:%M} UTC"
            for where, (count, since) in (await self.store.database.read(reports.stuck_since)).items()
        }
        configuration = OK if self._broken is None else self._broken[1]
        canary = await self.parts.canary.health()
        missing = await self.parts.settle_accounts.health()
        chores = {
            f"chore {name}": f"fails since {since:%Y-%m-%d %H:%M} UTC" for name, since in self.worker.failing.items()
        }
        parts = {**accounts, **missing, **stuck, **canary, **chores}
        return {"store": store, "disk": room, "configuration": configuration, **parts}

    # --- start ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Opens every listener, once everything behind it is ready, and says so.

        Raises:
            OSError: an address cannot be bound.
        """
        await self.parts.settle_accounts.settle(keep_open=False)
        await self._sandbox.start()
        self.store.database.on_due = self._on_due(asyncio.get_running_loop())
        self._working = asyncio.create_task(self.worker.run(), name="worker")
        web = await self.web.start()
        smtp = await self.smtp.start([str(place) for place in self.parts.config.smtp.listen])
        await self.control.start()
        health = await self.health.start()  # last: whoever sees it may use all the others
        faxlog.started(__version__, {"smtp": smtp, "web": [web], "health": [health]})
        self._status = f"serving SMTP on {', '.join(smtp)}"
        self._notifier.ready(self._status)

    def _on_due(self, loop: asyncio.AbstractEventLoop) -> Callable[[Queues], None]:
        def on_due(queues: Queues) -> None:
            loop.call_soon_threadsafe(self.worker.poke, queues)

        return on_due

    # --- reload ---------------------------------------------------------------------------------------------------

    async def reload(self) -> Reloaded:
        """Takes over what has changed in the configuration file. Listeners stay; what has begun is finished as it was.

        A file that cannot be used, whatever the cause, changes nothing; the operator is told of it once, by mail too.

        Raises:
            ConfigError: with every problem of the file.
            DiskError: the process is about to end.
        """
        async with self._reloading:
            self._notifier.reloading()
            try:
                told = await self._take_over()
            except ConfigError as error:
                await self._refuse(error)
                raise
            except DiskError:
                raise
            except Exception as error:
                faxlog.bug("reload", "", error)
                refused = unusable(self.parts.config.path, error)
                await self._refuse(refused)
                raise refused from error
            else:
                self._broken, self._restart_needed = None, told.restart_needed
                faxlog.reloaded(told.changed, told.restart_needed)
                return told
            finally:
                self._notifier.reloaded(self._status_line())

    async def _take_over(self) -> Reloaded:
        path = self.parts.config.path
        config, told = take_over(self.parts.config, await asyncio.to_thread(load_config, path))
        parts = build_parts(config, self.store, self._sandbox, self._running_since)
        try:
            await parts.settle_accounts.settle(keep_open=True)
        except BaseException as error:
            await parts.close()
            if isinstance(error, AccountsInUseError):
                raise needed_accounts(path, error, config) from error
            raise
        self._exchange(parts)
        return told

    def _exchange(self, parts: Parts) -> None:
        """Puts other parts behind the listeners and the worker; the former ones are closed when nothing uses them."""
        former, self.parts = self.parts, parts
        log_output.configure(parts.config.log.level, parts.config.log.format)
        self.smtp.replace(parts.email_to_fax, parts.config.hostname, parts.smtp_limits)
        self.webhooks.replace(parts.webhook_desk)
        under_way = self.worker.replace(**self._work_of(parts)) | self.control.under_way
        retiring = asyncio.create_task(_retire(former, under_way), name="retire")
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)

    async def _refuse(self, error: ConfigError) -> None:
        faxlog.reload_refused([str(problem) for problem in error.problems])
        digest = digest_of(error)
        if self._broken is None or self._broken[0] != digest:
            at = now()
            await self.store.database.write(self._tell_broken, error, at)
            text = f"the file is broken since {at:%Y-%m-%d %H:%M} UTC, the former one is used (faxgw check-config)"
            self._broken = digest, text

    def _tell_broken(self, tx: Tx, error: ConfigError, at: datetime) -> None:
        sentence = "The configuration file cannot be used; the gateway goes on with the former one."
        lines = [str(problem) for problem in error.problems]
        self.parts.outcomes.alert(tx, f"config:{at.isoformat()}", "configuration", sentence, at, lines=lines)

    def _status_line(self) -> str:
        """Says on one line what `systemctl status` shows."""
        restart = f"restart needed: {', '.join(self._restart_needed)}" if self._restart_needed else ""
        broken = f"configuration: {self._broken[1]}" if self._broken else ""
        return "; ".join(filter(None, (self._status, restart, broken)))

    # --- stop -----------------------------------------------------------------------------------------------------

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
        self._notifier.stopping()
        faxlog.stopping("disk error" if self.failure else "asked to")
        stops = (self.control.stop(_GRACE), self.smtp.stop(_GRACE), self.web.stop(), self.worker.stop(_GRACE))
        await asyncio.gather(*stops)
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        await asyncio.gather(self.health.stop(), self.parts.close(), *self._retiring)
        await self._sandbox.stop()


async def _retire(parts: Parts, under_way: set[asyncio.Task[None]]) -> None:
    """Closes parts when all that may use them has ended."""
    if under_way:
        await asyncio.wait(under_way)
    await parts.close()


def _first(group: BaseExceptionGroup[DiskError]) -> DiskError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
