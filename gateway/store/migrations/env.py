"""Alembic's entry: runs on the connection that `upgrade` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from gateway.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
