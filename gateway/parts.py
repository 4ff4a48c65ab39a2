"""Everything that follows from the configuration, built from it in one place and replaced as a whole by a reload."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from gateway.canary import Canary
from gateway.config import Config
from gateway.core.ids import ENTROPY_BYTES, MAIL, make_id
from gateway.core.model import Fate, LedgerEntry
from gateway.core.notices import MailSettings
from gateway.core.refusal import Refusal
from gateway.email_to_fax import EmailToFax, Rendered
from gateway.fax_to_email import FaxToEmail, RouteTiming
from gateway.mail.smarthost import Smarthost
from gateway.outgoing_mail import MailIdentity, OutgoingMail
from gateway.providers import PROVIDERS
from gateway.providers.http import HttpClient
from gateway.providers.missing import Accounts
from gateway.reconcile import Reconcile
from gateway.render.sandbox import Sandbox
from gateway.settle_accounts import SettleAccounts
from gateway.smtp.limits import SmtpLimits
from gateway.store.opening import Store
from gateway.store.outcomes import Outcomes
from gateway.web.webhooks import WebhookAccount, WebhookDesk

_REQUEST_TIMEOUT: Final = timedelta(seconds=60)
#: A submission is up to four requests: token, fax, and both again when the token has just expired.
_SUBMIT_LEASE: Final = timedelta(minutes=5)
#: A fax that the provider should have mailed waits for so many turns of the comparison that proves it.
_TURNS_WAITED: Final = 3
_MAKE_DOCUMENT: Final = "gateway.message_to_document:make_document"
_INSPECT_RECEIVED: Final = "gateway.message_to_document:inspect_received"


def now() -> datetime:
    """The wall clock, aware. Nothing below this file calls it by itself."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One configuration and what was built from it: nothing in here changes, a reload builds another one."""

    config: Config
    providers: Accounts
    outcomes: Outcomes
    email_to_fax: EmailToFax
    fax_to_email: FaxToEmail
    outgoing_mail: OutgoingMail
    reconcile: Reconcile
    canary: Canary
    settle_accounts: SettleAccounts

    @property
    def smtp_limits(self) -> SmtpLimits:
        """Gives what SMTP clients may take."""
        smtp = self.config.smtp
        return SmtpLimits(max_message_size=smtp.max_message_size, max_connections=smtp.max_connections)

    @property
    def webhook_desk(self) -> WebhookDesk:
        """Gives what webhooks are handed to."""
        accounts = {
            name: WebhookAccount(provider, self.config.accounts[name].webhook_path_secret.get_secret_value())
            for name, provider in self.providers.items()
        }
        return WebhookDesk(accounts, self.email_to_fax, self.fax_to_email, self.canary, self.config.web.max_body)

    async def close(self) -> None:
        """Closes the connections to providers and to ourselves. Safe to repeat."""
        await asyncio.gather(self.canary.http.close(), *(provider.close() for provider in self.providers.values()))


def has_room(email_to_fax: EmailToFax) -> bool:
    """Says whether a message can be accepted now."""
    try:
        email_to_fax.room_for(None)
    except Refusal:
        return False
    return True


def build_parts(config: Config, store: Store, sandbox: Sandbox, running_since: datetime) -> Parts:
    """Builds every story and what it needs. Opens nothing and starts nothing.

    Args:
        config: the checked configuration.
        store: open.
        sandbox: where hostile documents are opened.
        running_since: when this process began.
    """
    providers, outcomes, pages = _providers(config), _outcomes(config), _Pages(config, sandbox)
    smarthost = _smarthost(config)

    def callback_url(account: str, reference: str) -> str:
        if account not in config.accounts:
            return ""  # nobody is asked to call back: it is a MissingAccount
        return f"{config.webhook_url(account)}?ref={reference}"

    email_to_fax = EmailToFax(
        store=store.database,
        documents=store.documents,
        providers=providers,
        rules=config.access_rules,
        timing=config.fax_timing,
        outcomes=outcomes,
        make_document=pages.make,
        look=config.gateway.paper,
        callback_url=callback_url,
        submit_lease=_SUBMIT_LEASE,
        request_timeout=_REQUEST_TIMEOUT,
        largest_message=config.smtp.max_message_size,
        clock=now,
        entropy=secrets.token_bytes,
        account_rules=config.account_rules,
    )
    fax_to_email = FaxToEmail(
        store=store.database,
        documents=store.documents,
        providers=providers,
        routes=config.routes,
        fallback=config.received.fallback,
        timing=_route_timing(config),
        outcomes=outcomes,
        count_pages=pages.count,
        clock=now,
        entropy=secrets.token_bytes,
    )
    outgoing_mail = OutgoingMail(
        store=store.database,
        documents=store.documents,
        next_hop=smarthost,
        identity=MailIdentity(config.gateway.domain, config.hostname, config.from_address, config.received.fallback),
        outcomes=outcomes,
        delays=config.timing.mail_delays,
        clock=now,
    )
    reconcile = Reconcile(
        store=store.database,
        providers=providers,
        routes=config.routes,
        senders=config.senders,
        mode=config.mappings.mode,
        webhook_url=config.webhook_url,
        outcomes=outcomes,
        clock=now,
        sleep=asyncio.sleep,
    )
    canary = Canary(
        store=store.database,
        documents=store.documents,
        providers=providers,
        senders=config.senders,
        plan=config.canary_plan,
        next_hop=smarthost,
        http=HttpClient(requests_per_second=1, timeout=_REQUEST_TIMEOUT.total_seconds()),
        outcomes=outcomes,
        domain=config.gateway.domain,
        hostname=config.hostname,
        callback_url=callback_url,
        webhook_url=config.webhook_url,
        has_room=lambda: has_room(email_to_fax),
        running_since=running_since,
        clock=now,
        entropy=secrets.token_bytes,
    )
    settle_accounts = SettleAccounts(
        store=store.database,
        identities={name: provider.identity for name, provider in providers.items()},
        outcomes=outcomes,
        clock=now,
    )
    return Parts(
        config=config,
        providers=providers,
        outcomes=outcomes,
        email_to_fax=email_to_fax,
        fax_to_email=fax_to_email,
        outgoing_mail=outgoing_mail,
        reconcile=reconcile,
        canary=canary,
        settle_accounts=settle_accounts,
    )


def _providers(config: Config) -> Accounts:
    built = Accounts()
    for name, account in config.accounts.items():
        kind = PROVIDERS[account.kind]
        settings = kind.Settings(**account.for_provider, request_timeout=_REQUEST_TIMEOUT.total_seconds())
        built[name] = kind(name, settings, now)
    return built


def _route_timing(config: Config) -> RouteTiming:
    every = config.mappings.every
    return RouteTiming(
        config.timing.route_delays,
        config.timing.route_lifetime,
        reading=_TURNS_WAITED * every,
        reading_delay=min(every, timedelta(minutes=5)),
    )


def _outcomes(config: Config) -> Outcomes:
    mails = MailSettings(
        operator=config.gateway.operator,
        fax_sender=f"postmaster@{config.gateway.domain}",
        lifetime=config.timing.mail_lifetime,
        receipt_for_every_fax=config.dialling.receipts == "always",
    )
    return Outcomes(mails, config.timing.pause_delays, lambda: make_id(MAIL, secrets.token_bytes(ENTROPY_BYTES)))


def _smarthost(config: Config) -> Smarthost:
    smarthost = config.smarthost
    return Smarthost(
        host=smarthost.host,
        port=smarthost.port,
        tls=smarthost.tls,
        hostname=config.hostname,
        username=smarthost.username,
        password=smarthost.password.get_secret_value() or None,
    )


@dataclass(frozen=True, slots=True)
class _Pages:
    """What is done with hostile documents, each in a child of the sandbox."""

    config: Config
    sandbox: Sandbox

    async def make(self, message: Path, look: str) -> Rendered:
        """Turns a stored message into pages."""
        dialling = self.config.dialling
        arguments = {"paper": look, "message_text": dialling.message_text, "max_pages": dialling.max_pages}
        output = os.memfd_create("pages")
        try:
            with message.open("rb") as source:
                inputs = [source.fileno()]
                made = await self.sandbox.run(_MAKE_DOCUMENT, arguments, inputs=inputs, output=output)
            with os.fdopen(os.dup(output), "rb") as pages:
                pages.seek(0)
                content = pages.read()
        finally:
            os.close(output)
        return Rendered(content, made["pages"], tuple(_ledger_entry(entry) for entry in made["ledger"]))

    async def count(self, document: Path) -> int:
        """Opens a received document and counts its pages."""
        with document.open("rb") as source:
            found = await self.sandbox.run(_INSPECT_RECEIVED, {}, inputs=[source.fileno()], output=None)
        return int(found["pages"])


def _ledger_entry(entry: dict[str, Any]) -> LedgerEntry:
    return LedgerEntry(**{**entry, "fate": Fate(entry["fate"])})
