"""What becomes of an outbound fax, decided by the number dialled (interfax-rest 12 and 13)."""

import csv
import re
from dataclasses import dataclass
from importlib import resources

#: The vendor's own test numbers: `+999-9999-<status code>`.
TEST_NUMBER = re.compile(r"\+9999999(\d{1,7})")

PREPARING, QUEUED, SENDING, NO_CREDIT = -1, -2, -3, -22
#: A negative status that no document lists.
UNLISTED = -7
SENT, CANCELLED, RENDERING_FAILED, QUOTA_EXCEEDED = 0, 403, 204000, 205000

#: Categories of failures that happen before any number is dialled.
WITHOUT_A_CALL = {"quota", "rendering", "internal"}


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one fax.

    Args:
        code: Each attempt ends with it; 0 for a fax that arrives.
        pages_sent: How many pages the far side took before the failure.
        placed: Whether calls are placed; a test number ends at once, without redialling.
        stuck: The fax waits for its next attempt for ever.
        unlisted: It passes through a negative status that no document lists.
    """

    code: int = SENT
    pages_sent: int = 0
    placed: bool = True
    stuck: bool = False
    unlisted: bool = False


def fate_of(number: str) -> Fate:
    """Returns the fate that a number stands for; any ordinary number simply gets its fax."""
    test = TEST_NUMBER.fullmatch(number)
    return Fate(code=int(test[1]), placed=False) if test else Fate()


def dials(code: int) -> bool:
    """Tells whether a number is dialled before a fax ends with this code; unlisted codes are telephony."""
    return STATUS_CODES.get(code, ("telephony", ""))[0] not in WITHOUT_A_CALL


def describe(code: int) -> str:
    """Returns the vendor's label of a status code."""
    unlisted = "Being handled" if code < 0 else "Failed, with a code that is not in the vendor's table"
    return STATUS_CODES.get(code, ("", unlisted))[1]


def _read_table() -> dict[int, tuple[str, str]]:
    table = resources.files("gateway.simulator") / "interfax_status_codes.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return {int(row["code"]): (row["category"], row["description"]) for row in rows}


#: Code -> category and label of each status in the vendor's table.
STATUS_CODES = _read_table()
