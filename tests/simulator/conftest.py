from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from node_client import installed
from simulated import Client, Receiver, standing_clock

from gateway.simulator import SinchSimulator


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def api(session: aiohttp.ClientSession) -> AsyncIterator[Client]:
    """A simulator whose clock only moves when told to, and a client for it."""
    simulator = SinchSimulator(clock=standing_clock())
    yield Client(simulator, await simulator.start(), session)
    await simulator.stop()


@pytest.fixture(scope="session")
def client_folder() -> Path:
    """Where the vendors' own Node clients are installed."""
    return installed()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application(client_max_size=1 << 28)
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()
