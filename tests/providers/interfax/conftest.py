from collections.abc import AsyncIterator

import pytest
from interfax_world import FakeInterfax, InterfaxWorld


@pytest.fixture
async def world() -> AsyncIterator[InterfaxWorld]:
    server = FakeInterfax()
    await server.start()
    world = InterfaxWorld(server)
    yield world
    for provider in world.built:
        await provider.close()
    await server.stop()
