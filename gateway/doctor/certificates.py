"""Judges certificates: how long they are good for, and why one is refused. Pure."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.doctor.findings import Finding, counted, ok, warning, wrong

_SOON: Final = timedelta(days=21)
_NOW: Final = timedelta(days=3)

#: What OpenSSL's verification answers (x509_vfy.h), told apart.
_NOT_YET: Final = frozenset({9})
_EXPIRED: Final = frozenset({10})
_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21})
_ANOTHER_NAME: Final = frozenset({62, 64})


def judge_days(place: str, certificate: Mapping[str, Any], now: datetime) -> Finding:
    """Judges how long a certificate that was accepted is good for.

    Args:
        place: whose it is, for people.
        certificate: as ``SSLSocket.getpeercert`` gives it.
        now: the time.
    """
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    left = end - now
    what = f"the certificate of {place} is good for {counted(left.days, 'day')}"
    advice = "Renew it; if that should have happened by itself, look why it did not."
    if left < _NOW:
        return wrong(f"{what} only", advice)
    return warning(f"{what} only", advice) if left < _SOON else ok(what)


def judge_refusal(place: str, error: ssl.SSLError) -> Finding:
    """Says why TLS with a server failed.

    Args:
        place: whose certificate it is, for people.
        error: of the handshake.
    """
    if not isinstance(error, ssl.SSLCertVerificationError):
        what = f"{place} does not speak TLS as expected ({error.reason or type(error).__name__})"
        return wrong(what, "Look whether TLS is switched on at this port.")
    if error.verify_code in _EXPIRED:
        return wrong(f"the certificate of {place} has expired", "Renew it.")
    if error.verify_code in _NOT_YET:
        return wrong(f"the certificate of {place} is not valid yet", "Look at the clocks of both machines.")
    if error.verify_code in _ANOTHER_NAME:
        what = f"the certificate of {place} is for another name"
        return wrong(what, "Use the name that is in it, or get one for this name.")
    if error.verify_code in _UNTRUSTED:
        what = f"the certificate of {place} comes from nobody whom this machine trusts"
        advice = "If a public authority issued it, the server has to send the whole chain (fullchain.pem)."
        return wrong(what, advice)
    return wrong(f"the certificate of {place} is refused: {error.verify_message}", "Get a new one.")
