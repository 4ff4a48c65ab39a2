"""Mails of ours: received faxes on their way to people, notices to senders, alerts to the operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from gateway.core.lifecycle import MailState
from gateway.core.model import MailDelivery, MailKind
from gateway.store import journal
from gateway.store.database import Tx, announce, serialise
from gateway.store.rows import take_reason
from gateway.store.schema import mail_delivery


def order(tx: Tx, new: MailDelivery) -> bool:
    """Queues a mail once per ``unique_key``; says whether it is new. Safe to repeat."""
    serialise(tx, new.unique_key)
    if tx.execute(sa.select(mail_delivery.c.id).where(mail_delivery.c.unique_key == new.unique_key)).first():
        return False
    names = (
        *("id", "subject_id", "address", "envelope_from", "unique_key", "facts"),
        *("due_at", "version", "created_at", "deadline"),
    )
    values = {name: getattr(new, name) for name in names}
    tx.execute(sa.insert(mail_delivery).values(**values, kind=new.kind.value, state=new.state.value))
    announce(tx, mail_delivery.name, new.state.value)
    journal.moved(tx, new.created_at, new.id, old=None, new=new.state, detail=f"{new.kind} about {new.subject_id}")
    return True


def about(tx: Tx, subject_id: str, kind: MailKind | None = None) -> list[MailDelivery]:
    """Reads the mails about one fax, job or message."""
    query = sa.select(mail_delivery).where(mail_delivery.c.subject_id == subject_id)
    if kind is not None:
        query = query.where(mail_delivery.c.kind == kind.value)
    return [from_row(row) for row in tx.execute(query.order_by(mail_delivery.c.created_at)).mappings()]


def from_row(row: Mapping[Any, Any]) -> MailDelivery:
    """Makes the noun of a row."""
    values = dict(row)
    values["kind"] = MailKind(values["kind"])
    values["state"] = MailState(values["state"])
    values["reason"] = take_reason(values)
    values["held_from"] = MailState(values["held_from"]) if values["held_from"] else None
    return MailDelivery(**values)
