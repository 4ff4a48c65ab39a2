"""A listener on a loopback port with a desk in memory behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from fax_desk import Client, FakeDesk, RememberingLog

from gateway.smtp import SmtpLimits, SmtpListener


@pytest.fixture
async def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def log() -> RememberingLog:
    return RememberingLog()


@pytest.fixture
async def listen(desk: FakeDesk, log: RememberingLog) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Starts a listener with given limits; gives its address."""
    listeners: list[SmtpListener] = []

    async def start(**limits: float) -> str:
        listener = SmtpListener(desk, "fax.example", SmtpLimits(**limits), log)
        listeners.append(listener)
        (address,) = await listener.start(["127.0.0.1:0"])
        return address

    start.listeners = listeners  # type: ignore[attr-defined]
    yield start
    desk.may_commit.set()
    for listener in listeners:
        await listener.stop(0)


@pytest.fixture
async def connect(listen: Callable[..., Awaitable[str]]) -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """Opens a connection; the first call starts the listener, with the limits it is given."""
    clients: list[Client] = []
    addresses: list[str] = []

    async def open_one(**limits: float) -> Client:
        if not addresses:
            addresses.append(await listen(**limits))
        client = await Client.connect(addresses[0])
        clients.append(client)
        return client

    yield open_one
    for client in clients:
        await client.close()
