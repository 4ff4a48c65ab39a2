from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from interfax_caller import Caller, Start, a_simulator


@pytest.fixture
async def started(session: aiohttp.ClientSession) -> AsyncIterator[Start]:
    """Starts a simulator with options of the test's choice."""
    running = []

    async def start(**options: Any) -> Caller:
        simulator = a_simulator(**options)
        running.append(simulator)
        return Caller(simulator, await simulator.start(), session)

    yield start
    for simulator in running:
        await simulator.stop()


@pytest.fixture
async def interfax(started: Start) -> Caller:
    """A simulator as it is by default, but for the poll limit."""
    return await started()
