"""The configuration as the program uses it: valid sections, and the values of core made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.config.sections import (
    AccountSettings,
    CanarySettings,
    DiallingSettings,
    GatewaySettings,
    HealthSettings,
    LogSettings,
    MappingsSettings,
    ReceivedSettings,
    SmarthostSettings,
    SmtpSettings,
    TimingSettings,
    WebSettings,
)
from gateway.core.account_choice import AccountRule
from gateway.core.canary import CanaryPlan
from gateway.core.lifecycle import FaxTiming
from gateway.core.model import Route, Sender
from gateway.core.policy import AccessRules


@dataclass(frozen=True, slots=True)
class Config:
    """A whole, checked configuration: the sections of the file; properties fill in what was left out.

    Attributes:
        path: the file it came from.
        accounts: ``[providers.NAME]`` by name.
    """

    path: Path
    gateway: GatewaySettings
    smtp: SmtpSettings
    senders: tuple[Sender, ...]
    dialling: DiallingSettings
    accounts: Mapping[str, AccountSettings]
    web: WebSettings
    health: HealthSettings
    smarthost: SmarthostSettings
    received: ReceivedSettings
    routes: tuple[Route, ...]
    account_rules: tuple[AccountRule, ...]
    mappings: MappingsSettings
    canary: CanarySettings
    timing: TimingSettings
    log: LogSettings

    @property
    def hostname(self) -> str:
        """Names this machine in SMTP and in the mails it makes."""
        return self.gateway.hostname or self.gateway.domain

    @property
    def from_address(self) -> str:
        """Gives the sender of mails that carry a received fax."""
        return self.received.from_address or f"fax@{self.gateway.domain}"

    @property
    def access_rules(self) -> AccessRules:
        """Gives who may fax where."""
        return AccessRules(
            domain=self.gateway.domain,
            networks=self.smtp.allowed_networks,
            senders=self.senders,
            countries=frozenset(self.dialling.countries or (self.gateway.home_country,)),
            home_country=self.gateway.home_country,
            allow_test_numbers=self.gateway.allow_test_numbers,
        )

    @property
    def fax_timing(self) -> FaxTiming:
        """Gives all waits of a fax job."""
        dialling, timing = self.dialling, self.timing
        return FaxTiming(
            lifetime=dialling.lifetime,
            max_calls=dialling.max_calls,
            busy_pause=dialling.busy_pause,
            fault_pause=dialling.fault_pause,
            not_sent_delays=timing.not_sent_delays,
            render_delays=timing.render_delays,
            poll_delays=timing.poll_delays,
            search_times=timing.search_times,
            fresh_after=timing.fresh_after,
            proof_gap=timing.proof_gap,
            number_busy_delay=timing.number_busy_delay,
            bug_delays=timing.bug_delays,
        )

    @property
    def canary_plan(self) -> CanaryPlan:
        """Gives what is tried each night."""
        canary = self.canary
        own_fax = (canary.own_fax_from, canary.own_fax_to) if canary.own_fax_from and canary.own_fax_to else None
        return CanaryPlan(
            at=canary.at,
            zone=ZoneInfo(canary.time_zone),
            fax=canary.fax,
            webhook=canary.webhook,
            mail=canary.mail,
            patience=canary.patience,
            weekly_on=canary.weekly_on,
            own_fax=own_fax,
        )

    def webhook_url(self, account: str) -> str:
        """Gives the secret URL at which a provider's webhooks for this account come in."""
        secret = self.accounts[account].webhook_path_secret.get_secret_value()
        return f"{self.web.public_url}/webhooks/{account}/{secret}"
