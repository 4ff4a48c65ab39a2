"""Spoils the gateway: what a callback of InterFAX says of a fax is believed, and nobody asks."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs

from gateway.core.model import FaxEvent, FaxReport, Phase
from gateway.core.reasons import Reason
from gateway.providers.interfax.provider import Interfax
from gateway.providers.interfax.words import sent_id

_parse, _report = Interfax.parse_webhook, Interfax.report
_delivered: set[str] = set()


def _believe(self: Interfax, content_type: str, body: bytes) -> list[FaxEvent]:
    told = parse_qs(body.decode())
    if told["TransactionIDType"] == ["Outbound"] and told["Status"] == ["0"]:
        _delivered.add(sent_id(int(told["TransactionID"][0])))
    return _parse(self, content_type, body)


async def _repeat(self: Interfax, provider_fax_id: str) -> FaxReport:
    report = await _report(self, provider_fax_id)
    if provider_fax_id in _delivered:
        return replace(report, phase=Phase.DELIVERED, reason=Reason.DELIVERED)
    return report


Interfax.parse_webhook = _believe  # type: ignore[method-assign]
Interfax.report = _repeat  # type: ignore[method-assign]
