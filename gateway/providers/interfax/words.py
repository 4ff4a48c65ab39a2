"""InterFAX's fax objects in our words (interfax-rest 5 and 10). Pure.

Both hosts are understood: the PCI host names some fields differently. Sent and received faxes are numbered apart, so
our fax ids say which they are: ``out-1727000001``, ``in-292000001``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from gateway.core.model import FaxReport, Phase
from gateway.core.reasons import Reason
from gateway.providers.http import short_text
from gateway.providers.interfax.status_codes import FaxStatus, meaning_of

#: A fax object as it came, its names in small letters: they write userId, userID and userid.
Record: TypeAlias = Mapping[str, Any]

_SENT, _RECEIVED = "out-", "in-"
#: 64-bit, in decimal digits.
ID: Final = re.compile(r"[0-9]{1,19}")
_ZERO_DATE: Final = datetime(1, 1, 1, tzinfo=UTC)
#: Only in their documents of received faxes, and in callbacks.
_DAY_FIRST: Final = "%d/%m/%Y %H:%M:%S"
_STATION_NUMBER: Final = re.compile(r"\+?[0-9 ().-]{6,20}")
_LEAST_DIGITS: Final = 6


def sent_id(number: int) -> str:
    """Makes our id of a fax that we sent."""
    return f"{_SENT}{number}"


def received_id(number: int) -> str:
    """Makes our id of a fax that we received."""
    return f"{_RECEIVED}{number}"


def is_received(fax_id: str) -> bool:
    """Says whether one of our ids is of a received fax."""
    return fax_id.startswith(_RECEIVED)


def number_of(fax_id: str) -> int | None:
    """Reads their number out of our id; None for an id that this provider did not make."""
    _, _, number = fax_id.partition("-")
    return int(number) if fax_id.startswith((_SENT, _RECEIVED)) and ID.fullmatch(number) else None


def record_of(value: object) -> Record | None:
    """Takes one JSON value for a fax object; None if it is no object or has no usable id."""
    if not isinstance(value, dict):
        return None
    record = {str(key).lower(): field for key, field in value.items()}
    return record if record_number(record) > 0 else None


def record_number(record: Record) -> int:
    """Reads the number of a fax, sent (``id``) or received (``messageId``); 0 if it has none."""
    number = _integer(record.get("messageid") if record.get("id") is None else record["id"])
    return 0 if number is None else number


def sent_report(record: Record) -> FaxReport:
    """Puts the object of a sent fax into our words; missing or malformed fields are None.

    Only the status tells whether it has ended: while a call runs, pages and attempts already count.
    """
    status = _integer(record.get("status"))
    meaning = meaning_of(FaxStatus(-1 if status is None else status))
    ended = meaning.phase is not Phase.WAITING
    return FaxReport(
        provider_fax_id=sent_id(record_number(record)),
        inbound=False,
        phase=meaning.phase,
        number=read_number(record.get("destinationfax") or record.get("faxnumber")),
        caller=None,
        created_at=read_time(record.get("submittime")),
        completed_at=read_time(record.get("completiontime")) if ended else None,
        pages=_count(record.get("pagessubmitted")) or None,
        pages_sent=_count(record.get("pagessent")),
        reason=meaning.reason,
        raw="no status" if status is None else f"{status} {meaning.words}",
        price=_price(record) if ended else None,
        references=frozenset(_references(record)),
        service=_text(record.get("userid")),
        has_document=True,
    )


def received_report(record: Record, numbers: Iterable[str]) -> FaxReport:
    """Puts the object of a received fax into our words.

    A fault of reception counts only if there are no pages: what has arrived is delivered.

    Args:
        record: of `GET /inbound/faxes`.
        numbers: ours, E.164; they show them without country code.
    """
    status = _integer(record.get("messagestatus")) or 0
    has_document = str(record.get("imagestatus")).upper() != "DONT_EXIST"
    failed = status > 0 and not has_document
    phase = Phase.WAITING if status < 0 else Phase.FAILED if failed else Phase.DELIVERED
    reasons = {Phase.WAITING: None, Phase.FAILED: Reason.RECEPTION_FAILED, Phase.DELIVERED: Reason.DELIVERED}
    return FaxReport(
        provider_fax_id=received_id(record_number(record)),
        inbound=True,
        phase=phase,
        number=_our_number(record.get("phonenumber"), numbers),
        caller=read_number(record.get("callerid")) or _station_number(record.get("remotecsid")),
        created_at=read_time(record.get("receivetime")),
        pages=_count(record.get("pages")),
        reason=reasons[phase],
        raw=short_text(f"message status {status}, image {record.get('imagestatus')}"),
        service=_text(record.get("userid")),
        has_document=has_document,
    )


def read_number(value: object) -> str | None:
    """Normalises a telephone number: ``00`` stands for ``+``; None without digits. National ones stay as they are."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    digits = re.sub(r"[^0-9]", "", text)
    if text.startswith("+"):
        return f"+{digits}" if digits else None
    return f"+{digits[2:]}" if digits.startswith("00") else digits or None


def read_time(value: object) -> datetime | None:
    """Reads a time, GMT unless it says otherwise, ISO 8601 or day first; their zero date is no time."""
    text = value.strip() if isinstance(value, str) else ""
    for read in (datetime.fromisoformat, lambda day_first: datetime.strptime(day_first, _DAY_FIRST)):  # noqa: DTZ007 - the zone is set below
        try:
            time = read(text)
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        return None if time == _ZERO_DATE else time
    return None


def _our_number(value: object, numbers: Iterable[str]) -> str | None:
    shown = read_number(value)
    if shown is None or shown.startswith("+"):
        return shown
    national = shown.lstrip("0")
    ours = [number for number in numbers if number.endswith(national)] if len(national) >= _LEAST_DIGITS else []
    return ours[0] if len(ours) == 1 else shown


def _station_number(value: object) -> str | None:
    # Free text that the other machine's owner typed in; it is a caller only where it is a number.
    text = value.strip() if isinstance(value, str) else ""
    number = read_number(text) if _STATION_NUMBER.fullmatch(text) else None
    return number if number is not None and len(number) >= _LEAST_DIGITS else None


def _references(record: Record) -> Iterable[str]:
    # The default host gives a reference back as the subject, the PCI host under its own name.
    return filter(None, (_text(record.get("subject")), _text(record.get("reference"))))


def _price(record: Record) -> Decimal | None:
    try:
        price = Decimal(str(record.get("units"))) * Decimal(str(record.get("costperunit")))
    except ArithmeticError:
        return None
    return price if price.is_finite() else None


def _integer(value: object) -> int | None:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if ID.fullmatch(text.removeprefix("-")) else None


def _count(value: object) -> int | None:
    number = _integer(value)
    return number if number is not None and 0 <= number < 2**31 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
