"""The result of a step as one transaction: state, journal, and the mails that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from gateway.core import notices
from gateway.core.account_choice import TRIES_EACH
from gateway.core.lifecycle import FaxState, Move, State, held_state
from gateway.core.model import FaxJob
from gateway.core.notices import MailSettings
from gateway.core.reasons import Reason
from gateway.store import fax_jobs, journal, mail_deliveries, provider_accounts, queue
from gateway.store.database import Tx
from gateway.store.schema import fax_job

#: After so many tries in a row to reach the provider (about ten minutes) the operator is told.
_TRIES_UNTIL_ALERT: Final = 6


class Outcomes:
    """Writes what a step found out. Its methods run inside a transaction of the caller.

    Args:
        mails: whom notices and alerts go to.
        pause_delays: how long a provider account in trouble rests, growing.
        new_mail_id: makes the id of one more mail.
    """

    def __init__(
        self, mails: MailSettings, pause_delays: tuple[timedelta, ...], new_mail_id: Callable[[], str]
    ) -> None:
        self._mails = mails
        self._pause_delays = pause_delays
        self._new_mail_id = new_mail_id

    def record_fax(self, tx: Tx, job: FaxJob, step: Move, now: datetime) -> bool:
        """Moves a job and tells whoever has to know; says whether an account was paused, or works again.

        Raises LostRaceError if somebody moved the job first.
        """
        queue.move(tx, fax_job, job.id, job.version, job.state, step, now)
        if "account" in step.columns:
            self._tell_of_stand_in(tx, job, step, now)
        works_again = not step.pauses_account and provider_accounts.proven_by(tx, job, step)
        if step.pauses_account:
            self._pause(tx, job.account, step, now)
        elif works_again:
            self._resume(tx, job.account, now)
        if step.reason is Reason.PROVIDER_DOWN:
            self._tell_of_outage(tx, job, step, now)
        if step.notice is not None:
            self._notify(tx, job, step, now)
        elif job.state is FaxState.UNKNOWN and step.to is not FaxState.UNKNOWN:
            self._follow_up(tx, job, step, now)
        return step.pauses_account or works_again

    def _tell_of_stand_in(self, tx: Tx, job: FaxJob, step: Move, now: datetime) -> None:
        account = step.columns["account"]
        journal.note(tx, now, job.id, "other account", reason=step.reason, detail=f"{job.account} -> {account}")
        none_reached = step.columns.get("tries", 0) > 0 and step.due_at is not None and step.due_at > now
        if step.reason in (Reason.PROVIDER_DOWN, Reason.OTHER) and not none_reached:
            sentence = f"The provider account {job.account} fails; faxes go through {account} (told once an hour)."
            self.alert(tx, f"stand-in:{job.account}:{now:%Y-%m-%d %H}", job.account, sentence, now, step.detail)

    def _tell_of_outage(self, tx: Tx, job: FaxJob, step: Move, now: datetime) -> None:
        accounts = sorted([job.account, *job.other_accounts])
        if step.columns.get("tries") != max(_TRIES_UNTIL_ALERT, TRIES_EACH * len(accounts)):
            return
        sentence = f"The provider account {job.account} cannot be reached; its faxes wait (told once an hour)."
        if job.other_accounts:
            names = ", ".join(accounts)
            sentence = f"None of the provider accounts {names} can be reached; their faxes wait (told once an hour)."
        self.alert(tx, f"down:{','.join(accounts)}:{now:%Y-%m-%d %H}", job.account, sentence, now, step.detail)

    def _follow_up(self, tx: Tx, job: FaxJob, step: Move, now: datetime) -> None:
        message = fax_jobs.get_message(tx, job.message_id)
        mail = notices.follow_up_mail(job, message, step, self._new_mail_id(), now, self._mails)
        if mail is not None:
            mail_deliveries.order(tx, mail)
        else:
            sentence = "A fax of unknown outcome has one after all; its sender did not want to be told."
            self.alert(tx, f"settled:{job.id}", job.id, sentence, now, step.detail)

    def _notify(self, tx: Tx, job: FaxJob, step: Move, now: datetime) -> None:
        message = fax_jobs.get_message(tx, job.message_id)
        notice = notices.notice_mail(job, message, step, self._new_mail_id(), now, self._mails)
        if notice is not None:
            mail_deliveries.order(tx, notice)
        if step.to is FaxState.UNKNOWN:
            self.alert(tx, f"unknown:{job.id}", job.id, "The outcome of a fax is unknown.", now, step.detail)
        elif step.reason is Reason.OTHER and step.to is FaxState.FAILED:
            # Nothing that its sender could mend; most likely the account or the configuration is wrong.
            sentence = f"The provider account {job.account} refuses faxes for a reason of its own (told once a day)."
            self.alert(tx, f"refusals:{job.account}:{now:%Y-%m-%d}", job.id, sentence, now, step.detail)
        elif notice is None and step.to is not FaxState.DELIVERED:
            sentence = "A fax failed, and its sender did not want to be told."
            self.alert(tx, f"untold:{job.id}", job.id, sentence, now, step.detail)

    def alert(
        self,
        tx: Tx,
        key: str,
        subject_id: str,
        sentence: str,
        now: datetime,
        detail: str = "",
        lines: Sequence[str] = (),
    ) -> None:
        """Tells the operator, once per ``key``; ``lines`` are shown below the sentence. Safe to repeat."""
        mail = notices.alert_mail(key, subject_id, sentence, self._new_mail_id(), now, self._mails, detail, lines)
        if mail_deliveries.order(tx, mail):
            journal.note(tx, now, subject_id, "operator told", detail=sentence)

    def hold(self, tx: Tx, table: sa.Table, row: queue.Row, old: State, step: Move, now: datetime) -> None:
        """Moves a row of any queue after a bug of ours; once it is held the operator is told."""
        queue.move(tx, table, row["id"], row["version"], old, step, now)
        if step.to is held_state(old) and row.get("kind") != "alert":
            key = f"held:{row['id']}:{now.isoformat()}"
            sentence = "A row is held because of an unexpected error; nothing of it is lost."
            self.alert(tx, key, row["id"], sentence, now, step.detail)

    def forward(self, tx: Tx, message_id: str, now: datetime) -> None:
        """Hands a message to postmaster on to the operator. Safe to repeat."""
        mail_deliveries.order(tx, notices.forward_mail(message_id, self._new_mail_id(), now, self._mails))

    def weekly(self, tx: Tx, key: str, facts: dict[str, str], now: datetime) -> None:
        """Sends the operator the figures of a week, once per ``key``. Safe to repeat."""
        mail_deliveries.order(tx, notices.weekly_mail(key, facts, self._new_mail_id(), now, self._mails))

    def deliver_fax(self, tx: Tx, fax_id: str, address: str, now: datetime) -> bool:
        """Queues a received fax for one address; says whether that is new. Safe to repeat."""
        return mail_deliveries.order(tx, notices.fax_mail(fax_id, address, self._new_mail_id(), now, self._mails))

    def _pause(self, tx: Tx, account: str, step: Move, now: datetime) -> None:
        reason = step.reason or Reason.PROVIDER_AUTH
        if provider_accounts.pause(tx, account, reason, step.detail, now, self._pause_delays):
            trouble = f"The provider account {account} does not work: {reason.sentence}"
            sentence = f"{trouble} What no other account carries waits."
            self.alert(tx, f"account:{account}:{now.isoformat()}", account, sentence, now, step.detail)

    def account_answered(self, tx: Tx, account: str, now: datetime) -> bool:
        """Ends the pause of an account that has answered a question, if no job finds out; says whether it did."""
        works_again = provider_accounts.proven_by_answer(tx, account, now)
        if works_again:
            self._resume(tx, account, now)
        return works_again

    def _resume(self, tx: Tx, account: str, now: datetime) -> None:
        since = provider_accounts.resume(tx, account, now)
        if since is not None:
            sentence = f"The provider account {account} works again; it rested since {since:%Y-%m-%d %H:%M} UTC."
            self.alert(tx, f"account-works:{account}:{now.isoformat()}", account, sentence, now)
