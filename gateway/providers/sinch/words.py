"""Sinch's words in ours: statuses, errors, fax objects. Pure.

Sources: sinch-fax-v3 3.5, 3.6 and 8, sorted as core/reasons.py has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from gateway.core.model import FaxReport, Phase
from gateway.core.reasons import AccountError, GatewayError, PermanentError, Reason
from gateway.providers.http import Answer, refused_submission, short_text, their_words

#: A Fax object as it came (sinch-fax-v3 3.5): nothing in it is relied on before it was looked at here.
Fax: TypeAlias = Mapping[str, Any]

#: The label that carries our reference.
REFERENCE_LABEL: Final = "gw"

PHASES: Final[Mapping[str, Phase]] = {
    "QUEUED": Phase.WAITING,
    "IN_PROGRESS": Phase.WAITING,
    "COMPLETED": Phase.DELIVERED,
    "FAILURE": Phase.FAILED,
}

#: The word for each phase; of two the later one.
STATUSES: Final[Mapping[Phase, str]] = {phase: status for status, phase in PHASES.items()}

#: `fileType` of a document that we hand over (sinch-fax-v3 3.1).
FILE_TYPES: Final[Mapping[str, str]] = {"application/pdf": "PDF", "image/tiff": "TIF"}

_CALL, _FAX, _DOCUMENT = "CALLERROR", "FAXERROR", "DOCUMENTCONVERSIONERROR"

#: Every documented pair of type and code. The code alone is not enough: 133 means two things.
_CAUSES: Final = (
    (Reason.BUSY, _CALL, (17,)),
    (Reason.NO_ANSWER, _CALL, (16, 30)),
    (Reason.NO_ANSWER, _FAX, (48,)),
    (Reason.CONGESTION, _CALL, (15,)),
    (Reason.LINE_DROPPED, _CALL, (11, 19, 43)),
    (Reason.LINE_DROPPED, _FAX, (6, 8, 10, 12, 13, 14, 18, 20, 21, 22, 26, 28, 29, 38, 40, 41, 44)),
    (Reason.LINE_DROPPED, _FAX, (53, 60, 63, 77, 80, 82, 84, 117)),
    (Reason.PARTIAL, _FAX, (131,)),
    (Reason.NUMBER_DEAD, _CALL, (34, 49)),
    (Reason.NOT_A_FAX, _CALL, (32,)),
    (Reason.NOT_A_FAX, _FAX, (132,)),
    (Reason.INCOMPATIBLE, _FAX, (7, 25, 31, 68)),
    (Reason.UNSUPPORTED_TYPE, _DOCUMENT, (128, 129, 130)),
    (Reason.RENDER_FAILED, _DOCUMENT, (4, 133)),
    (Reason.RENDER_TEMPORARY, _DOCUMENT, (54, 55, 57, 69)),
    (Reason.RENDER_TEMPORARY, _FAX, (113,)),
    (Reason.NOT_PERMITTED, _FAX, (133,)),
    (Reason.OUT_OF_CREDIT, _FAX, (46,)),
    (Reason.EXPIRED, _FAX, (76,)),
    (Reason.CANCELLED_BY_OPERATOR, _FAX, (75,)),  # somebody with access to the account at Sinch
    (Reason.OTHER, _FAX, (79,)),  # "can't cancel, already complete": no cause of a failed fax
    (Reason.OTHER, _FAX, (119,)),  # simulated
    (Reason.OTHER, _DOCUMENT, (122,)),  # simulated
)
REASONS: Final[Mapping[tuple[str, int], Reason]] = {
    (kind, code): reason for reason, kind, codes in _CAUSES for code in codes
}
#: Types without documented codes.
_REASONS_OF_TYPES: Final[Mapping[str, Reason]] = {
    "LINEERROR": Reason.LINE_DROPPED,
    "FATALERROR": Reason.OUTCOME_UNKNOWN,  # it may have been sent
    "GENERALERROR": Reason.OTHER,
}

_BAD_FIELDS: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
_USABLE_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_TO_FIELD: Final = re.compile(r"(?:.*[./])?to(?:\[\d+\])?")
_NOTHING: Final[Fax] = {}


def reason_of(error_type: object, code: int | None) -> Reason:
    """Finds the cause that a pair of type and code names; OTHER if we do not know it (sinch-fax-v3 8.2).

    Spellings of the type seen in the wild (`LINE_ERROR`, `LINEERROR`, `faxError`) are one.
    """
    kind = re.sub(r"[_\s]", "", str(error_type)).upper()
    by_type = _REASONS_OF_TYPES.get(kind, Reason.OTHER)
    return by_type if code is None else REASONS.get((kind, code), by_type)


def refusal(answer: Answer, now: datetime) -> GatewayError:
    """Says what an unsuccessful answer to a request that changes something means (sinch-fax-v3 8.1)."""
    text = error_text(answer)
    error = answer.json_object() or {}
    if answer.status in _BAD_FIELDS and any(_TO_FIELD.fullmatch(field) for field, _ in _violations(error)):
        return PermanentError(Reason.BAD_NUMBER, text)
    if answer.status == HTTPStatus.NOT_FOUND:  # no such project or service
        return AccountError(Reason.PROVIDER_AUTH, text)
    return refused_submission(answer, text, now)


def error_text(answer: Answer) -> str:
    """Puts an error answer into one short line: both documented shapes, empty bodies and HTML pages."""
    status = f"HTTP {answer.status}"
    error = answer.json_object()
    if error is None:
        page = their_words(answer.body[:1000].decode("utf-8", "replace"))
        return f"{status}: {page}" if page else status
    name = error.get("error") or error.get("status") or ""
    message = error.get("message") or ""
    fields = [f"{field}: {description}" for field, description in _violations(error)]
    return their_words(f"{status} {name}: " + "; ".join(str(part) for part in (message, *fields) if part))


def _violations(error: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    details = error.get("details")
    for detail in details if isinstance(details, list) else [details]:
        found = detail.get("fieldViolations") if isinstance(detail, dict) else None
        for violation in found if isinstance(found, list) else []:
            if isinstance(violation, dict):
                yield str(violation.get("field")), str(violation.get("description", ""))


def fax_id(fax: Fax) -> str | None:
    """Reads the id of a Fax object; None if it has none that can be used in a URL."""
    found = fax.get("id")
    return found if isinstance(found, str) and _USABLE_ID.fullmatch(found) else None


def accepted_fax(answer: Answer) -> str | None:
    """Finds the id of the one fax that a successful POST /faxes made, bare or in a list of one (3.2)."""
    body = answer.json_object() or _NOTHING
    faxes = body.get("faxes")
    fax = faxes[0] if isinstance(faxes, list) and len(faxes) == 1 else body
    return fax_id(fax) if isinstance(fax, dict) else None


def report_of(fax: Fax, name: str) -> FaxReport:
    """Puts the Fax object with the id ``name`` into our words; missing or malformed fields are None (3.5)."""
    status = fax.get("status")
    # A status that we do not know is not final.
    phase = PHASES.get(status, Phase.WAITING) if isinstance(status, str) else Phase.WAITING
    inbound = is_inbound(fax)
    price = fax.get("price")
    price = price if isinstance(price, dict) else _NOTHING
    return FaxReport(
        provider_fax_id=name,
        inbound=inbound,
        phase=phase,
        number=read_number(fax.get("to")),
        caller=read_number(fax.get("from")),
        created_at=_time(fax.get("createTime")),
        completed_at=_time(fax.get("completedTime")),
        pages=read_whole(fax.get("numberOfPages")),
        pages_sent=read_whole(fax.get("pagesSentSuccessfully")),
        reason=_outcome(fax, phase, inbound=inbound),
        raw=_raw(fax, phase),
        price=_amount(price.get("amount")),
        currency=_text(price.get("currencyCode")),
        references=frozenset(references(fax)),
        service=_text(fax.get("serviceId")),
        has_document=str(fax.get("hasFile")).lower() == "true",
    )


def references(fax: Fax) -> tuple[str, ...]:
    """Reads our reference from the labels, if they carry one."""
    labels = fax.get("labels")
    found = _text(labels.get(REFERENCE_LABEL)) if isinstance(labels, dict) else None
    return (found,) if found else ()


def read_number(value: object) -> str | None:
    """Normalises a telephone number leniently: E.164 where it can be seen to be that, else its bare digits.

    A lost plus sign is put back where a space or `00` stands for it, or where the number is too long for a
    national one. None for text without digits (a caller who withholds the number).
    """
    text = value if isinstance(value, str) else ""
    digits = re.sub(r"[^0-9]", "", text)
    if not digits:
        return None
    if text.strip().startswith("+") or text.startswith(" "):
        return f"+{digits}"
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    return f"+{digits}" if re.fullmatch(r"[1-9][0-9]{10,14}", digits) else digits


def read_whole(value: object) -> int | None:
    """Reads a whole number that comes as a number or as text; None for anything else."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004 - a 32-bit column


def _outcome(fax: Fax, phase: Phase, *, inbound: bool) -> Reason | None:
    if phase is Phase.WAITING:
        return None
    if phase is Phase.DELIVERED:
        return Reason.DELIVERED
    # The causes are those of a call that we made; of a failed reception only the failure matters.
    return Reason.RECEPTION_FAILED if inbound else reason_of(fax.get("errorType"), _error_code(fax))


def _error_code(fax: Fax) -> int | None:
    # An early model had the number in errorId, beside a textual errorCode (8.2).
    code = read_whole(fax.get("errorCode"))
    return read_whole(fax.get("errorId")) if code is None else code


def _raw(fax: Fax, phase: Phase) -> str:
    if phase is not Phase.FAILED:
        return short_text(str(fax.get("status", "no status")))
    code = _error_code(fax)
    name = " ".join(str(part) for part in (fax.get("errorType"), code) if part is not None)
    return their_words(": ".join(part for part in (name or "FAILURE", str(fax.get("errorMessage") or "")) if part))


def is_inbound(fax: Fax) -> bool:
    """Says whether a fax was received; one without a direction counts as sent."""
    return str(fax.get("direction")).upper() == "INBOUND"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _amount(value: object) -> Decimal | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _time(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(value))
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
