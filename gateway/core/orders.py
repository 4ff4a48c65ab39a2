"""What an accepted envelope orders: one job per number, for the sender who may send it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from gateway.core.lifecycle import FaxState
from gateway.core.model import Envelope, FaxJob, Sender

#: Jobs of one message share a rendering: the first one makes it, the others wait this long for it.
_SIBLING_WAIT: Final = timedelta(minutes=1)


def new_jobs(
    envelope: Envelope,
    message_id: str,
    job_ids: Mapping[str, str],
    sender: Sender,
    now: datetime,
    lifetime: timedelta,
    accounts_for: Callable[[str], tuple[str, ...]] | None = None,
) -> list[FaxJob]:
    """Makes one job per number; a number that was given twice is one fax, told under its first address.

    ``accounts_for`` a number gives the provider accounts that carry it, best first; None means the sender's own.
    """
    asked = {recipient.number: recipient for recipient in reversed(envelope.recipients)}
    accounts = {number: accounts_for(number) if accounts_for else (sender.account,) for number in job_ids}
    return [
        FaxJob(
            id=job_id,
            message_id=message_id,
            state=FaxState.QUEUED,
            due_at=now if place == 0 else now + _SIBLING_WAIT,
            version=1,
            created_at=now,
            deadline=now + lifetime,
            number=number,
            address=asked[number].address,
            notify=asked[number].notify,
            orcpt=asked[number].orcpt,
            caller_id=sender.caller_id,
            header_text=sender.header_text,
            header_time_zone=sender.header_time_zone,
            account=accounts[number][0],
            other_accounts=accounts[number][1:],
        )
        for place, (number, job_id) in enumerate(job_ids.items())
    ]
