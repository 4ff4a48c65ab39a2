"""What the world finds about our names in the DNS."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from gateway.doctor.dkim import judge_key
from gateway.doctor.findings import Findings, listed, ok, skipped, warning, wrong
from gateway.doctor.installation import Installation
from gateway.doctor.lookups import addresses_of, exchangers_of, texts_of, upwards
from gateway.doctor.spf import judge_spf


async def public_name(at: Installation) -> Findings:
    """The host of ``public_url`` has an address, and one that the provider can reach."""
    host = urlsplit(at.public_url).hostname or ""
    addresses = await addresses_of(at.resolver, host)
    if not addresses:
        advice = "Publish an A or AAAA record for it, or mend [web] public_url."
        yield wrong(f"{host} has no address in the DNS: no webhook can reach us", advice)
        return
    inside = [address for address in addresses if not ip_address(address).is_global]
    if addresses == [host] and inside:
        yield warning(f"{host} cannot be reached from the Internet", "Right only for trials on one machine.")
    elif inside:
        what = f"{host} leads to {listed(inside)}, which cannot be reached from the Internet"
        yield warning(what, "Right only if the provider's view of the DNS differs from the one here.")
    else:
        yield ok(f"{host} leads to {listed(addresses)}")


async def mx(at: Installation) -> Findings:
    """Mail to the fax domain finds a server."""
    domain = at.fax_domain
    exchangers = await exchangers_of(at.resolver, domain)
    if not exchangers:
        yield warning(f"{domain} has no MX record", "Fine if your mail server routes the domain to faxgw by itself.")
    elif exchangers == [""]:
        what = f"{domain} says that it takes no mail (null MX, RFC 7505)"
        yield warning(what, "Fine if your mail server routes the domain to faxgw by itself.")
    else:
        lost = [host for host in exchangers if not await addresses_of(at.resolver, host)]
        for host in lost:
            advice = "Give it an address, or take it out of the MX record."
            yield wrong(f"{domain} sends its mail to {host}, which has no address", advice)
        if not lost:
            yield ok(f"mail to {domain} goes to {listed(exchangers)}; route it from there to faxgw")


async def spf(at: Installation) -> Findings:
    """Our domains say who may send in their name."""
    for domain in dict.fromkeys((at.fax_domain, at.from_domain)):
        yield judge_spf(domain, await texts_of(at.resolver, domain), at.smarthost.host)


async def dkim(at: Installation) -> Findings:
    """The key with which the smarthost signs our mails is published."""
    if at.dkim_selector is None:
        advice = "If the smarthost signs our mails, set [smarthost] dkim_selector and its key is looked at."
        yield skipped("nobody said under which name the smarthost's key is published", advice)
        return
    # A key of a parent domain is as good: relaxed alignment wants the same organisational domain (RFC 9989 4.4.1).
    for domain in upwards(at.from_domain):
        name = f"{at.dkim_selector}._domainkey.{domain}"
        if texts := await texts_of(at.resolver, name):
            yield judge_key(name, texts)
            return
    name = f"{at.dkim_selector}._domainkey.{at.from_domain}"
    yield wrong(f"no key is published at {name}", "Publish the smarthost's public key there, or mend dkim_selector.")


async def dmarc(at: Installation) -> Findings:
    """Receivers are told what to do with mail that only claims to be ours (RFC 9989)."""
    for domain in upwards(at.from_domain):
        texts = await texts_of(at.resolver, f"_dmarc.{domain}")
        policies = [text for text in texts if text.replace(" ", "").startswith("v=DMARC1")]
        if len(policies) > 1:
            advice = "Make one of them; receivers take none of several."
            yield wrong(f"_dmarc.{domain} has {len(policies)} DMARC records", advice)
            return
        if policies:
            yield ok(f"{at.from_domain} is covered by the DMARC record of {domain}")
            return
    what = f"{at.from_domain} has no DMARC record: large receivers may treat our mails as spam"
    yield warning(what, f'Publish one at _dmarc.{at.from_domain}, to begin with "v=DMARC1; p=none".')


CHECKS: Final[tuple[Callable[[Installation], Findings], ...]] = (public_name, mx, spf, dkim, dmarc)
