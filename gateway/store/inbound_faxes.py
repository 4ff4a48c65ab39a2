"""Received faxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from gateway.core.lifecycle import InboundState
from gateway.core.model import Document, InboundFax
from gateway.core.reasons import Reason, TemporaryError
from gateway.store import account_names, journal
from gateway.store.database import Tx, announce, serialise
from gateway.store.rows import document_columns, take_document, take_reason
from gateway.store.schema import inbound_fax


def serialise_account(tx: Tx, account: str, identity: str) -> None:
    """Lets the transactions that may add a fax of this account run one after the other.

    Raises:
        TemporaryError: the account has another name now, under which its faxes are known: they would come twice.
    """
    serialise(tx, account_names.inbound_lock(account))
    if not account_names.is_called(tx, account, identity):
        raise TemporaryError(Reason.ACCOUNT_MISSING, f"account {account} is another one now, or not in use")


def find(tx: Tx, account: str, provider_fax_id: str) -> InboundFax | None:
    """Finds a received fax by what its provider calls it."""
    query = sa.select(inbound_fax).where(
        inbound_fax.c.account == account,
        inbound_fax.c.provider_fax_id == provider_fax_id,
    )
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else from_row(row)


def known(tx: Tx, account: str, provider_fax_ids: list[str]) -> set[str]:
    """Tells which of these faxes we have a row of."""
    query = sa.select(inbound_fax.c.provider_fax_id).where(
        inbound_fax.c.account == account,
        inbound_fax.c.provider_fax_id.in_(provider_fax_ids),
    )
    return set(tx.execute(query).scalars())


def add(tx: Tx, new: InboundFax) -> None:
    """Stores a received fax: the promise behind the 200. The caller has looked that it is new, in this transaction."""
    names = ("id", "account", "provider_fax_id", "due_at", "version", "created_at", "deadline")
    values = {name: getattr(new, name) for name in names}
    tx.execute(
        sa.insert(inbound_fax).values(
            **values,
            **document_columns(new.event_document, "event_document"),
            state=new.state.value,
        ),
    )
    announce(tx, inbound_fax.name, new.state.value)
    journal.moved(tx, new.created_at, new.id, old=None, new=new.state)


def keep_event_document(tx: Tx, fax_id: str, document: Document) -> None:
    """Notes the document that came inside an event, for a row that has none yet."""
    tx.execute(
        sa.update(inbound_fax)
        .where(inbound_fax.c.id == fax_id, inbound_fax.c.event_document_sha256.is_(None))
        .values(**document_columns(document, "event_document")),
    )


def get(tx: Tx, fax_id: str) -> InboundFax | None:
    """Reads one received fax; None if there is none."""
    row = tx.execute(sa.select(inbound_fax).where(inbound_fax.c.id == fax_id)).mappings().one_or_none()
    return None if row is None else from_row(row)


def from_row(row: Mapping[Any, Any]) -> InboundFax:
    """Makes the noun of a row."""
    values = dict(row)
    values["document"] = take_document(values)
    values["event_document"] = take_document(values, "event_document")
    values["state"] = InboundState(values["state"])
    values["reason"] = take_reason(values)
    values["held_from"] = InboundState(values["held_from"]) if values["held_from"] else None
    return InboundFax(**values)
