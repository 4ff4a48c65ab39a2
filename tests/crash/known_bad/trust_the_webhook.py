"""Spoils the gateway: what a webhook told is believed where the provider knows nothing of it."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.core.model import FaxReport, Phase
from gateway.providers.base import UnknownFaxError
from gateway.providers.sinch.provider import Sinch

_report = Sinch.report


async def _believe(self: Sinch, provider_fax_id: str) -> FaxReport:
    try:
        return await _report(self, provider_fax_id)
    except UnknownFaxError:
        return FaxReport(
            provider_fax_id=provider_fax_id,
            phase=Phase.DELIVERED,
            inbound=True,
            number="+12025550100",
            caller=None,
            pages=None,
            created_at=datetime.now(UTC),
        )


Sinch.report = _believe  # type: ignore[method-assign]
