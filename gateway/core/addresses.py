"""Fax addresses: the right-hand side must be ours, the left-hand side is a number (RFC 3191, 3192, 2846).

Only this gateway interprets the local part. Everything is matched as ASCII: other scripts have digits too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.core.ids import ALPHABET
from gateway.core.numbers import parse_number
from gateway.core.refusal import Refusal

_PRINTABLE: Final = re.compile(r"[!-~]+")
_SERVICE: Final = re.compile(r"([A-Za-z0-9-]+)=(.*)")
_PHONE: Final = re.compile(r"\+?[0-9.-]+")
_PLAIN_NUMBER: Final = re.compile(r"\+?[0-9][0-9.-]*")
_ELEMENT: Final = re.compile(r"([A-Za-z0-9-]+)=([!-.0-~]+)")
#: T.30 SUB holds at most 20 characters.
_SUBADDRESS: Final = re.compile(r"[0-9]{1,20}")
#: To where the canary writes to itself; the token cannot be guessed.
_CANARY: Final = re.compile(rf"canary\+(C-[{ALPHABET}]{{8}})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FaxAddress:
    """An address that means one fax number (E.164)."""

    number: str


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The one mailbox that every mail host has (RFC 5321 4.5.1); a person reads it, it is never faxed."""


@dataclass(frozen=True, slots=True)
class CanaryAddress:
    """An address of the canary: what comes to it is its own mail that went round, and is only counted."""

    token: str


def canary_address(token: str, domain: str) -> str:
    """Writes the address to which the canary's mail of this token comes back."""
    return f"canary+{token}@{domain}"


def canary_token(address: str) -> str | None:
    """Reads the token out of an address at our domain; None if it is none of the canary's."""
    match = _CANARY.fullmatch(_unquoted(address.rpartition("@")[0]))
    return match[1].upper() if match else None


def read_recipient(
    address: str, *, domain: str, home_country: str | None, allow_test_numbers: bool
) -> FaxAddress | Postmaster | CanaryAddress:
    """Reads the address of one RCPT TO.

    Args:
        address: as given between the angle brackets.
        domain: ours; addresses of any other are relaying.
        home_country: see ``numbers.parse_number``.
        allow_test_numbers: see ``numbers.parse_number``.

    Returns:
        The number, Postmaster (with our domain or without any), or the canary's own address.

    Raises:
        Refusal: 550 5.7.1 not our domain; 550 5.1.1 no fax address; 553 5.1.3 a fax address with a bad
            number; 550 5.3.3 a part that no provider can carry (RFC 3192 2).
    """
    local, at, host = address.rpartition("@")
    if not at:
        local = host
    elif host.lower() != domain.lower():
        raise Refusal(550, "5.7.1", "relaying denied")
    local = _unquoted(local)
    if local.lower() == "postmaster":
        return Postmaster()
    token = canary_token(address)
    if token is not None:
        return CanaryAddress(token)
    if not at or not _PRINTABLE.fullmatch(local):
        raise Refusal(553, "5.1.3", "fax address is malformed")
    number = _number_written(local)
    try:
        return FaxAddress(parse_number(number, home_country=home_country, allow_test_numbers=allow_test_numbers))
    except ValueError as error:
        raise Refusal(553, "5.1.3", str(error)) from None


def _unquoted(local: str) -> str:
    if len(local) >= 2 and local[0] == local[-1] == '"':  # noqa: PLR2004 - the two quotes
        return re.sub(r"\\(.)", r"\1", local[1:-1])
    return local


def _number_written(local: str) -> str:
    """Finds the number in a local part, still as written."""
    if _PLAIN_NUMBER.fullmatch(local):
        return local
    service = _SERVICE.fullmatch(local.removeprefix("/").removesuffix("/"))
    if service is None or service[1].upper() != "FAX":
        raise Refusal(550, "5.1.1", "no such address; fax addresses look like FAX=+12025550143")
    phone, *elements = service[2].split("/")
    for element in elements:
        _check_element(element)
    if not _PHONE.fullmatch(phone):
        raise Refusal(553, "5.1.3", "a fax number has only digits after an optional +")
    return phone


def _check_element(element: str) -> None:
    """Refuses what would have to be dialled or carried; other keywords mean nothing to a fax service."""
    match = _ELEMENT.fullmatch(element)
    if match is None:
        raise Refusal(553, "5.1.3", "fax address is malformed")
    keyword, value = match[1].upper(), match[2]
    if keyword == "T33S" and not _SUBADDRESS.fullmatch(value):
        raise Refusal(553, "5.1.3", "a subaddress has 1 to 20 digits")
    if keyword == "T33S":
        raise Refusal(
            550,
            "5.3.3",
            "subaddress cannot be carried by the fax service; message not sent to this recipient",
        )
    if keyword == "POSTD":
        raise Refusal(550, "5.3.3", "digits after the answer cannot be dialled; message not sent to this recipient")
