"""Describes an installation to the checks of `gateway.doctor`, from its configuration."""

from __future__ import annotations

import ctypes
import ssl
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from dns.asyncresolver import Resolver
from dns.resolver import NoResolverConfiguration
from pydantic import SecretStr

from gateway.config import Config
from gateway.config.accounts import ACCOUNT_SECTIONS
from gateway.config.secret_files import FILE_SUFFIX, secret_directory
from gateway.config.sections import GatewaySettings, Section, SmarthostSettings
from gateway.doctor.installation import Account, Installation, Machine, MailServer, SecretFiles
from gateway.doctor.shared import Shared
from gateway.email_to_fax import room_needed
from gateway.providers import PROVIDERS
from gateway.providers.base import FaxProvider, KeepsMappings

#: Where systemd looks for the units of this machine, the most important first (systemd.unit(5)).
_UNIT_DIRECTORIES: Final = tuple(
    Path(root, "systemd/system") for root in ("/etc", "/run", "/usr/local/lib", "/usr/lib")
)
#: A question is given up sooner than a fax would be.
_REQUEST_SECONDS: Final = 20.0
_RECENT: Final = timedelta(hours=1)
#: What adjtimex(2) answers if nobody keeps the clock, and room for its struct timex.
_TIME_ERROR: Final = 5
_TIMEX: Final = 512


def _now() -> datetime:
    return datetime.now(UTC)


def describe_machine() -> Machine:
    """Describes this machine."""
    return Machine(unit_directories=_UNIT_DIRECTORIES, clock_is_kept=_clock_is_kept)


def _clock_is_kept() -> bool:
    return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))) != _TIME_ERROR


def name_servers() -> Resolver:
    """Finds the name servers of this machine; without any, every question is without an answer."""
    try:
        return Resolver()
    except NoResolverConfiguration:
        return Resolver(configure=False)


def describe_installation(config: Config, machine: Machine, tls: ssl.SSLContext, resolver: Resolver) -> Installation:
    """Describes the installation that a configuration means. Opens nothing.

    Args:
        config: checked.
        machine: it is installed on.
        tls: how certificates are verified.
        resolver: asks the DNS.
    """
    gateway, smarthost = config.gateway, config.smarthost
    return Installation(
        config_path=config.path.absolute(),
        secrets=find_secrets(config.path),
        fax_domain=gateway.domain,
        from_domain=config.from_address.rpartition("@")[2],
        accounts={name: _account(config, name) for name in config.accounts},
        routes=config.routes,
        senders=config.senders,
        fallback=config.received.fallback,
        keeps_mappings=config.mappings.mode != "off",
        public_url=config.web.public_url,
        web_listen=str(config.web.listen),
        health_listen=str(config.health.listen),
        smarthost=MailServer(
            host=smarthost.host,
            port=smarthost.port,
            tls=smarthost.tls,
            hostname=config.hostname,
            username=smarthost.username,
            password=smarthost.password.get_secret_value(),
        ),
        dkim_selector=smarthost.dkim_selector,
        state_directory=gateway.state_directory,
        database_url=gateway.database_url.get_secret_value() or None,
        room_needed=room_needed(config.smtp.max_message_size),
        resolver=resolver,
        tls=tls,
        machine=machine,
        clock=_now,
    )


def _account(config: Config, name: str) -> Account:
    section = config.accounts[name]
    kind, plain = PROVIDERS[section.kind], section.for_provider
    provider: FaxProvider = kind(name, kind.Settings(**plain, request_timeout=_REQUEST_SECONDS), _now)
    url = config.webhook_url(name)

    async def answers() -> None:
        async for _ in provider.list_inbound(_now() - _RECENT):
            pass

    services = Shared(lambda: provider.read_services(url)) if isinstance(provider, KeepsMappings) else None
    numbers = frozenset(plain.get("numbers", ()))
    return Account(provider, url, plain.get("base_url"), numbers, Shared(answers), services)


def find_secrets(path: Path) -> SecretFiles:
    """Finds out where a configuration that was read without problems keeps its secrets."""
    keys = {key for model in _sections() for key, field in model.model_fields.items() if field.annotation is SecretStr}
    inside, files = [], []
    for where, key, value in _entries(tomllib.loads(path.read_text())):
        if key in keys:
            inside.append(f"{where}{key}")
        elif key.removesuffix(FILE_SUFFIX) in keys:
            files.append(str(value))
    directory = secret_directory(path)
    return SecretFiles(
        inside=tuple(inside),
        named=tuple(name for name in files if "/" not in name),
        paths=tuple(directory / name for name in files),
    )


def _sections() -> Iterator[type[Section]]:
    yield from (GatewaySettings, SmarthostSettings)
    yield from ACCOUNT_SECTIONS.values()


def _entries(table: dict[str, Any], where: str = "") -> Iterator[tuple[str, str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _entries(value, f"{where}{key}.")
        else:
            yield where, key, value
