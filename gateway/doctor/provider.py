"""The accounts at fax providers: whether they let us in, and whether what is there fits the configuration."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp

from gateway.core.model import Route, Sender, ServiceState
from gateway.core.reasons import AccountError, NotSentError, Reason, TemporaryError
from gateway.doctor.findings import Finding, Findings, counted, first_few, listed, ok, skipped, warning, wrong
from gateway.doctor.http_client import request
from gateway.doctor.installation import Installation

_STATUS: Final = re.compile(r"HTTP (\d{3})")
_HALF_SECOND: Final = timedelta(seconds=0.5)
_MUCH: Final = timedelta(seconds=2)
_TOO_MUCH: Final = timedelta(seconds=60)


async def credentials(at: Installation) -> Findings:
    """Each account lets us in."""
    for name, account in at.accounts.items():
        try:
            await account.answers()
        except TemporaryError as error:
            yield _judge_refusal(name, error)
        else:
            yield ok(f"{name} lets us in")


def _judge_refusal(account: str, error: TemporaryError) -> Finding:
    """Tells apart why an account cannot be used."""
    section = f"[providers.{account}]"
    if error.reason is Reason.OUT_OF_CREDIT:
        return wrong(f"{account} has no credit left ({error.detail})", "Top it up: faxes wait until then.")
    status = _status(error)
    if isinstance(error, AccountError) and status == HTTPStatus.FORBIDDEN:
        what = f"{account} knows our key, and forbids what we ask for ({error.detail})"
        return wrong(what, f"Give the key the right to fax, or look whether it belongs to what {section} names.")
    if isinstance(error, AccountError) and status == HTTPStatus.NOT_FOUND:
        return wrong(f"{account} does not know what we ask for ({error.detail})", f"Look at the ids in {section}.")
    if isinstance(error, AccountError):
        return wrong(f"{account} refuses our credentials ({error.detail})", f"Look at the credentials in {section}.")
    if isinstance(error, NotSentError):
        return wrong(f"{account} cannot be reached ({error.detail})", "Look at network, firewall and name servers.")
    return warning(f"{account} is in trouble itself ({error.detail})", "Try again later; faxes wait until then.")


def _status(error: TemporaryError) -> int | None:
    found = _STATUS.search(error.detail)
    return int(found[1]) if found else None


async def services(at: Installation) -> Findings:
    """Each configured service exists, and has numbers."""
    for name, account in at.accounts.items():
        if account.services is None:
            yield skipped(f"{name} has no services that could be asked for")
            continue
        try:
            await account.answers()
        except TemporaryError:
            yield skipped(f"{name} does not let us in: see credentials")
            continue
        try:
            found = await account.services()
        except TemporaryError as error:
            advice = f"Look at services in [providers.{name}]." if _status(error) == HTTPStatus.NOT_FOUND else ""
            yield wrong(f"the services of {name} cannot be read ({error.detail})", advice or "Try again.")
            continue
        for service in found:
            what = f"{name} has the service {_called(service)}"
            if service.numbers:
                yield ok(f"{what} with {counted(len(service.numbers), 'number')}")
            else:
                yield warning(f"{what}, without any number", "Nothing can be received there; give it a number.")


def _called(service: ServiceState) -> str:
    return f"{service.id} ({service.name})" if service.name else service.id


async def numbers(at: Installation) -> Findings:
    """Each number that a route names is ours, and works."""
    known = await _known_numbers(at)
    suspended = {number async for _, found in _readable(at) for service in found for number in service.suspended}
    ours = frozenset[str]().union(*known.values())
    for finding in first_few(_judge_numbers(at.routes, ours, suspended, all_known=len(known) == len(at.accounts))):
        yield finding


def _judge_numbers(
    routes: Iterable[Route], ours: Collection[str], suspended: Collection[str], *, all_known: bool
) -> Iterator[Finding]:
    good = 0
    for number in (route.number for route in routes):
        if number in suspended:
            yield wrong(f"{number} is suspended at the provider", "Ask the provider why; nobody can send a fax to it.")
        elif number in ours:
            good += 1
        elif all_known:
            advice = "Correct the route, or give the number to one of our services at the provider."
            yield wrong(f"{number} has a route, and belongs to none of our accounts", advice)
        else:
            yield skipped(f"{number} may belong to an account that does not say which numbers it has: see services")
    if good:
        yield ok(f"{counted(good, 'number')} with a route, and in one of our accounts")


async def unrouted(at: Installation) -> Findings:
    """No number of ours is without a route."""
    routed = {route.number for route in at.routes}
    for name, ours in (await _known_numbers(at)).items():
        if without := sorted(ours - routed):
            advice = "Give each a [[routes]] block, unless that is what you want."
            yield warning(f"faxes to {listed(without)} ({name}) have no route: {at.fallback} gets them", advice)
        else:
            yield ok(f"every number of {name} has a route")


async def caller_ids(at: Installation) -> Findings:
    """Each sender shows a number that belongs to its account."""
    known = await _known_numbers(at)
    for finding in first_few(_judge_caller_ids(at.senders, known)):
        yield finding


def _judge_caller_ids(senders: Iterable[Sender], known: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    good = 0
    for sender in senders:
        if sender.account not in known:
            yield skipped(f"{sender.account}, which {sender.address} uses, does not say which numbers it has")
        elif sender.caller_id in known[sender.account]:
            good += 1
        else:
            what = f"{sender.caller_id}, shown for {sender.address}, is no number of {sender.account}"
            advice = "Set the sender's caller_id to one of its numbers; others it takes only if it has verified them."
            yield warning(what, advice)
    if good:
        yield ok(f"{counted(good, 'sender')} with a number of the account as caller id")


async def clock(at: Installation) -> Findings:
    """Our clock and the provider's agree: faxes are looked for by their time."""
    for name, account in at.accounts.items():
        if account.api_url is None:
            yield skipped(f"{name} has no address that would tell the time")
            continue
        before = at.clock()
        try:
            reply = await request("HEAD", account.api_url, tls=at.tls)
            theirs = parsedate_to_datetime(reply.headers.get("Date", ""))
        except (aiohttp.ClientError, TimeoutError, ValueError):
            yield skipped(f"{name} does not say what time it is")
            continue
        half = (at.clock() - before) / 2
        # Their date was cut to the second: on average they are half a second further.
        yield _judge_offset(name, before + half - theirs - _HALF_SECOND, half + _HALF_SECOND)


def _judge_offset(account: str, offset: timedelta, doubt: timedelta) -> Finding:
    """Judges by how much our clock is ahead, which is known but for some doubt."""
    least = abs(offset) - doubt
    if least <= _MUCH:
        return ok(f"our clock and that of {account} agree")
    side = "ahead of" if offset > timedelta(0) else "behind"
    what = f"our clock is {counted(round(abs(offset).total_seconds()), 'second')} {side} that of {account}"
    advice = "Let chrony or systemd-timesyncd keep it: timedatectl set-ntp true."
    return wrong(what, advice) if least > _TOO_MUCH else warning(what, advice)


async def _known_numbers(at: Installation) -> dict[str, frozenset[str]]:
    """Gives the numbers of each account that says which it has: at the provider, or else in the configuration."""
    known = {
        name: account.numbers for name, account in at.accounts.items() if account.services is None and account.numbers
    }
    async for name, found in _readable(at):
        known[name] = frozenset(number for service in found for number in service.numbers)
    return known


async def _readable(at: Installation) -> AsyncIterator[tuple[str, tuple[ServiceState, ...]]]:
    """Gives the accounts whose services could be read; that others could not is told by `services`."""
    for name, account in at.accounts.items():
        if account.services is not None:
            try:
                yield name, await account.services()
            except TemporaryError:
                continue


CHECKS: Final[tuple[Callable[[Installation], Findings], ...]] = (
    credentials,
    services,
    numbers,
    unrouted,
    caller_ids,
    clock,
)
