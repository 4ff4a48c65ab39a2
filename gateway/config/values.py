"""Readers of single values: what the file says in, plain value out, or ValueError with what was expected."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from difflib import get_close_matches
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import email_validator
from phonenumbers import SUPPORTED_REGIONS
from pydantic import BeforeValidator, Field, PlainValidator, SecretStr, StrictBool, StrictInt

# Gateways serve inside domains such as fax.local or gw.test; which of them exist is the operator's business.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZES: Final = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE: Final = re.compile(r"(\d+)(KB|MB|GB|KiB|MiB|GiB)")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_PREFIX: Final = re.compile(r"\+[1-9][0-9]{0,14}")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_URL_SAFE: Final = re.compile(r"[A-Za-z0-9._~-]+")
_TIME_OF_DAY: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TELEPHONE_NUMBER: Final = re.compile(r"\+?\d(?:[ ().-]*\d){6,14}")
_HEADER_LENGTH: Final = 50
_PATH_SECRET_LENGTH: Final = 16
_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where to listen. ``host`` is an IP address, or ``localhost``."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Says whether only this machine can reach it."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        """Writes it as the file has it; the address of IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def shown(value: object) -> str:
    """Writes a value for a message, as TOML would, and shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - fits on a line


def is_loopback(host: str) -> bool:
    """Says whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _expected(what: str, value: object, example: str) -> ValueError:
    return ValueError(f'expected {what}, got {shown(value)} (for example "{example}")')


def _text(value: object, what: str, example: str) -> str:
    if not isinstance(value, str):
        raise _expected(what, value, example)
    return value


def read_host_port(value: object) -> HostPort:
    """Reads ``127.0.0.1:2525``, ``[::1]:2525`` or ``localhost:2525``."""
    host, _, port = _text(value, "HOST:PORT", "127.0.0.1:2525").rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise _expected("HOST:PORT with an IPv6 address in brackets", value, "[::1]:2525")
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= _HIGHEST_PORT:
        raise _expected("HOST:PORT", value, "127.0.0.1:2525")
    if host != "localhost":
        try:
            host = str(ip_address(host))
        except ValueError:
            raise _expected("HOST:PORT with an IP address of this machine", value, "127.0.0.1:2525") from None
    return HostPort(host, int(port))


def read_network(value: object) -> IPv4Network | IPv6Network:
    """Reads a network in CIDR notation, or one address."""
    text = _text(value, "a network", "10.0.0.0/8")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise _expected("a network", value, "10.0.0.0/8") from None
    if "/" in text and str(network.network_address) != str(ip_address(text.partition("/")[0])):
        raise ValueError(f'{shown(value)} is an address inside a network; did you mean "{network}"?')
    return network


def read_duration(value: object) -> timedelta:
    """Reads ``500ms``, ``5s``, ``3m``, ``24h`` or ``5d``; never zero."""
    match = _DURATION.fullmatch(_text(value, "a duration", "5m"))
    if match is None or float(match[1]) == 0:
        raise _expected("a duration above zero in ms, s, m, h or d", value, "5m")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    except OverflowError:
        raise _expected("a duration that is not longer than a lifetime", value, "24h") from None


def read_time_of_day(value: object) -> time:
    """Reads ``03:30``; 00:00 to 23:59."""
    what = "a time of day, HH:MM in quotes"
    match = _TIME_OF_DAY.fullmatch(_text(value, what, "03:30"))
    if match is None:
        raise _expected(what, value, "03:30")
    return time(int(match[1]), int(match[2]))


def read_weekday(value: object) -> int:
    """Reads ``monday`` to ``sunday``; Monday is 0."""
    text = _text(value, "a day of the week", "monday")
    if text not in _WEEKDAYS:
        raise _expected("a day of the week in small letters", value, "monday")
    return _WEEKDAYS.index(text)


def read_size(value: object) -> int:
    """Reads ``30MB`` and the like as bytes; never zero."""
    match = _SIZE.fullmatch(_text(value, "a size", "30MB"))
    if match is None or int(match[1]) == 0:
        raise _expected(f"a size above zero in {', '.join(_SIZES)}", value, "30MB")
    return int(match[1]) * _SIZES[match[2]]


def read_address(value: object) -> str:
    """Reads an e-mail address (RFC 5321, syntax only); its domain in lower case."""
    text = _text(value, "an e-mail address", "ana@clinic.example")
    try:
        found = email_validator.validate_email(text, check_deliverability=False, globally_deliverable=False)
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"expected an e-mail address, got {shown(value)}: {error}") from None
    return found.normalized


def read_directory(value: object) -> Path:
    """Reads an absolute path: a daemon has no working directory that means anything."""
    path = Path(_text(value, "an absolute path", "/var/lib/faxgw"))
    if not path.is_absolute():
        raise _expected("an absolute path", value, "/var/lib/faxgw")
    return path


def read_sender_address(value: object) -> str:
    """Reads ``ana@clinic.example``, or ``@clinic.example`` for everybody there."""
    text = _text(value, "an e-mail address or @domain", "@clinic.example")
    return "@" + read_domain(text[1:]) if text.startswith("@") else read_address(text)


def read_domain(value: object) -> str:
    """Reads a host or domain name as ASCII labels; in lower case."""
    text = _text(value, "a domain name", "fax.clinic.example").lower()
    if not _HOST.fullmatch(text):
        raise _expected("a domain name (letters, digits, hyphens and dots)", value, "fax.clinic.example")
    return text


def read_selector(value: object) -> str:
    """Reads the selector of a DKIM key: what stands before ``._domainkey`` (RFC 6376 3.1)."""
    text = _text(value, "a DKIM selector", "mail2026").lower()
    if not _HOST.fullmatch(text):
        raise _expected("a DKIM selector (letters, digits, hyphens and dots)", value, "mail2026")
    return text


def read_host(value: object) -> str:
    """Reads a host name or an IP address to connect to."""
    text = _text(value, "a host name or an IP address", "mail.clinic.example")
    try:
        return str(ip_address(text))
    except ValueError:
        return read_domain(text)


def read_number(value: object) -> str:
    """Reads a telephone number that is written in E.164 already: in a file there is no need to guess."""
    what = "a number in E.164 (+, country code, digits only)"
    text = _text(value, what, "+12025550199")
    if not _E164.fullmatch(text):
        raise _expected(what, value, "+12025550199")
    return text


def read_prefix(value: object) -> str:
    """Reads how numbers begin, in E.164: ``+44``, or a whole number."""
    what = "how numbers begin, in E.164 (+ and digits only)"
    text = _text(value, what, "+44")
    if not _PREFIX.fullmatch(text):
        raise _expected(what, value, "+44")
    return text


def read_header_text(value: object) -> str:
    """Reads the line on top of each page: who is faxing, and a telephone number (47 CFR 68.318(d))."""
    example = "Example Clinic +1 202-555-0199"
    text = _text(value, "who is faxing and a telephone number", example)
    if len(text) > _HEADER_LENGTH:
        raise ValueError(f"has {len(text)} characters, the limit is {_HEADER_LENGTH}")
    if not text.isprintable():
        raise _expected("one line of printable characters", value, example)
    number = _TELEPHONE_NUMBER.search(text)
    if number is None or not any(letter.isalpha() for letter in text.replace(number[0], "")):
        raise _expected("who is faxing and a telephone number (47 CFR 68.318(d))", value, example)
    return text


def read_time_zone(value: object) -> str:
    """Reads the name of a time zone that this machine knows."""
    text = _text(value, "the name of a time zone", "America/New_York")
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        near = get_close_matches(text, available_timezones(), n=1)
        hint = near[0] if near else "America/New_York"
        raise _expected("the name of a time zone", value, hint) from None
    return text


def read_country(value: object) -> str:
    """Reads an ISO 3166 alpha-2 code of a country that has a telephone network."""
    what = "a country as two capital letters (ISO 3166)"
    text = _text(value, what, "US")
    if text not in SUPPORTED_REGIONS:
        raise _expected(what, value, "US")
    return text


def read_origin(value: object) -> str:
    """Reads an https origin with an optional path; plain http only to this machine. No slash at the end."""
    example = "https://fax.example.com"
    text = _text(value, "an https URL", example)
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        raise _expected("an https URL", value, example) from None
    if url.scheme not in {"https", "http"} or not host or url.username is not None:
        raise _expected("an https URL without user and password", value, example)
    if "?" in text or "#" in text or not text.isascii() or not text.isprintable() or " " in text:
        raise _expected("an https URL without query", value, example)
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError(
            f"expected https, got {shown(value)}: plain http is for hosts of this machine only (127.0.0.1)"
        )
    return text.rstrip("/")


def read_url_safe(value: object) -> str:
    """Reads a word that stands in a URL as it is."""
    if not isinstance(value, str) or not _URL_SAFE.fullmatch(value):
        raise _expected("only letters, digits and . _ ~ - (it becomes part of a URL)", value, "faxgw")
    return value


def _secret(check: Callable[[str], None]) -> Callable[[object], SecretStr]:
    def read(value: object) -> SecretStr:
        if not isinstance(value, str):
            raise ValueError("expected text in quotes")  # noqa: TRY004 - pydantic reports ValueError
        if not value:
            raise ValueError("is empty")
        check(value)
        return SecretStr(value)

    return read


def _check_url_safe(secret: str) -> None:
    if not _URL_SAFE.fullmatch(secret):
        raise ValueError("expected only letters, digits and . _ ~ - (it becomes part of a URL)")


def _check_path_secret(secret: str) -> None:
    _check_url_safe(secret)
    if len(secret) < _PATH_SECRET_LENGTH:
        raise ValueError(f"expected at least {_PATH_SECRET_LENGTH} characters, so that nobody can guess it")


def _check_plain(secret: str) -> None:
    if not secret.isprintable():
        raise ValueError("expected one line of printable characters")


def _check_database_url(url: str) -> None:
    if not url.startswith("postgresql://"):
        raise ValueError("expected a URL of PostgreSQL (for example postgresql://faxgw:password@db.example/faxgw)")
    if find_spec("psycopg") is None:
        raise ValueError("PostgreSQL needs an extra: pip install 'faxgw[postgres]'")


def _plain(read: Callable[[Any], Any]) -> PlainValidator:
    return PlainValidator(read)


Flag = StrictBool
Count = Annotated[StrictInt, Field(ge=1)]
Port = Annotated[StrictInt, Field(ge=1, le=_HIGHEST_PORT)]
Word = Annotated[str, Field(min_length=1, max_length=128)]
Positive = Annotated[float, Field(gt=0, strict=True)]
Rate = Annotated[float, Field(gt=0, le=1000, strict=True)]
Listen = Annotated[HostPort, _plain(read_host_port)]
Network = Annotated[IPv4Network | IPv6Network, _plain(read_network)]
Duration = Annotated[timedelta, BeforeValidator(read_duration)]
Delays = Annotated[tuple[Duration, ...], Field(min_length=1)]
TimeOfDay = Annotated[time, _plain(read_time_of_day)]
Weekday = Annotated[int, _plain(read_weekday)]
Size = Annotated[int, _plain(read_size)]
Address = Annotated[str, _plain(read_address)]
Directory = Annotated[Path, _plain(read_directory)]
SenderAddress = Annotated[str, _plain(read_sender_address)]
Domain = Annotated[str, _plain(read_domain)]
Selector = Annotated[str, _plain(read_selector)]
Host = Annotated[str, _plain(read_host)]
Number = Annotated[str, _plain(read_number)]
Prefix = Annotated[str, _plain(read_prefix)]
HeaderText = Annotated[str, _plain(read_header_text)]
TimeZone = Annotated[str, _plain(read_time_zone)]
Country = Annotated[str, _plain(read_country)]
Origin = Annotated[str, _plain(read_origin)]
UrlSafe = Annotated[str, _plain(read_url_safe)]
Secret = Annotated[SecretStr, _plain(_secret(_check_plain))]
DatabaseUrl = Annotated[SecretStr, _plain(_secret(_check_database_url))]
UrlSafeSecret = Annotated[SecretStr, _plain(_secret(_check_url_safe))]
PathSecret = Annotated[SecretStr, _plain(_secret(_check_path_secret))]
