"""Facts about the store itself."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from gateway.store.database import Tx
from gateway.store.schema import store_fact

_FIRST_START = "first_start"
_STARTS = "starts"


def note_start(tx: Tx, now: datetime) -> int:
    """Counts a start; the first one is remembered for good. Answers how many there were, this one included."""
    known = {row.name: row.value for row in tx.execute(sa.select(store_fact))}
    if _FIRST_START not in known:
        tx.execute(sa.insert(store_fact).values(name=_FIRST_START, value=now.isoformat()))
        tx.execute(sa.insert(store_fact).values(name=_STARTS, value="0"))
    starts = int(known.get(_STARTS, "0")) + 1
    tx.execute(sa.update(store_fact).where(store_fact.c.name == _STARTS).values(value=str(starts)))
    return starts


def first_start(tx: Tx, now: datetime) -> datetime:
    """Tells when this store was first started.

    A first start that lies ahead was noted by a clock that was wrong: from then on it is ``now``, so that what counts
    from it does not wait for that day.
    """
    noted = sa.select(store_fact.c.value).where(store_fact.c.name == _FIRST_START)
    start = datetime.fromisoformat(tx.execute(noted).scalar_one())
    if start <= now:
        return start
    tx.execute(sa.update(store_fact).where(store_fact.c.name == _FIRST_START).values(value=now.isoformat()))
    return now
