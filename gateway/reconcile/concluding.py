"""Ends a turn in one commit: what was read is remembered, and the operator told what is new in it (step R4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.core.mapping_changes import name_of
from gateway.core.mappings import Kind, Line, Plan, SettingLine, digest_of
from gateway.core.model import ServiceState
from gateway.core.reasons import GatewayError
from gateway.reconcile.changing import Failed
from gateway.store import journal, mappings
from gateway.store.database import Tx
from gateway.store.outcomes import Outcomes

#: Every service of every account that was read.
Reading = dict[str, tuple[ServiceState, ...]]

#: After so long without a reading nobody is taken to be mailed by the provider any more: then we mail them.
_BELIEVED: Final = timedelta(days=1)
_WHAT_TO_DO: Final = "`faxgw mappings plan` shows everything, and how to change it."
#: Stands for the account of numbers that no account has.
_NOWHERE: Final = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of one turn.

    Attributes:
        found: what was read last.
        unread: the accounts that could not be read; nothing is concluded about them.
        plan: made from ``found``.
        refusal: why no change was made, if that has a reason of its own.
        carried_out: the plan whose changes were made.
        unasked: nobody asked for these changes (mode ``enforce``), so the operator is told of them.
        failed: those of its lines that could not be.
    """

    found: Reading
    unread: Mapping[str, GatewayError]
    plan: Plan
    refusal: str | None = None
    carried_out: Plan | None = None
    failed: tuple[Failed, ...] = ()
    unasked: bool = False

    @property
    def changed(self) -> tuple[Line | SettingLine, ...]:
        """Lists what was carried out, and found so when it was read again."""
        if self.carried_out is None:
            return ()
        still_open = {name_of(line) for line in self.plan.changes}
        planned = self.carried_out.changes
        return tuple(line for line in planned if line.account in self.found and name_of(line) not in still_open)


def conclude(tx: Tx, turn: Turn, outcomes: Outcomes, now: datetime) -> None:
    """Remembers what was read, notes what was changed, and tells the operator of drift and of its end, each once."""
    wanted = {line.pair for line in turn.plan.lines if line.wanted is not None}
    for account, services in turn.found.items():
        mappings.remember(tx, account, services, wanted, now)
        _tell(tx, account, turn, outcomes, now)
    if not turn.unread:
        mappings.remember(tx, _NOWHERE, (), (), now)
        _tell(tx, _NOWHERE, turn, outcomes, now)
    for account, error in turn.unread.items():
        _doubt(tx, account, error, outcomes, now)
    for account in mappings.accounts_read(tx) - turn.found.keys() - turn.unread.keys() - {_NOWHERE}:
        mappings.forget_reading(tx, account)  # no longer configured: nobody is mailed from there
    _note_changes(tx, turn, outcomes, now)


def _note_changes(tx: Tx, turn: Turn, outcomes: Outcomes, now: datetime) -> None:
    for line in turn.changed:
        journal.note(tx, now, line.account, f"{line.noun} {line.kind}", detail=line.what)
    if turn.unasked and turn.changed:
        lines = [f"{line.account}: {line.noun} {line.kind}: {line.what}" for line in turn.changed]
        sentence = "Mappings or settings were mended at the provider."
        outcomes.alert(tx, f"mappings-mended:{now.isoformat()}", "mappings", sentence, now, lines=lines)


def _tell(tx: Tx, account: str, turn: Turn, outcomes: Outcomes, now: datetime) -> None:
    drift = [line for line in turn.plan.drift if line.account == account]
    if turn.unread and any(line.kind is Kind.UNKNOWN_NUMBER for line in drift):
        return  # their numbers may be in an account that we could not read
    digest = digest_of(drift) if drift else ""
    if digest == mappings.told(tx, account):
        return
    mappings.note_told(tx, account, digest)
    key, subject = f"mappings:{account}:{now.isoformat()}", account or "mappings"
    if not drift:
        outcomes.alert(tx, key, subject, _all_clear(account), now)
        return
    whys = {name_of(each.line): f" ({each.why})" for each in turn.failed}
    lines = [line.sentence + whys.get(name_of(line), "") for line in drift]
    detail = f"{turn.refusal}; only `faxgw mappings apply --remove-many` does that" if turn.refusal and account else ""
    outcomes.alert(tx, key, subject, _trouble(account), now, detail, [_WHAT_TO_DO, *lines])


def _trouble(account: str) -> str:
    if account == _NOWHERE:
        return "Mappings are wanted for numbers that no account has."
    return f"Mappings of {account} are not as configured."


def _all_clear(account: str) -> str:
    if account == _NOWHERE:
        return "All numbers of wanted mappings have an account again."
    return f"Mappings of {account} are as configured again."


def _doubt(tx: Tx, account: str, error: GatewayError, outcomes: Outcomes, now: datetime) -> None:
    """Stops believing an old reading: what it says the provider mails may be mailed by nobody."""
    read_at = mappings.last_read(tx, account)
    if read_at is not None and now - read_at < _BELIEVED:
        return
    mappings.forget_reading(tx, account)
    sentence = f"Mappings of {account} cannot be read."
    lines = (
        "This is told once a day.",
        "Until they can, the gateway mails received faxes itself, whoever delivers them otherwise.",
        'If the provider\'s own e-mail service is not used, set mode = "off" in [mappings].',
    )
    outcomes.alert(tx, f"mappings-unread:{account}:{now:%Y-%m-%d}", account, sentence, now, error.detail, lines)
