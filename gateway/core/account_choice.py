"""Which provider account carries a fax, and which one stands in after a definite failure of another. Pure.

A job names its account and, in their order, those that stand in for it. One whose fax may still turn up at its account
has none of them any more (`stay`): so it never leaves, whatever happens later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.core.lifecycle import CALLING, FaxState, FaxTiming, Move
from gateway.core.model import FaxJob, Sender
from gateway.core.reasons import Reason

#: So often in a row an account may be out of reach before another one is tried.
TRIES_EACH: Final = 3
#: A refusal for one of these may be this provider's own; others are about the fax itself, wherever it goes.
_THEIR_OWN: Final = frozenset({Reason.OTHER, Reason.PROVIDER_AUTH})
#: A call that ended so may end better on another network. A busy line stays busy.
_THEIR_NETWORK: Final = frozenset(
    {
        Reason.CONGESTION,
        Reason.FAST_BUSY,
        Reason.CALL_NOT_ACCEPTED,
        Reason.LINE_DROPPED,
        Reason.PROVIDER_DOWN,
        Reason.PROVIDER_FAULT,
        Reason.RENDER_TEMPORARY,
        Reason.OTHER_TEMPORARY,
    }
)


@dataclass(frozen=True, slots=True)
class AccountRule:
    """Faxes that fit go through the first of ``accounts``; the others stand in after a definite failure.

    Attributes:
        accounts: names of provider accounts, at least one.
        sender: a full address or ``@domain``; None fits every sender.
        prefix: how the number begins, E.164 (a whole number is a prefix too); None fits every number.
    """

    accounts: tuple[str, ...]
    sender: str | None = None
    prefix: str | None = None


def choose_accounts(rules: Iterable[AccountRule], sender: Sender, mail_from: str, number: str) -> tuple[str, ...]:
    """Finds the accounts for one fax, best first: those of the first rule that fits, else the sender's own."""
    address = mail_from.lower()
    for rule in rules:
        fits_sender = rule.sender is None or _covers(rule.sender.lower(), address)
        if fits_sender and number.startswith(rule.prefix or ""):
            return rule.accounts
    return (sender.account,)


def _covers(wanted: str, address: str) -> bool:
    return address.endswith(wanted) if wanted.startswith("@") else address == wanted


def stay(step: Move) -> Move:
    """Keeps a job with its account for the rest of its life: its fax may still turn up there."""
    return replace(step, columns={**step.columns, "other_accounts": []})


def choose_account(
    job: FaxJob, step: Move, configured: Collection[str], paused: Collection[str], timing: FaxTiming, now: datetime
) -> Move:
    """Decides which account carries a job after a step, if another one may mend a definite failure.

    Of a step from submitting or submitted, READY and FAILED say that nothing of the fax is under way any more.

    Args:
        job: before the step, ``calls`` counting every call that was made.
        step: what was decided without a thought of other accounts.
        configured: the accounts that exist.
        paused: those that rest.
        timing: for the most calls and the pause between two of them.
        now: the time of the decision.

    Returns:
        ``step`` itself, or READY with another account.
    """
    if "other_accounts" in step.columns:
        return step
    existing = [account for account in job.other_accounts if account in configured]
    resting = {*paused, job.account} if step.pauses_account else paused
    working = [account for account in existing if account not in resting]
    if step.to is FaxState.FAILED and existing:
        return _refused(job, step, (working or existing)[0], timing, now)
    if step.to is not FaxState.READY or not working:
        return step
    over = _through(working[0], job, step)
    if job.account in resting or job.account not in configured:
        return over
    if job.state is FaxState.SUBMITTED:
        return over if step.reason in _THEIR_NETWORK else step
    if job.state is FaxState.SUBMITTING:
        return _unreached(step, over, 1 + len(working), now)
    return step


def _refused(job: FaxJob, step: Move, following: str, timing: FaxTiming, now: datetime) -> Move:
    due = now + timing.fault_pause if job.state is FaxState.SUBMITTED else now
    if (
        job.state not in CALLING
        or step.reason not in _THEIR_OWN
        or job.calls >= timing.max_calls
        or due >= job.deadline
    ):
        return step
    # The account that refused is not asked again: so this ends.
    rest = [account for account in job.other_accounts if account != following]
    columns = {**step.columns, "account": following, "other_accounts": rest}
    return replace(step, to=FaxState.READY, due_at=due, notice=None, columns=columns)


def _unreached(step: Move, over: Move, accounts: int, now: datetime) -> Move:
    """Tries each account a few times; when none was reached, each in turn, as the growing waits say."""
    tries = step.columns["tries"]
    if tries >= TRIES_EACH * accounts:
        return over
    return step if tries % TRIES_EACH else replace(over, due_at=now)


def _through(following: str, job: FaxJob, step: Move) -> Move:
    # A refused account does not end the row of tries: the others may be out of reach.
    tries = {"tries": job.tries} if job.state is FaxState.SUBMITTING else {}
    rest = behind(following, job.account, job.other_accounts)
    return replace(step, columns={**tries, **step.columns, "account": following, "other_accounts": rest})


def behind(following: str, account: str, others: Iterable[str]) -> list[str]:
    """Lists the accounts that stand in for ``following``, which stood in for ``account`` until now."""
    return [each for each in (*others, account) if each != following]
