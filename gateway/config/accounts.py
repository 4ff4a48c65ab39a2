"""The section of each kind of provider account, built from what the provider itself says it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import pydantic

from gateway.config.sections import AccountSettings
from gateway.config.values import Count, Flag, Number, Origin, Positive, Rate, Secret, UrlSafe, UrlSafeSecret, Word
from gateway.providers import PROVIDERS
from gateway.providers.settings import (
    NOT_CONFIGURED,
    NUMBER,
    ORIGIN,
    PER_SECOND,
    SECRET,
    URL_SAFE,
    URL_SAFE_SECRET,
    Example,
    Mark,
)

_PLAIN: Final[Mapping[Any, Any]] = {str: Word, bool: Flag, int: Count, float: Positive}
_MARKED: Final[Mapping[Mark, Any]] = {
    SECRET: Secret,
    URL_SAFE: UrlSafe,
    URL_SAFE_SECRET: UrlSafeSecret,
    ORIGIN: Origin,
    PER_SECOND: Rate,
    NUMBER: Number,
}


def section_for(settings: type[Any]) -> type[AccountSettings]:
    """Builds the section for a provider's ``Settings`` (`gateway.providers.settings`).

    Raises:
        TypeError: a field has a type that no value of the file can have.
    """
    hints = get_type_hints(settings, include_extras=True)
    keys: dict[str, Any] = {
        field.name: _key(hints[field.name], field)
        for field in fields(settings)
        if NOT_CONFIGURED not in _marks(hints[field.name])
    }
    section: type[AccountSettings] = pydantic.create_model(settings.__name__, __base__=AccountSettings, **keys)
    return section


def _key(hint: Any, field: Field[Any]) -> tuple[Any, Any]:
    required = field.default is MISSING
    value = _value(hint)
    constraints: dict[str, Any] = {"min_length": 1} if required and get_origin(value) is tuple else {}
    examples = [mark.value for mark in _marks(hint) if isinstance(mark, Example)]
    return value, pydantic.Field(... if required else field.default, examples=examples or None, **constraints)


def _value(hint: Any) -> Any:
    """Gives the reader for a type: what may stand in the file. None is never in a file, so it needs no reader."""
    hint = _without_none(hint)
    for mark in _marks(hint):
        if isinstance(mark, Mark):
            return _MARKED[mark]
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if get_origin(bare) is Literal:
        return bare
    if get_origin(bare) is tuple and get_args(bare)[1:] == (...,):
        return GenericAlias(tuple, (_value(get_args(bare)[0]), ...))
    if bare not in _PLAIN:
        raise TypeError(f"no value of a configuration file can be {bare}")
    return _PLAIN[bare]


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
        (hint,) = (inner for inner in get_args(hint) if inner is not NoneType)
    return hint


def _marks(hint: Any) -> tuple[Any, ...]:
    hint = _without_none(hint)
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


#: One section per kind of account in the registry.
ACCOUNT_SECTIONS: Final[Mapping[str, type[AccountSettings]]] = {
    kind: section_for(provider.Settings) for kind, provider in PROVIDERS.items()
}
