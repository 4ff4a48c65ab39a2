"""The figures of one week, as the weekly mail tells them: counts only, no number and no name. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

#: The nights of a week.
NIGHTS: Final = 7
#: With less room than this the mail says so (bytes).
_LITTLE_ROOM: Final = 2 * 1000**3


class Mark(StrEnum):
    """What became of one leg in one night."""

    WELL = "w"
    LOST = "x"
    NOT_TRIED = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One week of the gateway.

    Attributes:
        last_night: the local day of its last night.
        zone: whose days they are.
        legs: each leg of the canary with its mark of each night, oldest first.
        delivered: faxes sent that arrived.
        failed: faxes that could not be sent; their senders were told.
        unknown: faxes of which nobody can tell.
        waiting: faxes under way now.
        oldest_waiting: since when the oldest of them waits.
        received: faxes that came in and reached somebody.
        not_received: faxes that were announced and did not come in.
        held: faxes and mails that wait for a person now.
        drifted: provider accounts whose mappings are not as configured, now.
        free_bytes: room on disk now.
    """

    last_night: date
    zone: ZoneInfo
    legs: tuple[tuple[str, tuple[Mark, ...]], ...]
    delivered: int
    failed: int
    unknown: int
    waiting: int
    oldest_waiting: datetime | None
    received: int
    not_received: int
    held: int
    drifted: tuple[str, ...]
    free_bytes: int

    @property
    def nights(self) -> tuple[date, ...]:
        """Lists its nights, oldest first."""
        return tuple(self.last_night - timedelta(days=back) for back in reversed(range(NIGHTS)))

    @property
    def concerns(self) -> tuple[str, ...]:
        """Says what a person should look at, a sentence each; a fax that failed is its sender's business."""
        lost = sum(marks.count(Mark.LOST) for _, marks in self.legs)
        found = (
            (lost, f"{_things(lost, 'leg', 'legs')} of the canary did not come home."),
            (self.unknown, f"{_things(self.unknown, 'fax', 'faxes')} may or may not have arrived; the senders know."),
            (self.held, f"{_things(self.held, 'fax or mail is', 'faxes or mails are')} held (faxgw status)."),
            (self.drifted, f"Mappings at {', '.join(self.drifted)} are not as configured (faxgw mappings plan)."),
            (self.free_bytes < _LITTLE_ROOM, "There is little room on the disk."),
        )
        return tuple(sentence for applies, sentence in found if applies)

    def facts(self) -> dict[str, str]:
        """Writes it down for the row of its mail."""
        plain = {field.name: str(getattr(self, field.name)) for field in fields(self)}
        return plain | {
            "last_night": self.last_night.isoformat(),
            "zone": self.zone.key,
            "legs": "\n".join(f"{''.join(marks)} {leg}" for leg, marks in self.legs),
            "oldest_waiting": self.oldest_waiting.isoformat() if self.oldest_waiting else "",
            "drifted": " ".join(self.drifted),
        }

    @classmethod
    def of(cls, facts: dict[str, str]) -> Week:
        """Reads it back."""
        legs = [line.partition(" ") for line in facts["legs"].splitlines()]
        since = facts["oldest_waiting"]
        return cls(
            last_night=date.fromisoformat(facts["last_night"]),
            zone=ZoneInfo(facts["zone"]),
            legs=tuple((leg, tuple(map(Mark, marks))) for marks, _, leg in legs),
            delivered=int(facts["delivered"]),
            failed=int(facts["failed"]),
            unknown=int(facts["unknown"]),
            waiting=int(facts["waiting"]),
            oldest_waiting=datetime.fromisoformat(since) if since else None,
            received=int(facts["received"]),
            not_received=int(facts["not_received"]),
            held=int(facts["held"]),
            drifted=tuple(facts["drifted"].split()),
            free_bytes=int(facts["free_bytes"]),
        )


def _things(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
