"""Monitoring is told in one status whether mail and faxes flow, and gets the figures."""

from __future__ import annotations

import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from gateway.web.health import health_app
from gateway.web.server import WebServer


@pytest.fixture
def checks() -> dict[str, str]:
    return {"database": "ok", "disk": "ok"}


async def ask(checks: dict[str, str], path: str, method: str = "GET") -> tuple[int, str, str]:
    registry = CollectorRegistry()
    Counter("faxgw_things", "Things.", registry=registry).inc(3)

    async def check() -> dict[str, str]:
        return checks

    server = WebServer(health_app(check, registry), "127.0.0.1:0", grace_seconds=1)
    address = await server.start()
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, f"http://{address}{path}") as answer,
        ):
            return answer.status, answer.headers["Content-Type"], await answer.text()
    finally:
        await server.stop()


async def test_ready_when_nothing_is_wrong(checks: dict[str, str]) -> None:
    status, content_type, text = await ask(checks, "/health")
    assert (status, content_type) == (200, "application/json")
    assert text == '{"status":"ready","checks":{"database":"ok","disk":"ok"}}'


async def test_not_ready_says_what_is_wrong(checks: dict[str, str]) -> None:
    checks["disk"] = "less than 256 MB free"
    status, _, text = await ask(checks, "/health")
    assert status == 503
    assert text == '{"status":"not ready","checks":{"database":"ok","disk":"less than 256 MB free"}}'


async def test_figures_are_prometheus_text(checks: dict[str, str]) -> None:
    status, content_type, text = await ask(checks, "/metrics")
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert "faxgw_things_total 3.0" in text


async def test_nothing_else_is_there(checks: dict[str, str]) -> None:
    assert (await ask(checks, "/"))[0] == 404
    assert (await ask(checks, "/health", "POST"))[0] == 405


async def test_a_bound_socket_is_taken_and_a_taken_port_is_an_error() -> None:
    async def check() -> dict[str, str]:
        return {}

    bound = socket.create_server(("127.0.0.1", 0))
    first = WebServer(health_app(check, CollectorRegistry()), bound, grace_seconds=1)
    address = await first.start()
    second = WebServer(health_app(check, CollectorRegistry()), address, grace_seconds=1)
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await first.stop()
    await first.stop()
