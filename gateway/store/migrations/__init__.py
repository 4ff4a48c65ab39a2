"""Brings an older database up to date with Alembic; a test compares the end with store/schema.py."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from gateway.core.reasons import DiskError
from gateway.store.database import Tx


def upgrade(tx: Tx, found: str | None = None) -> None:
    """Runs the missing migrations on the connection of ``tx``.

    Raises:
        DiskError: the database is of a newer release than this program.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = tx
    if found is not None:
        try:
            ScriptDirectory.from_config(config).get_revision(found)
        except CommandError:
            raise DiskError(f"the database has schema {found}, which this release does not know") from None
    command.upgrade(config, "head")
