"""What is wrong with a configuration, told by file, line and key in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from gateway.config.values import shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED: Final = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "model_type": "a table",
    "string_type": "text in quotes",
    "tuple_type": "a list in brackets",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. ``line`` and ``key`` are None where the file as a whole is meant."""

    file: str
    line: int | None
    key: str | None
    message: str

    def __str__(self) -> str:
        """Writes it on one line: ``config.toml:8: smtp.listen[0]: expected HOST:PORT, got "abc"``."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigError(Exception):
    """A configuration that cannot be used; ``problems`` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def unknown(word: str, accepted: Iterable[str]) -> str:
    """Says that a key is unknown, which one may have been meant, and which there are."""
    accepted = list(accepted)
    near = get_close_matches(word, accepted, n=1)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    return f"unknown key ({hint}accepted: {', '.join(accepted)})"


def sentence(error: ErrorDetails, accepted: Iterable[str], examples: Mapping[str, object]) -> str:
    """Says in our words what pydantic found.

    Args:
        error: one of ``ValidationError.errors()``.
        accepted: the keys of the table, for a key that is unknown.
        examples: a good value for each required key, for one that is missing.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return f"is missing (for example {shown(examples[str(error['loc'][-1])])})"
    if kind == "extra_forbidden":
        return unknown(str(error["loc"][-1]), accepted)
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {shown(error['input'])}"
    return _out_of_bounds(kind, context, error["input"]) or error["msg"]


def _out_of_bounds(kind: str, context: Mapping[str, Any], value: object) -> str | None:
    bound = {
        "greater_than": "more than {gt:g}",
        "greater_than_equal": "at least {ge:g}",
        "less_than_equal": "at most {le:g}",
        "literal_error": "{expected}",
        "string_too_long": "at most {max_length} characters",
        "string_too_short": "some text",
        "too_short": "at least one entry",
    }.get(kind)
    if bound is None:
        return None
    return f"expected {bound.format_map(context)}, got {shown(value)}".replace("'", '"')
