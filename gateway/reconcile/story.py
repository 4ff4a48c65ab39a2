"""Keeps the provider's mappings as the configuration wants them; read it from top to bottom.

Order of durable steps: docs/durability.md. All is read, the difference is a plan, only what is under our care is
changed, and all is read again and compared. Wherever the process dies, the next turn begins with reading and ends at
the same state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count

from gateway import faxlog
from gateway.core.mapping_changes import name_of, work_of
from gateway.core.mappings import (
    Kind,
    Line,
    Pair,
    Plan,
    SettingLine,
    guard,
    is_meant,
    make_plan,
    wanted_mappings,
)
from gateway.core.model import Route, Sender
from gateway.core.reasons import GatewayError, TemporaryError
from gateway.failpoint import failpoint
from gateway.providers.base import FaxProvider, KeepsMappings
from gateway.reconcile.changing import Changes, Failed, Sleep, patiently
from gateway.reconcile.concluding import Reading, Turn, conclude
from gateway.store import journal, mappings
from gateway.store.database import Database, Tx
from gateway.store.outcomes import Outcomes


class UnreadableError(TemporaryError):
    """The mappings of one account could not be read; ``account`` names it."""

    def __init__(self, account: str, cause: GatewayError) -> None:
        super().__init__(cause.reason, f"provider account {account}: {cause.detail or cause.reason.sentence}")
        self.account = account


class PlanChangedError(Exception):
    """What the plan rested on has changed; nothing was done. ``plan`` is what it would be now."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(f"the mappings have changed since this plan was made; the plan is now {plan.digest}")
        self.plan = plan


class ManyRemovalsError(Exception):
    """The plan looks like a mistake; nothing was done. The message says why."""


@dataclass(frozen=True, slots=True)
class Applied:
    """How a plan was carried out.

    Attributes:
        after: the plan made from what was read afterwards; None if that could not be read.
        failed: what could not be done.
    """

    after: Plan | None
    failed: tuple[Failed, ...]

    @property
    def proven(self) -> bool:
        """Says that what was read afterwards is what was wanted."""
        return self.after is not None and self.after.is_empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Compares the provider's mappings and settings with the configuration, and changes what is under our care.

    Callers take turns: one that changes something begins when the one before has ended.

    Attributes:
        store: transactions.
        providers: by the name of their account; those that keep mappings take part.
        routes: who gets the faxes of a number, and who mails them.
        senders: who may fax, and whose mail service takes it.
        mode: what the chore does: ``off``, ``report`` or ``enforce``.
        webhook_url: ours for an account, without credentials.
        outcomes: writes the mails that follow.
        clock: the time now, aware.
        sleep: waits so many seconds.
    """

    store: Database
    providers: Mapping[str, FaxProvider]
    routes: Sequence[Route]
    senders: Sequence[Sender]
    mode: str
    webhook_url: Callable[[str], str]
    outcomes: Outcomes
    clock: Callable[[], datetime]
    sleep: Sleep

    # --- the chore ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Reads, changes what may be changed if the mode says so, and tells the operator once of what remains.

        An account that cannot be read keeps no other from its turn, and nothing is concluded about it. Safe to repeat.
        """
        if self.mode == "off":
            return
        found, unread = await self._read_accounts(self._keepers())
        plan, owned = await self._plan_from(found)
        refusal = guard(plan)
        if self.mode == "enforce" and refusal is None and not plan.is_empty:
            await self._carry_out(plan, owned, found, unread, lambda _done, _total: None, unasked=True)
        else:
            await self._conclude(Turn(found, unread, plan, refusal=refusal))

    # --- what an operator asks for --------------------------------------------------------------------------------

    async def read(self) -> Reading:
        """Reads every account whole; changes nothing, here or there.

        Raises:
            UnreadableError: the first account that could not be read.
        """
        found, unread = await self._read_accounts(self._keepers())
        for account, error in unread.items():
            raise UnreadableError(account, error) from error
        return found

    async def plan(self) -> Plan:
        """Makes the plan from what is there now; changes nothing, here or there.

        Raises:
            UnreadableError: an account could not be read.
        """
        plan, _ = await self._plan_from(await self.read())
        return plan

    async def apply(self, digest: str, *, remove_many: bool, progress: Callable[[int, int], None]) -> Applied:
        """Carries out the plan with this digest, reads everything again, and says whether it is as wanted.

        Killed anywhere, the next run converges. Safe to repeat, with a new digest.

        Args:
            digest: of the plan that was looked at.
            remove_many: the operator knows that much will be removed.
            progress: hears how many pieces of work are done, of how many.

        Raises:
            UnreadableError: an account could not be read; nothing was done.
            PlanChangedError: the plan is another one by now; nothing was done.
            ManyRemovalsError: it looks like a mistake; nothing was done.
        """
        found = await self.read()
        plan, owned = await self._plan_from(found)
        if plan.digest != digest:
            raise PlanChangedError(plan)
        refusal = guard(plan)
        if refusal is not None and not remove_many:
            raise ManyRemovalsError(refusal)
        return await self._carry_out(plan, owned, found, {}, progress)

    async def adopt(self, words: Sequence[str]) -> list[Line | SettingLine]:
        """Takes under our care what somebody else made; from then on the plan follows the configuration there too.

        Nothing is changed at the provider. Safe to repeat.

        Args:
            words: addresses, numbers, ids of services, names of settings; what fits all kinds that are named is meant,
                everything if there are none.

        Returns:
            What was taken, as it was planned until now.

        Raises:
            UnreadableError: an account could not be read; nothing was taken.
        """
        plan = await self.plan()
        taken = [line for line in plan.everything if line.may_be_adopted and is_meant(line, words)]
        await self.store.write(_adopt, taken, self.clock())
        return taken

    async def forget(self, words: Sequence[str]) -> list[Line | SettingLine]:
        """Lets go of what is under our care; nothing is changed at the provider. Safe to repeat.

        Args:
            words: as for ``adopt``.

        Returns:
            What was let go, as it was planned until now.

        Raises:
            UnreadableError: an account could not be read; nothing was let go.
        """
        plan = await self.plan()
        left = [line for line in plan.everything if line.owned and is_meant(line, words)]
        await self.store.write(_forget, left, self.clock())
        return left

    # --- step R1: read and compare --------------------------------------------------------------------------------

    def _keepers(self) -> dict[str, KeepsMappings]:
        return {name: each for name, each in self.providers.items() if isinstance(each, KeepsMappings)}

    async def _read_accounts(self, accounts: Collection[str]) -> tuple[Reading, dict[str, TemporaryError]]:
        """Reads accounts whole; answers apart those that could not be read."""
        found: Reading = {}
        unread: dict[str, TemporaryError] = {}
        for account, provider in self._keepers().items():
            if account in accounts:
                try:
                    read = partial(provider.read_services, self.webhook_url(account))
                    found[account] = await patiently(read, self.sleep)
                except TemporaryError as error:
                    unread[account] = error
        return found, unread

    async def _plan_from(self, found: Reading) -> tuple[Plan, frozenset[Pair]]:
        owned = await self.store.read(mappings.owned_pairs)
        owned_settings = await self.store.read(mappings.owned_settings)
        wanted = wanted_mappings(self.routes, self.senders)
        routed = {route.number for route in self.routes}
        return make_plan(wanted, found, owned, owned_settings, routed), owned

    # --- steps R2 to R4: change -----------------------------------------------------------------------------------

    async def _carry_out(
        self,
        plan: Plan,
        owned: Collection[Pair],
        found: Reading,
        unread: Mapping[str, TemporaryError],
        progress: Callable[[int, int], None],
        *,
        unasked: bool = False,
    ) -> Applied:
        """Makes the changes account by account, reads again what had been read, and compares."""
        works = {account: work_of(plan, account) for account in found}
        total, done = sum(work.size for work in works.values()), count(1)
        failed: list[Failed] = []
        for account, provider in self._keepers().items():
            if account in works:
                changes = Changes(
                    store=self.store,
                    provider=provider,
                    webhook_url=self.webhook_url(account),
                    owned=set(owned),
                    clock=self.clock,
                    sleep=self.sleep,
                    tick=lambda: progress(next(done), total),
                )
                failed += await changes.make(works[account])
        found, unread_again = await self._read_accounts(found)
        failpoint("r4.after_reading")
        after, _ = await self._plan_from(found)
        await self._conclude(
            Turn(
                found,
                {**unread, **unread_again},
                after,
                carried_out=plan,
                failed=tuple(failed),
                unasked=unasked,
            )
        )
        if unread_again:
            return Applied(None, tuple(failed))
        still_open = {name_of(line) for line in after.changes}
        return Applied(after, tuple(each for each in failed if name_of(each.line) in still_open))

    # --- step R4: remember what was read, tell what it means ------------------------------------------------------

    async def _conclude(self, turn: Turn) -> None:
        await self.store.write(conclude, turn, self.outcomes, self.clock())
        failpoint("r4.after_commit")
        for line in turn.changed:
            what = line.number if isinstance(line, Line) else line.setting.name
            faxlog.mapping_changed(line.kind, line.noun, line.account, line.service, what=what)
        for account, services in turn.found.items():
            kinds = Counter(str(line.kind) for line in turn.plan.drift if line.account == account)
            faxlog.mappings_read(account, sum(len(service.mappings) for service in services), kinds)
        for account, error in turn.unread.items():
            faxlog.mappings_unread(account, error.reason)
        if not turn.unread:
            faxlog.numbers_unknown(sum(line.kind is Kind.UNKNOWN_NUMBER for line in turn.plan.lines))


def _adopt(tx: Tx, lines: Sequence[Line | SettingLine], now: datetime) -> None:
    mappings.own(tx, [line.pair for line in lines if isinstance(line, Line)], now)
    mappings.own_settings(tx, {line.name: "" for line in lines if isinstance(line, SettingLine)}, now)
    for line in lines:
        journal.note(tx, now, line.account, f"{line.noun} adopted", detail=line.what)


def _forget(tx: Tx, lines: Sequence[Line | SettingLine], now: datetime) -> None:
    mappings.disown(tx, [line.pair for line in lines if isinstance(line, Line)])
    mappings.disown_settings(tx, [line.name for line in lines if isinstance(line, SettingLine)])
    for line in lines:
        journal.note(tx, now, line.account, f"{line.noun} forgotten", detail=line.what)
