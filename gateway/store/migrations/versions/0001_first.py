"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes every table."""
    op.create_table(
        "inbound_fax",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("provider_fax_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("woken", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("bugs", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("held_from", sa.String(length=16), nullable=True),
        sa.Column("number", sa.String(length=32), nullable=True),
        sa.Column("caller", sa.Text(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.Column("event_document_owner", sa.String(length=16), nullable=True),
        sa.Column("event_document_role", sa.String(length=32), nullable=True),
        sa.Column("event_document_sha256", sa.String(length=64), nullable=True),
        sa.Column("event_document_size", sa.BigInteger(), nullable=True),
        sa.Column("event_document_type", sa.String(length=64), nullable=True),
        sa.Column("event_document_pages", sa.Integer(), nullable=True),
        sa.Column("document_owner", sa.String(length=16), nullable=True),
        sa.Column("document_role", sa.String(length=32), nullable=True),
        sa.Column("document_sha256", sa.String(length=64), nullable=True),
        sa.Column("document_size", sa.BigInteger(), nullable=True),
        sa.Column("document_type", sa.String(length=64), nullable=True),
        sa.Column("document_pages", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "provider_fax_id", name="inbound_fax_once"),
    )
    op.create_index("inbound_fax_created", "inbound_fax", ["created_at"], unique=False)
    op.create_index("inbound_fax_due", "inbound_fax", ["state", "due_at"], unique=False)
    op.create_table(
        "journal",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("old_state", sa.String(length=16), nullable=True),
        sa.Column("new_state", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("journal_subject", "journal", ["subject_id"], unique=False)
    op.create_table(
        "mail_delivery",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("woken", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("bugs", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("held_from", sa.String(length=16), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("envelope_from", sa.Text(), nullable=False),
        sa.Column("unique_key", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_key"),
    )
    op.create_index("mail_delivery_due", "mail_delivery", ["state", "due_at"], unique=False)
    op.create_index("mail_delivery_subject", "mail_delivery", ["subject_id"], unique=False)
    op.create_table(
        "marker",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("mail_from", sa.Text(), nullable=False),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("ret", sa.String(length=8), nullable=True),
        sa.Column("envid", sa.Text(), nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("document_owner", sa.String(length=16), nullable=True),
        sa.Column("document_role", sa.String(length=32), nullable=True),
        sa.Column("document_sha256", sa.String(length=64), nullable=True),
        sa.Column("document_size", sa.BigInteger(), nullable=True),
        sa.Column("document_type", sa.String(length=64), nullable=True),
        sa.Column("document_pages", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("message_fingerprint", "message", ["fingerprint"], unique=False)
    op.create_index("message_message_id", "message", ["message_id"], unique=False)
    op.create_table(
        "provider_account",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("paused_since", sa.BigInteger(), nullable=False),
        sa.Column("paused_until", sa.BigInteger(), nullable=False),
        sa.Column("pauses", sa.Integer(), nullable=False),
        sa.Column("probe_job", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "store_fact",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "fax_job",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("message_id", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("woken", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("bugs", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("held_from", sa.String(length=16), nullable=True),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("notify", sa.Text(), nullable=True),
        sa.Column("orcpt", sa.Text(), nullable=True),
        sa.Column("caller_id", sa.String(length=20), nullable=False),
        sa.Column("header_text", sa.Text(), nullable=False),
        sa.Column("header_time_zone", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("pages_sent", sa.Integer(), nullable=True),
        sa.Column("document_owner", sa.String(length=16), nullable=True),
        sa.Column("document_role", sa.String(length=32), nullable=True),
        sa.Column("document_sha256", sa.String(length=64), nullable=True),
        sa.Column("document_size", sa.BigInteger(), nullable=True),
        sa.Column("document_type", sa.String(length=64), nullable=True),
        sa.Column("document_pages", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("fax_job_created", "fax_job", ["created_at"], unique=False)
    op.create_index("fax_job_due", "fax_job", ["state", "due_at"], unique=False)
    op.create_index("fax_job_message", "fax_job", ["message_id"], unique=False)
    op.create_index("fax_job_number", "fax_job", ["number"], unique=False)
    calling = sa.text("state IN ('submitting', 'submitted')")
    op.create_index(
        "fax_job_one_call_per_number",
        "fax_job",
        ["number"],
        unique=True,
        sqlite_where=calling,
        postgresql_where=calling,
    )
    op.create_table(
        "part",
        sa.Column("message_id", sa.String(length=16), nullable=False),
        sa.Column("look", sa.String(length=32), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("fate", sa.String(length=16), nullable=False),
        sa.Column("first", sa.Integer(), nullable=True),
        sa.Column("last", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
        ),
        sa.PrimaryKeyConstraint("message_id", "look", "index"),
    )
    op.create_table(
        "rendering",
        sa.Column("message_id", sa.String(length=16), nullable=False),
        sa.Column("look", sa.String(length=32), nullable=False),
        sa.Column("document_owner", sa.String(length=16), nullable=True),
        sa.Column("document_role", sa.String(length=32), nullable=True),
        sa.Column("document_sha256", sa.String(length=64), nullable=True),
        sa.Column("document_size", sa.BigInteger(), nullable=True),
        sa.Column("document_type", sa.String(length=64), nullable=True),
        sa.Column("document_pages", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
        ),
        sa.PrimaryKeyConstraint("message_id", "look"),
    )
    op.create_table(
        "attempt",
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("intent_at", sa.BigInteger(), nullable=False),
        sa.Column("searches", sa.Integer(), nullable=False),
        sa.Column("resends", sa.Integer(), nullable=False),
        sa.Column("absent_since", sa.BigInteger(), nullable=True),
        sa.Column("hinted_fax_id", sa.String(length=64), nullable=True),
        sa.Column("provider_fax_id", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("pages_sent", sa.Integer(), nullable=True),
        sa.Column("price", sa.String(length=32), nullable=True),
        sa.Column("currency", sa.String(length=8), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["fax_job.id"],
        ),
        sa.PrimaryKeyConstraint("reference"),
        sa.UniqueConstraint("account", "provider_fax_id", name="attempt_provider_fax"),
        sa.UniqueConstraint("job_id", "number", name="attempt_number"),
    )
