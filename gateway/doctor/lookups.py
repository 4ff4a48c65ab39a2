"""Questions to the DNS: an absent name is an answer, a silent name server is none."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, Final

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.rdatatype import RdataType
from dns.resolver import NXDOMAIN, NoAnswer

from gateway.doctor.findings import FoundError, skipped

_SECONDS: Final = 6.0
#: The most questions of one walk, and the labels it goes on with below a longer name (RFC 9989 4.10).
_LONGEST_WALK: Final = 8


async def addresses_of(resolver: Resolver, host: str) -> list[str]:
    """Finds the addresses of a host as the world sees them; what this machine has in ``/etc/hosts`` does not count.

    Raises:
        FoundError: the DNS does not answer.
    """
    if host == "localhost":  # never a question for the DNS (RFC 6761 6.3)
        return ["127.0.0.1"]
    try:
        return [str(ip_address(host))]
    except ValueError:
        kinds = (RdataType.A, RdataType.AAAA)
        return [record.address for kind in kinds for record in await _ask(resolver, host, kind)]


async def texts_of(resolver: Resolver, name: str) -> list[str]:
    """Reads the TXT records of a name, each put together from its pieces.

    Raises:
        FoundError: the DNS does not answer.
    """
    records = await _ask(resolver, name, RdataType.TXT)
    return [b"".join(record.strings).decode("utf-8", "replace") for record in records]


async def exchangers_of(resolver: Resolver, domain: str) -> list[str]:
    """Finds the hosts that take mail for a domain (MX), the preferred first; an empty name refuses all mail (RFC 7505).

    Raises:
        FoundError: the DNS does not answer.
    """
    records = await _ask(resolver, domain, RdataType.MX)
    return [str(record.exchange).rstrip(".") for record in sorted(records, key=lambda record: record.preference)]


async def _ask(resolver: Resolver, name: str, kind: RdataType) -> list[Any]:
    try:
        return list(await resolver.resolve(name, kind, lifetime=_SECONDS, search=False))
    except (NXDOMAIN, NoAnswer):
        return []
    except DNSException as error:
        raise FoundError(skipped(f"the DNS gives no answer about {name} ({type(error).__name__})")) from error


def upwards(domain: str) -> Iterator[str]:
    """Walks from a domain up to the name below its top-level domain (RFC 9989 4.10)."""
    labels = domain.split(".")
    yield domain
    for count in range(min(len(labels), _LONGEST_WALK) - 1, 1, -1):
        yield ".".join(labels[-count:])
