"""Every fax status of InterFAX in our words (interfax-rest 13). Pure.

A status is what became of a fax. The codes of `return_codes.py` say what became of a request; some numbers mean
something else there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NewType

from gateway.core.model import Phase
from gateway.core.reasons import Reason

#: Below 0 in process, 0 sent, above 0 failed for good: the number of calls that were ordered is used up.
FaxStatus = NewType("FaxStatus", int)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one status means. ``words`` are for the journal and for the report to the sender.

    ``reason`` is also set for a fax that waits, if what it waits for is trouble with the account.
    """

    phase: Phase
    reason: Reason | None
    words: str


_WAITING: Final[Mapping[int, tuple[Reason | None, str]]] = {
    -11: (None, "being prepared"),
    -1: (None, "being prepared"),
    -2: (None, "in their queue"),
    -3: (None, "being sent, or waiting for its next call"),
    # Credit releases it; without any it ends as 205000 after 24 hours.
    -22: (Reason.OUT_OF_CREDIT, "held by them until there is credit"),
}

_NO_CALL: Final = "the call could not be set up"
_MACHINES: Final = "the two fax machines could not agree"
_NO_SERVICE: Final = "the number is not in service"
_NO_FAX_LINE: Final = "the line cannot take this kind of call"

#: Why a call failed: our cause, their meaning in our words, their codes.
_FAILURES: Final = (
    (Reason.BUSY, "busy", (263, 3931, 6017, 8025)),
    (Reason.BUSY, "ringing, then busy", (3937,)),
    (Reason.BUSY, "busy, or the number is not assigned", (3933,)),
    (Reason.NO_ANSWER, "no answer; perhaps switched off or out of paper", (3935, 6018, 8021)),
    (Reason.CONGESTION, _NO_CALL, (6034, 6038, 6041, 6042)),
    (Reason.LINE_DROPPED, _NO_CALL, (2, 12, 101, 102, 104, 130, 132, 204, 3072, 3080, 3300, 3510, 3830)),
    (Reason.LINE_DROPPED, _NO_CALL, (6003, 6004, 6016, 6019, 6031, 6043, 6044, 6047, 6050, 6054, 6057, 6058)),
    (Reason.LINE_DROPPED, _NO_CALL, (6063, 6065, 6069, 6079, 6102, 6111, 6127, 7004, 7012, 7013)),
    (Reason.LINE_DROPPED, _NO_CALL, (9951, 9952, 9987, 9994, 9998, 9999)),
    (Reason.LINE_DROPPED, "the call went in circles", (483,)),
    (Reason.LINE_DROPPED, "the other network does not know this kind of call", (501,)),
    (Reason.LINE_DROPPED, "the other side declined the call", (603,)),
    (Reason.LINE_DROPPED, "the route cannot carry a fax over the internet", (606,)),
    # They call it an internal error and describe a lost call.
    (Reason.LINE_DROPPED, "the call was lost after some minutes", (1,)),
    (Reason.LINE_DROPPED, "the other machine hung up", (3223,)),
    (Reason.LINE_DROPPED, "the other machine answered and fell silent", (3224,)),
    (Reason.LINE_DROPPED, "the other machine hung up before the first page", (3230, 8010)),
    (Reason.LINE_DROPPED, "the line failed after a page", (3268,)),
    (Reason.LINE_DROPPED, "no cause given", (7200,)),
    (Reason.INCOMPATIBLE, _MACHINES, (3211, 3220, 3225, 3231, 3233, 3264, 3267, 3269)),
    (Reason.INCOMPATIBLE, "the other machine did not respond", (9001,)),
    (Reason.NOT_A_FAX_LINE, _NO_FAX_LINE, (6088, 6095, 6097, 6099, 6100)),
    (Reason.NUMBER_DEAD, _NO_SERVICE, (3912, 3938, 6001, 6027, 6028)),
    (Reason.FAST_BUSY, "fast busy tone", (3932,)),
    (Reason.PERSON_ANSWERED, "a person answered", (3936,)),
    (Reason.NUMBER_CHANGED, "the number has changed", (6022,)),
    (Reason.NOT_PERMITTED, "no route that this account may use", (6002,)),
    (Reason.CALL_REJECTED, "the call was rejected", (6021, 6029)),
    (Reason.CALL_NOT_ACCEPTED, "the other network did not accept the call", (488,)),
    (Reason.RENDER_FAILED, "the document could not be turned into pages", (204000, 204001)),
    (Reason.NO_CREDIT_IN_TIME, "no credit for a day", (205000,)),
    (Reason.PROVIDER_FAULT, "a fault of theirs", (256, 205001, 206001)),
    (Reason.CANCELLED_BY_OPERATOR, "cancelled", (403,)),  # by somebody with access to the account at InterFAX
)

#: 6000 and a cause that the telephone network gave (ITU-T Q.850); the category above is theirs and may differ.
_NETWORK_CAUSE: Final = 6000
NETWORK_CAUSES: Final[Mapping[int, str]] = {
    1: "the number is not assigned",
    2: "no route to the network in between",
    3: "no route to the destination",
    4: "a special information tone",
    16: "the call ended normally",
    17: "the line is busy",
    18: "nobody responds",
    19: "it rings and nobody answers",
    21: "the call is rejected",
    22: "the number has changed",
    27: "the destination is out of order",
    28: "the number is incomplete or malformed",
    29: "a service that the call asks for is rejected",
    31: "the call ended, no cause given",
    34: "no line is free",
    38: "the network is out of order",
    41: "a passing fault of the network",
    42: "the exchange is overloaded",
    43: "some of what the call carried was discarded",
    44: "the line that was asked for is not free",
    47: "no resources are free",
    50: "the line has not subscribed to this service",
    54: "the line takes no incoming calls",
    57: "this kind of call is not allowed on the line",
    58: "this kind of call is not possible at the moment",
    63: "the service is not available",
    65: "this kind of call is not supported",
    69: "this service is not supported",
    79: "this option is not supported",
    88: "the other end cannot take this kind of call",
    95: "the network got a message that it could not use",
    97: "the network got a message that it does not know",
    99: "the network got a detail that it does not know",
    100: "the network got a detail that it could not use",
    102: "the network waited too long for an answer",
    111: "the networks did not understand each other",
    127: "a network in between gave no cause",
}

STATUSES: Final[Mapping[FaxStatus, Meaning]] = {
    FaxStatus(0): Meaning(Phase.DELIVERED, Reason.DELIVERED, "sent"),
    **{FaxStatus(code): Meaning(Phase.WAITING, reason, words) for code, (reason, words) in _WAITING.items()},
    **{FaxStatus(code): Meaning(Phase.FAILED, reason, words) for reason, words, codes in _FAILURES for code in codes},
}


def meaning_of(status: FaxStatus) -> Meaning:
    """Looks up a status; one that they do not document is in process or a failure that may pass, by its sign."""
    known = STATUSES.get(status)
    if known is None:
        if status < 0:
            return Meaning(Phase.WAITING, None, "being handled")
        return Meaning(Phase.FAILED, Reason.OTHER_TEMPORARY, "not documented")
    cause = NETWORK_CAUSES.get(status - _NETWORK_CAUSE)
    return known if cause is None else Meaning(known.phase, known.reason, f"{known.words}; the network says: {cause}")
