"""A fax from acceptance to its final status and the callback that tells it (interfax-rest 5, 12 and 16)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from gateway.simulator.clock import Clock
from gateway.simulator.faults import Faults
from gateway.simulator.interfax_account import COST_PER_UNIT, Account, Fax
from gateway.simulator.interfax_callbacks import Callbacks
from gateway.simulator.interfax_errors import WRONG_STATE, ApiError
from gateway.simulator.interfax_fates import (
    CANCELLED,
    NO_CREDIT,
    PREPARING,
    QUEUED,
    QUOTA_EXCEEDED,
    RENDERING_FAILED,
    SENDING,
    UNLISTED,
    Fate,
    dials,
    fate_of,
)
from gateway.simulator.webhooks import HOUR, MINUTE

PREPARE_SECONDS = 0.2
QUEUE_SECONDS = 0.1
CALL_SECONDS = 0.3
PAGE_SECONDS = 0.2
RETRY_SECONDS = 3 * MINUTE
CREDIT_SECONDS = 24 * HOUR

Step = Callable[[Fax], None]


class Lifecycle:
    """Moves faxes on as simulated time passes and tells how they end.

    Args:
        account: Has the records and the credit.
        clock: Plans the steps.
        faults: fail, stuck, unlisted_state, early_callback.
        callbacks: Told of each end.
    """

    def __init__(self, account: Account, clock: Clock, faults: Faults, callbacks: Callbacks) -> None:
        self._account = account
        self._clock = clock
        self._faults = faults
        self._callbacks = callbacks

    def fate_of(self, number: str) -> Fate:
        """Returns the fate of a fax accepted now: that of its number, and of the faults that are on."""
        fate = fate_of(number)
        if fail := self._faults.take("fail"):
            fate = Fate(code=fail.extra.get("code", 6017), pages_sent=fail.extra.get("pages_sent", 0))
        stuck = self._faults.take("stuck") is not None
        return replace(fate, stuck=stuck, unlisted=self._faults.take("unlisted_state") is not None)

    def begin(self, fax: Fax) -> None:
        """Records an accepted fax and starts to prepare it; a postponed one waits in the queue."""
        postpone = fax.options.postpone
        wait = (postpone - self._clock.now()).total_seconds() if postpone else 0.0
        self._account.put(replace(fax, status=QUEUED if wait > 0 else PREPARING))
        self._plan(fax, PREPARE_SECONDS + max(wait, 0.0), self._prepared)

    def cancel(self, fax: Fax) -> None:
        """Ends a fax that waits.

        Raises:
            ApiError: -162, it is final, or a call is running.
        """
        if fax.is_final or fax.calling:
            raise ApiError(WRONG_STATE)
        self._finish(fax, CANCELLED)

    def credit_added(self) -> None:
        """Lets the faxes go on that wait for credit, as far as it lasts."""
        for fax in list(self._account.faxes.values()):
            if fax.status == NO_CREDIT and not fax.calling:
                self._dial(fax)

    def _prepared(self, fax: Fax) -> None:
        if fax.document is None:
            self._finish(fax, RENDERING_FAILED)
            return
        queued = replace(fax, status=UNLISTED if fax.fate.unlisted else QUEUED)
        self._account.put(queued)
        self._plan(queued, QUEUE_SECONDS, self._dial)

    def _dial(self, fax: Fax) -> None:
        fate = fax.fate
        if fax.pages * COST_PER_UNIT > self._account.balance:
            if fax.status != NO_CREDIT:
                self._account.put(replace(fax, status=NO_CREDIT))
                self._plan(fax, CREDIT_SECONDS, self._credit_never_came)
        elif not dials(fate.code):
            self._finish(fax, fate.code)
        else:
            calling = replace(fax, status=SENDING, calling=not fate.stuck, pages_sent=0)
            self._account.put(calling)
            if not fate.stuck:
                self._plan(calling, CALL_SECONDS, self._connected)

    def _credit_never_came(self, fax: Fax) -> None:
        if fax.status == NO_CREDIT:
            self._finish(fax, QUOTA_EXCEEDED)

    def _connected(self, fax: Fax) -> None:
        """Sends one page after the other, then hangs up."""
        pages = fax.pages if fax.fate.code == 0 else min(fax.fate.pages_sent, fax.pages)
        seconds = fax.seconds + (PAGE_SECONDS if fax.pages_sent else CALL_SECONDS)
        if fax.pages_sent == pages:
            self._hung_up(replace(fax, seconds=seconds))
            return
        sending = replace(fax, seconds=seconds, pages_sent=fax.pages_sent + 1)
        self._account.put(sending)
        self._plan(sending, PAGE_SECONDS, self._connected)

    def _hung_up(self, fax: Fax) -> None:
        ended = replace(fax, calling=False, attempts=fax.attempts + 1)
        if ended.fate.code == 0 or not ended.fate.placed or ended.attempts >= ended.options.attempts:
            self._finish(ended, ended.fate.code)
        else:
            self._account.put(ended)
            self._plan(ended, RETRY_SECONDS, self._dial)

    def _finish(self, fax: Fax, code: int) -> None:
        """Ends a fax; the callback comes when the record says so, or before it if that fault is on."""
        final = replace(fax, status=code, calling=False, completed=self._clock.now())
        self._account.balance -= final.units * COST_PER_UNIT
        if early := self._faults.take("early_callback"):
            self._account.put(replace(fax, calling=True))
            self._clock.after(early.seconds, partial(self._end, final))
        else:
            self._account.put(final)
        self._callbacks.finished(final)

    async def _end(self, final: Fax) -> None:
        self._account.put(final)

    def _plan(self, fax: Fax, seconds: float, step: Step) -> None:
        """Plans a step; one whose fax has ended meanwhile is left out."""

        async def take() -> None:
            now = self._account.faxes[fax.id]
            if not now.is_final:
                step(now)

        self._clock.after(seconds, take)
