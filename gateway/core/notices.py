"""Who is told what: the NOTIFY table of RFC 3461 and the mails that follow from an outcome. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.core.lifecycle import MailState, Move, Notice
from gateway.core.model import NULL_SENDER, FaxJob, MailDelivery, MailKind, Message

#: So many lines of an alert are kept; a person who needs more of them has a command for it.
_MOST_LINES: Final = 25


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What every mail of ours needs to know.

    Attributes:
        operator: hears of everything that needs a person.
        fax_sender: envelope sender of mails that carry a received fax; their bounces come back to us.
        lifetime: how long a mail is tried.
        receipt_for_every_fax: whether a sender who asked for nothing gets a success receipt.
    """

    operator: str
    fax_sender: str
    lifetime: timedelta = timedelta(days=5)
    receipt_for_every_fax: bool = True


_WORD = {Notice.SUCCESS: "SUCCESS", Notice.FAILURE: "FAILURE", Notice.UNKNOWN: "FAILURE"}


def kind_of_notice(notice: Notice, notify: str | None, *, receipt_for_every_fax: bool) -> MailKind | None:
    """Decides by the NOTIFY parameter how a sender is told; None means not at all (RFC 3461 4.1)."""
    if notify is None:
        if notice is not Notice.SUCCESS:
            return MailKind.DSN
        return MailKind.RECEIPT if receipt_for_every_fax else None
    wanted = _WORD[notice] in notify.upper().split(",")
    return MailKind.DSN if wanted else None


def notice_mail(
    job: FaxJob, message: Message, step: Move, mail_id: str, now: datetime, settings: MailSettings
) -> MailDelivery | None:
    """Makes the notice that goes with a final move of a job; None if the sender did not want it.

    Its ``facts`` are the outcome as it was now: late proof changes the job, never a notice that is on its way.
    """
    if step.notice is None or message.mail_from == NULL_SENDER:
        return None
    kind = kind_of_notice(step.notice, job.notify, receipt_for_every_fax=settings.receipt_for_every_fax)
    if kind is None:
        return None
    facts = outcome_facts(job, step, now)
    key = f"notice:{job.id}:{step.notice}"
    return _mail(kind, job.id, message.mail_from, NULL_SENDER, key, facts, mail_id, now, settings)


def follow_up_mail(
    job: FaxJob, message: Message, step: Move, mail_id: str, now: datetime, settings: MailSettings
) -> MailDelivery | None:
    """Makes the one mail that tells a sender how a fax of unknown outcome went after all; None if he wanted none."""
    if kind_of_notice(Notice.UNKNOWN, job.notify, receipt_for_every_fax=settings.receipt_for_every_fax) is None:
        return None
    key = f"notice:{job.id}:follow_up"
    facts = outcome_facts(job, step, now)
    return _mail(MailKind.FOLLOW_UP, job.id, message.mail_from, NULL_SENDER, key, facts, mail_id, now, settings)


def outcome_facts(job: FaxJob, step: Move, now: datetime) -> dict[str, str]:
    """Writes down an outcome for the mail that tells it."""
    reason = step.reason or job.reason
    pages_sent = step.columns.get("pages_sent", job.pages_sent)
    if pages_sent is None and job.calls == 0 and step.notice is Notice.FAILURE:
        pages_sent = 0  # no call was made: it certainly did not arrive
    return {
        "notice": step.notice.value if step.notice else "",
        "reason": reason.code if reason else "",
        "detail": step.detail,
        "pages": "" if job.pages is None else str(job.pages),
        "pages_sent": "" if pages_sent is None else str(pages_sent),
        "at": now.isoformat(),
    }


def alert_mail(
    key: str,
    subject_id: str,
    sentence: str,
    mail_id: str,
    now: datetime,
    settings: MailSettings,
    detail: str = "",
    lines: Sequence[str] = (),
) -> MailDelivery:
    """Makes a mail to the operator; the same ``key`` is told once.

    ``lines`` say more than one sentence can: they are shown one below the other, the first 25 of them.
    """
    facts = {"sentence": sentence, "detail": detail, "at": now.isoformat()}
    if lines:
        facts["lines"] = _joined(lines)
    address = settings.operator
    return _mail(MailKind.ALERT, subject_id, address, NULL_SENDER, f"alert:{key}", facts, mail_id, now, settings)


def _joined(lines: Sequence[str]) -> str:
    kept = [" ".join(line.split()) for line in lines[:_MOST_LINES]]
    more = len(lines) - len(kept)
    return "\n".join([*kept, f"and {more} more"] if more else kept)


def fax_mail(fax_id: str, address: str, mail_id: str, now: datetime, settings: MailSettings) -> MailDelivery:
    """Makes the mail that brings a received fax to one address; one per fax and address."""
    key = f"fax:{fax_id}:{address.lower()}"
    sender = settings.fax_sender
    return _mail(MailKind.FAX, fax_id, address, sender, key, {}, mail_id, now, settings)


def forward_mail(message_id: str, mail_id: str, now: datetime, settings: MailSettings) -> MailDelivery:
    """Makes the mail that hands a message to postmaster on to the operator (RFC 5321 4.5.1)."""
    key = f"forward:{message_id}"
    address = settings.operator
    return _mail(MailKind.FORWARD, message_id, address, NULL_SENDER, key, {}, mail_id, now, settings)


def weekly_mail(key: str, facts: dict[str, str], mail_id: str, now: datetime, settings: MailSettings) -> MailDelivery:
    """Makes the mail with the figures of a week; one per ``key``, with what was true then."""
    address = settings.operator
    return _mail(MailKind.WEEKLY, key, address, NULL_SENDER, key, facts, mail_id, now, settings)


def _mail(
    kind: MailKind,
    subject_id: str,
    address: str,
    envelope_from: str,
    key: str,
    facts: dict[str, str],
    mail_id: str,
    now: datetime,
    settings: MailSettings,
) -> MailDelivery:
    return MailDelivery(
        id=mail_id,
        kind=kind,
        subject_id=subject_id,
        address=address,
        envelope_from=envelope_from,
        unique_key=key,
        facts=facts,
        state=MailState.QUEUED,
        due_at=now,
        version=1,
        created_at=now,
        deadline=now + settings.lifetime,
    )
