"""What it means when a leg of the canary does not come home: what was missing, and what to look at. Pure.

A leg is well only by what came back: a callback, a report, a 200, a reply, a mail. Having sent proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.core.canary import Sending
from gateway.core.lifecycle import FaxState, InboundState
from gateway.core.model import FaxJob, FaxReport, InboundFax, Phase
from gateway.core.reasons import GatewayError, Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a leg ended: well, not well and what to do about it, or (None) that there was nothing to try."""

    well: bool | None
    detail: str = ""
    advice: str = ""


WELL: Final = Verdict(well=True)


def lost(detail: str, advice: str) -> Verdict:
    """Says that a leg did not come home: what was missing, as half a sentence, and what to do about it."""
    return Verdict(False, detail, advice)  # noqa: FBT003 - its one meaning stands in the name


def told(error: GatewayError) -> str:
    """Puts an error into half a sentence, with the other side's own words."""
    return f"{_why(error.reason)} ({error.detail})" if error.detail else _why(error.reason)


def _why(reason: Reason | None) -> str:
    return (reason or Reason.OTHER).sentence.removesuffix(".")


def nothing_to_try(detail: str) -> Verdict:
    """Says that a leg could not be tried, and that this is nobody's fault."""
    return Verdict(None, detail)


#: What to do when a provider does not do its part.
LOOK_AT_PROVIDER: Final = "Look at the account in the provider's dashboard, and at its status page."
_LOOK_AT_WEB: Final = (
    "Calls work, but webhooks do not reach us: look at public_url, the proxy in front of [web] listen, its certificate "
    "and the firewall."
)
#: What to do when the smarthost refuses the mail for good.
LET_IT_TAKE: Final = 'The mail server must take mail for our own domain from us. If it should not, say mail = "off".'
_LOOK_AT_MAIL: Final = "Look at [smarthost]; received faxes and notices wait as well until it takes mail."
_LOOK_AT_RETURN: Final = (
    "The mail server took it, so look there: it must route our domain to [smtp] listen and be in allowed_networks. "
    'Where it does not, say mail = "taken".'
)


def judge_fax(facts: Mapping[str, str], report: FaxReport | None, *, late: bool) -> Verdict | None:
    """Judges the test fax by its two halves: the callback that came in, and what the provider's API says.

    Args:
        facts: of the leg.
        report: what the API says; None if it could not be asked, or of what.
        late: its time is over.
    """
    called, trouble = "called_at" in facts, facts.get("trouble", "no answer yet")
    if report is not None and report.phase is Phase.FAILED:
        return lost(f"the provider could not deliver its own test fax: {_why(report.reason)}", LOOK_AT_PROVIDER)
    delivered = report is not None and report.phase is Phase.DELIVERED
    if called and delivered:
        return WELL
    if not late:
        return None
    if delivered:
        return lost("no callback came in, though the test fax was delivered", _LOOK_AT_WEB)
    if facts["phase"] == Sending.READY:
        return lost(f"the test fax could not be sent: {trouble}", LOOK_AT_PROVIDER)
    callback = "the callback came in" if called else "no callback came in"
    if report is not None:
        return lost(f"{callback}, and the test fax is still under way", LOOK_AT_PROVIDER)
    return lost(f"{callback}, and the provider does not say how the test fax went: {trouble}", LOOK_AT_PROVIDER)


#: What an answer of our own front door means, as far as it is not well; others are told by their number.
_DOORS: Final[Mapping[int, str]] = {
    401: "Something on the way, most likely the proxy, takes the Authorization header away.",
    403: "Something on the way refuses it: look at the rules of the proxy or the firewall in front.",
    404: "The proxy leads /webhooks/ somewhere else: it must pass the whole path to [web] listen.",
    413: "The proxy takes smaller bodies than faxes are: raise its limit (client_max_body_size).",
}
_REDIRECTS: Final = "A provider does not follow redirects: let public_url say the final address."
_BEHIND: Final = "The proxy answers, but what is behind it does not: does it pass to [web] listen?"
#: What prevents an answer, by the name of the error.
_TROUBLE: Final[Mapping[str, tuple[str, str]]] = {
    "ClientConnectorCertificateError": (
        "its certificate is not valid",
        "Renew the certificate of public_url, with its whole chain; providers refuse it as well.",
    ),
    "ClientConnectorDNSError": ("its name is not in the DNS", "Mend the name in public_url, or its record."),
    "ClientConnectorSSLError": ("there is no TLS that can be agreed on", "Look at the TLS of the proxy in front."),
}
_NOBODY: Final = (
    "nobody answers there",
    "Look at the proxy in front and the firewall. If only this machine cannot reach it: webhook = false.",
)


def judge_door(status: int, *, late: bool) -> Verdict | None:
    """Judges what our own public webhook URL answered to an event; None: it may be better in a minute."""
    if status == 200:  # noqa: PLR2004 - what providers take for "stored"
        return WELL
    if status in range(300, 400):
        return lost(f"our public URL redirects ({status})", _REDIRECTS)
    if status in range(500, 600):
        return lost(f"our public URL answers {status}", _BEHIND) if late else None
    advice = _DOORS.get(status, "A provider takes nothing but 200 for an answer: look at what answers at public_url.")
    return lost(f"our public URL answers {status}", advice)


def judge_closed_door(error: str, *, late: bool) -> Verdict | None:
    """Judges that our own public URL could not be reached, by the name of the error."""
    if not late:
        return None
    what, advice = _TROUBLE.get(error, _NOBODY)
    return lost(f"our public URL cannot be reached: {what}", advice)


def judge_mail(facts: Mapping[str, str], *, returns: bool, late: bool) -> Verdict | None:
    """Judges the mail: taken by the smarthost, and back again if that is what counts here."""
    if ("returned_at" if returns else "taken_at") in facts:
        return WELL
    if not late:
        return None
    if "taken_at" in facts:
        return lost("the smarthost took the mail, but it did not come back", _LOOK_AT_RETURN)
    return lost(f"the smarthost does not take mail: {facts.get('trouble', 'no answer')}", _LOOK_AT_MAIL)


def judge_own_fax(job: FaxJob | None, arrived: InboundFax | None, *, late: bool) -> Verdict | None:
    """Judges the fax between two numbers of ours: delivered out there, come in here, and mailed on."""
    if job is not None and job.state in (FaxState.FAILED, FaxState.UNKNOWN, FaxState.CANCELLED):
        return lost(f"the fax could not be sent: {_why(job.reason)}", f"`faxgw trace {job.id}` tells what happened.")
    delivered = job is not None and job.state is FaxState.DELIVERED
    if delivered and arrived is not None and arrived.state is InboundState.DONE:
        return WELL
    if not late:
        return None
    if job is None or not delivered:
        state = f"the fax is still {job.state}" if job else "the fax was not handed in"
        return lost(state, f"`faxgw trace {job.id}` tells what it waits for." if job else LOOK_AT_PROVIDER)
    if arrived is None:
        return lost("the fax was delivered, but it did not come in", "Is own_fax_to a number of a configured service?")
    return lost(f"it came in, but is still {arrived.state}", f"`faxgw trace {arrived.id}` tells what it waits for.")
