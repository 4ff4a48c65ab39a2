"""What of a changed configuration a running gateway takes over, and what has to wait for a restart. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.config import Config, ConfigError, Problem
from gateway.faxlog import place_of
from gateway.settle_accounts import told
from gateway.store.account_names import AccountsInUseError

#: What is opened once: the store and the listeners.
_FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "gateway": ("state_directory", "database_url"),
    "smtp": ("listen",),
    "web": ("listen",),
    "health": ("listen",),
}
#: Fields of Config whose section has another name.
_SECTIONS: Final[Mapping[str, str]] = {
    "accounts": "[providers]",
    "senders": "[[senders]]",
    "routes": "[[routes]]",
    "account_rules": "[[account_rules]]",
}


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of a reload.

    Attributes:
        changed: sections that differ from those before.
        restart_needed: keys that stay as they were until a restart, such as ``[smtp] listen``.
    """

    changed: tuple[str, ...]
    restart_needed: tuple[str, ...]


def take_over(running: Config, wanted: Config) -> tuple[Config, Reloaded]:
    """Decides what the gateway works with after a reload.

    Args:
        running: what it works with.
        wanted: what the file says now.

    Returns:
        ``wanted`` with what cannot change kept as it is, and what to tell about it.
    """
    kept: dict[str, dict[str, Any]] = {}
    for section, keys in _FIXED.items():
        old, new = getattr(running, section), getattr(wanted, section)
        kept[section] = {key: getattr(old, key) for key in keys if getattr(old, key) != getattr(new, key)}
    if _path(running) != _path(wanted):  # the one route of the web listener
        kept["web"]["public_url"] = running.web.public_url
    sections = {name: getattr(wanted, name).model_copy(update=values) for name, values in kept.items() if values}
    taken = replace(wanted, **sections)
    names = [field.name for field in fields(Config)]
    changed = (_SECTIONS.get(name, f"[{name}]") for name in names if getattr(taken, name) != getattr(running, name))
    waiting = (f"[{section}] {key}" for section, values in kept.items() for key in values)
    return taken, Reloaded(tuple(changed), tuple(waiting))


def _path(config: Config) -> str:
    return urlsplit(config.web.public_url).path


def needed_accounts(path: Path, error: AccountsInUseError, wanted: Config) -> ConfigError:
    """Says for each account that open faxes would lose what is open, and what to do."""
    problems = []
    for name, faxes in error.accounts.items():
        what = "is another account now" if name in wanted.accounts else "is gone"
        message = f"{what}, and faxes of it are open ({told(faxes)}); keep the account until they have ended"
        problems.append(Problem(str(path), None, f"providers.{name}", message))
    return ConfigError(problems)


def unusable(path: Path, error: Exception) -> ConfigError:
    """Says that taking over a file failed; the error's own text may hold anything, so it stays out."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return ConfigError([Problem(str(path), None, None, f"cannot be taken over: {why} at {place_of(error)}")])


def digest_of(broken: ConfigError) -> str:
    """Tells one broken configuration from another, by what is wrong with it."""
    return sha256(str(broken).encode()).hexdigest()[:16]
