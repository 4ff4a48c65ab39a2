"""Whose faxes are whose when the configuration calls provider accounts by other names than before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count


def new_names(known: Mapping[str, str], configured: Mapping[str, str]) -> dict[str, str]:
    """Decides under which name the faxes of each known account go on.

    Who an account is at its provider is its identity, whatever it is called here: under another name it is the same.
    A name that belongs to another account now is taken from the former one, whose faxes get a name of their own.

    Args:
        known: identity by name, as the store has it; empty where it was never noted.
        configured: identity by name, as the configuration has it.

    Returns:
        The new name of each known one that changes. A name that stays without an account is not among them.
    """
    moves: dict[str, str] = {}
    for name, identity in known.items():
        if name in configured and identity in ("", configured[name]):
            continue
        heir = _heir(identity, known, configured)
        if heir is not None:
            moves[name] = heir
        elif name in configured:
            moves[name] = _former(name, identity, known)
    return moves


def _heir(identity: str, known: Mapping[str, str], configured: Mapping[str, str]) -> str | None:
    """Finds the one name that an account has now; None if it has none, or two of which nobody knows which is meant."""
    same = [name for name, other in configured.items() if other == identity]
    fresh = [name for name in same if known.get(name) != identity]
    names = fresh or same
    return names[0] if len(names) == 1 else None


def _former(name: str, identity: str, known: Mapping[str, str]) -> str:
    """Makes a name that no account can have in the configuration."""
    names = (f"{name} (former)" if number == 1 else f"{name} (former {number})" for number in count(1))
    return next(former for former in names if known.get(former, identity) == identity)
