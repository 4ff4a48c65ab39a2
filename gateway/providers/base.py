"""What the gateway asks of a fax provider, and how a provider reports failure.

A provider is one folder: `client.py` speaks their HTTP, `words.py` translates their words, `provider.py` keeps this
contract. Every method raises only what its docstring names; anything else is a bug and holds the row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Protocol

from gateway.core.model import Attempt, FaxEvent, FaxReport, FaxRequest, Found


class UnknownFaxError(Exception):
    """The provider answered, and does not know a fax with this id."""


class NoDocumentError(Exception):
    """The provider knows the fax and has no document for it (yet, or any more)."""


class BadEventError(Exception):
    """A webhook body that cannot be read as an event; the message says why, without page content."""


class FaxProvider(Protocol):
    """The contract that every provider keeps and the contract suite tests."""

    #: The name of this provider account in the configuration; rows carry it.
    account: str

    async def submit(self, fax: FaxRequest) -> str:
        """Hands one fax over and returns the provider's fax id. Safe to repeat: no.

        Raises:
            NotSentError: provably nothing was accepted (refused connection, DNS, TLS handshake, 429).
            PermanentError: the provider refused the request; no fax exists.
            AccountError: the account is in trouble (401, 402, 403, wrong service); no fax exists.
            AmbiguousError: everything else after the first byte: it may have been accepted.
        """

    async def find(self, attempt: Attempt, number: str, fresh_after: datetime) -> Found:
        """Looks for a fax with this attempt's reference. Safe to repeat: yes.

        NOT_THERE is answered only if the list shows an outbound fax created after ``fresh_after``; without such
        proof of freshness the answer is CANNOT_TELL.

        Raises:
            TemporaryError, AccountError: the provider could not be asked.
        """

    async def send_marker(self, reference: str) -> None:
        """Sends one small page to the provider's free test number: its visibility proves that a list is fresh.

        Safe to repeat: costs nothing. Does nothing where the provider has no free test number.

        Raises:
            GatewayError: it could not be sent; the search goes on without it.
        """

    async def report(self, provider_fax_id: str) -> FaxReport:
        """Asks how one fax went, either direction. Safe to repeat: yes.

        Raises:
            UnknownFaxError: the provider does not know this id.
            TemporaryError, AccountError: the provider could not be asked.
        """

    async def fetch_document(self, provider_fax_id: str) -> bytes:
        """Downloads the pages of a fax as PDF. Safe to repeat: yes.

        Raises:
            NoDocumentError: the provider has no document for it (yet).
            UnknownFaxError: the provider does not know this id.
            TemporaryError, AccountError: the provider could not be asked, or the download broke.
        """

    def list_inbound(self, since: datetime) -> AsyncIterator[FaxReport]:
        """Yields every received fax of our services created at or after ``since``, any order. Safe to repeat: yes.

        Raises:
            TemporaryError, AccountError: the provider could not be asked; what was yielded so far is true.
        """

    def serves(self, report: FaxReport) -> bool:
        """Says whether a received fax belongs to one of the services that the configuration names."""

    def parse_webhook(self, content_type: str, body: bytes) -> list[FaxEvent]:
        """Reads a webhook body into hints. Pure; unknown events give an empty list.

        Raises:
            BadEventError: the body is no event at all.
        """

    def authentic(self, headers: Mapping[str, str]) -> bool:
        """Compares the webhook's credentials with ours in constant time. Pure."""

    async def close(self) -> None:
        """Gives its connections back. Safe to repeat: yes."""
