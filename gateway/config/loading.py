"""From the file to a Config, or to everything that is wrong with it at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import SecretStr, ValidationError

from gateway.config import places
from gateway.config.checks import check_together
from gateway.config.notices import notices_of
from gateway.config.problems import ConfigError, Problem, sentence, unknown
from gateway.config.secret_files import FILE_SUFFIX, read_secret, secret_directory
from gateway.config.sections import (
    AccountRuleSettings,
    AccountSettings,
    CanarySettings,
    DiallingSettings,
    GatewaySettings,
    HealthSettings,
    LogSettings,
    MappingsSettings,
    ReceivedSettings,
    RouteSettings,
    Section,
    SenderSettings,
    SmarthostSettings,
    SmtpSettings,
    TimingSettings,
    WebSettings,
)
from gateway.config.settings import Config
from gateway.config.values import shown
from gateway.core.account_choice import AccountRule
from gateway.core.model import Carrier, Route, Sender

S = TypeVar("S", bound=Section)

_TABLES: Final[Mapping[str, type[Section]]] = {
    "gateway": GatewaySettings,
    "smtp": SmtpSettings,
    "dialling": DiallingSettings,
    "web": WebSettings,
    "health": HealthSettings,
    "smarthost": SmarthostSettings,
    "received": ReceivedSettings,
    "mappings": MappingsSettings,
    "canary": CanarySettings,
    "timing": TimingSettings,
    "log": LogSettings,
}
_LISTS: Final[Mapping[str, type[Section]]] = {
    "senders": SenderSettings,
    "routes": RouteSettings,
    "account_rules": AccountRuleSettings,
}
_PROVIDERS: Final = "providers"
_ACCOUNT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_PLACEHOLDER: Final = re.compile(r"<.*>", re.DOTALL)


def load_config(path: Path) -> Config:
    """Reads and checks the whole file, secrets included. Safe to repeat.

    Raises:
        ConfigError: with every problem of the file.
    """
    text = _read_text(path)
    reader = _Reader(_parse(path, text), secret_directory(path))
    sections = reader.read_all()
    _raise_if_any(path, text, reader.problems)
    accounts = sections.pop(_PROVIDERS)
    senders = tuple(_sender(entry, accounts) for entry in sections.pop("senders").values())
    routes = tuple(map(_route, sections.pop("routes").values()))
    rules = tuple(map(_account_rule, sections.pop("account_rules").values()))
    return Config(path=path, accounts=accounts, senders=senders, routes=routes, account_rules=rules, **sections)


def _sender(entry: SenderSettings, accounts: Mapping[str, AccountSettings]) -> Sender:
    return Sender(
        address=entry.address,
        caller_id=entry.caller_id,
        header_text=entry.header_text,
        header_time_zone=entry.header_time_zone,
        account=entry.account or next(iter(accounts)),
        accepted_by=Carrier(entry.accepted_by),
    )


def _route(entry: RouteSettings) -> Route:
    return Route(entry.number, entry.addresses, Carrier(entry.delivered_by))


def _account_rule(entry: AccountRuleSettings) -> AccountRule:
    return AccountRule(entry.accounts, sender=entry.sender, prefix=entry.number)


def find_notices(config: Config) -> tuple[Problem, ...]:
    """Tells what is allowed in a configuration and worth knowing, each with its line in the file.

    Raises:
        ConfigError: the file cannot be read any more.
    """
    return tuple(_placed(config.path, _read_text(config.path), dict(notices_of(config))))


def load_gateway_settings(path: Path) -> GatewaySettings:
    """Reads ``[gateway]`` alone, for commands that only look into the store and must not see secrets.

    Raises:
        ConfigError: with every problem of that section.
    """
    text = _read_text(path)
    reader = _Reader(_parse(path, text), secret_directory(path))
    settings = reader.read_table("gateway", GatewaySettings)
    _raise_if_any(path, text, reader.problems)
    if settings is None:
        raise AssertionError("a section without problems was not read")
    return settings


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError([Problem(str(path), None, None, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([Problem(str(path), line, None, "is not UTF-8 text")]) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at ")
        line = re.search(r"line (\d+)", place)
        number = int(line[1]) if line else len(text.split("\n"))
        raise ConfigError([Problem(str(path), number, None, f"is not TOML: {what}")]) from None


def _raise_if_any(path: Path, text: str, problems: Mapping[places.Path, str]) -> None:
    if problems:
        raise ConfigError(_placed(path, text, problems))


def _placed(path: Path, text: str, found: Mapping[places.Path, str]) -> list[Problem]:
    lines = places.find_places(text)
    placed = [
        Problem(str(path), places.line_of(lines, where), places.written(where), message)
        for where, message in found.items()
    ]
    return sorted(placed, key=lambda problem: problem.line or 0)


class _Reader:
    """Reads sections one by one, so that one bad section does not hide what is wrong with the others.

    ``problems`` holds the first problem of each path, and none of a path that has problems inside.
    """

    def __init__(self, tree: Mapping[str, Any], secrets: Path) -> None:
        self._tree = tree
        self._secrets = secrets
        self._in_files: dict[places.Path, places.Path] = {}
        self.problems: dict[places.Path, str] = {}

    def read_all(self) -> dict[str, Any]:
        """Reads every section and checks them together; gives those that are valid by themselves."""
        accepted = (*_TABLES, *_LISTS, _PROVIDERS)
        for name in self._tree:
            if name not in accepted:
                self._add((name,), unknown(name, accepted))
        sections: dict[str, Any] = {name: self.read_table(name, model) for name, model in _TABLES.items()}
        sections |= {name: self._read_list(name, model) for name, model in _LISTS.items()}
        sections[_PROVIDERS] = self._read_accounts()
        valid = {name: section for name, section in sections.items() if section is not None}
        accounts = self._tree.get(_PROVIDERS)
        if accounts and isinstance(accounts, dict):
            valid["account_names"] = tuple(accounts)
        for path, message in check_together(valid):
            self._add(path, message)
        return sections

    def read_table(self, name: str, model: type[S]) -> S | None:
        """Reads one ``[name]``; None if it has problems."""
        return self._read((name,), self._tree.get(name, {}), model)

    def _read_list(self, name: str, model: type[S]) -> dict[int, S] | None:
        entries = self._tree.get(name, [])
        if not isinstance(entries, list):
            self._add((name,), f"expected a list of tables; write [[{name}]]")
            return None
        read = {index: self._read((name, index), entry, model) for index, entry in enumerate(entries)}
        return {index: entry for index, entry in read.items() if entry is not None}

    def _read_accounts(self) -> dict[str, Section] | None:
        tables = self._tree.get(_PROVIDERS, {})
        if not isinstance(tables, dict) or not tables:
            self._add((_PROVIDERS,), "expected at least one account (for example [providers.sinch])")
            return None
        read = {name: self._read_account((_PROVIDERS, name), table) for name, table in tables.items()}
        return {name: account for name, account in read.items() if account is not None} or None

    def _read_account(self, path: places.Path, table: Any) -> Section | None:
        from gateway.config.accounts import ACCOUNT_SECTIONS  # noqa: PLC0415 - who only looks pays for no provider

        name, kinds = str(path[-1]), ", ".join(map(shown, ACCOUNT_SECTIONS))
        if not _ACCOUNT_NAME.fullmatch(name):
            self._add(path, "expected an account name of at most 32 small letters, digits and hyphens")
        if not isinstance(table, dict):
            self._add(path, f"expected a table; write [providers.{name}]")
            return None
        kind = table.get("kind")
        if not isinstance(kind, str) or kind not in ACCOUNT_SECTIONS:
            got = f"expected {kinds}, got {shown(kind)}" if "kind" in table else f"is missing (accepted: {kinds})"
            self._add((*path, "kind"), got)
            return None
        return self._read(path, table, ACCOUNT_SECTIONS[kind])

    def _read(self, path: places.Path, table: Any, model: type[S]) -> S | None:
        before = len(self.problems)
        secrets = [key for key, field in model.model_fields.items() if field.annotation is SecretStr]
        if isinstance(table, dict):
            self._find_placeholders(path, table)
            table = self._with_secrets(path, table, secrets)
        try:
            section = model.model_validate(table)
        except ValidationError as error:
            keys = [key + FILE_SUFFIX if key in secrets else key for key in model.model_fields]
            examples = {key: field.examples[0] for key, field in model.model_fields.items() if field.examples}
            for found in error.errors(include_url=False):
                self._add((*path, *found["loc"]), sentence(found, keys, examples))
            return None
        return section if len(self.problems) == before else None

    def _find_placeholders(self, path: places.Path, value: Any) -> None:
        if isinstance(value, dict | list):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                self._find_placeholders((*path, key), inner)
        elif isinstance(value, str) and _PLACEHOLDER.fullmatch(value):
            self._add(path, f"{shown(value)} is the placeholder of the example: put your own value here")

    def _with_secrets(self, path: places.Path, table: dict[str, Any], secrets: list[str]) -> dict[str, Any]:
        """Puts in what secret files hold: ``X_file`` becomes ``X``; its problems are told of ``X_file``."""
        table = dict(table)
        for key in secrets:
            in_file = key + FILE_SUFFIX
            if key not in table:
                self._in_files[(*path, key)] = (*path, in_file)
            if in_file not in table:
                continue
            name = table.pop(in_file)
            if key in table:
                self._add((*path, in_file), f"expected either {key} or {in_file}, got both")
                continue
            try:
                table[key] = read_secret(name, self._secrets)
            except ValueError as error:
                self._add((*path, in_file), str(error))
        return table

    def _add(self, path: places.Path, message: str) -> None:
        path = self._in_files.get(path, path)
        if not any(known[: len(path)] == path for known in self.problems):  # it, or something in it, is told
            self.problems[path] = message
