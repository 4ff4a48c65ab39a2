"""The weekly mail to the operator: the nights of the canary as a small grid, and the figures, in text and in HTML.

Counts only: neither a number nor a name stands in it. The HTML uses what mail programs know: tables and inline styles.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from email.message import MIMEPart
from typing import Final

from gateway.core.week import Mark, Week
from gateway.mail.compose import POLICY, Heading, begin, finish, render, set_text

#: How a mark looks: as text, its background and its letter colour in HTML. Never by colour alone.
_LOOKS: Final = {
    Mark.WELL: ("✓", "#d9f2dd", "#14532d"),
    Mark.LOST: ("✗", "#fbd5d5", "#7f1d1d"),
    Mark.NOT_TRIED: ("–", "#eeeeee", "#555555"),  # noqa: RUF001 - a dash is meant
}
_GIGABYTE: Final = 1000**3


@dataclass(frozen=True, slots=True)
class WeeklyMail:
    """The figures of one week on their way to the operator. ``domain`` names the gateway."""

    heading: Heading
    domain: str
    week: Week


def compose_weekly(mail: WeeklyMail) -> bytes:
    """Builds the weekly mail: multipart/alternative, the plain text first (RFC 2046 5.1.4)."""
    week = mail.week
    found = len(week.concerns)
    wrong = f"{found} thing to look at" if found == 1 else f"{found} things to look at"
    title = f"the week to {_day(week.last_night)}: {wrong if found else 'all is well'}"
    values = {
        "title": title[0].upper() + title[1:],
        "domain": mail.domain,
        "concerns": week.concerns,
        "nights": [f"{night:%a}" for night in week.nights],
        "legs": [(leg, [_LOOKS[mark] for mark in marks]) for leg, marks in week.legs],
        "figures": _figures(week),
        "width": max((len(leg) for leg, _ in week.legs), default=0) + 2,
    }
    message = begin(mail.heading, f"Fax gateway: {title}", answering=False)
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = "multipart/alternative"
    text, page = MIMEPart(POLICY), MIMEPart(POLICY)
    set_text(text, render("weekly.txt", **values))
    page.set_content(render("weekly.html", **values), subtype="html", charset="utf-8", cte="quoted-printable")
    message.set_payload([text, page])
    return finish(message)


def _figures(week: Week) -> list[tuple[str, str]]:
    """Lists what was counted, as name and value."""
    since = week.oldest_waiting
    waiting = f"{week.waiting}, the oldest since {_moment(since.astimezone(week.zone))}" if since else "none"
    return [
        ("Faxes sent", str(week.delivered)),
        ("Could not be sent", str(week.failed)),
        ("Outcome unknown", str(week.unknown)),
        ("Faxes received", str(week.received)),
        ("Could not be received", str(week.not_received)),
        ("Under way now", waiting),
        ("Held now", str(week.held)),
        ("Mappings", f"differ at {', '.join(week.drifted)}" if week.drifted else "no difference known"),
        ("Room on disk", f"{week.free_bytes / _GIGABYTE:.1f} GB"),
    ]


def _moment(at: datetime) -> str:
    return f"{_day(at.date())}, {at:%H:%M}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
