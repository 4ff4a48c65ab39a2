"""Spoils the gateway: a submission without an answer counts as not sent, and goes again."""

from __future__ import annotations

from gateway.core.model import FaxRequest
from gateway.core.reasons import AmbiguousError, NotSentError
from gateway.providers.sinch.provider import Sinch

_submit = Sinch.submit


async def _never_ambiguous(self: Sinch, fax: FaxRequest) -> str:
    try:
        return await _submit(self, fax)
    except AmbiguousError as error:
        raise NotSentError(error.reason, error.detail) from error


Sinch.submit = _never_ambiguous  # type: ignore[method-assign]
