"""Health and figures for the operator's monitoring, on a listener of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

#: What a check answers when nothing is wrong; anything else is a sentence about what is.
OK: Final = "ok"


def health_app(check: Callable[[], Awaitable[Mapping[str, str]]], registry: CollectorRegistry) -> web.Application:
    """Builds the application with ``GET /health`` and ``GET /metrics``.

    Args:
        check: gives each thing that is looked at with ``OK`` or with what is wrong; raises nothing.
        registry: the figures.
    """

    async def health(_request: web.Request) -> web.Response:
        checks = await check()
        ready = all(answer == OK for answer in checks.values())
        return web.Response(
            status=200 if ready else 503,
            body=orjson.dumps({"status": "ready" if ready else "not ready", "checks": dict(checks)}),
            content_type="application/json",
        )

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_get("/metrics", metrics)
    return app
