"""Spoils the gateway: nothing says that a received fax is one row, neither the look before nor the key."""

from __future__ import annotations

from gateway.store import inbound_faxes
from gateway.store.schema import inbound_fax

inbound_fax.constraints.remove(next(key for key in inbound_fax.constraints if key.name == "inbound_fax_once"))
inbound_faxes.find = lambda *_: None
