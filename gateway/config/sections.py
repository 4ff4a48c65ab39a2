"""The sections of the file, one class each: every key, its type and its default."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictInt

from gateway.config.values import (
    Address,
    Count,
    Country,
    DatabaseUrl,
    Delays,
    Directory,
    Domain,
    Duration,
    Flag,
    HeaderText,
    Host,
    Listen,
    Network,
    Number,
    Origin,
    PathSecret,
    Port,
    Prefix,
    Secret,
    Selector,
    SenderAddress,
    Size,
    TimeOfDay,
    TimeZone,
    Weekday,
    Word,
    read_duration,
    read_host_port,
    read_network,
    read_weekday,
)
from gateway.core.lifecycle import FaxTiming

_WAITS: Final = FaxTiming()
#: More calls than this break the redialling manners of 47 CFR 68.318(b).
_MOST_CALLS: Final = 4


def _delays(*words: str) -> tuple[timedelta, ...]:
    return tuple(read_duration(word) for word in words)


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class GatewaySettings(Section):
    """``[gateway]``: who we are and where our data lies. ``hostname`` None means the domain."""

    domain: Domain = Field(examples=["fax.clinic.example"])
    hostname: Domain | None = None
    operator: Address = Field(examples=["operator@clinic.example"])
    state_directory: Directory = Path("/var/lib/faxgw")
    database_url: DatabaseUrl = SecretStr("")
    home_country: Country = "US"
    allow_test_numbers: Flag = False
    paper: Literal["letter", "a4"] = "letter"


class SmtpSettings(Section):
    """``[smtp]``: where mail to be faxed comes in."""

    listen: Annotated[tuple[Listen, ...], Field(min_length=1)] = (read_host_port("127.0.0.1:2525"),)
    allowed_networks: Annotated[tuple[Network, ...], Field(min_length=1)] = (
        read_network("127.0.0.0/8"),
        read_network("::1/128"),
    )
    max_message_size: Size = 30_000_000
    max_connections: Count = 200


class SenderSettings(Section):
    """``[[senders]]``: who may fax, and the identity on each page. ``account`` None means the only one."""

    address: SenderAddress = Field(examples=["@clinic.example"])
    caller_id: Number = Field(examples=["+12025550199"])
    header_text: HeaderText = Field(examples=["Example Clinic +1 202-555-0199"])
    header_time_zone: TimeZone = "America/New_York"
    account: Word | None = None
    accepted_by: Literal["gateway", "both"] = "gateway"


class DiallingSettings(Section):
    """``[dialling]``: where may be called (``countries`` None: at home), how often, what becomes pages."""

    countries: Annotated[tuple[Country, ...], Field(min_length=1)] | None = None
    lifetime: Duration = _WAITS.lifetime
    max_calls: Annotated[StrictInt, Field(ge=1, le=_MOST_CALLS)] = _WAITS.max_calls
    busy_pause: Duration = _WAITS.busy_pause
    fault_pause: Duration = _WAITS.fault_pause
    message_text: Literal["always", "alone", "never"] = "always"
    receipts: Literal["always", "on-request"] = "always"
    max_pages: Count = 200


class AccountSettings(Section):
    """``[providers.NAME]``: what every kind of account has; `accounts` adds what the provider needs."""

    kind: Word
    webhook_path_secret: PathSecret = Field(examples=["sinch-webhook-path"])

    @property
    def for_provider(self) -> dict[str, Any]:
        """Gives the arguments of the provider's own ``Settings``, secrets opened."""
        ours = AccountSettings.model_fields
        return {name: _opened(value) for name, value in self if name not in ours}


def _opened(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


class WebSettings(Section):
    """``[web]``: where webhooks come in, and how the world reaches it."""

    listen: Listen = read_host_port("127.0.0.1:8025")
    public_url: Origin = Field(examples=["https://fax.clinic.example"])
    max_body: Size = 64_000_000


class HealthSettings(Section):
    """``[health]``: health and metrics, for this machine only."""

    listen: Listen = read_host_port("127.0.0.1:8026")


class SmarthostSettings(Section):
    """``[smarthost]``: the mail server that takes our mails. Without a user name nobody logs in.

    ``dkim_selector`` names the key with which it signs, for the check of our DNS (RFC 6376 3.1).
    """

    host: Host = Field(examples=["mail.clinic.example"])
    port: Port = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: Word | None = None
    password: Secret = SecretStr("")
    dkim_selector: Selector | None = None


class ReceivedSettings(Section):
    """``[received]``: received faxes. ``from_address`` None means fax@ our domain."""

    from_address: Address | None = None
    fallback: Address = Field(examples=["frontdesk@clinic.example"])


class RouteSettings(Section):
    """``[[routes]]``: faxes to this number of ours go to these addresses, and whose mails bring them."""

    number: Number = Field(examples=["+12025550199"])
    addresses: Annotated[tuple[Address, ...], Field(min_length=1, examples=[["frontdesk@clinic.example"]])]
    delivered_by: Literal["gateway", "provider", "both"] = "gateway"


class AccountRuleSettings(Section):
    """``[[account_rules]]``: which accounts carry the faxes of a sender, or to some numbers; None means any."""

    sender: SenderAddress | None = None
    number: Prefix | None = None
    accounts: Annotated[tuple[Word, ...], Field(min_length=1, examples=[["sinch"]])]


class MappingsSettings(Section):
    """``[mappings]``: what is done where a provider's own table of addresses and numbers is not as it should be."""

    mode: Literal["report", "off", "enforce"] = "report"
    every: Duration = timedelta(hours=1)


class CanarySettings(Section):
    """``[canary]``: what is tried each night, so that silence means that all is well."""

    at: TimeOfDay = time(3, 30)
    time_zone: TimeZone = "America/New_York"
    fax: Flag = True
    webhook: Flag = True
    mail: Literal["taken", "returns", "off"] = "taken"
    patience: Duration = timedelta(minutes=30)
    weekly_on: Weekday = read_weekday("monday")
    own_fax_from: Number | None = None
    own_fax_to: Number | None = None


class TimingSettings(Section):
    """``[timing]``: every wait. The defaults are for production; a trial is quicker with smaller ones."""

    not_sent_delays: Delays = _WAITS.not_sent_delays
    render_delays: Delays = _WAITS.render_delays
    poll_delays: Delays = _WAITS.poll_delays
    search_times: Delays = _WAITS.search_times
    fresh_after: Duration = _WAITS.fresh_after
    proof_gap: Duration = _WAITS.proof_gap
    number_busy_delay: Duration = _WAITS.number_busy_delay
    bug_delays: Delays = _WAITS.bug_delays
    pause_delays: Delays = _delays("1m", "2m", "5m")
    route_delays: Delays = _delays("10s", "30s", "2m", "10m", "1h")
    route_lifetime: Duration = timedelta(days=5)
    mail_delays: Delays = _delays("1m", "5m", "15m", "30m", "1h", "3h")
    mail_lifetime: Duration = timedelta(days=5)
    catch_up_every: Duration = timedelta(minutes=5)


class LogSettings(Section):
    """``[log]``: one event per line on standard output."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "pretty"] = "auto"
