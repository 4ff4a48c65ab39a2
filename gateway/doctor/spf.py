"""Reads an SPF record, and says what is wrong with it (RFC 7208)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from gateway.doctor.findings import Finding, ok, warning, wrong

_VERSION: Final = re.compile(r"v=spf1(?= |$)", re.IGNORECASE)
_DIRECTIVE: Final = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?![a-z0-9])(.*)", re.IGNORECASE)
_MODIFIER: Final = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE)
#: A domain-spec: visible characters, in which ``%`` only begins a macro (7.1).
_DOMAIN: Final = r"(?:%\{[slodiphcrtv][0-9]*r?[.+,/_=-]*\}|%[%_-]|[!-$&-.0-9:-~])+"
_CIDR: Final = r"(?:/(?:[0-9]|[12][0-9]|3[0-2]))?(?://(?:[0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))?"
_ARGUMENTS: Final = {
    "all": re.compile(""),
    "include": re.compile(f":{_DOMAIN}", re.IGNORECASE),
    "exists": re.compile(f":{_DOMAIN}", re.IGNORECASE),
    "ptr": re.compile(f"(?::{_DOMAIN})?", re.IGNORECASE),
    "a": re.compile(f"(?::{_DOMAIN})?{_CIDR}", re.IGNORECASE),
    "mx": re.compile(f"(?::{_DOMAIN})?{_CIDR}", re.IGNORECASE),
}
_NETWORKS: Final = {"ip4": IPv4Network, "ip6": IPv6Network}
#: Terms that make the receiver ask the DNS, and how many of them it stands (4.6.4).
_ASKING: Final = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
_MOST_ASKING: Final = 10


def judge_spf(domain: str, texts: Sequence[str], smarthost: str) -> Finding:
    """Judges what a domain says about who may send mail in its name.

    Args:
        domain: whose records they are.
        texts: all its TXT records.
        smarthost: the server that sends for us, for the advice.
    """
    records = [text for text in texts if _VERSION.match(text)]
    example = f'For example, if {smarthost} sends all its mail: "v=spf1 {_term_for(smarthost)} -all".'
    if not records:
        return warning(f"{domain} does not say who may send mail in its name", f"Publish an SPF record. {example}")
    if len(records) > 1:
        return wrong(
            f"{domain} has {len(records)} SPF records: receivers take none", "Make one of them (RFC 7208 4.5)."
        )
    (record,) = records
    if faults := list(spf_faults(record)):
        return wrong(f"the SPF record of {domain} has a mistake: {faults[0]}", "Receivers take none of it; mend it.")
    rest = _rest(record)
    if rest == "+":
        return wrong(
            f"the SPF record of {domain} lets everybody send in its name (+all)", f"End it with -all. {example}"
        )
    if rest == "?":
        return warning(
            f"the SPF record of {domain} leaves open who else may send", f"End it with ~all or -all. {example}"
        )
    return ok(f"{domain} says who may send mail in its name")


def _term_for(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return f"a:{host}"
    return f"ip{address.version}:{address}"


def spf_faults(record: str) -> Iterator[str]:
    """Says what is wrong with a record, in words; nothing if a receiver can use it."""
    names = []
    for term in record.split(" ")[1:]:
        if not term:
            continue
        if directive := _DIRECTIVE.fullmatch(term):
            name, argument = directive[2].lower(), directive[3]
            if not _fits(name, argument):
                yield f'"{term}"'
        elif modifier := _MODIFIER.fullmatch(term):
            name = modifier[1].lower()
            if name in ("redirect", "exp") and not re.fullmatch(_DOMAIN, modifier[2], re.IGNORECASE):
                yield f'"{term}"'
            if name in ("redirect", "exp") and name in names:
                yield f"two times {name}="
        else:
            yield f'"{term}"'
            continue
        names.append(name)
    asking = sum(name in _ASKING for name in names)
    if asking > _MOST_ASKING:
        yield f"{asking} terms that ask the DNS, of which {_MOST_ASKING} are allowed"


def _fits(name: str, argument: str) -> bool:
    if name not in _NETWORKS:
        return _ARGUMENTS[name].fullmatch(argument) is not None
    if not argument.startswith(":") or "/" in argument[-1:]:
        return False
    try:
        _NETWORKS[name](argument[1:], strict=False)
    except ValueError:
        return False
    return True


def _rest(record: str) -> str:
    """Tells what becomes of senders that nothing else in the record matches: a qualifier (4.7)."""
    for term in record.split(" ")[1:]:
        directive = _DIRECTIVE.fullmatch(term)
        if directive and directive[2].lower() == "all":
            return directive[1] or "+"
    return "" if "redirect=" in record.lower() else "?"
