"""What the command line and the health page read: lists, one fax with everything about it, timelines, counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from gateway.core.model import Attempt, FaxJob, InboundFax, LedgerEntry, MailDelivery, Message
from gateway.core.reasons import Reason
from gateway.store import fax_jobs, inbound_faxes, mail_deliveries
from gateway.store.database import Tx
from gateway.store.schema import (
    attempt,
    fax_job,
    inbound_fax,
    journal,
    mail_delivery,
    message,
    provider_account,
)

#: So often in a row it may fail before the health page says so.
_TRIES_OF_TROUBLE = 2


@dataclass(frozen=True, slots=True)
class FaxSummary:
    """One line of a list: a fax in either direction."""

    id: str
    direction: str
    state: str
    number: str | None
    pages: int | None
    reason: str | None
    created_at: datetime
    due_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class FaxDetails:
    """Everything about one outgoing fax."""

    job: FaxJob
    message: Message
    attempts: list[Attempt]
    ledger: list[LedgerEntry]
    mails: list[MailDelivery]


@dataclass(frozen=True, slots=True)
class InboundDetails:
    """Everything about one received fax."""

    fax: InboundFax
    mails: list[MailDelivery]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened."""

    at: datetime
    subject_id: str
    event: str
    reason: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class AccountTrouble:
    """A provider account that is paused."""

    name: str
    reason: str
    detail: str
    paused_since: datetime
    paused_until: datetime

    @property
    def told(self) -> str:
        """Says what it waits for, in a few words."""
        if self.reason == Reason.OUT_OF_CREDIT.code:
            return f"paused: {self.reason}, until a fax through it proves that there is credit again"
        return f"paused: {self.reason}"


@dataclass(slots=True)
class AccountFigures:
    """What one provider account did in a span of time.

    Attributes:
        calls: attempts by how they ended: delivered, failed, unknown, refused, not_sent; open and accepted still run.
        pages: that were sent, also in calls that failed later.
        cost: by currency, as far as the provider has told it; empty for one that names none.
        received: faxes that came in.
    """

    calls: dict[str, int] = field(default_factory=dict)
    pages: int = 0
    cost: dict[str, Decimal] = field(default_factory=dict)
    received: int = 0


def list_faxes(tx: Tx, *, state: str | None = None, direction: str | None = None, limit: int = 50) -> list[FaxSummary]:
    """Lists faxes of both directions, newest first."""
    found: list[FaxSummary] = []
    for name, table in (("out", fax_job), ("in", inbound_fax)):
        if direction not in (None, name):
            continue
        query = sa.select(table).order_by(table.c.created_at.desc()).limit(limit)
        if state is not None:
            query = query.where(table.c.state == state)
        found += [_summary(name, row) for row in tx.execute(query).mappings()]
    return sorted(found, key=lambda fax: fax.created_at, reverse=True)[:limit]


def _summary(direction: str, row: Mapping[Any, Any]) -> FaxSummary:
    names = ("id", "state", "number", "pages", "reason", "created_at", "due_at", "ended_at")
    return FaxSummary(direction=direction, **{name: row[name] for name in names})


def show_fax(tx: Tx, fax_id: str) -> FaxDetails | InboundDetails | None:
    """Reads everything about one fax, either direction; None if there is none."""
    job = fax_jobs.get_job(tx, fax_id)
    if job is not None:
        return FaxDetails(
            job,
            fax_jobs.get_message(tx, job.message_id),
            fax_jobs.attempts_of(tx, job.id),
            fax_jobs.get_ledger(tx, job.message_id),
            mail_deliveries.about(tx, job.id),
        )
    fax = inbound_faxes.get(tx, fax_id)
    return None if fax is None else InboundDetails(fax, mail_deliveries.about(tx, fax.id))


def timeline(tx: Tx, key: str) -> list[TimelineEntry]:
    """Tells in one line of time what happened to a fax id, a number, a Message-ID or a provider's id."""
    faxes = _faxes_of(tx, key)
    mails = tx.execute(sa.select(mail_delivery.c.id).where(mail_delivery.c.subject_id.in_(faxes))).scalars()
    subjects = [*faxes, *mails]
    query = sa.select(journal).where(journal.c.subject_id.in_(subjects)).order_by(journal.c.at, journal.c.seq)
    entries = [_entry(row) for row in tx.execute(query).mappings()]
    tried = sa.select(attempt).where(attempt.c.job_id.in_(faxes))
    for row in tx.execute(tried).mappings():
        known_as = f"{row['account']} {row['provider_fax_id']}" if row["provider_fax_id"] else row["account"]
        entries.append(TimelineEntry(row["intent_at"], row["job_id"], f"attempt {row['number']}", None, known_as))
    return sorted(entries, key=lambda entry: entry.at)


def _entry(row: Mapping[Any, Any]) -> TimelineEntry:
    event = row["event"]
    if event == "state":
        event = row["new_state"] if row["old_state"] is None else f"{row['old_state']} -> {row['new_state']}"
    return TimelineEntry(row["at"], row["subject_id"], event, row["reason"], row["detail"])


def _faxes_of(tx: Tx, key: str) -> list[str]:
    bare = key.strip("<>")
    jobs = (
        sa.select(fax_job.c.id)
        .outerjoin(message, message.c.id == fax_job.c.message_id)
        .outerjoin(attempt, attempt.c.job_id == fax_job.c.id)
        .where(
            sa.or_(
                fax_job.c.id == key,
                fax_job.c.number == key,
                message.c.id == key,
                message.c.message_id.in_([key, bare, f"<{bare}>"]),
                attempt.c.provider_fax_id == key,
                attempt.c.reference == key,
            ),
        )
    )
    received = sa.select(inbound_fax.c.id).where(
        sa.or_(
            inbound_fax.c.id == key,
            inbound_fax.c.provider_fax_id == key,
            inbound_fax.c.number == key,
            inbound_fax.c.caller == key,
        ),
    )
    by_mail = sa.select(mail_delivery.c.subject_id).where(mail_delivery.c.id == key)
    return list(dict.fromkeys(fax for query in (jobs, received, by_mail) for fax in tx.execute(query).scalars()))


def count_rows(tx: Tx) -> dict[tuple[str, str], int]:
    """Counts the rows of each queue by state."""
    counts: dict[tuple[str, str], int] = {}
    for table in (fax_job, inbound_fax, mail_delivery):
        query = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
        counts |= {(table.name, state): count for state, count in tx.execute(query)}
    return counts


def oldest_waiting(tx: Tx) -> datetime | None:
    """Tells since when the oldest outgoing fax that has no outcome waits."""
    open_states = ["queued", "ready", "submitting", "submitted"]
    query = sa.select(sa.func.min(fax_job.c.created_at)).where(fax_job.c.state.in_(open_states))
    oldest: datetime | None = tx.execute(query).scalar()
    return oldest


def stuck_since(tx: Tx) -> dict[str, tuple[int, datetime]]:
    """Tells what waits because somebody else cannot be reached: how many rows, and since when the oldest was ordered.

    Keys: ``provider NAME`` for faxes that could not be handed over, ``smarthost`` for mails that it does not take.
    """
    stuck: dict[str, tuple[int, datetime]] = {}
    waiting = sa.select(fax_job.c.account, sa.func.count(), sa.func.min(fax_job.c.created_at)).where(
        fax_job.c.state.in_(["ready", "submitting", "submitted"]),
        fax_job.c.reason == Reason.PROVIDER_DOWN.code,
        fax_job.c.tries >= _TRIES_OF_TROUBLE,
    )
    for account, count, oldest in tx.execute(waiting.group_by(fax_job.c.account)):
        stuck[f"provider {account}"] = (count, oldest)
    mails = sa.select(sa.func.count(), sa.func.min(mail_delivery.c.created_at)).where(
        mail_delivery.c.state == "queued", mail_delivery.c.tries >= _TRIES_OF_TROUBLE
    )
    count, oldest = tx.execute(mails).one()
    if count:
        stuck["smarthost"] = (count, oldest)
    return stuck


def troubled_accounts(tx: Tx) -> list[AccountTrouble]:
    """Lists the provider accounts that are paused."""
    query = sa.select(provider_account).order_by(provider_account.c.name)
    names = ("name", "reason", "detail", "paused_since", "paused_until")
    return [AccountTrouble(**{name: row[name] for name in names}) for row in tx.execute(query).mappings()]


def account_figures(tx: Tx, since: datetime) -> dict[str, AccountFigures]:
    """Counts what each provider account did since then, by its name; one that did nothing is not listed."""
    figures: dict[str, AccountFigures] = {}
    kinds = (attempt.c.account, attempt.c.state, attempt.c.price, attempt.c.currency)
    ended = sa.select(*kinds, sa.func.count(), sa.func.sum(attempt.c.pages_sent)).where(attempt.c.intent_at >= since)
    for account, state, price, currency, calls, pages in tx.execute(ended.group_by(*kinds)):
        found = figures.setdefault(account, AccountFigures())
        found.calls[state] = found.calls.get(state, 0) + calls
        found.pages += int(pages or 0)
        if price is not None:  # prices are texts: only Decimal adds them up exactly
            unit = currency or ""
            found.cost[unit] = found.cost.get(unit, Decimal(0)) + Decimal(price) * calls
    came = sa.select(inbound_fax.c.account, sa.func.count()).where(inbound_fax.c.created_at >= since)
    for account, count in tx.execute(came.group_by(inbound_fax.c.account)):
        figures.setdefault(account, AccountFigures()).received = count
    return figures
