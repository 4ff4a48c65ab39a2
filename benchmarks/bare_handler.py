"""``python -m benchmarks.bare_handler``: the least an aiohttp server can do with a webhook, to compare with.

It reads the body and answers 200. The first line printed is its port.
"""

from __future__ import annotations

import asyncio

from aiohttp import web


async def _read(request: web.Request) -> web.Response:
    await request.read()
    return web.Response()


async def _serve() -> None:
    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/{path:.*}", _read)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
