"""Rules between keys, which no value alone can break. Each check gives the places and what is wrong there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from gateway.config.places import Path
from gateway.config.sections import (
    AccountRuleSettings,
    CanarySettings,
    GatewaySettings,
    HealthSettings,
    MappingsSettings,
    ReceivedSettings,
    RouteSettings,
    SenderSettings,
    SmarthostSettings,
    SmtpSettings,
    TimingSettings,
    WebSettings,
)
from gateway.config.values import HostPort, is_loopback, shown

Findings = Iterator[tuple[Path, str]]

_ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not bound


def check_together(sections: Mapping[str, Any]) -> Findings:
    """Runs each check whose sections are all valid by themselves.

    Args:
        sections: by name; ``senders`` and ``routes`` map index to entry; ``account_names`` are those of the
            file, because an account with a mistake in it is not an unknown one.
    """
    for check, *names in _CHECKS:
        if all(name in sections for name in names):
            yield from check(*(sections[name] for name in names))


def _accounts_exist(senders: Mapping[int, SenderSettings], accounts: Collection[str]) -> Findings:
    choice = ", ".join(accounts)
    for index, sender in senders.items():
        if sender.account is None and len(accounts) > 1:
            yield ("senders", index, "account"), f"is missing: there are several accounts ({choice})"
        elif sender.account is not None and sender.account not in accounts:
            what = f"no provider account is named {shown(sender.account)}"
            yield ("senders", index, "account"), f"{what} (accepted: {choice})"


def _rules_name_accounts(rules: Mapping[int, AccountRuleSettings], accounts: Collection[str]) -> Findings:
    choice = ", ".join(accounts)
    for index, rule in rules.items():
        for place, account in enumerate(rule.accounts):
            path: Path = ("account_rules", index, "accounts", place)
            if account not in accounts:
                yield path, f"no provider account is named {shown(account)} (accepted: {choice})"
            elif account in rule.accounts[:place]:
                yield path, f"{account} is listed twice"


def _rules_have_a_chance(rules: Mapping[int, AccountRuleSettings]) -> Findings:
    open_to_all = [index for index, rule in rules.items() if rule.sender is None and rule.number is None]
    for index in rules:
        if open_to_all and index > open_to_all[0]:
            yield ("account_rules", index), "never comes into play: a rule before it fits every fax"


def _senders_are_different(senders: Mapping[int, SenderSettings]) -> Findings:
    for index in _repeated({index: sender.address.lower() for index, sender in senders.items()}):
        yield ("senders", index, "address"), f"{senders[index].address} is listed twice"


def _numbers_are_different(routes: Mapping[int, RouteSettings]) -> Findings:
    for index in _repeated({index: route.number for index, route in routes.items()}):
        yield ("routes", index, "number"), f"{routes[index].number} has a route already"


def _senders_are_outside(gateway: GatewaySettings, senders: Mapping[int, SenderSettings]) -> Findings:
    for index, sender in senders.items():
        if sender.address.endswith(f"@{gateway.domain}"):
            what = f"{sender.address} is at the gateway's own domain, from which nobody may fax"
            yield ("senders", index, "address"), what


def _operator_is_outside(gateway: GatewaySettings) -> Findings:
    yield from _outside(gateway, ("gateway", "operator"), gateway.operator)


def _fallback_is_outside(gateway: GatewaySettings, received: ReceivedSettings) -> Findings:
    yield from _outside(gateway, ("received", "fallback"), received.fallback)


def _routes_lead_outside(gateway: GatewaySettings, routes: Mapping[int, RouteSettings]) -> Findings:
    for index, route in routes.items():
        for place, address in enumerate(route.addresses):
            yield from _outside(gateway, ("routes", index, "addresses", place), address)


def _outside(gateway: GatewaySettings, path: Path, address: str) -> Findings:
    if address.endswith(f"@{gateway.domain}"):
        yield path, f"{address} is at the gateway's own domain: its mail would come back as a fax, in a loop"


def _networks_are_not_everybody(smtp: SmtpSettings) -> Findings:
    for index, network in enumerate(smtp.allowed_networks):
        if network.prefixlen == 0:
            what = f"{network} is the whole Internet: any host could fax at your cost"
            yield ("smtp", "allowed_networks", index), what


def _listeners_are_different(smtp: SmtpSettings, web: WebSettings, health: HealthSettings) -> Findings:
    listeners: dict[Path, HostPort] = {("smtp", "listen", i): where for i, where in enumerate(smtp.listen)}
    listeners[("web", "listen")] = web.listen
    listeners[("health", "listen")] = health.listen
    taken: list[HostPort] = []
    for path, where in listeners.items():
        if any(_clash(where, other) for other in taken):
            yield path, f"{where} is taken by another listener of this file"
        taken.append(where)


def _clash(one: HostPort, other: HostPort) -> bool:
    same_host = one.host == other.host or not _ANYWHERE.isdisjoint({one.host, other.host})
    return one.port == other.port and same_host


def _health_stays_here(health: HealthSettings) -> Findings:
    if not health.listen.is_loopback:
        what = f"{health.listen} can be reached from outside; it answers without a password"
        yield ("health", "listen"), f"{what} (accepted: an address of loopback such as 127.0.0.1:8026)"


def _log_in_is_complete(smarthost: SmarthostSettings) -> Findings:
    password = bool(smarthost.password.get_secret_value())
    if smarthost.username and not password:
        yield ("smarthost", "password"), "is missing: username needs password_file (or password)"
    if password and not smarthost.username:
        yield ("smarthost", "username"), "is missing: there is a password"
    if smarthost.username and smarthost.tls == "none" and not is_loopback(smarthost.host):
        what = 'expected "starttls" or "implicit": a password is not sent without TLS'
        yield ("smarthost", "tls"), what


def _pages_never_travel_in_clear(smarthost: SmarthostSettings) -> Findings:
    if smarthost.tls == "none" and not smarthost.username and not is_loopback(smarthost.host):
        what = f'expected "starttls" or "implicit": {smarthost.host} is another machine, and mails carry received faxes'
        yield ("smarthost", "tls"), what


def _smarthost_is_another(smtp: SmtpSettings, smarthost: SmarthostSettings) -> Findings:
    here = [where for where in smtp.listen if where.port == smarthost.port]
    if here and is_loopback(smarthost.host):
        yield (
            ("smarthost", "port"),
            f"{smarthost.host}:{smarthost.port} is this gateway itself: mail would go in a loop",
        )


def _search_times_grow(timing: TimingSettings) -> Findings:
    times = timing.search_times
    if list(times) != sorted(set(times)):
        yield ("timing", "search_times"), "expected growing times, each counted from the submission"


def _provider_knows_single_addresses(senders: Mapping[int, SenderSettings]) -> Findings:
    for index, sender in senders.items():
        if sender.accepted_by == "both" and sender.address.startswith("@"):
            what = f'expected "gateway": a provider knows single addresses, not all of {sender.address}'
            yield ("senders", index, "accepted_by"), what


def _mappings_are_looked_after(mappings: MappingsSettings, routes: Mapping[int, RouteSettings]) -> Findings:
    for index, route in routes.items():
        if route.delivered_by == "provider" and mappings.mode == "off":
            what = 'expected "gateway" or "both": mode of [mappings] is "off", so nobody sees when it stops delivering'
            yield ("routes", index, "delivered_by"), what


def _own_fax_is_whole(canary: CanarySettings) -> Findings:
    for key, other in (("own_fax_from", "own_fax_to"), ("own_fax_to", "own_fax_from")):
        if getattr(canary, key) is None and getattr(canary, other) is not None:
            yield ("canary", key), f"is missing: {other} needs it"
    if canary.own_fax_from is not None and canary.own_fax_from == canary.own_fax_to:
        yield ("canary", "own_fax_to"), "is the number that calls; it is busy then"


def _own_fax_is_from_a_sender(canary: CanarySettings, senders: Mapping[int, SenderSettings]) -> Findings:
    known = {sender.caller_id for sender in senders.values()}
    if canary.own_fax_from is not None and canary.own_fax_from not in known:
        yield ("canary", "own_fax_from"), f"{canary.own_fax_from} is the caller_id of no sender"


def _repeated(values: Mapping[int, str]) -> Iterator[int]:
    seen: set[str] = set()
    for index, value in values.items():
        if value in seen:
            yield index
        seen.add(value)


_CHECKS: Final[tuple[tuple[Any, ...], ...]] = (
    (_accounts_exist, "senders", "account_names"),
    (_rules_name_accounts, "account_rules", "account_names"),
    (_rules_have_a_chance, "account_rules"),
    (_senders_are_different, "senders"),
    (_senders_are_outside, "gateway", "senders"),
    (_operator_is_outside, "gateway"),
    (_fallback_is_outside, "gateway", "received"),
    (_provider_knows_single_addresses, "senders"),
    (_numbers_are_different, "routes"),
    (_mappings_are_looked_after, "mappings", "routes"),
    (_routes_lead_outside, "gateway", "routes"),
    (_networks_are_not_everybody, "smtp"),
    (_listeners_are_different, "smtp", "web", "health"),
    (_health_stays_here, "health"),
    (_log_in_is_complete, "smarthost"),
    (_pages_never_travel_in_clear, "smarthost"),
    (_smarthost_is_another, "smtp", "smarthost"),
    (_own_fax_is_whole, "canary"),
    (_own_fax_is_from_a_sender, "canary", "senders"),
    (_search_times_grow, "timing"),
)
