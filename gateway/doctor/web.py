"""The daemon, and the way from the provider to its webhooks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from gateway.doctor.certificates import judge_days, judge_refusal
from gateway.doctor.findings import Finding, Findings, FoundError, listed, ok, skipped, warning, wrong
from gateway.doctor.http_client import Reply, request
from gateway.doctor.installation import Installation
from gateway.doctor.lookups import addresses_of

_OK: Final = "ok"
_HANDSHAKE_SECONDS: Final = 10.0
_NO_ANSWER: Final = (aiohttp.ClientError, TimeoutError)
#: Only our own refusal asks for this; the header Server would be the proxy's.
_OUR_REALM: Final = 'realm="webhooks"'
_GATEWAY_ERRORS: Final = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


async def daemon(at: Installation) -> Findings:
    """The daemon runs, and says itself that all of it is well."""
    reply = await _health_page(at)
    if reply is None:
        advice = "Start it: systemctl start faxgw. If it ends again: journalctl -u faxgw."
        yield wrong(f"the daemon does not run: nobody answers at {at.health_listen}", advice)
        return
    checks = _checks_in(reply)
    if checks is None:
        advice = "Let [health] listen name another port, or stop that program."
        yield wrong(f"not faxgw, another program answers at {at.health_listen}", advice)
        return
    for name, answer in checks.items():
        if answer != _OK:
            yield wrong(f"the daemon says about {name}: {answer}", "See docs/operations.md, and faxgw status.")
    if well := [name for name, answer in checks.items() if answer == _OK]:
        yield ok(f"the daemon runs, and is content with {listed(well)}")


async def _health_page(at: Installation) -> Reply | None:
    """Asks the daemon how it is; None if nobody answers."""
    try:
        return await request("GET", f"http://{at.health_listen}/health")
    except _NO_ANSWER:
        return None


def _checks_in(page: Reply) -> dict[str, str] | None:
    """Reads what the daemon says of each of its parts; None if it is not the daemon that answered."""
    try:
        return {str(name): str(answer) for name, answer in orjson.loads(page.body)["checks"].items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


async def web_certificate(at: Installation) -> Findings:
    """The provider can trust our public URL."""
    url = urlsplit(at.public_url)
    if url.scheme != "https":
        yield skipped(f"{at.public_url} is not encrypted; right only for trials on one machine")
        return
    host, place = url.hostname or "", f"{url.hostname}:{url.port or 443}"
    try:
        certificate = await _certificate(await _public_addresses(at), host, url.port or 443, at.tls)
    except ssl.SSLError as error:
        yield judge_refusal(place, error)
    except (OSError, TimeoutError):
        yield skipped(f"{place} cannot be reached: see webhook")
    else:
        yield judge_days(place, certificate, at.clock())


async def _certificate(addresses: list[str], host: str, port: int, tls: ssl.SSLContext) -> dict[str, Any]:
    async with asyncio.timeout(_HANDSHAKE_SECONDS):
        _, writer = await asyncio.open_connection(addresses[0], port, ssl=tls, server_hostname=host)
    certificate: dict[str, Any] = writer.get_extra_info("peercert")
    writer.close()
    with contextlib.suppress(OSError):  # it had its say; how it hangs up is its own business
        await writer.wait_closed()
    return certificate


async def _public_addresses(at: Installation) -> list[str]:
    addresses = await addresses_of(at.resolver, urlsplit(at.public_url).hostname or "")
    if not addresses:
        raise FoundError(skipped("our public name has no address: see public-name"))
    return addresses


async def webhook(at: Installation) -> Findings:
    """A request from outside finds our webhooks behind the proxy, and is refused without credentials."""
    page = await _health_page(at)
    if page is None or _checks_in(page) is None:
        raise FoundError(skipped("the daemon does not run, so nothing behind the proxy can answer: see daemon"))
    addresses = await _public_addresses(at)
    for name, account in at.accounts.items():
        try:
            reply = await request("POST", account.webhook_url, addresses=addresses, tls=at.tls)
        except aiohttp.ClientSSLError:
            yield skipped(f"no word is said to {at.public_url} without a good certificate: see web-certificate")
            return
        except _NO_ANSWER:
            yield judge_silence(at.public_url, addresses)
            return
        place, is_open = f"{at.public_url}/webhooks/{name}/…", account.provider.authentic({})
        yield judge_reply(place, reply, at.web_listen, is_open=is_open)


def judge_silence(url: str, addresses: list[str]) -> Finding:
    """Judges that nobody answered: surely wrong only if the address is this machine's own.

    Args:
        url: our public one.
        addresses: where it leads.
    """
    what = f"nobody answers at {url} ({listed(addresses)})"
    if any(map(_is_of_this_machine, addresses)):
        return wrong(what, "Look whether the proxy runs and listens there, and at the firewall.")
    advice = "Some networks do not lead back from inside; so try it from outside. Otherwise look at proxy and firewall."
    return warning(what, advice)


def _is_of_this_machine(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def judge_reply(place: str, reply: Reply, web_listen: str, *, is_open: bool) -> Finding:
    """Tells from the answer to an empty request without credentials who gave it.

    Args:
        place: what was asked, without the secret.
        reply: the answer.
        web_listen: where our webhooks are behind the proxy.
        is_open: the provider of this account has no credentials for webhooks, only the secret path.
    """
    if is_open and not reply.body and reply.status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST):
        return ok(f"{place} is reached, and takes no empty event")
    challenge = reply.headers.get("WWW-Authenticate", "")
    forward = f"Let it hand /webhooks/ on to http://{web_listen}, path unchanged (docs/operations.md)."
    if reply.status == HTTPStatus.UNAUTHORIZED:
        if _OUR_REALM in challenge:
            return ok(f"{place} is reached, and refuses whoever has no password")
        return wrong(f"at {place} the proxy itself asks for a password", "Take that away for /webhooks/.")
    if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        target = urlsplit(reply.headers.get("Location", ""))
        where = f"{target.scheme}://{target.hostname}" if target.hostname else "another path"
        what = f"{place} redirects to {where}, and the provider follows no redirect"
        return wrong(what, "Put the final address into [web] public_url, or take the redirect away for /webhooks/.")
    if reply.status in _GATEWAY_ERRORS:
        return wrong(f"the proxy at {place} does not reach faxgw (HTTP {reply.status})", forward)
    if reply.status == HTTPStatus.NOT_FOUND:
        advice = f"{forward} If it does, the daemon has an older configuration: systemctl restart faxgw."
        return wrong(f"{place} is not found", advice)
    if reply.status < HTTPStatus.MULTIPLE_CHOICES:
        what = f"something else says yes at {place}: events of the provider would be lost there"
        return wrong(what, forward)
    if reply.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return wrong(f"the proxy at {place} lets no POST through", forward)
    return wrong(f"{place} answers HTTP {reply.status}", forward)


CHECKS: Final[tuple[Callable[[Installation], Findings], ...]] = (daemon, web_certificate, webhook)
