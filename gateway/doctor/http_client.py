"""One small HTTP request, to an address that was looked up beforehand."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway import __version__

_SECONDS: Final = 10.0
_MOST: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer: of its body the first 64 KB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def request(
    method: str, url: str, *, addresses: Sequence[str] | None = None, tls: ssl.SSLContext | None = None
) -> Reply:
    """Sends one request without a body; follows no redirect, uses no proxy.

    Args:
        method: HTTP method.
        url: absolute.
        addresses: where its host is; None asks the system.
        tls: how certificates are verified; None as the system does.

    Raises:
        aiohttp.ClientError, TimeoutError: there is no answer.
    """
    resolver = None if addresses is None else _Known(addresses)
    connector = aiohttp.TCPConnector(resolver=resolver or aiohttp.ThreadedResolver(), force_close=True)
    async with (
        aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            headers={"User-Agent": f"faxgw/{__version__} doctor"},
        ) as session,
        session.request(method, url, allow_redirects=False, ssl=tls or True) as answer,
    ):
        return Reply(answer.status, answer.headers, await answer.content.read(_MOST))


class _Known(AbstractResolver):
    """Answers with addresses that are known already."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Gives all of them (see AbstractResolver)."""
        return [_result(host, port, address) for address in self._addresses if family in (_family(address), 0)]

    async def close(self) -> None:
        """Has nothing to close."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _result(host: str, port: int, address: str) -> ResolveResult:
    return ResolveResult(
        hostname=host, host=address, port=port, family=_family(address), proto=0, flags=socket.AI_NUMERICHOST
    )
