from collections.abc import AsyncIterator

import pytest
from sinch_world import FakeSinch, SinchWorld


@pytest.fixture
async def world() -> AsyncIterator[SinchWorld]:
    server = FakeSinch()
    await server.start()
    world = SinchWorld(server)
    yield world
    for provider in world.built:
        await provider.close()
    await server.stop()
