"""The journal: one row for each thing that happened to a fax, a mail or the store. Written in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from gateway.core.lifecycle import State
from gateway.core.reasons import Reason
from gateway.store.database import Tx
from gateway.store.schema import journal


def note(tx: Tx, now: datetime, subject_id: str, event: str, *, reason: Reason | None = None, detail: str = "") -> None:
    """Writes down an event that is no change of state."""
    tx.execute(
        sa.insert(journal),
        {
            "at": now,
            "subject_id": subject_id,
            "event": event,
            "reason": reason.code if reason else None,
            "detail": detail,
        },
    )


def note_all(tx: Tx, now: datetime, subject_ids: Iterable[str], event: str, *, detail: str = "") -> None:
    """Writes down the same event of many faxes."""
    common = {"at": now, "event": event, "reason": None, "detail": detail}
    if rows := [{"subject_id": subject_id, **common} for subject_id in subject_ids]:
        tx.execute(sa.insert(journal), rows)


def moved(
    tx: Tx,
    now: datetime,
    subject_id: str,
    *,
    old: State | None,
    new: State,
    reason: Reason | None = None,
    detail: str = "",
) -> None:
    """Writes down a change of state; ``old`` is None when the row came to be."""
    tx.execute(
        sa.insert(journal),
        {
            "at": now,
            "subject_id": subject_id,
            "event": "state",
            "old_state": old.value if old else None,
            "new_state": new.value,
            "reason": reason.code if reason else None,
            "detail": detail,
        },
    )
