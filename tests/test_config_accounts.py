"""A provider's own ``Settings`` are all that the configuration needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal, get_type_hints

import pytest
from pydantic import ValidationError

from gateway.config.accounts import section_for
from gateway.providers import PROVIDERS
from gateway.providers.settings import (
    NOT_CONFIGURED,
    ORIGIN,
    PER_SECOND,
    SECRET,
    URL_SAFE,
    URL_SAFE_SECRET,
    Example,
)


@dataclass(frozen=True, slots=True)
class PigeonSettings:
    loft: Annotated[str, Example("north")]
    whistle: Annotated[str, SECRET, Example("pigeon-whistle")] = field(repr=False)
    pigeons: Annotated[tuple[str, ...], Example(["Ada"])]
    seed: Literal["wheat", "corn"] = "wheat"
    old_whistle: Annotated[str, URL_SAFE_SECRET] | None = field(default=None, repr=False)
    ring: Annotated[str, URL_SAFE] = "ring"
    meadow: Annotated[str, ORIGIN] = "https://meadow.example"
    flights: Annotated[float, PER_SECOND] = 2
    weight: float | None = None
    letters: int = 3
    by_night: bool = False
    tired: bool | None = None
    resting: tuple[str, ...] = ()
    patience: Annotated[float, NOT_CONFIGURED] = 60


OURS = {"kind": "pigeon", "webhook_path_secret": "Zk3xPq7LmN0sTuVw"}
NEEDED = {"loft": "north", "whistle": "s3cret", "pigeons": ["Ada", "Bea"]}
SECTION = section_for(PigeonSettings)


def read(**keys: Any) -> PigeonSettings:
    return PigeonSettings(**SECTION.model_validate(OURS | NEEDED | keys).for_provider)


def test_an_account_needs_what_has_no_default_and_becomes_the_settings_of_its_provider() -> None:
    assert read() == PigeonSettings("north", "s3cret", ("Ada", "Bea"))
    with pytest.raises(ValidationError) as caught:
        SECTION.model_validate(OURS)
    assert {error["loc"][0] for error in caught.value.errors()} == set(NEEDED)
    assert [SECTION.model_fields[key].examples for key in NEEDED] == [["north"], ["pigeon-whistle"], [["Ada"]]]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", "corn"),
        ("old_whistle", "s3cret-2"),
        ("ring", "r1ng"),
        ("meadow", "https://other.example"),
        ("flights", 0.5),
        ("weight", 0.4),
        ("letters", 1),
        ("by_night", True),
        ("tired", False),
        ("resting", ()),
    ],
)
def test_what_stands_in_the_file_reaches_the_provider(key: str, value: Any) -> None:
    assert getattr(read(**{key: value}), key) == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("loft", ""),
        ("loft", 1),
        ("whistle", ""),
        ("whistle", "two\nlines"),
        ("old_whistle", "a@b"),
        ("pigeons", []),
        ("pigeons", [1]),
        ("seed", "rye"),
        ("ring", "a b"),
        ("meadow", "http://meadow.example"),
        ("flights", 0),
        ("weight", -1),
        ("letters", "three"),
        ("letters", 0),
        ("by_night", "no"),
        ("tired", 0),
        ("patience", 5),
        ("unheard_of", 1),
    ],
)
def test_what_a_key_cannot_be_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        read(**{key: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {key}


def test_a_type_that_no_file_can_hold_is_a_mistake_of_the_provider() -> None:
    @dataclass(frozen=True)
    class Wrong:
        when: complex

    with pytest.raises(TypeError, match="complex"):
        section_for(Wrong)


@pytest.mark.parametrize("settings", [provider.Settings for provider in PROVIDERS.values()])
def test_the_secrets_of_every_provider_stay_out_of_what_is_printed(settings: type[Any]) -> None:
    hints = get_type_hints(settings, include_extras=True)
    secret = [
        key
        for key in fields(settings)
        if "Mark.SECRET" in str(hints[key.name]) or "URL_SAFE_SECRET" in str(hints[key.name])
    ]
    assert secret
    assert [key.name for key in secret if key.repr] == []
