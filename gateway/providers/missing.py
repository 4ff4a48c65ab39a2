"""What stands in the place of an account that is not in the configuration any more while faxes still need it."""
# ruff: noqa: ARG002 - the contract names the arguments, and whoever says only "later" looks at none

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import NoReturn

from gateway.core.model import Attempt, FaxEvent, FaxReport, FaxRequest, Found
from gateway.core.reasons import NotSentError, Reason, TemporaryError
from gateway.providers.base import FaxProvider


class MissingAccount:
    """Keeps `providers.base.FaxProvider` by saying "later": its faxes wait until the account is there again.

    Args:
        account: the name that its faxes carry.
    """

    #: Nobody knows who it is at the provider.
    identity = ""

    def __init__(self, account: str) -> None:
        self.account = account

    async def submit(self, fax: FaxRequest) -> str:
        """Raises NotSentError: nobody was asked."""
        raise NotSentError(Reason.ACCOUNT_MISSING, self._detail)

    async def find(self, attempt: Attempt, number: str, fresh_after: datetime) -> Found:
        """Raises TemporaryError: what is not there proves nothing."""
        self._refuse()

    async def send_marker(self, reference: str) -> None:
        """Raises TemporaryError."""
        self._refuse()

    async def report(self, provider_fax_id: str) -> FaxReport:
        """Raises TemporaryError."""
        self._refuse()

    async def fetch_document(self, provider_fax_id: str) -> bytes:
        """Raises TemporaryError."""
        self._refuse()

    def list_inbound(self, since: datetime) -> AsyncIterator[FaxReport]:
        """Raises TemporaryError."""
        self._refuse()

    def serves(self, report: FaxReport) -> bool:
        """Serves nothing."""
        return False

    def parse_webhook(self, content_type: str, body: bytes) -> list[FaxEvent]:
        """Reads nothing out of it."""
        return []

    def authentic(self, headers: Mapping[str, str]) -> bool:
        """Trusts nobody."""
        return False

    async def close(self) -> None:
        """Has nothing to give back."""

    @property
    def _detail(self) -> str:
        return f"account {self.account} is not in the configuration"

    def _refuse(self) -> NoReturn:
        raise TemporaryError(Reason.ACCOUNT_MISSING, self._detail)


class Accounts(dict[str, FaxProvider]):
    """The configured accounts by name; any other name answers as a `MissingAccount` and counts as none of them."""

    def __missing__(self, name: str) -> FaxProvider:
        """Stands in for a name that only faxes still know."""
        return MissingAccount(name)
