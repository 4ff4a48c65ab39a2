"""What must always be true of the store. `faxgw verify` and the tests ask; nothing is repaired here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from gateway.core.lifecycle import FaxState, InboundState, MailState, is_final
from gateway.core.model import AttemptState
from gateway.store.database import Tx
from gateway.store.schema import attempt, fax_job, inbound_fax, journal, mail_delivery, message, rendering

_OPEN: Final = [AttemptState.OPEN.value, AttemptState.ACCEPTED.value, AttemptState.DELIVERED.value]
_FINAL_FAX: Final = [state.value for state in FaxState if is_final(state)]
_DOCUMENTS: Final = (
    (message, "document"),
    (rendering, "document"),
    (inbound_fax, "document"),
    (inbound_fax, "event_document"),
)


def find_violations(tx: Tx) -> list[str]:
    """Lists every broken invariant as one sentence; empty if all is well."""
    checks: tuple[Callable[[Tx], Iterator[str]], ...] = (
        _two_open_attempts,
        _submitted_without_attempt,
        _final_but_due,
        _failed_untold,
        _routed_without_delivery,
        _delivered_without_proof,
    )
    return [sentence for check in checks for sentence in check(tx)]


def _two_open_attempts(tx: Tx) -> Iterator[str]:
    query = (
        sa.select(attempt.c.job_id, sa.func.count())
        .where(attempt.c.state.in_(_OPEN))
        .group_by(attempt.c.job_id)
        .having(sa.func.count() > 1)
    )
    for job, count in tx.execute(query):
        yield f"{job}: {count} attempts are open or delivered"


def _submitted_without_attempt(tx: Tx) -> Iterator[str]:
    calling = fax_job.c.state.in_([FaxState.SUBMITTING.value, FaxState.SUBMITTED.value])
    without = ~sa.exists().where(attempt.c.job_id == fax_job.c.id)
    for job in tx.execute(sa.select(fax_job.c.id).where(calling, without)).scalars():
        yield f"{job}: handed to a provider without an attempt"


def _final_but_due(tx: Tx) -> Iterator[str]:
    final = {
        fax_job: [state for state in _FINAL_FAX if state != FaxState.UNKNOWN.value],
        inbound_fax: [state.value for state in InboundState if is_final(state)],
        mail_delivery: [state.value for state in MailState if is_final(state)],
    }
    for table, states in final.items():
        query = sa.select(table.c.id, table.c.state).where(table.c.state.in_(states), table.c.due_at.is_not(None))
        for row, state in tx.execute(query):
            yield f"{row}: {state}, and still due"


def _failed_untold(tx: Tx) -> Iterator[str]:
    ended = fax_job.c.state.in_([FaxState.FAILED.value, FaxState.UNKNOWN.value])
    without = ~sa.exists().where(mail_delivery.c.subject_id == fax_job.c.id)
    for job in tx.execute(sa.select(fax_job.c.id).where(ended, without)).scalars():
        yield f"{job}: ended badly and nobody was told"


def _routed_without_delivery(tx: Tx) -> Iterator[str]:
    routed = inbound_fax.c.state.in_([InboundState.ROUTED.value, InboundState.DONE.value])
    without = ~sa.exists().where(mail_delivery.c.subject_id == inbound_fax.c.id)
    ours = ~sa.exists().where(  # left to the provider: it went straight from received to done
        journal.c.subject_id == inbound_fax.c.id,
        journal.c.old_state == InboundState.RECEIVED.value,
        journal.c.new_state == InboundState.DONE.value,
    )
    for fax in tx.execute(sa.select(inbound_fax.c.id).where(routed, without, ours)).scalars():
        yield f"{fax}: routed to nobody"


def _delivered_without_proof(tx: Tx) -> Iterator[str]:
    proof = sa.exists().where(attempt.c.job_id == fax_job.c.id, attempt.c.state == AttemptState.DELIVERED.value)
    query = sa.select(fax_job.c.id).where(fax_job.c.state == FaxState.DELIVERED.value, ~proof)
    for job in tx.execute(query).scalars():
        yield f"{job}: delivered without an attempt that was"


def known_documents(tx: Tx) -> set[str]:
    """Names every document that a row points to."""
    names: set[str] = set()
    for table, prefix in _DOCUMENTS:
        owner, role, sha256 = (table.c[f"{prefix}_{field}"] for field in ("owner", "role", "sha256"))
        query = sa.select(owner, role, sha256).where(sha256.is_not(None))
        names |= {f"{row[0]}.{row[1]}.{row[2]}" for row in tx.execute(query)}
    return names


def compare_documents(
    known: set[str], stored: dict[str, float], now: datetime, grace: timedelta = timedelta(hours=1)
) -> list[str]:
    """Compares rows with files: each row's document exists, no file older than ``grace`` is without a row.

    Args:
        known: names that rows point to.
        stored: names of the files, with the time of their last change (seconds since 1970).
        now: the time of the comparison.
        grace: a younger file may belong to a message that is just being accepted.
    """
    lost = [f"{name}: its file is missing" for name in sorted(known - stored.keys())]
    oldest = (now - grace).timestamp()
    orphans = [f"{name}: no row knows this file" for name in sorted(stored.keys() - known) if stored[name] < oldest]
    return lost + orphans
