"""What the gateway asks of a fax provider, and how a provider reports failure.

A provider is one folder (docs/adding-a-provider.md): one part speaks their HTTP, one translates their words, and
`provider.py` keeps this contract. Every method raises only what its docstring names; anything else is a bug and holds
the row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

from gateway.core.model import (
    Attempt,
    FaxEvent,
    FaxReport,
    FaxRequest,
    Found,
    Permission,
    ServiceState,
)


class UnknownFaxError(Exception):
    """The provider answered, and does not know a fax with this id."""


class NoDocumentError(Exception):
    """The provider knows the fax and has no document for it (yet, or any more)."""


class BadEventError(Exception):
    """A webhook body that cannot be read as an event; the message says why, without page content."""


class MappingConflictError(Exception):
    """The provider's mappings are not what a change assumed (404, 409, 412 ...): read again, then decide again."""


class FaxProvider(Protocol):
    """The contract that every provider keeps and the contract suite tests."""

    #: The name of this provider account in the configuration; rows carry it.
    account: str
    #: Who it is at the provider, whatever its name here: the kind, and the project or user. No secret.
    identity: str

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


@runtime_checkable
class KeepsMappings(Protocol):
    """An optional ability: the provider mails received faxes, and takes mails to be faxed, by a table of its own.

    Every change is safe to repeat. An answer that got lost is a TemporaryError: reading again tells.
    """

    #: The name of this provider account in the configuration.
    account: str

    async def read_services(self, webhook_url: str) -> tuple[ServiceState, ...]:
        """Reads every configured service whole: numbers, mappings, settings. Safe to repeat: yes.

        Args:
            webhook_url: ours for this account, without credentials; the wanted settings follow from it.

        Raises:
            TemporaryError, AccountError: something could not be read; half a table is never answered.
        """

    async def read_address(self, service: str, address: str) -> dict[str, Permission] | None:
        """Reads the numbers of one address as they are now; None if the service does not know the address.

        Raises:
            TemporaryError, AccountError: it could not be read.
        """

    async def add_address(self, service: str, address: str, numbers: Mapping[str, Permission]) -> None:
        """Makes an address with these numbers, at least one.

        Raises:
            MappingConflictError: it may exist already.
            PermanentError, TemporaryError, AccountError: it was refused, or nobody knows.
        """

    async def set_numbers(self, service: str, address: str, numbers: Mapping[str, Permission]) -> None:
        """Replaces all numbers of an address that exists; what is not in ``numbers`` is gone afterwards.

        Raises:
            MappingConflictError: the address does not exist, or changed meanwhile.
            PermanentError, TemporaryError, AccountError: it was refused, or nobody knows.
        """

    async def remove_address(self, service: str, address: str) -> None:
        """Removes an address with all its numbers; one that is gone already is as good.

        Raises:
            PermanentError, TemporaryError, AccountError: it was refused, or nobody knows.
        """

    async def change_settings(self, service: str, names: Collection[str], webhook_url: str) -> None:
        """Sets the named settings of a service to what our configuration needs, credentials included.

        Raises:
            PermanentError, TemporaryError, AccountError: it was refused, or nobody knows.
        """


@runtime_checkable
class TestsItself(Protocol):
    """An optional ability: the provider can be tried out for nothing, which the canary does each night."""

    #: The name of this provider account in the configuration.
    account: str

    async def send_test_fax(self, reference: str, callback_url: str) -> str:
        """Sends one small page to the provider's free test number, with a callback; answers the fax id.

        Raises:
            GatewayError: as `FaxProvider.submit`.
        """

    def event_about(self, report: FaxReport) -> tuple[dict[str, str], bytes]:
        """Builds headers and body of the webhook that this provider would send about a fax, without its pages. Pure."""
