"""What each address at the provider must become: first what is added, then what is taken away. Pure.

An address is one record with all its numbers, and is written whole. So what to write is worked out from the record as
it is at that moment, not from the plan: pairs that are not under our care come through as they are found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from itertools import groupby

from gateway.core.mappings import CHANGES, Line, Pair, Plan, SettingLine, SettingName, union
from gateway.core.model import Permission

#: The numbers of one address, and what it may do with each.
Numbers = AnyMapping[str, Permission]


@dataclass(frozen=True, slots=True)
class Record:
    """One address in one service, with the lines of a plan that change it in one phase."""

    service: str
    address: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """What a plan changes in one account, in safe order: all is added before anything is taken away.

    Attributes:
        widen: addresses that get a number, or may do more with one.
        settings: by service.
        narrow: addresses that lose a number, or may do less with one.
    """

    widen: tuple[Record, ...]
    settings: tuple[tuple[SettingLine, ...], ...]
    narrow: tuple[Record, ...]

    @property
    def size(self) -> int:
        """Counts the pieces of it."""
        return len(self.widen) + len(self.settings) + len(self.narrow)


def work_of(plan: Plan, account: str) -> Work:
    """Sorts what a plan changes in one account."""
    lines = [line for line in plan.lines if line.account == account and line.kind in CHANGES]
    settings = [line for line in plan.settings if line.account == account and line.kind in CHANGES]
    by_service = groupby(settings, key=lambda line: line.service)
    return Work(
        _records(line for line in lines if _adds(line)),
        tuple(tuple(group) for _, group in by_service),
        _records(line for line in lines if line.takes_away),
    )


def _records(lines: Iterable[Line]) -> tuple[Record, ...]:
    """Groups lines by address; a plan has them in this order."""
    grouped = groupby(lines, key=lambda line: line.pair[:3])
    records = [tuple(group) for _, group in grouped]
    return tuple(Record(group[0].service, group[0].address, group) for group in records)


def _adds(line: Line) -> bool:
    return line.wanted is not None and (line.found is None or union(line.found, line.wanted) is not line.found)


def widened(record: Record, now: Numbers, owned: Collection[Pair]) -> dict[str, Permission]:
    """Works out the numbers of an address after the first phase; nothing that is there now becomes less.

    Args:
        record: what the plan adds.
        now: the numbers as just read.
        owned: the pairs under our care, at this moment. One that is there and not ours stays as it is.
    """
    after = dict(now)
    for line in record.lines:
        there = now.get(line.number)
        if line.wanted is None or (there is not None and line.pair not in owned):
            continue
        after[line.number] = line.wanted if there is None else union(there, line.wanted)
    return after


def narrowed(record: Record, now: Numbers) -> dict[str, Permission]:
    """Works out the numbers of an address after the second phase; only pairs under our care become less.

    Args:
        record: what the plan takes away: lines about pairs that are ours.
        now: the numbers as just read. What is gone already stays away.
    """
    after = dict(now)
    for line in record.lines:
        if line.wanted is None:
            after.pop(line.number, None)
        elif line.number in now:
            after[line.number] = line.wanted
    return after


def changed(record: Record, now: Numbers, after: Numbers) -> list[Pair]:
    """Lists the pairs that a request changes: they are ours from before its first byte, also those that it makes."""
    return [line.pair for line in record.lines if now.get(line.number) is not after.get(line.number)]


def name_of(line: Line | SettingLine) -> Pair | SettingName:
    """Names what a line is about; the same in each plan."""
    return line.pair if isinstance(line, Line) else line.name
