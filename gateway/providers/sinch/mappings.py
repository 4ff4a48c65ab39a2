"""Sinch's table of e-mail addresses and numbers, read into mappings and written. Pure (sinch-fax-v3 5).

Their list of numbers was one of texts once, and the field with the number has had three names: each is read. Written
is always the form of today, with the permission spelled out.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as AnyMapping
from typing import Any, Final, TypeAlias

from gateway.core.model import Mapping, Permission
from gateway.providers.sinch.words import read_number

#: The numbers of one address, E.164, and what it may do with each.
Numbers: TypeAlias = AnyMapping[str, Permission]

_NUMBER_FIELDS: Final = ("number", "phoneNumber", "faxNumber")
#: Characters: E.164 with its plus sign; and local part, at sign and domain as RFC 5321 4.5.3.1 bounds them.
_LONGEST_NUMBER: Final = 16
_LONGEST_ADDRESS: Final = 320


def read_email(entry: Any) -> tuple[str, dict[str, Permission]] | None:
    """Reads an Email object into address and numbers; None for anything that would be read in part only (5.1)."""
    if not isinstance(entry, dict):
        return None
    address, listed = entry.get("email"), entry.get("phoneNumbers")
    if not isinstance(address, str) or not _is_address(address) or not isinstance(listed, list | None):
        return None
    pairs = [read_pair(each) for each in listed or ()]
    whole = [pair for pair in pairs if pair is not None]
    return (address, merged(whole)) if len(whole) == len(pairs) else None


def read_pair(entry: Any) -> tuple[str, Permission] | None:
    """Reads number and permission, BOTH where none is named, from any form they ever had; None if it is none (5.5)."""
    number = _number_of(entry)
    named = entry.get("permissions") if isinstance(entry, dict) else None
    try:
        return None if number is None else (number, Permission(str(named or Permission.BOTH).lower()))
    except ValueError:
        return None


def read_service_number(entry: Any) -> tuple[str, bool] | None:
    """Reads a number of a service, and whether it is suspended; None if it is no number."""
    number = _number_of(entry)
    suspended = isinstance(entry, dict) and str(entry.get("suspended")).lower() == "true"
    return None if number is None else (number, suspended)


def merged(pairs: Iterable[tuple[str, Permission]]) -> dict[str, Permission]:
    """Gathers pairs by number; one that is listed with two permissions has both of them."""
    numbers: dict[str, Permission] = {}
    for number, permission in pairs:
        numbers[number] = permission if numbers.get(number, permission) is permission else Permission.BOTH
    return numbers


def write_numbers(numbers: Numbers) -> list[dict[str, str]]:
    """Writes numbers the way that POST and PUT take them, each with its permission (5.2)."""
    return [{"number": number, "permissions": permission.value} for number, permission in numbers.items()]


def mappings_of(service: str, addresses: AnyMapping[str, Numbers]) -> tuple[Mapping, ...]:
    """Spreads the addresses of a service into single facts; an address without numbers is none."""
    return tuple(
        Mapping(service, address, number, permission)
        for address, numbers in addresses.items()
        for number, permission in numbers.items()
    )


def _is_address(text: str) -> bool:
    """Says whether it can be an address at all: what is none is neither stored nor written back."""
    return "@" in text and text.isprintable() and len(text) <= _LONGEST_ADDRESS


def _number_of(entry: Any) -> str | None:
    if isinstance(entry, dict):
        entry = next((entry[field] for field in _NUMBER_FIELDS if entry.get(field)), None)
    number = read_number(entry)
    return number if number is None or len(number) <= _LONGEST_NUMBER else None
