"""The provider accounts that stand in for the first one of a fax, and who the accounts are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds their column, which faxes of before have empty, and a table that the next start fills."""
    op.add_column("fax_job", sa.Column("other_accounts", sa.JSON(), nullable=False, server_default="[]"))
    op.create_table(
        "known_account",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("configured", sa.Boolean(), nullable=False),
    )
