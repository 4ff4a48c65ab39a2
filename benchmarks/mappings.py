"""How long it takes to compare the provider's mappings with the configuration, beside fetching the same pages bare.

What is measured: `Reconcile.plan` in this process, over HTTP from a simulated provider in another one, several times:
every service with its settings, numbers and addresses is read, a thousand entries to a page, and compared with what
is wanted and with what the store says is ours. All mappings are wanted and ours, as they are each hour of each day.
Beside it the same URLs, recorded once by a server in between, are fetched one after the other by a bare aiohttp
client that reads the JSON of each; the ratio is the median of the ratios of the pairs. The number of requests is
counted by the same recording, without the one for a token, which lasts an hour.

What is not: a network. Each request to a real provider takes a good part of a second more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp
from aiohttp import web

from benchmarks.report import Figure, Result
from benchmarks.world import GaveUpError, World, basic_credentials, world
from gateway.core.ids import make_id
from gateway.core.mappings import Pair
from gateway.core.model import Carrier, Route
from gateway.core.notices import MailSettings
from gateway.log_output import silence
from gateway.providers.sinch import Sinch, SinchSettings
from gateway.reconcile import Reconcile
from gateway.store import mappings
from gateway.store.database import SqliteDatabase
from gateway.store.opening import prepare_schema
from gateway.store.outcomes import Outcomes

#: So many mappings, spread over so many services.
_SIZES: Final = ((0, 1), (1, 1), (250, 2), (10_000, 4))
_ROUNDS: Final = 5
_ACCOUNT: Final = "sinch"
_AT_ONCE: Final = 8
_NUMBERS: Final = 50


async def run(folder: Path) -> Result:
    """Measures with all data below ``folder``."""
    silence()  # a turn of the chore says so in the log
    figures = []
    async with world(folder) as provider, aiohttp.ClientSession() as http:
        site = _Site(provider, http)
        for size, services in _SIZES:
            await site.fill(size, services)
            figures += await _measure(folder / f"store-{size}.sqlite", site, size)
    return Result(
        "mappings: comparing the provider's table with the configuration",
        beside="bare aiohttp",
        figures=figures,
        notes=[
            "A plan reads everything, each page once; the bare client fetches the same pages and parses their JSON.",
            "A turn of the chore is a plan and one commit that keeps what was read; here nothing has changed.",
        ],
    )


class _Site:
    """The provider's side: services with numbers and addresses, all of them wanted."""

    def __init__(self, provider: World, http: aiohttp.ClientSession) -> None:
        self.simulator = provider.simulator
        self.services: list[str] = []
        self.wanted: dict[Pair, Route] = {}
        self._http = http

    async def fill(self, size: int, services: int) -> None:
        """Makes so many mappings more than none: whatever was there before is gone."""
        await self._call("POST", "/_control/reset")
        first = (await self._call("GET", f"{self._base}/services"))["services"][0]["id"]
        more = [await self._call("POST", f"{self._base}/services", {"name": f"S{n}"}) for n in range(services - 1)]
        self.services = [first, *(service["id"] for service in more)]
        self.wanted = {}
        for place, service in enumerate(self.services):
            numbers = [f"+1202555{place}{index:03}" for index in range(_NUMBERS)]
            await self._call("POST", "/_control/numbers", {"numbers": numbers, "service": service})
            for index in range(size * place // services, size * (place + 1) // services):
                address, number = f"person-{index}@clinic.example", numbers[index % _NUMBERS]
                self.wanted[Pair(_ACCOUNT, service, address, number)] = Route(number, (address,), Carrier.PROVIDER)
        few = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._map(few, pair) for pair in self.wanted))

    async def _map(self, few: asyncio.Semaphore, pair: Pair) -> None:
        body = {"email": pair.address, "phoneNumbers": [{"number": pair.number, "permissions": "receive"}]}
        async with few:
            await self._call("POST", f"{self._base}/services/{pair.service}/emails", body)

    @property
    def _base(self) -> str:
        return f"/v3/projects/{self.simulator.project}"

    @property
    def login(self) -> dict[str, str]:
        """Gives the header that opens the provider's API."""
        return {"Authorization": basic_credentials(self.simulator.key_id, self.simulator.key_secret)}

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.simulator.url}{path}"
        async with self._http.request(method, url, json=body or {}, headers=self.login) as answer:
            if not answer.ok:
                raise GaveUpError(f"{method} {path} was answered {answer.status}")
            return await answer.json()

    async def fetch(self, paths: Sequence[str]) -> None:
        """Fetches pages one after the other, as plainly as can be."""
        for path in paths:
            await self._call("GET", path)


async def _measure(store: Path, site: _Site, size: int) -> list[Figure]:
    """Measures plans of one size, in turn with the bare client; the largest also as a whole turn of the chore."""
    database = SqliteDatabase(store)
    try:
        await database.write(prepare_schema)
        await database.write(mappings.own, site.wanted, datetime.now(UTC))
        paths = await _recorded(database, site)
        async with _reconcile(database, site, site.simulator.url) as reconcile:
            unset = await reconcile.plan()  # nobody has set the webhooks yet
            await reconcile.apply(unset.digest, remove_many=False, progress=lambda *_: None)
            ours, theirs, turns = [], [], []
            for _ in range(_ROUNDS):
                ours.append(await _timed(reconcile.plan()))
                theirs.append(await _timed(site.fetch(paths)))
                turns.append(await _timed(reconcile.run()))
            plan = await reconcile.plan()
    finally:
        database.close()
    if len(plan.lines) != size or plan.drift:
        raise GaveUpError(f"{len(plan.lines)} mappings were found instead of {size}, {len(plan.drift)} as not wanted")
    ratio = median(our / their for our, their in zip(ours, theirs, strict=True))
    what = f"{size:,} mappings in {_counted(len(site.services), 'service')}, {_counted(len(paths), 'request')}"
    figures = [Figure(f"plan of {what}", median(ours), "ms", median(theirs), ratio)]
    if size == _SIZES[-1][0]:
        figures.append(Figure("a turn of the chore with as many", median(turns), "ms"))
    return figures


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


async def _timed(work: Awaitable[object]) -> float:
    """Answers how long it took, in milliseconds."""
    started = time.perf_counter()
    await work
    return 1000 * (time.perf_counter() - started)


@asynccontextmanager
async def _reconcile(database: SqliteDatabase, site: _Site, url: str) -> AsyncIterator[Reconcile]:
    settings = SinchSettings(
        project_id=site.simulator.project,
        key_id=site.simulator.key_id,
        key_secret=site.simulator.key_secret,
        services=tuple(site.services),
        webhook_password="benchmark-password",  # noqa: S106 - opens nothing
        base_url=url,
        auth_url=site.simulator.url,
        requests_per_second=1000,
    )
    provider = Sinch(_ACCOUNT, settings, lambda: datetime.now(UTC))
    mails = MailSettings("operator@clinic.example", "postmaster@fax.example")
    try:
        yield Reconcile(
            store=database,
            providers={_ACCOUNT: provider},
            routes=list(site.wanted.values()),
            senders=[],
            mode="report",
            webhook_url=lambda _account: "https://fax.example/webhooks/sinch/secret",
            outcomes=Outcomes(mails, (timedelta(minutes=1),), lambda: make_id("M", b"bench")),
            clock=lambda: datetime.now(UTC),
            sleep=asyncio.sleep,
        )
    finally:
        await provider.close()


async def _recorded(database: SqliteDatabase, site: _Site) -> list[str]:
    """Lists the paths that one plan asks for, in their order, by standing between it and the provider."""
    paths: list[str] = []

    async def hand_on(request: web.Request) -> web.Response:
        paths.append(request.raw_path)
        async with http.get(f"{site.simulator.url}{request.raw_path}", headers=site.login) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", hand_on)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with (
            aiohttp.ClientSession() as http,
            _reconcile(database, site, f"http://127.0.0.1:{runner.addresses[0][1]}") as reconcile,
        ):
            await reconcile.plan()
    finally:
        await runner.cleanup()
    return paths
