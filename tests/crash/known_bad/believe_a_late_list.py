"""Spoils the gateway: what a list of InterFAX does not show is not there, however old the list may be."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.core.model import Attempt, Found
from gateway.providers.interfax.provider import Interfax

_find = Interfax.find


async def _without_proof(self: Interfax, attempt: Attempt, number: str, _fresh_after: datetime) -> Found:
    return await _find(self, attempt, number, datetime.min.replace(tzinfo=UTC))


Interfax.find = _without_proof  # type: ignore[method-assign]
