"""A provider's own table of addresses and numbers, with strangers who edit it and requests that go wrong.

It keeps the `KeepsMappings` contract as sinch-fax-v3 5.3 describes their table: POST merges (or conflicts), PUT
replaces, PUT and DELETE of an unknown address conflict or do nothing, numbers of other services are refused, case of
addresses does not matter and their first spelling stays.

The faults are honest about what no client of such a table can see: between our reading of an address and our write to
it, and while a write of ours is under way without an answer, strangers leave that one address alone. Everything else
they may do between any two requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from gateway.core.mappings import Pair, SettingName
from gateway.core.model import Mapping as Pairing
from gateway.core.model import Permission, ServiceState, Setting
from gateway.core.reasons import AccountError, PermanentError, Reason, TemporaryError
from gateway.providers.base import MappingConflictError
from gateway.store import mappings
from gateway.store.database import Database, Tx
from gateway.store.schema import mapping_seen

P = ParamSpec("P")
T = TypeVar("T")

ACCOUNT = "sinch"
WEBHOOK = "incomingWebhookUrl"


class KilledError(BaseException):
    """The process dies here; nothing of ours may catch it."""


class Fault(StrEnum):
    """What befalls one request."""

    NONE = "none"
    CONFLICT = "409 or 412"
    REFUSED = "422"
    BUSY = "429"
    BUSY_FOR_LONG = "429 with a long Retry-After"
    BROKEN = "5xx"
    SHUT_OUT = "401"
    LOST_REQUEST = "lost before it had an effect"
    LOST_ANSWER = "lost after its effect"
    LATE = "no answer, and its effect comes a little later"
    VERY_LATE = "no answer, and its effect comes when nobody expects it any more"
    STRANGER = "a stranger edits just before"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"


#: After how many further requests a late one comes into effect.
_LATENESS = {Fault.LATE: 3, Fault.VERY_LATE: 12}


@dataclass
class Record:
    """One address of one service."""

    address: str
    numbers: dict[str, Permission]


@dataclass
class Late:
    """A write that takes effect some requests after its answer was given up, in the turn after at the latest."""

    service: str
    address: str
    effect: Callable[[], None]
    requests_left: int
    is_old: bool = False


@dataclass
class MappingWorld:
    """One account at the provider. By default every request does what it says.

    Attributes:
        services: number -> service, for every number of the account.
        owned: asks the gateway's store what is under its care: what strangers make elsewhere is theirs.
        secret: ours, inside the webhook URL; the provider shows it to nobody.
    """

    numbers: dict[str, str]
    services: tuple[str, ...]
    owned: Callable[[], Awaitable[frozenset[Pair]]]
    account: str = ACCOUNT
    secret: str = "first"
    merges: bool = True
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    webhooks: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: What strangers made and still have: nobody else may change it.
    foreign: dict[Pair, Permission] = field(default_factory=dict)
    #: What strangers set while it was ours: theirs if we let go of it before we change it.
    overwritten: dict[Pair, Permission] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    faults: Iterator[Fault] = field(default_factory=lambda: iter(()))
    faults_of_listing: Iterator[Fault] = field(default_factory=lambda: iter(()))
    strangers: Iterator[Callable[[], Awaitable[None]]] = field(default_factory=lambda: iter(()))
    untouchable: set[tuple[str, str]] = field(default_factory=set)
    late: list[Late] = field(default_factory=list)

    # --- what is there --------------------------------------------------------------------------------------------

    @property
    def pairs(self) -> dict[Pair, Permission]:
        """Lists every mapping."""
        return {
            Pair(self.account, service, address, number): permission
            for (service, address), record in self.records.items()
            for number, permission in record.numbers.items()
        }

    def setting(self, service: str) -> str:
        """Names what the webhook URL of a service is now, with its secret."""
        return "|".join(self.webhooks.get(service, ("", "")))

    # --- strangers ------------------------------------------------------------------------------------------------

    async def stranger_sets(self, address: str, number: str, permission: Permission) -> None:
        """Somebody adds or changes a pair in the provider's own console."""
        service = self.numbers.get(number)
        if service is None or (service, address.lower()) in self._reserved():
            return
        pair = Pair(self.account, service, address.lower(), number)
        record = self.records.setdefault((service, address.lower()), Record(address, {}))
        record.numbers[number] = permission
        theirs = self.overwritten if pair in await self.owned() else self.foreign
        theirs[pair] = permission

    async def stranger_drops(self, address: str, number: str | None = None) -> None:
        """Somebody removes a pair, or a whole address everywhere."""
        for key in [key for key in self.records if key[1] == address.lower() and key not in self._reserved()]:
            for each in [number] if number else list(self.records[key].numbers):
                self.records[key].numbers.pop(each, None)
                self.foreign.pop(Pair(self.account, *key, each), None)
            if number is None:
                del self.records[key]

    async def number_moves(self, number: str, service: str | None) -> None:
        """A number goes to another service, or away; its pairs are dropped (sinch-fax-v3 5.3)."""
        if self.late or self.untouchable:
            return
        for key, record in self.records.items():
            if key[0] != service and record.numbers.pop(number, None):
                self.foreign.pop(Pair(self.account, *key, number), None)
        self.numbers.pop(number, None)
        if service is not None:
            self.numbers[number] = service

    async def gateway_let_go(self) -> None:
        """What is not ours any more, and still as a stranger set it, is theirs."""
        owned, pairs = await self.owned(), self.pairs
        self.foreign |= {
            pair: held for pair, held in self.overwritten.items() if pair not in owned and pairs.get(pair) is held
        }
        self.overwritten = {pair: held for pair, held in self.overwritten.items() if pairs.get(pair) is held}

    def _reserved(self) -> set[tuple[str, str]]:
        return self.untouchable | {(late.service, late.address) for late in self.late}

    # --- KeepsMappings --------------------------------------------------------------------------------------------

    async def read_services(self, webhook_url: str) -> tuple[ServiceState, ...]:
        return tuple([await self._request("list", service, "", self._state, webhook_url) for service in self.services])

    def _state(self, service: str, _address: str, webhook_url: str) -> ServiceState:
        table = [
            Pairing(service, record.address, number, permission)
            for (home, _), record in self.records.items()
            if home == service
            for number, permission in record.numbers.items()
        ]
        numbers = frozenset(number for number, home in self.numbers.items() if home == service)
        url, _ = self.webhooks.get(service, ("", ""))
        fingerprint = f"{webhook_url}|{self.secret}"
        setting = Setting(WEBHOOK, url, webhook_url, url == webhook_url, url == "", fingerprint)
        return ServiceState(service, f"Service {service}", numbers, frozenset(), tuple(table), (setting,))

    async def read_address(self, service: str, address: str) -> dict[str, Permission] | None:
        return await self._request("read", service, address, self._read)

    def _read(self, service: str, address: str) -> dict[str, Permission] | None:
        record = self.records.get((service, address))
        return None if record is None else dict(record.numbers)

    async def add_address(self, service: str, address: str, numbers: Mapping[str, Permission]) -> None:
        assert numbers
        await self._write("add", service, address, lambda: self._add(service, address, numbers))

    def _add(self, service: str, address: str, numbers: Mapping[str, Permission]) -> None:
        self._check(service, numbers)
        record = self.records.get((service, address.lower()))
        if record is None:
            self.records[service, address.lower()] = Record(address, dict(numbers))
        elif self.merges:
            record.numbers.update(numbers)
        else:
            raise MappingConflictError("409")

    async def set_numbers(self, service: str, address: str, numbers: Mapping[str, Permission]) -> None:
        await self._write("set", service, address, lambda: self._set(service, address, numbers))

    def _set(self, service: str, address: str, numbers: Mapping[str, Permission]) -> None:
        self._check(service, numbers)
        record = self.records.get((service, address.lower()))
        if record is None:
            raise MappingConflictError("404")
        record.numbers = dict(numbers)

    async def remove_address(self, service: str, address: str) -> None:
        await self._write("remove", service, address, lambda: self.records.pop((service, address.lower()), None))

    async def change_settings(self, service: str, names: Collection[str], webhook_url: str) -> None:
        assert list(names) == [WEBHOOK]

        def effect(*_: str) -> None:
            self.webhooks[service] = (webhook_url, self.secret)

        await self._request("settings", service, "", effect)

    def _check(self, service: str, numbers: Iterable[str]) -> None:
        if any(self.numbers.get(number) != service for number in numbers):
            raise PermanentError(Reason.OTHER, "422 phoneNumbers")

    # --- requests and what befalls them ---------------------------------------------------------------------------

    async def _write(self, verb: str, service: str, address: str, effect: Callable[[], object]) -> None:
        """Every write has to be preceded, immediately, by our reading of the same address."""
        assert self.requests[-1] == ("read", service, address.lower()), f"{verb} {address} was written blind"
        self.untouchable = {(service, address.lower())}
        try:
            await self._request(verb, service, address, lambda *_: effect())
        finally:
            self.untouchable = set()

    async def _request(self, verb: str, service: str, address: str, effect: Callable[..., Any], *given: Any) -> Any:
        self._let_late_writes_arrive()
        fault = next(self.faults_of_listing if verb == "list" else self.faults, Fault.NONE)
        if fault is Fault.STRANGER and (edit := next(self.strangers, None)):
            await edit()
        self.requests.append((verb, service, address.lower()))
        if fault is Fault.KILLED_BEFORE:
            raise KilledError
        self._refuse(fault, verb)
        if fault in _LATENESS and verb in ("add", "set", "remove"):
            arrive = partial(effect, service, address.lower(), *given)
            self.late.append(Late(service, address.lower(), arrive, _LATENESS[fault]))
            raise TemporaryError(Reason.PROVIDER_DOWN, "timeout")
        answer = effect(service, address.lower(), *given)
        if fault is Fault.LOST_ANSWER or fault in _LATENESS:
            raise TemporaryError(Reason.PROVIDER_DOWN, "connection reset")
        if fault is Fault.KILLED_AFTER:
            raise KilledError
        return answer

    def _refuse(self, fault: Fault, verb: str) -> None:
        if fault is Fault.BUSY:
            raise TemporaryError(Reason.PROVIDER_DOWN, "429", timedelta(seconds=7))
        if fault is Fault.BUSY_FOR_LONG:
            raise TemporaryError(Reason.PROVIDER_DOWN, "429", timedelta(hours=1))
        if fault in (Fault.BROKEN, Fault.LOST_REQUEST):
            raise TemporaryError(Reason.PROVIDER_DOWN, "503")
        if fault is Fault.SHUT_OUT:
            raise AccountError(Reason.PROVIDER_AUTH, "401")
        if fault is Fault.CONFLICT and verb in ("add", "set"):
            raise MappingConflictError("409")
        if fault is Fault.REFUSED and verb not in ("list", "read"):
            raise PermanentError(Reason.OTHER, "422")

    def _let_late_writes_arrive(self) -> None:
        for each in list(self.late):
            each.requests_left -= 1
            if each.requests_left == 0:
                self._arrive(each)

    def _arrive(self, late: Late) -> None:
        self.late.remove(late)
        with suppress(MappingConflictError, PermanentError):  # nobody hears of it any more
            late.effect()

    def half_an_hour_passes(self) -> None:
        """Nothing is under way for as long as an hour (`store.mappings` relies on that)."""
        for each in list(self.late):
            if each.is_old:
                self._arrive(each)
            each.is_old = True

    def calm_down(self) -> None:
        """From now on every request does what it says, and what was under way has arrived."""
        self.faults = self.faults_of_listing = iter(())
        for each in list(self.late):
            self._arrive(each)


@dataclass
class MortalStore:
    """A store in which the process dies before or after a commit, when told to."""

    database: Database
    fates: Iterator[Fault] = field(default_factory=lambda: iter(()))

    async def write(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        fate = next(self.fates, Fault.NONE)
        if fate is Fault.KILLED_BEFORE:
            raise KilledError
        answer = await self.database.write(fn, *args, **kwargs)
        if fate is Fault.KILLED_AFTER:
            raise KilledError
        return answer

    async def read(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.database.read(fn, *args, **kwargs)

    async def owned(self) -> frozenset[Pair]:
        return await self.database.read(mappings.owned_pairs)

    async def owned_settings(self) -> Mapping[SettingName, str]:
        return await self.database.read(mappings.owned_settings)


def known_receivers(tx: Tx, number: str) -> frozenset[str]:
    """Reads whom the provider mails the faxes of a number, as it was last read there."""
    query = sa.select(mapping_seen.c.address).where(
        mapping_seen.c.number == number, mapping_seen.c.permission.in_(["receive", "both"])
    )
    return frozenset(address.lower() for address in tx.execute(query).scalars())
