"""The provider's own table of addresses and numbers, its settings, and who mails the faxes of a number in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from itertools import chain
from typing import Final

from gateway.core.delivery import Delivery, delivery_findings
from gateway.core.mappings import Kind, Line, Pair, Plan, SettingName, found_mappings, make_plan, wanted_mappings
from gateway.core.model import ServiceState
from gateway.core.reasons import TemporaryError
from gateway.doctor.findings import Findings, FoundError, counted, first_few, ok, skipped, warning, wrong
from gateway.doctor.installation import Installation
from gateway.doctor.store import read_store
from gateway.store import mappings as stored
from gateway.store.database import Tx

_ADOPT: Final = "faxgw mappings plan shows them; faxgw mappings adopt NAME, then faxgw mappings apply."
_APPLY: Final = "faxgw mappings plan shows them; faxgw mappings apply mends them."
_NUMBERS: Final = "Is the number written right, and is its service among the account's services?"
_WORDS: Final[Mapping[Kind, str]] = {
    Kind.CREATED: "missing",
    Kind.CHANGED: "different",
    Kind.REMOVED: "no longer wanted",
    Kind.FOREIGN: "of somebody else",
    Kind.UNKNOWN_NUMBER: "for a number that no service has",
}


async def mappings(at: Installation) -> Findings:
    """The provider's table is as our routes and senders want it."""
    if not at.keeps_mappings:
        yield skipped('mode of [mappings] is "off"')
        return
    plan = await _plan(at)
    drift = Counter(line.kind for line in plan.drift if isinstance(line, Line))
    others = sum(line.kind is Kind.FOREIGN and line.wanted is None for line in plan.lines)
    theirs = f", {others} of them made by somebody else and left alone" if others else ""
    if drift:
        kinds = ", ".join(f"{drift[kind]} {word}" for kind, word in _WORDS.items() if drift[kind])
        what = f"{counted(drift.total(), 'mapping is', 'mappings are')} not as configured: {kinds}"
        yield warning(what, _advice(drift.keys()))
    elif plan.lines:
        yield ok(f"{counted(len(plan.lines), 'mapping')} at the provider, as configured{theirs}")
    else:
        yield ok("no e-mail goes past the gateway, as configured: the provider mails nobody, and takes no mail")


def _advice(kinds: Collection[Kind]) -> str:
    if Kind.FOREIGN in kinds:
        return _ADOPT
    return _NUMBERS if set(kinds) == {Kind.UNKNOWN_NUMBER} else _APPLY


async def settings(at: Installation) -> Findings:
    """The services call our webhook, and are set as the configuration needs them."""
    found = await _services(at)
    for service in chain.from_iterable(found.values()):
        if not service.keeps_received:
            what = f"{service.name or service.id} keeps no pages of received faxes: the webhook brings the only copy"
            yield warning(what, "If none can come in for three days, faxes are lost: set save_received = true.")
    for line in (await _plan_from(at, found)).settings:
        if line.kind is Kind.SAME:
            yield ok(line.sentence)
            continue
        mends = f"faxgw mappings adopt {line.setting.name}, then " if line.kind is Kind.FOREIGN else ""
        mends += "faxgw mappings apply."
        if "://" in line.setting.wanted:  # where events go; other settings do no harm to any fax
            yield wrong(line.sentence, f"Received faxes come late, if at all. To mend it: {mends}")
        else:
            yield warning(line.sentence, f"To mend it: {mends}")


async def deliveries(at: Installation) -> Findings:
    """Everybody gets the faxes of a number once, and from whom the routes say."""
    odd = delivery_findings(at.routes, found_mappings(await _plan(at)))
    for finding in first_few(
        ok(each.sentence)
        if each.delivery is Delivery.TWICE and each.wanted
        else warning(each.sentence, "Set delivered_by of the route, or take the address away at the provider.")
        for each in odd
    ):
        yield finding
    if not odd:
        yield ok("each received fax is mailed once to everybody whom its route names")


async def _plan(at: Installation) -> Plan:
    """Makes the plan from what is at the provider now; changes nothing."""
    return await _plan_from(at, await _services(at))


async def _services(at: Installation) -> dict[str, tuple[ServiceState, ...]]:
    """Reads every account whole.

    Raises:
        FoundError: not everything could be read; half of it would look like drift.
    """
    found: dict[str, tuple[ServiceState, ...]] = {}
    for name, account in at.accounts.items():
        if account.services is not None:
            try:
                found[name] = await account.services()
            except TemporaryError:
                raise FoundError(skipped(f"the services of {name} could not be read: see services")) from None
    if not found:
        raise FoundError(skipped("no account has an e-mail service of its own"))
    return found


async def _plan_from(at: Installation, found: Mapping[str, tuple[ServiceState, ...]]) -> Plan:
    pairs, marks = await _owned(at)
    return make_plan(wanted_mappings(at.routes, at.senders), found, pairs, marks)


async def _owned(at: Installation) -> tuple[frozenset[Pair], Mapping[SettingName, str]]:
    """Reads what is under our care; before the first start that is nothing."""

    def read(tx: Tx) -> tuple[frozenset[Pair], Mapping[SettingName, str]]:
        return stored.owned_pairs(tx), stored.owned_settings(tx)

    if not at.state_directory.is_dir():
        return frozenset(), {}
    try:
        return await read_store(at, read)
    except FoundError:
        raise FoundError(skipped("what is under our care could not be read: see store")) from None


CHECKS: Final[tuple[Callable[[Installation], Findings], ...]] = (mappings, settings, deliveries)
