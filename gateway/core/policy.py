"""Who may fax where: listed client networks, listed senders, permitted countries.

The visible From is never asked; no header widens what is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from gateway.core.addresses import FaxAddress, read_recipient
from gateway.core.model import NULL_SENDER, Sender
from gateway.core.numbers import country_of, is_costly, is_test_number
from gateway.core.refusal import Refusal

#: Local parts that programs send from; what they send is never an order to fax.
_AUTOMATIC_LOCAL_PART: Final = re.compile(
    r"mailer-daemon|postmaster|owner-.*|.*-owner|.*-request|.*-bounces?(\+.*)?|(no|do-?_?not)[-_.]?reply.*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AccessRules:
    """What the operator permits.

    Attributes:
        domain: right-hand side of our fax addresses.
        networks: clients that may hand in mail; they vouch for the envelope sender.
        senders: who may fax; ``address`` is a full address or ``@domain``, the full address wins.
        countries: ISO codes that may be dialled.
        home_country: whose national numbers are understood.
        allow_test_numbers: numbers of simulators may be dialled.
    """

    domain: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    senders: tuple[Sender, ...]
    countries: frozenset[str]
    home_country: str | None
    allow_test_numbers: bool
    _by_address: Mapping[str, Sender] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_address = {sender.address.lower(): sender for sender in self.senders}
        object.__setattr__(self, "_by_address", by_address)


def check_client(rules: AccessRules, peer_ip: str) -> None:
    """Refuses (550 5.7.1) a client outside the listed networks."""
    address = ip_address(peer_ip)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not any(address in network for network in rules.networks):
        raise Refusal(550, "5.7.1", "client host is not permitted")


def find_sender(rules: AccessRules, peer_ip: str, mail_from: str) -> Sender:
    """Finds who is faxing and with which identity.

    Args:
        rules: what is permitted.
        peer_ip: address of the SMTP client.
        mail_from: envelope sender; empty for the null sender.

    Raises:
        Refusal: 550 5.7.1: the client, the sender, or automatic mail may not fax.
    """
    check_client(rules, peer_ip)
    if mail_from == NULL_SENDER:
        raise Refusal(550, "5.7.1", "the null sender may not fax")
    local, _, domain = mail_from.lower().rpartition("@")
    if domain == rules.domain.lower() or _AUTOMATIC_LOCAL_PART.fullmatch(local):
        raise Refusal(550, "5.7.1", "automatic mail is not faxed")
    # One person, however he writes his name: who may spend money is compared without case.
    sender = rules._by_address.get(f"{local}@{domain}") or rules._by_address.get(f"@{domain}")  # noqa: SLF001 - its own module
    if sender is None:
        raise Refusal(550, "5.7.1", "sender may not fax")
    return sender


def check_recipient(rules: AccessRules, peer_ip: str, mail_from: str, address: str) -> str | None:
    """Decides about one RCPT TO. Pure and quick; safe to repeat.

    Args:
        rules: what is permitted.
        peer_ip: address of the SMTP client.
        mail_from: envelope sender; empty for the null sender, which reaches only the postmaster and the canary.
        address: as given between the angle brackets.

    Returns:
        The number to dial (E.164), or None for the postmaster and the canary.

    Raises:
        Refusal: why not, as it is told to the client.
    """
    check_client(rules, peer_ip)
    recipient = read_recipient(
        address,
        domain=rules.domain,
        home_country=rules.home_country,
        allow_test_numbers=rules.allow_test_numbers,
    )
    if not isinstance(recipient, FaxAddress):
        return None
    find_sender(rules, peer_ip, mail_from)
    check_destination(rules, recipient.number)
    return recipient.number


def check_destination(rules: AccessRules, number: str) -> None:
    """Refuses (550 5.7.1) a number that is costly or lies in a country not permitted."""
    if is_test_number(number) and rules.allow_test_numbers:
        return
    if is_costly(number) or country_of(number) not in rules.countries:
        raise Refusal(550, "5.7.1", "destination not permitted for this sender")
