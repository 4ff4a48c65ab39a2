"""Keeps every fax with the account that it went through, whatever the configuration calls that account now.

A fax is known by account and provider id. So a renamed account takes its faxes along, and one that goes away while
faxes need it leaves them waiting, with the operator told, never lost and never asked for at another account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway import faxlog
from gateway.store import account_names
from gateway.store.account_names import OpenFaxes
from gateway.store.database import Database, Tx
from gateway.store.outcomes import Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleAccounts:
    """Settles names when a configuration is taken into use, and looks after faxes whose account is missing.

    Attributes:
        store: transactions.
        identities: who each configured account is at its provider, by name.
        outcomes: writes mails to the operator.
        clock: the time now, aware.
    """

    store: Database
    identities: Mapping[str, str]
    outcomes: Outcomes
    clock: Callable[[], datetime]

    async def settle(self, *, keep_open: bool) -> None:
        """Gives all faxes the names of this configuration, in one commit, before anything works with it.

        Args:
            keep_open: refuse a configuration that takes the account from open faxes.

        Raises:
            AccountsInUseError: it does; nothing was changed.
        """
        moved = await self.store.write(account_names.settle, self.identities, self.clock(), keep_open=keep_open)
        _log(moved)

    async def look(self) -> None:
        """Tells the operator, once a day, of faxes that wait for an account that is not there. A chore."""
        if await self.store.read(account_names.without_account, self.identities):
            _log(await self.store.write(self._tell, self.clock()))

    def _tell(self, tx: Tx, now: datetime) -> dict[str, str]:
        moved = account_names.gather_strays(tx, self.identities, now)
        for name, faxes in account_names.without_account(tx, self.identities).items():
            sentence = f"The provider account {name} {_missing(faxes)} (told once a day)."
            self.outcomes.alert(tx, f"missing:{name}:{now:%Y-%m-%d}", name, sentence, now)
        return moved

    async def health(self) -> dict[str, str]:
        """Says under ``account NAME`` what waits for each account that is not there."""
        waiting = await self.store.read(account_names.without_account, self.identities)
        return {f"account {name}": _missing(faxes) for name, faxes in waiting.items()}


def told(faxes: OpenFaxes) -> str:
    """Writes how many faxes are open: ``2 ready, 1 submitted``."""
    return ", ".join(f"{number} {state}" for state, number in sorted(faxes.items()))


def _missing(faxes: OpenFaxes) -> str:
    return f"is not in the configuration; faxes wait for it: {told(faxes)}"


def _log(moved: Mapping[str, str]) -> None:
    for old, new in moved.items():
        faxlog.account_renamed(old, new)
