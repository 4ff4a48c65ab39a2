"""A configuration is usable, or all that is wrong with it is told at once: line, key and what is accepted."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from datetime import time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Config, ConfigError, load_config, load_gateway_settings, values
from gateway.config.accounts import ACCOUNT_SECTIONS
from gateway.config.loading import _LISTS, _TABLES
from gateway.config.places import find_places, line_of, written
from gateway.core.canary import CanaryPlan
from gateway.core.lifecycle import FaxTiming
from gateway.core.model import Carrier, Route, Sender
from gateway.providers import PROVIDERS

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "config.example.toml"
BAD_CONFIGS = sorted((Path(__file__).parent / "bad_configs").glob("*.toml"))

CHANGES = {
    "gateway.domain": '"fax.clinic.example"',
    "gateway.operator": '"operator@clinic.example"',
    "senders[0].address": '"@clinic.example"',
    "senders[0].caller_id": '"+12025550199"',
    "senders[0].header_text": '"Example Clinic +1 202-555-0199"',
    "providers.sinch.project_id": '"6f0c1f8e-0000-4000-8000-000000000001"',
    "providers.sinch.key_id": '"6f0c1f8e-0000-4000-8000-000000000002"',
    "providers.sinch.services": '["01JC8MKEXAMPLE"]',
    "web.public_url": '"https://fax.clinic.example"',
    "smarthost.host": '"mail.clinic.example"',
    "received.fallback": '"frontdesk@clinic.example"',
    "routes[0].number": '"+12025550199"',
    "routes[0].addresses": '["frontdesk@clinic.example"]',
}
SECRETS = {
    "sinch-key-secret": "s3cret",
    "sinch-webhook-password": "pw-4711",
    "sinch-webhook-path": "Zk3xPq7LmN0sTuVw",
    "sinch-old-webhook-password": "pw-0815",
    "interfax-password": "s3cret three",
    "interfax-webhook-path": "Yj2wOp6KlM9rSt5u",
    "smarthost-password": "s3cret too",
    "database-url": "postgresql://faxgw:s3cret@db.example/faxgw",
}


def changed_example() -> str:
    """Does what the example tells its reader: new values in the lines marked CHANGE, nothing else."""
    lines = EXAMPLE.read_text().split("\n")
    places = find_places(EXAMPLE.read_text())
    for path in [path for path in places if written(path) in CHANGES]:
        key = str(path[-1])
        lines[places[path] - 1] = f"{key} = {CHANGES[written(path)]}"
    return "\n".join(lines)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory as an operator has it: the changed example, and its secrets."""
    (tmp_path / "config.toml").write_text(changed_example())
    (tmp_path / "credentials").mkdir()
    for name, secret in SECRETS.items():
        write_secret(tmp_path / "credentials" / name, secret)
    return tmp_path


def write_secret(path: Path, secret: str, mode: int = 0o600) -> None:
    path.write_text(secret + "\n")
    path.chmod(mode)


def messages(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return [str(problem).removeprefix(f"{path}:").lstrip() for problem in caught.value.problems]


# --- broken files -----------------------------------------------------------------------------------------


def test_there_are_many_broken_files() -> None:
    assert len(BAD_CONFIGS) >= 30


@pytest.mark.parametrize("path", BAD_CONFIGS, ids=lambda path: path.stem)
def test_a_broken_file_is_refused_with_exactly_the_messages_in_its_first_lines(path: Path) -> None:
    expected = []
    for line in path.read_text().split("\n"):
        if not line.startswith("# "):
            break
        expected.append(line.removeprefix("# "))
    assert messages(path) == expected


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert messages(path) == ["cannot be read: No such file or directory"]


def test_a_file_that_is_not_text_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b'[gateway]\ndomain = "\xff"\n')
    assert messages(path) == ["2: is not UTF-8 text"]


@given(cut=st.integers(0, 4000), length=st.integers(0, 40), put=st.text(max_size=20))
def test_no_damage_to_a_file_gives_anything_but_problems(
    tmp_path_factory: pytest.TempPathFactory, cut: int, length: int, put: str
) -> None:
    text = re.sub(r"(?m)^(#( .*)?)?\n", "", changed_example())
    path = tmp_path_factory.getbasetemp() / "damaged.toml"
    path.write_text(text[:cut] + put + text[cut + length :], encoding="utf-8", newline="")
    with pytest.raises(ConfigError) as caught:  # its secrets are never there
        load_config(path)
    assert all(str(problem).startswith(f"{path}:") for problem in caught.value.problems)


# --- the example ------------------------------------------------------------------------------------------


def test_the_lines_marked_change_are_the_ones_that_must_be_changed() -> None:
    lines = EXAMPLE.read_text().split("\n")
    marked = {number for number, line in enumerate(lines, start=1) if "# CHANGE:" in line}
    with pytest.raises(ConfigError) as caught:
        load_config(EXAMPLE)
    problems = [problem for problem in caught.value.problems if not str(problem.key).endswith("_file")]
    assert {problem.line for problem in problems} == marked
    assert len(marked) == len(CHANGES)


def test_the_changed_example_is_accepted(directory: Path) -> None:
    config = load_config(directory / "config.toml")
    assert config.accounts["sinch"].for_provider["key_secret"] == "s3cret"


def shown_keys(text: str) -> dict[str, set[str]]:
    """Every key of the example, set or commented out, by its section; of an account by its kind."""
    found: dict[str, set[str]] = {}
    for section in re.split(r"(?m)^#?\[+(?=[a-z])", text)[1:]:
        kind = re.search(r'(?m)^#?kind = "(.*)"', section)
        name = f"kind {kind[1]}" if kind else section.partition("]")[0]
        found[name] = {key.removesuffix("_file") for key in re.findall(r"(?m)^#?([a-z_]+) = ", section)}
    return found


def test_the_example_shows_every_key_in_its_section() -> None:
    models = _TABLES | _LISTS | {f"kind {kind}": section for kind, section in ACCOUNT_SECTIONS.items()}
    assert shown_keys(EXAMPLE.read_text()) == {name: set(model.model_fields) for name, model in models.items()}


def uncommented(text: str, *, whole_sections: bool, but: frozenset[str] = frozenset()) -> str:
    """Takes the "#" from keys, in sections that are commented out too if wanted."""
    lines, in_comment = text.split("\n"), False
    for number, line in enumerate(lines):
        if header := re.match(r"(#?)\[", line):
            in_comment = bool(header[1])
        key = re.match(r"#(?:([a-z_]+) = |\[)", line)
        if key and key[1] not in but and (whole_sections or not in_comment):
            lines[number] = line[1:]
    return "\n".join(lines)


WITHOUT_DEFAULT = frozenset({
    "hostname", "database_url_file", "account", "username", "password_file", "from_address", "countries",
    "old_webhook_password_file", "save_received", "save_sent", "dkim_selector", "own_fax_from", "own_fax_to",
    "marker_number",
})  # fmt: skip


def test_the_example_shows_the_true_defaults(directory: Path) -> None:
    default = load_config(directory / "config.toml")
    text = (directory / "config.toml").read_text()
    (directory / "shown.toml").write_text(uncommented(text, whole_sections=False, but=WITHOUT_DEFAULT))
    shown = load_config(directory / "shown.toml")
    for section in {field.name for field in fields(Config)} - {"path"}:
        assert getattr(shown, section) == getattr(default, section)


def test_every_line_of_the_example_can_be_set(directory: Path) -> None:
    text = (directory / "config.toml").read_text()
    (directory / "all.toml").write_text(uncommented(text, whole_sections=True))
    config = load_config(directory / "all.toml")
    assert config.smarthost.password.get_secret_value() == "s3cret too"
    assert {account.kind for account in config.accounts.values()} == set(PROVIDERS)


def test_each_required_key_has_an_example_for_its_message() -> None:
    models = [*_TABLES.values(), *_LISTS.values(), *ACCOUNT_SECTIONS.values()]
    required = {field for model in models for field in model.model_fields.items() if field[1].is_required()}
    assert {key for key, field in required if not field.examples} <= {"kind"}


# --- what the program gets --------------------------------------------------------------------------------


@pytest.fixture
def config(directory: Path) -> Config:
    return load_config(directory / "config.toml")


def test_the_default_waits_are_those_of_the_core(config: Config) -> None:
    assert config.fax_timing == FaxTiming()


def test_the_canary_tries_what_costs_nothing_unless_it_is_told_otherwise(config: Config, directory: Path) -> None:
    assert config.canary_plan == CanaryPlan(at=time(3, 30), zone=ZoneInfo("America/New_York"))
    told = """
at = "23:05"
time_zone = "Europe/Berlin"
fax = false
webhook = false
mail = "returns"
patience = "1h"
weekly_on = "sunday"
own_fax_from = "+12025550199"
own_fax_to = "+12025550100"
"""
    (directory / "config.toml").write_text(changed_example().replace("[canary]\n", "[canary]" + told))
    assert load_config(directory / "config.toml").canary_plan == CanaryPlan(
        at=time(23, 5),
        zone=ZoneInfo("Europe/Berlin"),
        fax=False,
        webhook=False,
        mail="returns",
        patience=timedelta(hours=1),
        weekly_on=6,
        own_fax=("+12025550199", "+12025550100"),
    )


def test_mappings_are_looked_at_each_hour_and_left_as_they_are_unless_it_is_told_otherwise(config: Config) -> None:
    assert (config.mappings.mode, config.mappings.every) == ("report", timedelta(hours=1))
    assert {route.delivered_by for route in config.routes} == {Carrier.GATEWAY}
    assert {sender.accepted_by for sender in config.senders} == {Carrier.GATEWAY}


def test_left_out_values_follow_from_others(config: Config) -> None:
    assert config.hostname == "fax.clinic.example"
    assert config.from_address == "fax@fax.clinic.example"
    assert config.access_rules.countries == {"US"}
    assert config.access_rules.senders == (
        Sender(
            address="@clinic.example",
            caller_id="+12025550199",
            header_text="Example Clinic +1 202-555-0199",
            header_time_zone="America/New_York",
            account="sinch",
        ),
    )
    assert config.routes == (Route("+12025550199", ("frontdesk@clinic.example",)),)


def test_the_webhook_url_is_secret_and_below_the_public_url(config: Config) -> None:
    assert config.webhook_url("sinch") == "https://fax.clinic.example/webhooks/sinch/Zk3xPq7LmN0sTuVw"


def test_an_account_gives_the_settings_of_its_provider(config: Config) -> None:
    settings = PROVIDERS["sinch"].Settings(**config.accounts["sinch"].for_provider)
    assert settings.webhook_password == "pw-4711"
    assert settings.services == ("01JC8MKEXAMPLE",)


def test_no_secret_is_shown_when_a_configuration_is_printed(config: Config) -> None:
    printed = repr(config) + str(config.accounts)
    assert not [secret for secret in SECRETS.values() if secret in printed]


def test_inside_domains_are_domains(directory: Path) -> None:
    text = changed_example().replace("clinic.example", "clinic.local")
    (directory / "config.toml").write_text(text.replace("operator@clinic.local", "root@localhost"))
    config = load_config(directory / "config.toml")
    assert config.gateway.operator == "root@localhost"
    assert config.gateway.domain == "fax.clinic.local"


def test_a_simulator_on_this_machine_may_be_used_without_tls(directory: Path) -> None:
    text = changed_example().replace('#base_url = "https://fax.api.sinch.com"', 'base_url = "http://127.0.0.1:9"')
    text = text.replace("https://fax.clinic.example", "http://127.0.0.1:8025")
    (directory / "config.toml").write_text(text)
    assert load_config(directory / "config.toml").accounts["sinch"].for_provider["base_url"] == "http://127.0.0.1:9"


# --- secrets ----------------------------------------------------------------------------------------------


def test_the_gateway_section_can_be_read_without_any_secret(directory: Path) -> None:
    for name in SECRETS:
        (directory / "credentials" / name).unlink()
    settings = load_gateway_settings(directory / "config.toml")
    assert settings.state_directory == Path("/var/lib/faxgw")


def test_a_bare_name_is_looked_up_in_the_credentials_of_the_service_manager(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "credentials").rename(directory / "given")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory / "given"))
    assert load_config(directory / "config.toml").accounts["sinch"].for_provider["key_secret"] == "s3cret"


@pytest.mark.parametrize(
    ("secret", "mode", "problem"),
    [
        ("s3cret", 0o604, "is open to every user of this machine (run: chmod 600 {})"),
        ("", 0o600, "is empty"),
        ("two\nlines", 0o600, "is not one line of at most 4096 bytes"),
    ],
)
def test_a_bad_secret_file_is_told_without_its_content(directory: Path, secret: str, mode: int, problem: str) -> None:
    path = directory / "credentials" / "sinch-key-secret"
    write_secret(path, secret, mode)
    (told,) = messages(directory / "config.toml")
    assert told.endswith(f": providers.sinch.key_secret_file: {path} {problem.format(path)}")


def test_a_bad_secret_in_a_file_is_told_of_the_line_that_names_the_file(directory: Path) -> None:
    write_secret(directory / "credentials" / "sinch-webhook-path", "tooshort")
    (told,) = messages(directory / "config.toml")
    line = (directory / "config.toml").read_text().split("\n").index('webhook_path_secret_file = "sinch-webhook-path"')
    assert told.startswith(f"{line + 1}: providers.sinch.webhook_path_secret_file: expected at least 16 characters")
    assert "tooshort" not in told


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_secret_file_of_somebody_else_is_told(directory: Path) -> None:
    write_secret(directory / "credentials" / "sinch-key-secret", "s3cret", 0o000)
    assert "Permission denied" in messages(directory / "config.toml")[0]


# --- places -----------------------------------------------------------------------------------------------


def test_places_are_found_in_every_way_of_writing() -> None:
    text = "\n".join([  # noqa: FLY002 - the line numbers are the expectation
        "# a comment",                     # 1
        'title = """',                     # 2
        "[not.a.table]",                   # 3
        '"""',                             # 4
        "a.b = 1",                         # 5
        "[x]",                             # 6
        "list = [",                        # 7
        "  1,",                            # 8
        "  { deep = 2 },",                 # 9
        "]",                               # 10
        "[[rows]]  # first",               # 11
        "n = 1",                           # 12
        "[[rows]]",                        # 13
        '"quoted key" = "\u2028"',         # 14
        "[rows.sub]",                      # 15
        "m = 1",                           # 16
    ])  # fmt: skip
    places = find_places(text)
    assert places["title",] == 2
    assert places["a", "b"] == 5
    assert places["x", "list", 1, "deep"] == 7
    assert places["rows", 0, "n"] == 12
    assert places["rows", 1, "quoted key"] == 14
    assert places["rows", 1, "sub", "m"] == 16
    assert line_of(places, ("rows", 1, "absent")) == 13
    assert line_of(places, ("absent",)) == 1
    assert written(("rows", 1, "sub")) == "rows[1].sub"


KEYS = st.text("abcdefgh", min_size=1, max_size=3)
LEAVES = st.one_of(st.integers(0, 9), st.booleans(), st.lists(st.integers(0, 9), max_size=3))


@given(
    tables=st.dictionaries(KEYS, st.dictionaries(KEYS, LEAVES, max_size=4), max_size=4),
    rows=st.lists(st.dictionaries(KEYS, LEAVES, max_size=3), max_size=3),
)
def test_every_value_of_a_file_has_the_place_of_its_key(
    tables: dict[str, dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    named = [(f"[{name}]", table) for name, table in tables.items()] + [("[[rows]]", row) for row in rows]
    lines: list[str] = []
    for header, table in named:
        lines += [header, *(f"{key} = {toml(value)}" for key, value in table.items()), ""]
    text = "\n".join(lines)
    places = find_places(text)
    for path in leaves(tomllib.loads(text)):
        assert text.split("\n")[places[path] - 1].startswith(f"{[p for p in path if isinstance(p, str)][-1]} = ")


def toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + "".join(f"\n  {item}," for item in value) + "\n]"
    return str(value).lower()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if not isinstance(value, dict | list):
        yield path
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(inner, (*path, key))


# --- single values ----------------------------------------------------------------------------------------

READERS = [reader for name, reader in vars(values).items() if name.startswith("read_")]
TOML_VALUES = st.recursive(
    st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.datetimes()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@given(value=TOML_VALUES | st.from_regex(r"[a-z0-9:/\[\].@+%?#_-]{0,30}", fullmatch=True))
def test_a_reader_answers_or_says_in_one_line_what_it_expected(reader: Any, value: object) -> None:
    said = "answered"
    try:
        reader(value)
    except ValueError as error:
        said = str(error)
    assert said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("5s", 5), ("3m", 180), ("1.5h", 5400), ("24h", 86400), ("5d", 432000)],
)
def test_durations(text: str, seconds: float) -> None:
    assert values.read_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("text", "size"), [("30MB", 30_000_000), ("1KiB", 1024), ("2GB", 2_000_000_000)])
def test_sizes(text: str, size: int) -> None:
    assert values.read_size(text) == size


@pytest.mark.parametrize("text", ["127.0.0.1:2525", "[::1]:2525", "localhost:25"])
def test_places_to_listen_are_written_as_they_were_read(text: str) -> None:
    where = values.read_host_port(text)
    assert str(where) == text
    assert where.is_loopback
