"""Who may do what with which number at the provider: what is wanted, what is there, and what follows from it. Pure.

A plan is a value: it can be shown, told from another by its digest, and carried out later only if nothing of what it
rests on has changed since. What is not under our care is shown and never changed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import ClassVar, Final, NamedTuple

from gateway.core.model import Mapping, Permission, Route, Sender, ServiceState, Setting

#: Removing up to this part of what we own, or fewer than so many, is ordinary work; more looks like a mistake.
_PERCENT: Final = 20
_FEW: Final = 3
_DIGEST_LENGTH: Final = 8


class Pair(NamedTuple):
    """Names one mapping of one account; ``address`` in small letters, however it is spelled at the provider."""

    account: str
    service: str
    address: str
    number: str


class SettingName(NamedTuple):
    """Names one setting of one service of one account."""

    account: str
    service: str
    name: str


class Kind(StrEnum):
    """What a plan says about one mapping or setting."""

    CREATED = "created"
    CHANGED = "changed"
    REMOVED = "removed"
    #: Somebody else's: left as it is until it is adopted.
    FOREIGN = "foreign"
    #: Wanted for a number that no service has: nothing is done, and what is there stays.
    UNKNOWN_NUMBER = "unknown number"
    SAME = "same"


#: What carrying out a plan changes at the provider.
CHANGES: Final = frozenset({Kind.CREATED, Kind.CHANGED, Kind.REMOVED})


@dataclass(frozen=True, slots=True)
class Wish:
    """One mapping that the configuration wants, wherever its number is."""

    address: str
    number: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class Line:
    """One mapping in a plan.

    Attributes:
        kind: what the plan says about it.
        account: where it is or belongs; empty if it is not there and no account has its number.
        service: the provider's id of the service; empty likewise.
        address: as spelled at the provider, or in the configuration where the provider does not know it.
        number: E.164.
        found: what is there; None for nothing.
        wanted: what the configuration wants; None for nothing.
        owned: under our care.
        listens_in: somebody else made it, and it brings an address the faxes of a number that a route of ours names.
    """

    noun: ClassVar[str] = "mapping"

    kind: Kind
    account: str
    service: str
    address: str
    number: str
    found: Permission | None
    wanted: Permission | None
    owned: bool
    listens_in: bool = False

    @property
    def pair(self) -> Pair:
        """Names what the line is about."""
        return Pair(self.account, self.service, self.address.lower(), self.number)

    @property
    def may_be_adopted(self) -> bool:
        """Says that it is there and not under our care, whether or not it is wanted."""
        return self.found is not None and not self.owned

    @property
    def takes_away(self) -> bool:
        """Says that what is wanted allows less than what is there."""
        return self.found is not None and (self.wanted is None or union(self.found, self.wanted) is not self.wanted)

    @property
    def what(self) -> str:
        """Says in words what the line is about, with the whole address and number: for the operator only."""
        return f"{self.address} with {self.number}"

    @property
    def sentence(self) -> str:
        """Says in words how it is and how it should be."""
        what = self.what
        match self.kind:
            case Kind.CREATED:
                return f'{what}: "{self.wanted}" is missing'
            case Kind.CHANGED:
                return f'{what}: "{self.found}" instead of "{self.wanted}"'
            case Kind.REMOVED:
                return f'{what}: "{self.found}" is no longer wanted'
            case Kind.FOREIGN if self.wanted is not None:
                return f'{what}: "{self.found}", made by somebody else, instead of "{self.wanted}"'
            case Kind.FOREIGN if self.listens_in:
                return f'{what}: "{self.found}", made by somebody else: gets faxes that our route does not bring there'
            case Kind.FOREIGN:
                return f'{what}: "{self.found}", made by somebody else'
            case Kind.UNKNOWN_NUMBER:
                return f'{what}: "{self.wanted}" is wanted, but the number belongs to no service'
        return f'{what}: "{self.found}"'


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One setting of a service in a plan; ``owned`` if it is under our care."""

    noun: ClassVar[str] = "setting"

    kind: Kind
    account: str
    service: str
    setting: Setting
    owned: bool

    @property
    def name(self) -> SettingName:
        """Names what the line is about."""
        return SettingName(self.account, self.service, self.setting.name)

    @property
    def may_be_adopted(self) -> bool:
        """Says that somebody else chose a value that is not ours."""
        return self.kind is Kind.FOREIGN

    @property
    def what(self) -> str:
        """Says in words what the line is about."""
        return f"{self.setting.name} of service {self.service}"

    @property
    def sentence(self) -> str:
        """Says in words how it is and how it should be; secrets are masked."""
        setting, what = self.setting, self.what
        if self.kind is Kind.SAME:
            return f"{what}: {setting.found}"
        if setting.agrees:
            return f"{what}: our credentials changed since they were set"
        by_whom = ", set by somebody else," if self.kind is Kind.FOREIGN else ""
        return f"{what}: {setting.found}{by_whom} instead of {setting.wanted}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole difference between configuration and provider, each mapping and each setting one line.

    Attributes:
        lines: mappings, by account, service, address and number.
        settings: likewise.
        digest: short; two plans that rest on the same facts have the same.
    """

    lines: tuple[Line, ...]
    settings: tuple[SettingLine, ...]
    digest: str

    @property
    def changes(self) -> tuple[Line | SettingLine, ...]:
        """Lists what carrying it out would change."""
        return tuple(line for line in self.everything if line.kind in CHANGES)

    @property
    def drift(self) -> tuple[Line | SettingLine, ...]:
        """Lists what is not as it should be, whether or not we may change it."""
        return tuple(line for line in self.everything if _is_drift(line))

    @property
    def is_empty(self) -> bool:
        """Says that carrying it out would change nothing."""
        return not self.changes

    @property
    def everything(self) -> tuple[Line | SettingLine, ...]:
        """Lists all lines: mappings, then settings."""
        return (*self.lines, *self.settings)


def _is_drift(line: Line | SettingLine) -> bool:
    if line.kind is not Kind.FOREIGN:
        return line.kind is not Kind.SAME
    return isinstance(line, SettingLine) or line.wanted is not None or line.listens_in


def wanted_mappings(routes: Iterable[Route], senders: Iterable[Sender]) -> tuple[Wish, ...]:
    """Lists the mappings that the configuration wants, each pair of address and number once."""
    wishes: dict[tuple[str, str], Wish] = {}
    for address, number, permission in _wanted(routes, senders):
        key = (address.lower(), number)
        known = wishes.get(key)
        wishes[key] = Wish(address, number, permission if known is None else union(known.permission, permission))
    return tuple(wishes.values())


def _wanted(routes: Iterable[Route], senders: Iterable[Sender]) -> Iterator[tuple[str, str, Permission]]:
    for route in routes:
        if route.delivered_by.is_provider:
            yield from ((address, route.number, Permission.RECEIVE) for address in route.addresses)
    for sender in senders:
        if sender.accepted_by.is_provider:
            yield sender.address, sender.caller_id, Permission.SEND


def union(one: Permission, other: Permission) -> Permission:
    """Allows what either allows."""
    return one if one is other else Permission.BOTH


# --- the plan -------------------------------------------------------------------------------------------------------


def make_plan(
    wanted: Collection[Wish],
    accounts: AnyMapping[str, Sequence[ServiceState]],
    owned: Collection[Pair],
    owned_settings: AnyMapping[SettingName, str],
    routed: Collection[str] = (),
) -> Plan:
    """Works out the difference. The same facts, in whatever order, give the same plan.

    Args:
        wanted: what the configuration wants.
        accounts: what was read, whole, by account.
        owned: the pairs under our care.
        owned_settings: the settings under our care, with the fingerprint of what we set last; empty if that failed.
        routed: the numbers whose faxes our routes bring to somebody: whoever else gets them is worth knowing.
    """
    found = _found(accounts)
    homes = _homes(accounts)
    placed = {
        Pair(*homes[wish.number], wish.address.lower(), wish.number): wish for wish in wanted if wish.number in homes
    }
    homeless = {(wish.address.lower(), wish.number): wish for wish in wanted if wish.number not in homes}
    lines = [_line(pair, found.get(pair), placed.get(pair), pair in owned) for pair in found.keys() | placed.keys()]
    lines = [replace(line, listens_in=_listens_in(line, routed)) for line in _with_homeless(lines, homeless)]
    lines.sort(key=lambda line: line.pair)
    settings = [
        _setting_line(SettingName(account, service.id, setting.name), setting, owned_settings)
        for account, services in accounts.items()
        for service in services
        for setting in service.settings
    ]
    settings.sort(key=lambda line: line.name)
    return Plan(tuple(lines), tuple(settings), digest_of([*lines, *settings]))


def _listens_in(line: Line, routed: Collection[str]) -> bool:
    gets_faxes = line.found is not None and line.found.receives and line.number in routed
    return gets_faxes and line.kind is Kind.FOREIGN and line.wanted is None


def _found(accounts: AnyMapping[str, Sequence[ServiceState]]) -> dict[Pair, Mapping]:
    found: dict[Pair, Mapping] = {}
    for account, services in accounts.items():
        for service in services:
            for mapping in service.mappings:
                found[Pair(account, service.id, mapping.address.lower(), mapping.number)] = mapping
    return found


def _homes(accounts: AnyMapping[str, Sequence[ServiceState]]) -> dict[str, tuple[str, str]]:
    """Finds account and service of each number."""
    homes: dict[str, tuple[str, str]] = {}
    for account, services in sorted(accounts.items()):
        for service in sorted(services, key=lambda each: each.id):
            for number in service.numbers:
                homes.setdefault(number, (account, service.id))
    return homes


def _with_homeless(lines: Iterable[Line], homeless: AnyMapping[tuple[str, str], Wish]) -> Iterator[Line]:
    """Yields all lines, and what is wanted for numbers that no service has: where it is there already, it stays."""
    there = set()
    for line in lines:
        wish = homeless.get((line.address.lower(), line.number))
        if wish is not None:
            there.add((line.address.lower(), line.number))
        yield line if wish is None else replace(line, kind=Kind.UNKNOWN_NUMBER, wanted=wish.permission)
    for key in homeless.keys() - there:
        wish = homeless[key]
        yield Line(Kind.UNKNOWN_NUMBER, "", "", wish.address, wish.number, None, wish.permission, owned=False)


def _line(pair: Pair, there: Mapping | None, wish: Wish | None, owned: bool) -> Line:  # noqa: FBT001 - a column of the table below
    found = there.permission if there else None
    wanted = wish.permission if wish else None
    if found is None:
        kind = Kind.CREATED
    elif found is wanted:
        kind = Kind.SAME
    elif not owned:
        kind = Kind.FOREIGN
    else:
        kind = Kind.REMOVED if wanted is None else Kind.CHANGED
    address = there.address if there else wish.address if wish else pair.address
    return Line(kind, pair.account, pair.service, address, pair.number, found, wanted, owned)


def _setting_line(name: SettingName, setting: Setting, owned: AnyMapping[SettingName, str]) -> SettingLine:
    """Judges a setting. Its secrets are masked where it was read: only what we remember of them tells of a change."""
    ours = name in owned
    if setting.agrees:
        kind = Kind.CHANGED if ours and owned[name] != setting.fingerprint else Kind.SAME
    else:
        kind = Kind.CHANGED if ours or setting.untouched else Kind.FOREIGN
    return SettingLine(kind, name.account, name.service, setting, ours)


def digest_of(lines: Iterable[Line | SettingLine]) -> str:
    """Shortens what lines say to eight characters."""
    said = json.dumps([_said(line) for line in lines], separators=(",", ":"))
    return sha256(said.encode()).hexdigest()[:_DIGEST_LENGTH]


def _said(line: Line | SettingLine) -> tuple[str | bool | None, ...]:
    if isinstance(line, Line):
        return (line.kind, *line.pair, line.found, line.wanted, line.owned)
    setting = line.setting
    return (line.kind, *line.name, setting.found, setting.wanted, setting.agrees, setting.fingerprint, line.owned)


def guard(plan: Plan) -> str | None:
    """Says why a plan looks like a mistake: in one account it would remove much of what we own. None if it does not."""
    for account in sorted({line.account for line in plan.lines}):
        ours = [line for line in plan.lines if line.account == account and line.owned and line.found is not None]
        fewer = sum(line.kind in CHANGES and line.takes_away for line in ours)
        if fewer >= _FEW and fewer * 100 > _PERCENT * len(ours):
            what = "would be removed or allow less"
            return f"{fewer} of the {len(ours)} mappings under our care in the account {account} {what}"
    return None


def is_meant(line: Line | SettingLine, words: Iterable[str]) -> bool:
    """Says whether words of an operator mean this line: of each kind that is named, it has to be one.

    Several addresses or numbers mean any of them; whatever else is said has to be the id of its service or the name of
    its setting. No words mean every line.
    """
    given = [word.lower() for word in words]
    addresses = [word for word in given if "@" in word]
    numbers = [word for word in given if word.startswith("+")]
    others = [word for word in given if word not in addresses and word not in numbers]
    if isinstance(line, SettingLine):
        names = {line.service.lower(), line.setting.name.lower()}
        return not addresses and not numbers and names.issuperset(others)
    pair = line.pair
    fits = (not addresses or pair.address in addresses) and (not numbers or pair.number in numbers)
    return fits and {line.service.lower()}.issuperset(others)


def found_mappings(plan: Plan) -> tuple[Mapping, ...]:
    """Lists what is at the provider now."""
    return tuple(Mapping(line.service, line.address, line.number, line.found) for line in plan.lines if line.found)


def planned_mappings(plan: Plan) -> tuple[Mapping, ...]:
    """Lists what will be at the provider once the plan is carried out."""
    after = ((line, line.wanted if line.kind in CHANGES else line.found) for line in plan.lines)
    return tuple(Mapping(line.service, line.address, line.number, then) for line, then in after if then)
