"""Messages, fax jobs, their attempts and renderings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from gateway.core.lifecycle import FaxState
from gateway.core.model import Attempt, AttemptState, Document, Fate, FaxJob, LedgerEntry, Message
from gateway.core.reasons import Reason
from gateway.store import journal
from gateway.store.database import Tx, announce, serialise
from gateway.store.rows import document_columns, take_document, take_reason
from gateway.store.schema import attempt, fax_job, message, part, rendering

#: Statements of the busiest transactions, built once: building one takes longer than running it.
_ADD_MESSAGE = sa.insert(message)
_ADD_JOB = sa.insert(fax_job)
_UNCONFIRMED_TWIN = (
    sa.select(message.c.id)
    .where(
        message.c.fingerprint == sa.bindparam("fingerprint"),
        ~message.c.confirmed,
        message.c.received_at >= sa.bindparam("since"),
    )
    .order_by(message.c.received_at)
    .limit(1)
)
_UPDATE_ATTEMPT = sa.update(attempt).where(attempt.c.reference == sa.bindparam("known_reference"))
_CONFIRM = sa.update(message).where(message.c.id == sa.bindparam("known_id")).values(confirmed=True)


def add_message(tx: Tx, new: Message, jobs: Iterable[FaxJob]) -> None:
    """Stores an accepted message with its jobs: the promise behind the 250."""
    tx.execute(_ADD_MESSAGE, _message_values(new))
    for job in jobs:
        tx.execute(_ADD_JOB, _job_values(job))
        announce(tx, fax_job.name, job.state.value)
        journal.moved(tx, new.received_at, job.id, old=None, new=job.state)


def _message_values(new: Message) -> dict[str, Any]:
    names = (
        "id",
        "received_at",
        "mail_from",
        "peer",
        "message_id",
        "fingerprint",
        "ret",
        "envid",
        "confirmed",
    )
    return {name: getattr(new, name) for name in names} | document_columns(new.document)


def _job_values(job: FaxJob) -> dict[str, Any]:
    names = (
        *(
            "id",
            "message_id",
            "due_at",
            "version",
            "created_at",
            "deadline",
            "number",
            "address",
            "notify",
            "orcpt",
        ),
        *("caller_id", "header_text", "header_time_zone", "account"),
    )
    columns = {name: getattr(job, name) for name in names}
    return columns | {"state": job.state.value, "other_accounts": list(job.other_accounts)}


def unconfirmed_twin(tx: Tx, fingerprint: str, since: datetime) -> tuple[str, list[str]] | None:
    """Finds an equal message whose 250 the client may not have seen; its ids answer the repeat (RFC 1047)."""
    serialise(tx, fingerprint)
    found = tx.execute(_UNCONFIRMED_TWIN, {"fingerprint": fingerprint, "since": since}).scalar()
    if found is None:
        return None
    jobs = tx.execute(sa.select(fax_job.c.id).where(fax_job.c.message_id == found).order_by(fax_job.c.id)).scalars()
    return found, list(jobs)


def confirm_message(tx: Tx, message_id: str) -> None:
    """Notes that the client has seen our 250: an equal message is a new order from now on. Safe to repeat."""
    tx.execute(_CONFIRM, {"known_id": message_id})


def get_message(tx: Tx, message_id: str) -> Message:
    """Reads one message; raises ``sqlalchemy.exc.NoResultFound`` for an unknown id."""
    return _message(tx.execute(sa.select(message).where(message.c.id == message_id)).mappings().one())


def _message(row: Mapping[Any, Any]) -> Message:
    values = dict(row)
    values["document"] = take_document(values)
    return Message(**values)


def get_job(tx: Tx, job_id: str) -> FaxJob | None:
    """Reads one job; None if there is none."""
    row = tx.execute(sa.select(fax_job).where(fax_job.c.id == job_id)).mappings().one_or_none()
    return None if row is None else job_from_row(row)


def job_from_row(row: Mapping[Any, Any]) -> FaxJob:
    """Makes the noun of a row."""
    values = dict(row)
    values["document"] = take_document(values)
    values["state"] = FaxState(values["state"])
    values["reason"] = take_reason(values)
    values["held_from"] = FaxState(values["held_from"]) if values["held_from"] else None
    values["other_accounts"] = tuple(values["other_accounts"])
    return FaxJob(**values)


def jobs_of_message(tx: Tx, message_id: str) -> list[FaxJob]:
    """Reads all jobs of one message."""
    query = sa.select(fax_job).where(fax_job.c.message_id == message_id).order_by(fax_job.c.id)
    return [job_from_row(row) for row in tx.execute(query).mappings()]


def add_rendering(tx: Tx, message_id: str, look: str, document: Document, ledger: Sequence[LedgerEntry]) -> None:
    """Stores what became of a message for one look. A second rendering of the same look changes nothing."""
    if get_rendering(tx, message_id, look) is not None:
        return
    tx.execute(sa.insert(rendering), {"message_id": message_id, "look": look, **document_columns(document)})
    add_ledger(tx, message_id, look, ledger)


def add_ledger(tx: Tx, message_id: str, look: str, ledger: Sequence[LedgerEntry]) -> None:
    """Stores the part ledger of one look. Safe to repeat."""
    known = tx.execute(sa.select(part.c.index).where(part.c.message_id == message_id, part.c.look == look)).first()
    if known is not None or not ledger:
        return
    tx.execute(
        sa.insert(part),
        [
            {
                "message_id": message_id,
                "look": look,
                "index": entry.index,
                "media_type": entry.media_type,
                "size": entry.size,
                "fate": entry.fate.value,
                "first": entry.first,
                "last": entry.last,
                "why": entry.why,
            }
            for entry in ledger
        ],
    )


def get_rendering(tx: Tx, message_id: str, look: str) -> Document | None:
    """Reads the document of a message for one look; None if it is not rendered yet."""
    query = sa.select(rendering).where(rendering.c.message_id == message_id, rendering.c.look == look)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else take_document(dict(row))


def get_ledger(tx: Tx, message_id: str) -> list[LedgerEntry]:
    """Reads the part ledger of a message."""
    query = sa.select(part).where(part.c.message_id == message_id).order_by(part.c.look, part.c.index)
    return [_ledger_entry(row) for row in tx.execute(query).mappings()]


def _ledger_entry(row: Mapping[Any, Any]) -> LedgerEntry:
    names = ("index", "media_type", "size", "first", "last", "why")
    return LedgerEntry(fate=Fate(row["fate"]), **{name: row[name] for name in names})


def begin_attempt(tx: Tx, new: Attempt) -> None:
    """Commits the intent of one submission, new or again under the reference that provably never arrived."""
    known = tx.execute(sa.select(attempt.c.reference).where(attempt.c.reference == new.reference)).first()
    if known is None:
        tx.execute(sa.insert(attempt), _attempt_values(new))
    else:
        tx.execute(sa.update(attempt).where(attempt.c.reference == new.reference).values(_attempt_values(new)))


def _attempt_values(new: Attempt) -> dict[str, Any]:
    names = (
        *("reference", "job_id", "number", "account", "intent_at", "searches", "resends", "absent_since"),
        *("hinted_fax_id", "provider_fax_id"),
    )
    return {name: getattr(new, name) for name in names} | {"state": new.state.value}


def update_attempt(tx: Tx, reference: str, **columns: Any) -> None:
    """Writes what a provider said about an attempt. That is never dropped, even after a lost race."""
    if "state" in columns:
        columns["state"] = AttemptState(columns["state"]).value
    if columns.get("reason") is not None:
        columns["reason"] = columns["reason"].code
    if columns.get("price") is not None:
        columns["price"] = str(columns["price"])
    tx.execute(_UPDATE_ATTEMPT, {"known_reference": reference, **columns})


def attempts_of(tx: Tx, job_id: str) -> list[Attempt]:
    """Reads the attempts of a job, oldest first."""
    query = sa.select(attempt).where(attempt.c.job_id == job_id).order_by(attempt.c.number)
    return [_attempt(row) for row in tx.execute(query).mappings()]


def attempt_of_provider_fax(tx: Tx, account: str, provider_fax_id: str) -> Attempt | None:
    """Finds the attempt that a provider knows under this id."""
    query = sa.select(attempt).where(attempt.c.account == account, attempt.c.provider_fax_id == provider_fax_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _attempt(row)


def get_attempt(tx: Tx, reference: str) -> Attempt | None:
    """Finds an attempt by its reference."""
    row = tx.execute(sa.select(attempt).where(attempt.c.reference == reference)).mappings().one_or_none()
    return None if row is None else _attempt(row)


def _attempt(row: Mapping[Any, Any]) -> Attempt:
    values = dict(row)
    values["state"] = AttemptState(values["state"])
    values["reason"] = Reason.of(values["reason"]) if values["reason"] else None
    values["price"] = Decimal(values["price"]) if values["price"] is not None else None
    return Attempt(**values)
