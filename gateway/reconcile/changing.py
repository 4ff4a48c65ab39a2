"""Carries a plan out in one account: what is added first, what is taken away last (steps R2 to R4).

Nothing is written blind. An address is read immediately before it is written, what is to be written is worked out from
that, and pairs that are not ours go back as they were found. Providers offer no version to hold a write against
(sinch-fax-v3 5.3), so this remains unseen: what somebody else does to the same address between our reading of it and
our write, the time of one request, or while a write is under way whose answer we gave up; that somebody else made
exactly the pair that we had noted as ours and not made yet; and who changed a setting after the plan was made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from gateway.core.mapping_changes import Numbers, Record, Work, changed, narrowed, widened
from gateway.core.mappings import Line, Pair, SettingLine
from gateway.core.model import Permission
from gateway.core.reasons import AccountError, GatewayError, TemporaryError
from gateway.failpoint import failpoint
from gateway.providers.base import KeepsMappings, MappingConflictError
from gateway.store import mappings
from gateway.store.database import Database

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
#: Works out what the numbers of an address must become, from what they are.
Become = Callable[[Numbers], dict[str, Permission]]

#: Waits before a request is tried again. What asks for a longer one is left to the next turn.
_WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 4, 15))
_LONGEST_WAIT: Final = timedelta(minutes=2)
#: After so many failures in a row to reach the provider the rest of the account is left to the next turn.
_OUT_OF_REACH: Final = 3


@dataclass(frozen=True, slots=True)
class Failed:
    """A line that could not be carried out, and why."""

    line: Line | SettingLine
    why: str


async def patiently(act: Callable[[], Awaitable[T]], sleep: Sleep) -> T:
    """Does what is safe to repeat, and does it again after a pause where it failed for now.

    Raises:
        AccountError: at once; no pause mends it.
        TemporaryError: after the last try, or if the other side asks for more patience than we have.
    """
    for wait in _WAITS:
        try:
            return await act()
        except AccountError:
            raise
        except TemporaryError as error:
            pause = max(wait, error.retry_after or wait)
            if pause > _LONGEST_WAIT:
                raise
        await sleep(pause.total_seconds())
    return await act()


@dataclass(slots=True, kw_only=True)
class Changes:
    """Makes the changes of one account, one request at a time.

    Attributes:
        store: transactions.
        provider: the account.
        webhook_url: ours for this account.
        owned: the pairs under our care; grows with what is made.
        clock: the time now, aware.
        sleep: waits so many seconds.
        tick: called after each piece of work.
        failed: what could not be done.
    """

    store: Database
    provider: KeepsMappings
    webhook_url: str
    owned: set[Pair]
    clock: Callable[[], datetime]
    sleep: Sleep
    tick: Callable[[], None]
    failed: list[Failed] = field(default_factory=list)
    _misses: int = 0

    async def make(self, work: Work) -> list[Failed]:
        """Makes them all, as far as that is possible, and answers what was not. Safe to repeat.

        A number to which somebody could not be added loses nobody either.
        """
        for record in work.widen:
            become = partial(widened, record, owned=self.owned)
            await self._try(record.lines, partial(self._bring, record, become))
        unserved = {failed.line.number for failed in self.failed if isinstance(failed.line, Line)}
        for lines in work.settings:
            await self._try(lines, partial(self._set, lines))
        for record in work.narrow:
            await self._narrow(record, unserved)
        return self.failed

    async def _narrow(self, record: Record, unserved: set[str]) -> None:
        kept = [line for line in record.lines if line.number in unserved]
        self.failed += [Failed(line, "somebody else could not be added to this number") for line in kept]
        record = Record(record.service, record.address, tuple(line for line in record.lines if line not in kept))
        await self._try(record.lines, partial(self._bring, record, partial(narrowed, record)))

    async def _try(self, lines: Sequence[Line | SettingLine], act: Callable[[], Awaitable[None]]) -> None:
        """Does one piece of work; what prevents it is noted with its lines and keeps nothing else from being done."""
        if self._misses >= _OUT_OF_REACH:
            self.failed += [Failed(line, "the provider could not be reached") for line in lines]
        else:
            try:
                await patiently(act, self.sleep)
                self._misses = 0
            except (GatewayError, MappingConflictError) as error:
                self.failed += [Failed(line, _why(error)) for line in lines]
                self._misses = _misses_after(error, self._misses)
        self.tick()

    # --- step R2: one address -------------------------------------------------------------------------------------

    async def _bring(self, record: Record, become: Become) -> None:
        """Brings one address to what it must become; if it was not as we read it, once more from the reading."""
        try:
            await self._bring_once(record, become)
        except MappingConflictError:
            await self._bring_once(record, become)

    async def _bring_once(self, record: Record, become: Become) -> None:
        now = await self.provider.read_address(record.service, record.address)
        after = become(now or {})
        if after == (now or {}):
            return
        failpoint("r2.after_read")
        pairs = changed(record, now or {}, after)
        await self.store.write(mappings.own, pairs, self.clock())
        self.owned.update(pairs)
        failpoint("r2.after_intent")
        if now is None:
            await self.provider.add_address(record.service, record.address, after)
        elif after:
            await self.provider.set_numbers(record.service, record.address, after)
        else:
            await self.provider.remove_address(record.service, record.address)
        failpoint("r2.after_request")

    # --- step R3: the settings of one service ---------------------------------------------------------------------

    async def _set(self, lines: Sequence[SettingLine]) -> None:
        """Sets what is wanted. Until the provider has said yes, the fingerprint of what it has is unknown."""
        await self.store.write(mappings.own_settings, {line.name: "" for line in lines}, self.clock())
        failpoint("r3.after_intent")
        names = [line.setting.name for line in lines]
        await self.provider.change_settings(lines[0].service, names, self.webhook_url)
        failpoint("r3.after_request")
        fingerprints = {line.name: line.setting.fingerprint for line in lines}
        await self.store.write(mappings.own_settings, fingerprints, self.clock())


def _why(error: GatewayError | MappingConflictError) -> str:
    if isinstance(error, MappingConflictError):
        return f"refused twice: {error}"
    return error.detail or error.reason.sentence


def _misses_after(error: Exception, misses: int) -> int:
    if isinstance(error, AccountError):
        return _OUT_OF_REACH
    return misses + 1 if isinstance(error, TemporaryError) else 0
