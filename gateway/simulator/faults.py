"""Faults on demand: which ones are switched on, and whether one strikes now."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

#: What a field of a fault may hold: its type, whether a value is allowed, and both in words.
Rule = tuple[type | tuple[type, ...], Callable[[Any], bool], str]
FieldRules = Mapping[str, Rule]

#: Every fault may have these; `status` and `seconds` count only where they make sense.
COMMON_FIELDS = {"fault", "method", "path", "status", "seconds", "share", "times"}
#: Faults of the events that a service sends.
CALLBACK_FAULTS: dict[str, FieldRules] = {
    "double_callback": {},
    "lose_callback": {},
    "reorder_callback": {},
}
DEFAULT_SECONDS = 5.0
DEFAULT_STATUS = 500


@dataclass(slots=True)
class Fault:
    """One fault that is switched on, where it strikes, and how often it still does."""

    name: str
    method: str | None
    path: str
    status: int
    seconds: float
    share: float
    times: int | None
    extra: dict[str, Any]


class BadFaultError(ValueError):
    """The list of faults was not understood; the text says what is accepted."""


class Faults:
    """The faults that are switched on.

    Args:
        known: Names this simulator has, each with the fields only it accepts and what they may hold.
        seed: Of the random choice behind `share`; the same seed gives the same run.
        paths_of: The paths that `path` may be the beginning of for a request.
    """

    def __init__(
        self, known: Mapping[str, FieldRules], seed: int, paths_of: Callable[[web.Request], tuple[str, ...]]
    ) -> None:
        self._known = known
        self._paths_of = paths_of
        self._seed = seed
        self._on: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311 - chance that can be repeated, not a secret

    def set(self, faults: object) -> None:
        """Replaces the whole list; an empty one switches everything off.

        Raises:
            BadFaultError: An entry is not understood; the old list stays.
        """
        if not isinstance(faults, list):
            raise BadFaultError("the body must be a list of faults, [] switches all of them off")
        self._on = [self._parse(entry) for entry in faults]
        self._random.seed(self._seed)

    def take_for(self, name: str, request: web.Request) -> Fault | None:
        """Returns the first fault of that name that strikes this request, and counts it."""
        return self.take(name, request.method, *self._paths_of(request))

    def take(self, name: str, method: str = "", *paths: str) -> Fault | None:
        """Returns the first fault of that name that strikes now, and counts it; without paths anywhere."""
        for fault in self._on:
            if fault.name == name and _matches(fault, method, paths) and self._strikes(fault):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def _strikes(self, fault: Fault) -> bool:
        if fault.times == 0:
            return False
        return fault.share >= 1 or self._random.random() < fault.share

    def _parse(self, entry: object) -> Fault:
        name = entry.get("fault") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(name, str) or name not in self._known:
            raise BadFaultError(f"unknown fault {name!r}; accepted are {', '.join(sorted(self._known))}")
        accepted = COMMON_FIELDS | set(self._known[name])
        if unknown := sorted(set(entry) - accepted):
            raise BadFaultError(f"unknown field {unknown[0]!r} of {name}; accepted are {', '.join(sorted(accepted))}")
        for field, (kind, allowed, wanted) in {**_COMMON_RULES, **self._known[name]}.items():
            value = entry.get(field)
            fits = isinstance(value, kind) and not isinstance(value, bool) and allowed(value)
            if value is not None and not fits:
                raise BadFaultError(f"{field} of {name} must be {wanted}")
        return Fault(
            name=name,
            method=entry["method"].upper() if entry.get("method") else None,
            path=entry.get("path") or "",
            status=_or(entry.get("status"), DEFAULT_STATUS),
            seconds=_or(entry.get("seconds"), DEFAULT_SECONDS),
            share=_or(entry.get("share"), 1.0),
            times=entry.get("times"),
            extra={field: entry[field] for field in self._known[name] if entry.get(field) is not None},
        )


_COMMON_RULES: dict[str, Rule] = {
    "method": (str, str.isalpha, "an HTTP method"),
    "path": (str, lambda path: path.startswith("/"), "the beginning of a path, with its slash"),
    "status": (int, lambda status: 200 <= status <= 599, "an HTTP status"),  # noqa: PLR2004 - RFC 9110 15
    "seconds": ((int, float), lambda seconds: seconds >= 0, "a number of seconds"),
    "share": ((int, float), lambda share: 0 <= share <= 1, "between 0 and 1"),
    "times": (int, lambda times: times >= 0, "a whole number, 0 or more"),
}


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _matches(fault: Fault, method: str, paths: tuple[str, ...]) -> bool:
    if fault.method is not None and method and fault.method != method:
        return False
    return not fault.path or not paths or any(path.startswith(fault.path) for path in paths)
