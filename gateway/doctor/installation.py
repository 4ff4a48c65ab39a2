"""What the checks need to know of an installation, as plain values."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from dns.asyncresolver import Resolver

from gateway.core.model import Route, Sender, ServiceState
from gateway.doctor.shared import Shared
from gateway.providers.base import FaxProvider


@dataclass(frozen=True, slots=True)
class Machine:
    """What can be looked at even if the configuration is broken.

    Attributes:
        unit_directories: where the service manager looks for units, the most important first.
        clock_is_kept: asks the kernel whether its clock is synchronised.
    """

    unit_directories: tuple[Path, ...]
    clock_is_kept: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Account:
    """One provider account.

    Attributes:
        provider: speaks to it.
        webhook_url: ours for it; its last part is a secret.
        api_url: an address of the provider that answers with its time; None if there is none.
        numbers: that the configuration itself says it has; empty if that is the provider's to say.
        answers: asks for something small; raises what the provider raises.
        services: reads its services whole; None if this kind of provider has no such table.
    """

    provider: FaxProvider
    webhook_url: str = field(repr=False)
    api_url: str | None
    numbers: frozenset[str]
    answers: Shared[None]
    services: Shared[tuple[ServiceState, ...]] | None


@dataclass(frozen=True, slots=True)
class MailServer:
    """The smarthost, and how we speak to it; ``hostname`` is our own name."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"]
    hostname: str
    username: str | None = None
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """Where the configuration keeps its secrets.

    Attributes:
        inside: keys whose secret stands in the configuration file itself.
        named: bare names of secret files, which the service manager hands over.
        paths: every secret file.
    """

    inside: tuple[str, ...]
    named: tuple[str, ...]
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One installation, as its configuration describes it.

    Attributes:
        config_path: the configuration file.
        secrets: where its secrets are.
        fax_domain: the domain of fax addresses, which is also that of our envelope senders.
        from_domain: the domain of the visible sender of received faxes.
        accounts: by their name in the configuration.
        routes: who gets the faxes of which number.
        senders: who may fax as which number.
        fallback: who gets the faxes of numbers without a route.
        keeps_mappings: whether drift of the provider's mappings is anybody's business.
        public_url: where the provider reaches us.
        web_listen: where the webhooks come in behind the proxy, ``host:port``.
        health_listen: where the daemon says how it is, ``host:port``.
        smarthost: takes all our mails.
        dkim_selector: under which the smarthost's key is published; None if nobody said.
        state_directory: database and documents.
        database_url: of PostgreSQL, a secret; None for the embedded database.
        room_needed: bytes below which the daemon accepts nothing.
        resolver: asks the DNS.
        tls: how certificates are verified.
        machine: the rest.
        clock: the time, with zone.
    """

    config_path: Path
    secrets: SecretFiles
    fax_domain: str
    from_domain: str
    accounts: Mapping[str, Account]
    routes: tuple[Route, ...]
    senders: tuple[Sender, ...]
    fallback: str
    keeps_mappings: bool
    public_url: str
    web_listen: str
    health_listen: str
    smarthost: MailServer
    dkim_selector: str | None
    state_directory: Path
    database_url: str | None = field(repr=False)
    room_needed: int
    resolver: Resolver
    tls: ssl.SSLContext
    machine: Machine
    clock: Callable[[], datetime]
