"""What an unsuccessful answer of InterFAX proves (interfax-rest 2). Pure.

A return code says what became of a request. The statuses of `status_codes.py` say what became of a fax; some numbers
mean something else there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, NewType

from gateway.core.reasons import (
    AccountError,
    AmbiguousError,
    GatewayError,
    NotSentError,
    PermanentError,
    Reason,
    TemporaryError,
)
from gateway.providers.http import Answer, no_answer, refused_submission, retry_after, their_words

#: Negative; what the body of an unsuccessful answer names.
ReturnCode = NewType("ReturnCode", int)

TOO_FREQUENT: Final = ReturnCode(-1011)
#: An upload has a hole: it is begun anew.
_MISSING_CHUNK: Final = ReturnCode(-1061)
LOGIN_REFUSED: Final = ReturnCode(-1003)
#: Too many bad logins: the user is locked out for an hour.
LOGIN_LOCKED: Final = ReturnCode(-1876)

#: The account or its settings, whatever is sent: wrong host for the account (-666), no sending service (-677),
#: an address that may not log in (-2003).
_ACCOUNT_TROUBLE: Final = frozenset({LOGIN_REFUSED, LOGIN_LOCKED, -666, -677, -2003})
#: No fax exists, and the same request would be refused again.
_REFUSALS: Final[Mapping[int, Reason]] = {
    -111: Reason.NOT_PERMITTED,  # a developer account may fax one number only
    -112: Reason.BAD_NUMBER,
    -123: Reason.RENDER_FAILED,  # no document that they can use
    -1059: Reason.TOO_BIG,
    -1063: Reason.TOO_BIG,
}
#: An error of theirs after which the fax may exist; and an uploaded document that is gone, perhaps because a fax has
#: been made of it.
_UNDECIDED: Final = frozenset({-150, -1062})
_NOT_THERE: Final = frozenset({-1005, -3001, -310, -311})  # unknown, or somebody else's
_NO_IMAGE: Final = frozenset({-1009, -3003, -3004})


class TooFrequentError(TemporaryError):
    """They say that we ask too often, or somebody else with our login does."""


def refusal(answer: Answer, now: datetime) -> GatewayError:
    """Says what an answer to a submission other than success means; their code counts more than the HTTP status.

    Returns:
        NotSentError, AccountError, PermanentError or AmbiguousError.
    """
    text, code = error_text(answer), return_code(answer)
    if code in (TOO_FREQUENT, _MISSING_CHUNK):
        return NotSentError(Reason.PROVIDER_DOWN, text, retry_after(answer, now))
    if code in _UNDECIDED:
        return AmbiguousError(Reason.OUTCOME_UNKNOWN, text)
    refused = _REFUSALS.get(code or 0)
    if refused is not None:
        return PermanentError(refused, text)
    if code in _ACCOUNT_TROUBLE or (code is None and answer.status == HTTPStatus.NOT_FOUND):  # no such service here
        return AccountError(Reason.PROVIDER_AUTH, text)
    return refused_submission(answer, text, now)


def no_use(answer: Answer, now: datetime) -> TemporaryError:
    """Says what an answer to a question other than success means: account trouble, or ask again later."""
    text, code = error_text(answer), return_code(answer)
    if code == TOO_FREQUENT or answer.status == HTTPStatus.TOO_MANY_REQUESTS:  # which status it has is not documented
        return TooFrequentError(Reason.PROVIDER_DOWN, text, retry_after(answer, now))
    if code in _ACCOUNT_TROUBLE:
        return AccountError(Reason.PROVIDER_AUTH, text)
    return no_answer(answer, text, now)


def says_not_there(answer: Answer) -> bool:
    """Says that they do not know what was asked for, or that it is somebody else's."""
    return answer.status == HTTPStatus.NOT_FOUND or return_code(answer) in _NOT_THERE


def says_no_image(answer: Answer) -> bool:
    """Says that they have no image of the fax (yet, or any more)."""
    return says_not_there(answer) or return_code(answer) in _NO_IMAGE


def return_code(answer: Answer) -> ReturnCode | None:
    """Reads the code of an unsuccessful answer; None if it names none."""
    code = _error(answer).get("code")
    try:
        return ReturnCode(int(code)) if isinstance(code, int | str) else None
    except ValueError:
        return None


def error_text(answer: Answer) -> str:
    """Puts an unsuccessful answer into one short line: their error object, empty bodies and HTML pages."""
    status = f"HTTP {answer.status}"
    error = _error(answer)
    if not error:
        page = their_words(answer.body[:1000].decode("utf-8", "replace"))
        return f"{status}: {page}" if page else status
    # They document more_info and send moreInfo.
    parts = (error.get("message"), error.get("moreinfo") or error.get("more_info"))
    return their_words(f"{status} {error.get('code', '')}: " + "; ".join(str(part) for part in parts if part))


def _error(answer: Answer) -> Mapping[str, Any]:
    return {key.lower(): value for key, value in (answer.json_object() or {}).items()}
