"""Random edits on both sides, requests that go wrong and deaths at any moment: it converges, and strangers keep theirs.

``FAXGW_EXAMPLES`` sets how many worlds are tried; `FAXGW_EXAMPLES=10000 pytest tests/test_reconcile_random.py` is the
long run.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.ids import make_id
from gateway.core.mappings import Pair, SettingName
from gateway.core.model import Carrier, Permission, Route, Sender
from gateway.core.notices import MailSettings
from gateway.reconcile import PlanChangedError, Reconcile, UnreadableError
from gateway.store.database import SqliteDatabase, Tx
from gateway.store.opening import prepare_schema
from gateway.store.outcomes import Outcomes
from gateway.store.schema import metadata
from tests.fakes import OPERATOR, Clock, Entropy
from tests.mapping_world import ACCOUNT, WEBHOOK, Fault, KilledError, MappingWorld, MortalStore

EXAMPLES = int(os.environ.get("FAXGW_EXAMPLES", "200"))

EAST, WEST = "EAST", "WEST"
NUMBERS = {"+12025550100": EAST, "+12025550101": EAST, "+12025550102": WEST}
NOBODYS = "+12025550199"
ADDRESSES = ("ana@clinic.example", "Ben@clinic.example")

Wanted = dict[tuple[str, str], Permission]


# --- what may happen ------------------------------------------------------------------------------------------------

addresses = st.sampled_from(ADDRESSES)
numbers = st.sampled_from([*NUMBERS, NOBODYS])
permissions = st.sampled_from(list(Permission))
wanted_tables = st.dictionaries(st.tuples(addresses, numbers), permissions, min_size=4, max_size=8)


@dataclass(frozen=True)
class Sets:
    """A stranger sets a pair, in a spelling of their own."""

    address: str
    number: str
    permission: Permission
    shouting: bool

    async def __call__(self, site: Site) -> None:
        address = self.address.upper() if self.shouting else self.address
        await site.world.stranger_sets(address, self.number, self.permission)


@dataclass(frozen=True)
class SetsWanted:
    """A stranger sets just what we may be about to set."""

    which: int
    permission: Permission

    async def __call__(self, site: Site) -> None:
        if site.wanted:
            address, number = sorted(site.wanted)[self.which % len(site.wanted)]
            await site.world.stranger_sets(address, number, self.permission)


@dataclass(frozen=True)
class Drops:
    """A stranger drops a pair, or an address altogether."""

    address: str
    number: str | None

    async def __call__(self, site: Site) -> None:
        await site.world.stranger_drops(self.address, self.number)


@dataclass(frozen=True)
class Moves:
    """A number moves to another service, or away."""

    number: str
    service: str | None

    async def __call__(self, site: Site) -> None:
        await site.world.number_moves(self.number, self.service)


Edit = Sets | SetsWanted | Drops | Moves

edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(Sets, addresses, numbers, permissions, st.booleans()),
    st.builds(SetsWanted, st.integers(0, 7), permissions),
    st.builds(Drops, addresses, st.none() | numbers),
    st.builds(Moves, numbers, st.sampled_from([EAST, WEST, None])),
)
some_fault = st.sampled_from([Fault.NONE] * 12 + [Fault.STRANGER] * 8 + list(Fault))
rare_fault = st.sampled_from([Fault.NONE] * 40 + [Fault.STRANGER] * 6 + list(Fault))
fates = st.lists(st.sampled_from([Fault.NONE] * 16 + [Fault.KILLED_BEFORE, Fault.KILLED_AFTER]), max_size=12)


@dataclass(frozen=True)
class Turn:
    """What happens in one turn: edits on both sides, then something is done while the provider misbehaves."""

    act: str
    wanted: Wanted | None
    edits: list[Edit]
    faults: list[Fault]
    faults_of_listing: list[Fault]
    edits_meanwhile: list[Edit]
    fates: list[Fault]
    webhook: str | None
    secret: str | None
    merges: bool


turns = st.builds(
    Turn,
    act=st.sampled_from(["apply"] * 5 + ["enforce"] * 5 + ["report", "adopt", "adopt one", "forget one"]),
    wanted=st.one_of(wanted_tables, wanted_tables, st.just({}), st.none()),
    edits=st.lists(edits, max_size=5),
    faults=st.lists(some_fault, min_size=10, max_size=30),
    faults_of_listing=st.lists(rare_fault, max_size=10),
    edits_meanwhile=st.lists(edits, min_size=3, max_size=8),
    fates=fates,
    webhook=st.sampled_from([None] * 6 + ["", "https://elsewhere.example/", "ours"]),
    secret=st.sampled_from([None, None, None, "second", "third"]),
    merges=st.booleans(),
)


# --- the gateway and the provider -----------------------------------------------------------------------------------


class Site:
    """One gateway and its provider, from an empty store."""

    def __init__(self, database: SqliteDatabase, wanted: Wanted) -> None:
        self.clock = Clock()
        self.store = MortalStore(database)
        self.world = MappingWorld(dict(NUMBERS), (EAST, WEST), self.store.owned)
        self.wanted = wanted
        self.foreign_webhooks: dict[str, str] = {}
        entropy = Entropy()
        settings = MailSettings(OPERATOR, "postmaster@fax.example")
        self._outcomes = Outcomes(settings, (timedelta(minutes=1),), lambda: make_id("M", entropy(5)))

    def reconcile(self, mode: str = "enforce") -> Reconcile:
        """Starts the process: nothing is remembered but what is in the store."""
        routes = [
            Route(number, (address,), Carrier.PROVIDER)
            for (address, number), permission in self.wanted.items()
            if permission.receives
        ]
        senders = [
            Sender(address, number, "Clinic", "UTC", ACCOUNT, Carrier.BOTH)
            for (address, number), permission in self.wanted.items()
            if permission.sends
        ]
        return Reconcile(
            store=self.store,
            providers={ACCOUNT: self.world},
            routes=routes,
            senders=senders,
            mode=mode,
            webhook_url=lambda account: f"https://fax.example/{account}",
            outcomes=self._outcomes,
            clock=self.clock,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    async def turn(self, turn: Turn) -> None:
        """One turn, and its promises: strangers keep what is theirs, and nothing becomes ours that we did not make."""
        self.wanted = self.wanted if turn.wanted is None else turn.wanted
        self.world.secret = turn.secret or self.world.secret
        self.world.merges = turn.merges
        for edit in turn.edits:
            await edit(self)
        if turn.webhook is not None:
            await self._webhook_changes(turn.webhook)
        self.world.faults = iter(turn.faults)
        self.world.faults_of_listing = iter(turn.faults_of_listing)
        self.world.strangers = iter([partial(edit, self) for edit in turn.edits_meanwhile])
        self.store.fates = iter(turn.fates)
        with suppress(KilledError, UnreadableError, PlanChangedError):
            await self._act(turn.act)
        self.store.fates = iter(())
        self.clock.advance(minutes=30)
        self.world.half_an_hour_passes()
        await self.world.gateway_let_go()
        owned = await self.store.owned()
        if turn.act == "forget one":  # whatever is not under our care any more is somebody else's
            self.world.foreign |= {pair: held for pair, held in self.world.pairs.items() if pair not in owned}
        await self.check_strangers(adopted=turn.act.startswith("adopt"))

    async def _act(self, act: str) -> None:
        match act:
            case "apply":
                await self.apply()
            case "adopt":
                await self.reconcile().adopt([])
            case "adopt one":
                await self.reconcile().adopt([ADDRESSES[0].upper(), "+12025550100"])
            case "forget one":
                await self.reconcile().forget([ADDRESSES[1]])
            case mode:
                await self.reconcile(mode).run()

    async def apply(self) -> bool:
        """Plans, applies what was planned; says whether there was anything to do."""
        plan = await self.reconcile().plan()
        if plan.is_empty:
            return False
        await self.reconcile().apply(plan.digest, remove_many=True, progress=lambda *_: None)
        return True

    async def _webhook_changes(self, url: str) -> None:
        """Somebody sets the webhook of a service. That a secret which we set was changed there is seen by nobody."""
        is_ours = SettingName(ACCOUNT, EAST, WEBHOOK) in await self.store.owned_settings()
        if url == "ours":
            url = f"https://fax.example/{ACCOUNT}"
            if is_ours:
                return
        self.world.webhooks[EAST] = (url, "theirs")
        if is_ours or url == "":
            self.foreign_webhooks.pop(EAST, None)
        else:
            self.foreign_webhooks[EAST] = self.world.setting(EAST)

    async def check_strangers(self, *, adopted: bool = False) -> None:
        """What strangers made is as they left it, and never under our care unless adopted."""
        owned, owned_settings = await self.store.owned(), await self.store.owned_settings()
        if adopted:
            self.world.foreign = {pair: held for pair, held in self.world.foreign.items() if pair not in owned}
            if SettingName(ACCOUNT, EAST, WEBHOOK) in owned_settings:
                self.foreign_webhooks = {}
        assert self.world.foreign.items() <= self.world.pairs.items()
        assert not owned & self.world.foreign.keys()
        assert all(self.world.setting(service) == value for service, value in self.foreign_webhooks.items())

    async def check_converged(self) -> None:
        """Everything at the provider is either a stranger's or wanted; nothing of ours was lost track of."""
        wanted = {
            Pair(ACCOUNT, self.world.numbers[number], address.lower(), number): permission
            for (address, number), permission in self.wanted.items()
            if number in self.world.numbers
        }
        assert self.world.pairs == wanted | self.world.foreign
        for service in (EAST, WEST):
            ours = f"https://fax.example/{ACCOUNT}|{self.world.secret}"
            assert self.world.setting(service) == self.foreign_webhooks.get(service, ours)
        assert (await self.reconcile().plan()).is_empty


def empty(tx: Tx) -> None:
    for table in reversed(metadata.sorted_tables):
        tx.execute(sa.delete(table))


@pytest.fixture(scope="module")
def database() -> Iterator[SqliteDatabase]:
    """One store for all worlds, emptied for each; in memory where there is room for files, for speed."""
    memory = Path("/dev/shm")  # noqa: S108 - nothing but test data, in a directory of our own
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        database = SqliteDatabase(Path(folder) / "store.sqlite")
        asyncio.run(database.write(prepare_schema))
        yield database
        database.close()


@pytest.mark.timeout(0 if EXAMPLES > 1000 else 120)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wanted=wanted_tables, story=st.lists(turns, min_size=2, max_size=6))
def test_it_converges_within_two_rounds_and_strangers_keep_what_is_theirs(
    database: SqliteDatabase, wanted: Wanted, story: list[Turn]
) -> None:
    asyncio.run(play(database, wanted, story))


async def play(database: SqliteDatabase, wanted: Wanted, story: list[Turn]) -> None:
    await database.write(empty)
    site = Site(database, wanted)
    for turn in story:
        await site.turn(turn)
    site.world.calm_down()
    rounds = 0
    while await site.apply():
        rounds += 1
        await site.check_strangers()
        assert rounds <= 2
    await site.check_converged()
