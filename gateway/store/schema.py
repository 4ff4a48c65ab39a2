"""The tables, one schema for SQLite and PostgreSQL (SQLAlchemy Core).

Three of them are queues: fax_job, inbound_fax and mail_delivery share the columns of `_queue_columns`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

#: The migration that this schema equals; migrations/versions is compared with it by a test.
HEAD: Final = "0003"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """A moment as whole microseconds since 1970 UTC: exact, sortable and the same in both databases."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Writes a moment as a number."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Reads a moment back."""
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata = sa.MetaData()


def _queue_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("due_at", UtcTime),
        sa.Column("version", sa.Integer, nullable=False, default=1),
        sa.Column("claimed_by", sa.String(64)),
        sa.Column("woken", sa.Boolean, nullable=False, default=False),
        sa.Column("tries", sa.Integer, nullable=False, default=0),
        sa.Column("bugs", sa.Integer, nullable=False, default=0),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("deadline", UtcTime, nullable=False),
        sa.Column("ended_at", UtcTime),
        sa.Column("reason", sa.String(32)),
        sa.Column("detail", sa.Text, nullable=False, default=""),
        sa.Column("held_from", sa.String(16)),
    ]


def _document_columns(prefix: str) -> list[sa.Column[Any]]:
    return [
        sa.Column(f"{prefix}_owner", sa.String(16)),
        sa.Column(f"{prefix}_role", sa.String(32)),
        sa.Column(f"{prefix}_sha256", sa.String(64)),
        sa.Column(f"{prefix}_size", sa.BigInteger),
        sa.Column(f"{prefix}_type", sa.String(64)),
        sa.Column(f"{prefix}_pages", sa.Integer),
    ]


#: Facts about the store itself: when it was first started, how often it was started.
store_fact = sa.Table(
    "store_fact",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

#: Every name that a provider account ever had here, and who that is at the provider (docs/operations.md).
known_account = sa.Table(
    "known_account",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("configured", sa.Boolean, nullable=False),
)

message = sa.Table(
    "message",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("mail_from", sa.Text, nullable=False),
    sa.Column("peer", sa.String(64), nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("ret", sa.String(8)),
    sa.Column("envid", sa.Text),
    sa.Column("confirmed", sa.Boolean, nullable=False, default=False),
    *_document_columns("document"),
    sa.Index("message_fingerprint", "fingerprint"),
    sa.Index("message_message_id", "message_id"),
)

fax_job = sa.Table(
    "fax_job",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("message_id", sa.String(16), sa.ForeignKey("message.id"), nullable=False),
    *_queue_columns(),
    sa.Column("number", sa.String(20), nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("notify", sa.Text),
    sa.Column("orcpt", sa.Text),
    sa.Column("caller_id", sa.String(20), nullable=False),
    sa.Column("header_text", sa.Text, nullable=False),
    sa.Column("header_time_zone", sa.String(64), nullable=False),
    sa.Column("account", sa.String(64), nullable=False),
    sa.Column("other_accounts", sa.JSON, nullable=False, server_default="[]", default=list),
    sa.Column("calls", sa.Integer, nullable=False, default=0),
    sa.Column("pages", sa.Integer),
    sa.Column("pages_sent", sa.Integer),
    *_document_columns("document"),
    sa.Index("fax_job_due", "state", "due_at"),
    sa.Index("fax_job_message", "message_id"),
    sa.Index("fax_job_number", "number"),
    sa.Index("fax_job_created", "created_at"),
)

#: One call at a time per destination, whoever works on it: the database itself refuses the second one.
one_call_per_number = sa.Index(
    "fax_job_one_call_per_number",
    fax_job.c.number,
    unique=True,
    sqlite_where=fax_job.c.state.in_(["submitting", "submitted"]),
    postgresql_where=fax_job.c.state.in_(["submitting", "submitted"]),
)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("reference", sa.String(40), primary_key=True),
    sa.Column("job_id", sa.String(16), sa.ForeignKey("fax_job.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("account", sa.String(64), nullable=False),
    sa.Column("intent_at", UtcTime, nullable=False),
    sa.Column("searches", sa.Integer, nullable=False, default=0),
    sa.Column("resends", sa.Integer, nullable=False, default=0),
    sa.Column("absent_since", UtcTime),
    sa.Column("hinted_fax_id", sa.String(64)),
    sa.Column("provider_fax_id", sa.String(64)),
    sa.Column("reason", sa.String(32)),
    sa.Column("detail", sa.Text, nullable=False, default=""),
    sa.Column("pages_sent", sa.Integer),
    sa.Column("price", sa.String(32)),
    sa.Column("currency", sa.String(8)),
    sa.Column("ended_at", UtcTime),
    sa.UniqueConstraint("job_id", "number", name="attempt_number"),
    sa.UniqueConstraint("account", "provider_fax_id", name="attempt_provider_fax"),
)

#: One document made of a message for one look; jobs of the message with this look share it.
rendering = sa.Table(
    "rendering",
    metadata,
    sa.Column("message_id", sa.String(16), sa.ForeignKey("message.id"), primary_key=True),
    sa.Column("look", sa.String(32), primary_key=True),
    *_document_columns("document"),
)

part = sa.Table(
    "part",
    metadata,
    sa.Column("message_id", sa.String(16), sa.ForeignKey("message.id"), primary_key=True),
    sa.Column("look", sa.String(32), primary_key=True),
    sa.Column("index", sa.Integer, primary_key=True),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("fate", sa.String(16), nullable=False),
    sa.Column("first", sa.Integer),
    sa.Column("last", sa.Integer),
    sa.Column("why", sa.Text, nullable=False, default=""),
)

inbound_fax = sa.Table(
    "inbound_fax",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("account", sa.String(64), nullable=False),
    sa.Column("provider_fax_id", sa.String(64), nullable=False),
    *_queue_columns(),
    sa.Column("number", sa.String(32)),
    sa.Column("caller", sa.Text),
    sa.Column("pages", sa.Integer),
    sa.Column("received_at", UtcTime),
    *_document_columns("event_document"),
    *_document_columns("document"),
    sa.UniqueConstraint("account", "provider_fax_id", name="inbound_fax_once"),
    sa.Index("inbound_fax_due", "state", "due_at"),
    sa.Index("inbound_fax_created", "created_at"),
)

mail_delivery = sa.Table(
    "mail_delivery",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    *_queue_columns(),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject_id", sa.String(64), nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("envelope_from", sa.Text, nullable=False),
    sa.Column("unique_key", sa.Text, nullable=False, unique=True),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Index("mail_delivery_due", "state", "due_at"),
    sa.Index("mail_delivery_subject", "subject_id"),
)

#: A provider account in trouble has a row; one that works has none.
provider_account = sa.Table(
    "provider_account",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("detail", sa.Text, nullable=False, default=""),
    sa.Column("paused_since", UtcTime, nullable=False),
    sa.Column("paused_until", UtcTime, nullable=False),
    sa.Column("pauses", sa.Integer, nullable=False, default=1),
    sa.Column("probe_job", sa.String(16)),
)

#: The last marker fax of an account (docs/durability.md), so that at most one is open.
marker = sa.Table(
    "marker",
    metadata,
    sa.Column("account", sa.String(64), primary_key=True),
    sa.Column("reference", sa.String(40), nullable=False),
    sa.Column("sent_at", UtcTime, nullable=False),
)

#: What an address may do with a number at the provider, as it was last read there, and since which reading.
mapping_seen = sa.Table(
    "mapping_seen",
    metadata,
    sa.Column("account", sa.String(64), primary_key=True),
    sa.Column("service", sa.String(64), primary_key=True),
    sa.Column("address", sa.String(320), primary_key=True),
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("permission", sa.String(8), nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Index("mapping_seen_number", "number"),
)

#: The mappings under our care: what we made, or were told to adopt. Nobody else's is ever changed.
mapping_owned = sa.Table(
    "mapping_owned",
    metadata,
    sa.Column("account", sa.String(64), primary_key=True),
    sa.Column("service", sa.String(64), primary_key=True),
    sa.Column("address", sa.String(320), primary_key=True),
    sa.Column("number", sa.String(20), primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
)

#: The settings of services at the provider under our care, and what we set last, as a fingerprint.
setting_owned = sa.Table(
    "setting_owned",
    metadata,
    sa.Column("account", sa.String(64), primary_key=True),
    sa.Column("service", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("since", UtcTime, nullable=False),
)

#: When the mappings of an account were last read whole, and which drift the operator was told of.
mapping_reading = sa.Table(
    "mapping_reading",
    metadata,
    sa.Column("account", sa.String(64), primary_key=True),
    sa.Column("read_at", UtcTime, nullable=False),
    sa.Column("told", sa.String(64), nullable=False, default=""),
)

#: One leg of the canary: something tried each night, and how it went. ``leg`` names an account where it has one.
canary_leg = sa.Table(
    "canary_leg",
    metadata,
    sa.Column("token", sa.String(40), primary_key=True),
    sa.Column("night", sa.String(16), nullable=False),
    sa.Column("leg", sa.String(96), nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("deadline", UtcTime, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("well", sa.Boolean),
    sa.Column("detail", sa.Text, nullable=False, default=""),
    sa.UniqueConstraint("night", "leg", name="canary_leg_once_a_night"),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("subject_id", sa.String(64), nullable=False),
    sa.Column("event", sa.String(32), nullable=False),
    sa.Column("old_state", sa.String(16)),
    sa.Column("new_state", sa.String(16)),
    sa.Column("reason", sa.String(32)),
    sa.Column("detail", sa.Text, nullable=False, default=""),
    sa.Index("journal_subject", "subject_id"),
)
