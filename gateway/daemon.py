"""The process around the gateway: opens the store, runs until a signal or a disk error, reloads at SIGHUP."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import Any, Final

from gateway import faxlog
from gateway.app import App
from gateway.config import Config, ConfigError
from gateway.core.reasons import DiskError
from gateway.parts import now
from gateway.sd_notify import Notifier
from gateway.store.opening import begin_run, open_store

#: sysexits.h: an input or output error.
EX_IOERR: Final = 74


async def run(config: Config, notifier: Notifier) -> int:
    """Runs the gateway until SIGTERM, SIGINT or a disk error; SIGHUP reloads it.

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
    hung_up = _on(signal.SIGHUP)  # from the first moment: unhandled it would end the process
    app: App | None = None

    def on_disk_error(error: DiskError) -> None:
        if app is not None:
            loop.call_soon_threadsafe(app.fail, error)

    loop.set_exception_handler(_on_stray_error)
    url = config.gateway.database_url.get_secret_value() or None
    store = await open_store(config.gateway.state_directory, url, on_disk_error)
    await begin_run(store, now())
    app = App(config, store, socket.gethostname(), notifier)
    try:
        await _serve(app, notifier, hung_up)
    finally:
        store.close()
    return EX_IOERR if app.failure else 0


async def _serve(app: App, notifier: Notifier, hung_up: asyncio.Event) -> None:
    stopped = _on(signal.SIGTERM, signal.SIGINT)
    try:
        await app.start()
        beat = asyncio.create_task(notifier.beat(lambda: app.failure is None))
        reloads = asyncio.create_task(_reload_when(hung_up, app))
        ended = asyncio.create_task(app.ended())
        await asyncio.wait({ended, asyncio.create_task(stopped.wait())}, return_when=asyncio.FIRST_COMPLETED)
        beat.cancel()
        reloads.cancel()
        if ended.done():
            ended.result()
    finally:
        await app.stop()


async def _reload_when(hung_up: asyncio.Event, app: App) -> None:
    while True:
        await hung_up.wait()
        hung_up.clear()
        try:
            await app.reload()
        except ConfigError:
            pass  # it has been told
        except Exception as error:  # noqa: BLE001 - the gateway goes on as it was
            faxlog.bug("reload", "", error)


def _on_stray_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Takes what nobody caught; its message may hold anything, so only type and place are logged."""
    error = context.get("exception")
    faxlog.bug("event loop", "", error if isinstance(error, BaseException) else RuntimeError())


def _on(*signals: signal.Signals) -> asyncio.Event:
    came = asyncio.Event()
    for number in signals:
        asyncio.get_running_loop().add_signal_handler(number, came.set)
    return came
