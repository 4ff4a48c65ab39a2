"""What becomes of an outbound fax, decided by the number dialled (sinch-fax-v3 section 10)."""

import csv
import re
from dataclasses import dataclass
from importlib import resources

TEST_NUMBER = "+19898989898"
FAILING = re.compile(r"\+1555555([123])(\d{3})")
SLOW = re.compile(r"\+15555554(\d{3})")
STUCK = "+15555555000"
SILENT = "+15555556000"
DOUBLED = "+15555557000"
CONVERSION = "DOCUMENT_CONVERSION_ERROR"
ERROR_TYPES = {"1": CONVERSION, "2": "CALL_ERROR", "3": "FAX_ERROR"}


@dataclass(frozen=True, slots=True)
class FaxError:
    """Why a fax failed, in the words of the service (sinch-fax-v3 8.2)."""

    type: str
    code: int
    message: str

    @property
    def before_the_call(self) -> bool:
        """Whether no number was dialled at all, so that dialling again is no remedy."""
        return self.type == CONVERSION


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one fax.

    Args:
        error: Each attempt ends with it; None for a fax that arrives.
        pages_sent: How many pages the far side took before the error.
        seconds: How long the call takes, if not as long as the pages need.
        stuck: The fax stays in progress for ever.
        callbacks: How many times the final callback is sent.
    """

    error: FaxError | None = None
    pages_sent: int = 0
    seconds: float | None = None
    stuck: bool = False
    callbacks: int = 1


def fate_of(number: str) -> Fate:
    """Returns the fate that a number stands for; any ordinary number simply gets its fax."""
    if failing := FAILING.fullmatch(number):
        return Fate(error=error_of(ERROR_TYPES[failing[1]], int(failing[2])))
    if slow := SLOW.fullmatch(number):
        return Fate(seconds=float(slow[1]))
    if number == STUCK:
        return Fate(stuck=True)
    return Fate(callbacks={SILENT: 0, DOUBLED: 2}.get(number, 1))


def error_of(kind: str, code: int, url: str = "") -> FaxError:
    """Returns the error with its documented sentence; a pair that is not documented says so."""
    sentence = _SENTENCES.get((kind, code), f"Simulated error {code}, not in the documented table")
    return FaxError(kind, code, sentence.replace("{contentUrl}", url).strip())


def _read_sentences() -> dict[tuple[str, int], str]:
    table = resources.files("gateway.simulator") / "sinch_error_codes.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return {(row["error_type"], int(row["error_code"])): row["message"] for row in rows}


_SENTENCES = _read_sentences()
