"""Spoils the gateway: a submission without an answer counts as not sent, and goes again."""

from __future__ import annotations

from typing import Any

from gateway.core.model import FaxRequest
from gateway.core.reasons import AmbiguousError, NotSentError
from gateway.providers import PROVIDERS


def _spoil(provider: type[Any]) -> None:
    submit = provider.submit

    async def never_ambiguous(self: Any, fax: FaxRequest) -> str:
        try:
            return str(await submit(self, fax))
        except AmbiguousError as error:
            raise NotSentError(error.reason, error.detail) from error

    provider.submit = never_ambiguous


for _each in PROVIDERS.values():
    _spoil(_each)
