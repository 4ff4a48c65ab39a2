"""Writes configuration: what a provider already does, as routes and senders, and how these get into the file.

What is written wants exactly what is there: with it, a plan has nothing to change.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as AnyMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gateway.config.loading import load_config
from gateway.config.problems import ConfigError, Problem
from gateway.config.sections import SenderSettings
from gateway.config.settings import Config
from gateway.core.mappings import CHANGES, make_plan, wanted_mappings
from gateway.core.model import Mapping, Route, Sender, ServiceState

#: Every service of every account.
Accounts = AnyMapping[str, Sequence[ServiceState]]

#: In the brackets by which the loader knows a value that a person has still to write.
_HEADER_TEXT: Final = "<Your Name +1 202-555-0100>"
_CHANGE: Final = "  # CHANGE: printed on top of each page: who is faxing, and a telephone number"


@dataclass(frozen=True, slots=True)
class Addition:
    """What to add to a configuration.

    Attributes:
        text: blocks of TOML; empty if there is nothing to add.
        remarks: what no new block can say, and what to do about it, a sentence each.
    """

    text: str
    remarks: tuple[str, ...]


def write_what_is_there(config: Config, accounts: Accounts) -> Addition:
    """Writes every mapping that the configuration does not know yet as a route or a sender. Pure.

    Args:
        config: what is known.
        accounts: what was read at the provider.
    """
    blocks: list[str] = []
    remarks: list[str] = []
    for number, addresses in _receivers(accounts):
        route = next((route for route in config.routes if route.number == number), None)
        ours = [address for address in addresses if _is_own(config, address)]
        remarks += [f"{address} is at the gateway's own domain: no route leads there" for address in ours]
        others = [address for address in addresses if address not in ours]
        if route is not None:
            remarks += _about_route(route, others)
        elif others:
            blocks.append(_block("routes", {"number": number, "addresses": others, "delivered_by": "provider"}))
    for address, accounts_by_number in _writers(accounts):
        numbers = list(accounts_by_number)
        sender = next((each for each in config.senders if each.address.lower() == address.lower()), None)
        if sender is not None:
            remarks += _about_sender(sender, numbers)
        elif _is_own(config, address):
            remarks.append(f"{address} is at the gateway's own domain, from which nobody may fax")
        else:
            rule = _rule_for(config, address)
            number = rule.caller_id if rule and rule.caller_id in numbers else numbers[0]
            blocks.append(_sender_block(config, address, number, accounts_by_number[number], rule))
            remarks += _about_more_numbers(address, number, numbers)
    return Addition("\n".join(blocks), tuple(remarks))


def added_wishes(before: Config, after: Config, accounts: Accounts) -> list[str]:
    """Says what a changed configuration would newly ask of the provider; nothing, if it only says what is there."""

    def wishes(config: Config) -> list[str]:
        plan = make_plan(wanted_mappings(config.routes, config.senders), accounts, (), {})
        return [line.sentence for line in plan.lines if line.kind in CHANGES]

    known = wishes(before)
    return [wish for wish in wishes(after) if wish not in known]


# --- what is there --------------------------------------------------------------------------------------------------


def _receivers(accounts: Accounts) -> Iterator[tuple[str, list[str]]]:
    """Yields each number with everybody who gets its faxes from the provider."""
    found: dict[str, dict[str, str]] = {}
    for _, mapping in _mappings(accounts):
        if mapping.permission.receives:
            found.setdefault(mapping.number, {})[mapping.address.lower()] = mapping.address
    for number in sorted(found):
        yield number, [found[number][key] for key in sorted(found[number])]


def _writers(accounts: Accounts) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields each address with the numbers from which the provider lets it fax, and the account of each number."""
    found: dict[str, dict[str, str]] = {}
    spelled: dict[str, str] = {}
    for account, mapping in _mappings(accounts):
        if mapping.permission.sends:
            key = mapping.address.lower()
            spelled[key] = mapping.address
            found.setdefault(key, {})[mapping.number] = account
    for key in sorted(found):
        yield spelled[key], dict(sorted(found[key].items()))


def _mappings(accounts: Accounts) -> Iterator[tuple[str, Mapping]]:
    for account, services in accounts.items():
        for service in services:
            yield from ((account, mapping) for mapping in service.mappings)


def _is_own(config: Config, address: str) -> bool:
    return address.lower().endswith(f"@{config.gateway.domain.lower()}")


def _rule_for(config: Config, address: str) -> Sender | None:
    """Finds the sender rule of the address's domain."""
    domain = f"@{address.lower().rpartition('@')[2]}"
    return next((sender for sender in config.senders if sender.address.lower() == domain), None)


# --- remarks --------------------------------------------------------------------------------------------------------


def _about_route(route: Route, addresses: Sequence[str]) -> Iterator[str]:
    known = {address.lower() for address in route.addresses}
    missing = [address for address in addresses if address.lower() not in known]
    if missing:
        what = f"the provider mails faxes to {route.number} also to {', '.join(missing)}"
        yield f'{what}: add that to its route, with delivered_by = "provider" or "both"'
    elif addresses and not route.delivered_by.is_provider:
        what = f"the provider, too, mails faxes to {route.number} to {', '.join(addresses)}: they get two mails"
        yield f'{what}; set delivered_by = "provider" in its route'


def _about_sender(sender: Sender, numbers: Sequence[str]) -> Iterator[str]:
    if sender.caller_id not in numbers:
        what = f"the provider lets {sender.address} fax from {', '.join(numbers)}"
        yield f"{what}, its sender has {sender.caller_id}: an address has one number here"
        return
    if not sender.accepted_by.is_provider:
        yield f'the provider lets {sender.address} fax: set accepted_by = "both" in its sender'
    yield from _about_more_numbers(sender.address, sender.caller_id, numbers)


def _about_more_numbers(address: str, number: str, numbers: Sequence[str]) -> Iterator[str]:
    more = [other for other in numbers if other != number]
    if more:
        what = f"the provider lets {address} fax from {', '.join(more)} as well as from {number}"
        yield f"{what}: an address has one number here, the others stay as somebody else made them"


# --- blocks ---------------------------------------------------------------------------------------------------------


def _sender_block(config: Config, address: str, number: str, account: str, rule: Sender | None) -> str:
    zone = SenderSettings.model_fields["header_time_zone"].default
    keys = {"address": address, "caller_id": number, "header_text": rule.header_text if rule else _HEADER_TEXT}
    if rule and rule.header_time_zone != zone:
        keys["header_time_zone"] = rule.header_time_zone
    if len(config.accounts) > 1:
        keys["account"] = account
    return _block("senders", keys | {"accepted_by": "both"})


def _block(table: str, keys: AnyMapping[str, object]) -> str:
    lines = [f"{key} = {_toml(value)}{_CHANGE if value == _HEADER_TEXT else ''}" for key, value in keys.items()]
    return "\n".join([f"[[{table}]]", *lines, ""])


def _toml(value: object) -> str:
    """Writes text, or a list of texts: what JSON and TOML write alike but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# --- the file -------------------------------------------------------------------------------------------------------


def append_to_file(path: Path, text: str, prove: Callable[[Config], None]) -> None:
    """Adds text at the end of a configuration, at once or not at all; all else in it, its owner and mode stay.

    Args:
        path: the file.
        text: whole blocks of TOML.
        prove: looks at the result before the file is changed; what it raises keeps the file as it is.

    Raises:
        ConfigError: the result could not be used.
        OSError: it cannot be written.
    """
    path = path.resolve()
    before = path.read_bytes()
    gap = "\n" if before.endswith(b"\n") else "\n\n"
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            _copy_rights(path, file.fileno())
            file.write(before + f"{gap}{text}".encode())
            file.flush()
            os.fsync(file.fileno())
        prove(_load_as(path, Path(name)))
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _copy_rights(path: Path, descriptor: int) -> None:
    status = path.stat()
    os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, status.st_mode & 0o7777)


def _load_as(path: Path, written: Path) -> Config:
    """Loads what was written for ``path`` beside it, where its secrets are found; problems name ``path``."""
    try:
        return load_config(written)
    except ConfigError as error:
        raise ConfigError([_of_file(problem, path) for problem in error.problems]) from None


def _of_file(problem: Problem, path: Path) -> Problem:
    return replace(problem, file=str(path))
