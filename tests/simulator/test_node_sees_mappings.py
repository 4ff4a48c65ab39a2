"""After a plan was carried out, Sinch's own client sees exactly the mappings that it promised."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from node_client import said_by
from simulated import ALSO_OURS, OURS, Client

from gateway.core.mappings import planned_mappings
from gateway.core.model import Carrier, Mapping, Permission, Route, Sender
from gateway.providers.sinch import Sinch, SinchSettings
from gateway.reconcile import Reconcile
from tests.fakes import Gateway

pytestmark = pytest.mark.slow

SEND, RECEIVE, BOTH = Permission.SEND, Permission.RECEIVE, Permission.BOTH
FAR = "+12025550180"
INTAKE, DESK, LAB, PARTNER = (f"{name}@clinic.example" for name in ("in+take", "Desk", "lab", "partner"))
WEBHOOK = "https://fax.clinic.example/webhooks/sinch/path-s3cret"


@dataclass
class Site:
    """A gateway, an account with two services, and Sinch's client beside it."""

    gateway: Gateway
    api: Client
    provider: Sinch
    services: tuple[str, str]
    client_folder: Path

    async def somebody_adds(self, address: str, number: str, permission: Permission) -> None:
        """Another user of the account puts an address into the first service."""
        body = {"email": address, "phoneNumbers": [{"number": number, "permissions": permission.value}]}
        assert (await self.api.call("POST", f"/services/{self.services[0]}/emails", json=body)).status == 201

    async def apply(self, routes: Sequence[Route], senders: Sequence[Sender]) -> set[Mapping]:
        """Plans, carries the plan out, and returns what it promised."""
        reconcile = Reconcile(
            store=self.gateway.database,
            providers={"sinch": self.provider},
            routes=routes,
            senders=senders,
            mode="report",
            webhook_url=lambda _: WEBHOOK,
            outcomes=self.gateway.outcomes,
            clock=self.gateway.clock,
            sleep=no_pause,
        )
        plan = await reconcile.plan()
        applied = await reconcile.apply(plan.digest, remove_many=True, progress=lambda _done, _total: None)
        assert (applied.proven, applied.failed) == (True, ())
        return set(planned_mappings(plan))

    async def seen_by_their_client(self) -> set[Mapping]:
        """What their client lists; the numbers that it gets for each single address are the same."""
        simulator = self.api.simulator
        login = (simulator.project, simulator.key_id, simulator.key_secret)
        said = await said_by(self.client_folder, "mappings.mjs", self.api.base_url, *login, *self.services)
        listed, asked = (set(mappings_in(said, way)) for way in ("listed", "asked"))
        assert listed == asked
        assert all(numbers["listed"] for emails in said.values() for numbers in emails.values())
        return listed


@pytest.fixture
async def site(gateway: Gateway, api: Client, client_folder: Path) -> AsyncIterator[Site]:
    second = str((await api.call("POST", "/services", json={"name": "Far"})).json["id"])
    services = (await api.default_service(), second)
    api.simulator.place_numbers([FAR], second)
    settings = SinchSettings(
        project_id=api.simulator.project,
        key_id=api.simulator.key_id,
        key_secret=api.simulator.key_secret,
        services=services,
        webhook_password="pass",
        base_url=api.base_url,
        auth_url=api.base_url,
        requests_per_second=1000,
    )
    provider = Sinch("sinch", settings, gateway.clock)
    yield Site(gateway, api, provider, services, client_folder)
    await provider.close()


async def no_pause(_seconds: float) -> None:
    """The other side's trouble is over as soon as we wait for it."""


def mappings_in(said: dict[str, Any], way: str) -> Iterable[Mapping]:
    for service, emails in said.items():
        for address, numbers in emails.items():
            for number, permission in numbers[way].items():
                yield Mapping(service, address, number, Permission(permission))


def route(number: str, *addresses: str) -> Route:
    return Route(number, addresses, Carrier.PROVIDER)


def sender(address: str, number: str) -> Sender:
    return Sender(address, number, "Clinic", "UTC", "sinch", Carrier.BOTH)


async def test_their_client_sees_exactly_what_each_plan_promised(site: Site) -> None:
    near, far = site.services
    await site.somebody_adds(PARTNER, OURS, BOTH)
    await site.somebody_adds(LAB, ALSO_OURS, SEND)
    strangers = {Mapping(near, PARTNER, OURS, BOTH), Mapping(near, LAB, ALSO_OURS, SEND)}
    assert await site.seen_by_their_client() == strangers

    await site.api.faults(
        {"fault": "status", "status": 429, "method": "POST", "path": "/services", "times": 1},
        {"fault": "drop_response", "method": "POST", "path": "/services", "times": 1},
    )
    first = await site.apply([route(OURS, INTAKE, DESK, LAB), route(FAR, INTAKE)], [sender(INTAKE, OURS)])
    assert first == strangers | {
        Mapping(near, INTAKE, OURS, BOTH),
        Mapping(near, DESK, OURS, RECEIVE),
        Mapping(near, LAB, OURS, RECEIVE),
        Mapping(far, INTAKE, FAR, RECEIVE),
    }
    assert await site.seen_by_their_client() == first

    await site.api.faults(
        {"fault": "status", "status": 503, "method": "PUT", "path": "/services", "times": 1},
        {"fault": "drop_response", "method": "DELETE", "path": "/services", "times": 1},
    )
    second = await site.apply([route(ALSO_OURS, INTAKE), route(FAR, DESK)], [sender(INTAKE, OURS)])
    assert second == strangers | {
        Mapping(near, INTAKE, OURS, SEND),
        Mapping(near, INTAKE, ALSO_OURS, RECEIVE),
        Mapping(far, DESK, FAR, RECEIVE),
    }
    assert await site.seen_by_their_client() == second

    assert await site.apply([], []) == strangers
    assert await site.seen_by_their_client() == strangers
