"""The canary: what is tried each night, and when a night begins. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, Literal
from zoneinfo import ZoneInfo

from gateway.core.ids import ALPHABET

#: The kinds of legs. One of a provider account has its name behind it: ``fax sinch``.
FAX, WEBHOOK, MAIL, OWN_FAX = "fax", "webhook", "mail", "own fax"
#: With which our tokens begin, as other ids begin with theirs.
PREFIX: Final = "C"
_TOKEN: Final = re.compile(f"{PREFIX}-[{ALPHABET}]{{8}}")


class Sending(StrEnum):
    """How far the one thing is that a leg may send only once a night (fact ``phase``)."""

    #: Not sent, and provably so.
    READY = "ready"
    #: Intent is committed: it may have been sent, and is never sent again.
    INTENDED = "intended"
    #: The other side has it.
    SENT = "sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryPlan:
    """What the operator wants tried.

    Attributes:
        at: when a night begins, by the clocks of ``zone``.
        zone: whose nights they are.
        fax: one page to the free test number of each provider that has one.
        webhook: the newest event of each account once more, to our own public URL.
        mail: one mail through the smarthost; it counts when it was taken, or when it has come back to our SMTP port.
        patience: a leg that takes longer is lost.
        weekly_on: the day of the mail with the figures, Monday is 0.
        own_fax: a fax from one number of ours to another, which costs a call.
    """

    at: time
    zone: ZoneInfo
    fax: bool = True
    webhook: bool = True
    mail: Literal["taken", "returns", "off"] = "taken"
    patience: timedelta = timedelta(minutes=30)
    weekly_on: int = 0
    own_fax: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CanaryLeg:
    """One leg of one night. Its row is committed before anything is sent; ``token`` names it to the outside.

    Attributes:
        night: key of the night; ``2026-11-22#2`` was asked for by a person.
        leg: what is tried, such as ``fax sinch``.
        facts: what has become known so far.
        well: whether it came home; None while it is open, or if there was nothing to try.
        detail: what was missing, as half a sentence.
    """

    token: str
    night: str
    leg: str
    started_at: datetime
    deadline: datetime
    facts: dict[str, str] = field(default_factory=dict)
    ended_at: datetime | None = None
    well: bool | None = None
    detail: str = ""

    @property
    def kind(self) -> str:
        """Names what is tried, without the account."""
        return OWN_FAX if self.leg == OWN_FAX else self.leg.partition(" ")[0]

    @property
    def account(self) -> str:
        """Names the provider account; empty where the leg has none."""
        return "" if self.leg == OWN_FAX else self.leg.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class Night:
    """One night: the local day on which it begins, and the moment."""

    day: date
    begins: datetime

    @property
    def key(self) -> str:
        """Names it in the store."""
        return self.day.isoformat()


def night_of(day: date, plan: CanaryPlan) -> Night:
    """Finds the one moment at which the night of a local day begins.

    A local time that happens twice counts when it happens first; one that is skipped counts as if clocks had not been
    put forward yet (PEP 495). So each day has exactly one.
    """
    return Night(day, datetime.combine(day, plan.at, plan.zone).astimezone(UTC))


def night_at(now: datetime, plan: CanaryPlan) -> Night:
    """Finds the night that began last."""
    today = now.astimezone(plan.zone).date()
    nights = (night_of(today - timedelta(days=back), plan) for back in itertools.count())
    return next(night for night in nights if night.begins <= now)


def week_until(night: Night, plan: CanaryPlan) -> Night:
    """Finds the last night, up to this one, with which a week ends."""
    back = (night.day.weekday() - plan.weekly_on) % 7
    return night_of(night.day - timedelta(days=back), plan)


def legs_of(plan: CanaryPlan, accounts: Sequence[str]) -> list[str]:
    """Lists the legs of a night in the order in which they are tried; the later ones may need the earlier.

    ``accounts`` are those whose provider can be tried out for nothing.
    """
    faxes = [f"{FAX} {account}" for account in accounts] if plan.fax else []
    webhooks = [f"{WEBHOOK} {account}" for account in accounts] if plan.webhook else []
    return [*faxes, *webhooks, *([OWN_FAX] if plan.own_fax else []), *([MAIL] if plan.mail != "off" else [])]


def is_token(text: str) -> bool:
    """Says whether a reference may be one of the canary's."""
    return _TOKEN.fullmatch(text) is not None
