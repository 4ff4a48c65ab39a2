"""The settings of a service at Sinch: as they are, as our configuration needs them. Pure (sinch-fax-v3 4.2 and 6).

What they show of the webhook's credentials is `***`. So the rest of its URL is compared, and no value that was read is
ever written: whoever writes `***` back has destroyed the credentials.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, TypeAlias

import orjson

from gateway.core.model import Setting
from gateway.providers.http import short_text

#: A setting's value, as PATCH takes it.
Value: TypeAlias = str | bool

_URL: Final = "incomingWebhookUrl"
_ENCODING: Final = "webhookContentType"
_SAVE_RECEIVED: Final = "saveInboundFaxDocuments"
_SAVE_SENT: Final = "saveOutboundFaxDocuments"

#: What a service has if nobody chose.
_DEFAULTS: Final[Mapping[str, Value]] = {
    _URL: "",
    _ENCODING: "multipart/form-data",
    _SAVE_RECEIVED: True,
    _SAVE_SENT: True,
}
_PORTS: Final = {"http": "80", "https": "443"}
#: Not a URL library: none of them has to like `***`, whose exact place is not documented.
_PARTS: Final = re.compile(
    r"(?i)([a-z][a-z0-9+.-]*)://([^/?#]*@|[*:]+)?([^/?#@]+?)(?::([0-9]*))?(/[^?#]*)?(?:\?([^#]*))?(?:#.*)?"
)
_MASK: Final = "***"


def wanted_settings(webhook_url: str, *, save_received: bool | None, save_sent: bool | None) -> dict[str, Value]:
    """Lists the settings that our configuration has an opinion on, with the values to be written.

    Args:
        webhook_url: ours, with credentials.
        save_received: whether they keep the pages of received faxes; None is no opinion.
        save_sent: the same for sent faxes.
    """
    flags = {_SAVE_RECEIVED: save_received, _SAVE_SENT: save_sent}
    chosen = {name: flag for name, flag in flags.items() if flag is not None}
    return {_URL: webhook_url, _ENCODING: _DEFAULTS[_ENCODING], **chosen}


def keeps_received(service: Mapping[str, Any]) -> bool:
    """Says whether they keep the pages of received faxes; they do if nobody chose."""
    return _plain(service.get(_SAVE_RECEIVED)) != "false"


def compare(service: Mapping[str, Any], wanted: Mapping[str, Value]) -> tuple[Setting, ...]:
    """Holds a Service object, as it was read, against the wanted values; nothing that it answers shows a secret."""
    return tuple(_compared(name, service.get(name), value) for name, value in wanted.items())


def _compared(name: str, read: object, wanted: Value) -> Setting:
    default = _DEFAULTS[name]
    found = default if read in (None, "") else read
    if name == _URL:
        shown, wish, agrees = _compare_urls(str(found), str(wanted))
    else:
        shown, wish = _plain(found), _plain(wanted)
        agrees = shown == wish
    return Setting(
        name=name,
        found=shown,
        wanted=wish,
        agrees=agrees,
        untouched=_plain(found) == _plain(default),
        fingerprint=sha256(orjson.dumps([name, wanted])).hexdigest(),
    )


@dataclass(frozen=True, slots=True)
class _Url:
    """The parts of a URL; ``user`` is all that is before the host."""

    scheme: str
    user: str
    host: str
    port: str
    path: str
    query: str

    @property
    def parent(self) -> str:
        """The path up to its last segment."""
        return self.path.rstrip("/").rpartition("/")[0]

    @property
    def secret(self) -> str:
        """The last segment of the path, by which we know that the caller knows us."""
        return self.path.rpartition("/")[2]


def _take_apart(url: str) -> _Url | None:
    found = _PARTS.fullmatch(url.strip())
    if found is None:
        return None
    scheme, user, host, port, path, query = found.groups()
    scheme = scheme.lower()
    return _Url(scheme, user or "", host.lower(), port or _PORTS.get(scheme, ""), path or "/", query or "")


def _compare_urls(found: str, wanted: str) -> tuple[str, str, bool]:
    """Shows both without secrets, and says whether they are the same but for the user."""
    there, ours = _take_apart(found), _take_apart(wanted)
    # A URL that shows no user at all has no credentials: its events would be refused.
    agrees = there is not None and there.user != "" and _place(there) == _place(ours)
    return _masked(found, ours), _masked(wanted, ours), agrees


def _place(url: _Url | None) -> _Url | None:
    return None if url is None else replace(url, user="")


def _masked(url: str, ours: _Url | None) -> str:
    """Masks anybody's credentials and query, and the last segment of a path that looks like ours."""
    if not url:
        return "not set"
    parts = _take_apart(url)
    if parts is None or ours is None:
        return "not a URL"
    user = f"{_MASK}:{_MASK}@" if parts.user else ""
    port = "" if parts.port == _PORTS.get(parts.scheme) else f":{parts.port}"
    like_ours = parts.host == ours.host or parts.parent == ours.parent
    path = (f"{parts.parent}/{_MASK}" if like_ours else parts.path).replace(ours.secret, _MASK)
    query = f"?{_MASK}" if parts.query else ""
    note = " (another secret)" if parts.parent == ours.parent and parts.path != ours.path else ""
    return short_text(f"{parts.scheme}://{user}{parts.host}{port}{path}{query}{note}")


def _plain(value: object) -> str:
    return short_text(str(value).strip().lower())
