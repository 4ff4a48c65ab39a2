"""Why something happened: one stable code, one RFC 3463 status, one sentence, one next step.

People read the sentence, machines read the status, and only the journal keeps a provider's raw words.
Statuses follow RFC 3463; a cause that outlasted its retries keeps its 4.x.x (RFC 3464 2.3.3).
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum


class Reason(Enum):
    """Every way a fax, a received fax or a mail can end or be delayed.

    Members carry ``code`` (stable, for the journal, DSNs and metrics), ``status`` (RFC 3463), ``sentence``
    (what happened, for the sender) and ``next_step`` (what the sender can do; empty if nothing).
    """

    DELIVERED = ("delivered", "2.1.5", "All pages were confirmed by the receiving machine.", "")
    BUSY = ("busy", "4.4.1", "The line was busy.", "Send it again later.")
    NO_ANSWER = (
        "no_answer",
        "4.4.1",
        "Nobody answered the call.",
        "Check the number, or send it again later.",
    )
    CONGESTION = ("congestion", "4.4.5", "The telephone network was overloaded.", "Send it again later.")
    LINE_DROPPED = (
        "line_dropped",
        "4.4.2",
        "The connection to the fax machine failed.",
        "Send it again later; if it keeps failing, ask the recipient to check the machine.",
    )
    PARTIAL = (
        "partial",
        "4.4.2",
        "The connection broke after some of the pages.",
        "Send the missing pages again.",
    )
    UNCONFIRMED = (
        "unconfirmed",
        "4.5.0",
        "All pages were sent, but the receiving machine did not confirm them.",
        "They probably arrived: ask the recipient before you send again.",
    )
    DEVICE_FULL = (
        "device_full",
        "4.3.1",
        "The receiving machine could not take pages (no paper or no memory).",
        "Ask the recipient to check the machine, then send it again.",
    )
    BAD_NUMBER = ("bad_number", "5.1.3", "This is not a number that can be dialled.", "Check the number.")
    NUMBER_DEAD = ("number_dead", "5.1.1", "The number is not in service.", "Check the number.")
    FAST_BUSY = (
        "fast_busy",
        "5.1.1",
        "The number gave a fast busy tone: it is out of order, or the network is overloaded.",
        "Check the number, or send it again later.",
    )
    NUMBER_CHANGED = (
        "number_changed",
        "5.1.6",
        "The number has changed.",
        "Ask the recipient for the new number.",
    )
    NOT_A_FAX = (
        "not_a_fax",
        "5.1.2",
        "No fax machine answered at this number.",
        "Check that the number belongs to a fax machine.",
    )
    NOT_A_FAX_LINE = (
        "not_a_fax_line",
        "5.1.2",
        "The line at this number cannot take a fax.",
        "Check that the number belongs to a fax machine.",
    )
    PERSON_ANSWERED = (
        "person_answered",
        "5.1.2",
        "A person answered the call; the number is not called again.",
        "Check the number.",
    )
    INCOMPATIBLE = (
        "incompatible",
        "5.3.3",
        "The receiving machine cannot take this format.",
        "Ask the recipient for another fax number.",
    )
    UNSUPPORTED_TYPE = (
        "unsupported_type",
        "5.6.1",
        "The message has a file of a type that cannot be faxed.",
        "Send it as PDF, TIFF, PNG, JPEG or plain text.",
    )
    NO_CONTENT = ("no_content", "5.6.0", "The message has nothing to fax.", "Attach the document to fax.")
    PASSWORD_PROTECTED = (
        "password_protected",
        "5.6.3",
        "A document is protected by a password.",
        "Remove the password and send it again.",
    )
    ENCRYPTED = (
        "encrypted",
        "5.7.5",
        "The message is encrypted, so that the gateway cannot read it.",
        "Send it to the gateway without encryption.",
    )
    RENDER_FAILED = (
        "render_failed",
        "5.6.5",
        "A document could not be turned into pages.",
        "Open the document, save or print it as a new PDF, and send that.",
    )
    RENDER_TEMPORARY = (
        "render_temporary",
        "4.6.5",
        "The document could not be turned into pages.",
        "Send it again later.",
    )
    TOO_BIG = (
        "too_big",
        "5.3.4",
        "The document is larger than the limit.",
        "Send it in several smaller faxes.",
    )
    NOT_PERMITTED = ("not_permitted", "5.7.1", "Faxing to this number is not permitted.", "Ask the operator.")
    CALL_REJECTED = (
        "call_rejected",
        "5.7.1",
        "The call was rejected at the other end.",
        "Ask the recipient whether the line blocks calls.",
    )
    CALL_NOT_ACCEPTED = (
        "call_not_accepted",
        "5.7.1",
        "The recipient's telephone network did not accept the call.",
        "Send it again later, or ask the recipient for another fax number.",
    )
    OUT_OF_CREDIT = (
        "out_of_credit",
        "4.3.5",
        "The fax service account has no credit.",
        "The operator has been told; send it again when the account works.",
    )
    NO_CREDIT_IN_TIME = (
        "no_credit_in_time",
        "4.3.5",
        "The fax service account had no credit for a whole day, so the service gave the fax up.",
        "The operator has been told; send it again when the account works.",
    )
    PROVIDER_AUTH = (
        "provider_auth",
        "4.3.5",
        "The fax service refused the gateway's account.",
        "The operator has been told; send it again when the account works.",
    )
    PROVIDER_DOWN = (
        "provider_down",
        "4.3.2",
        "The fax service could not be reached.",
        "Send it again later.",
    )
    PROVIDER_FAULT = (
        "provider_fault",
        "4.3.0",
        "The fax service met a fault of its own.",
        "Send it again later.",
    )
    ACCOUNT_MISSING = (
        "account_missing",
        "4.3.5",
        "The gateway's account at the fax service is not set up.",
        "The operator has been told; send it again when the account works.",
    )
    EXPIRED = (
        "expired",
        "4.4.7",
        "The fax could not be sent within its lifetime.",
        "Send it again, or ask the operator.",
    )
    CANCELLED_BY_SENDER = ("cancelled_by_sender", "5.0.0", "The fax was cancelled by its sender.", "")
    CANCELLED_BY_OPERATOR = (
        "cancelled_by_operator",
        "5.7.0",
        "The fax was cancelled by the operator.",
        "Ask the operator.",
    )
    LOOP = ("loop", "5.4.6", "The message went round in a loop.", "")
    OUTCOME_UNKNOWN = (
        "outcome_unknown",
        "4.5.0",
        "The fax may have been sent; the fax service gave no certain answer.",
        "Check with the recipient before you send it again.",
    )
    OTHER = ("other", "5.0.0", "The fax service reported a failure.", "Ask the operator.")
    OTHER_TEMPORARY = (
        "other_temporary",
        "4.0.0",
        "The fax service reported a temporary failure.",
        "Send it again later.",
    )
    INTERNAL_ERROR = (
        "internal_error",
        "4.3.0",
        "The gateway met an unexpected fault.",
        "The operator has been told.",
    )
    RECEPTION_FAILED = ("reception_failed", "4.4.2", "A fax was announced but not received.", "")
    NOT_AT_PROVIDER = ("not_at_provider", "5.0.0", "The provider does not know this fax.", "")
    MAIL_REFUSED = ("mail_refused", "5.0.0", "The mail server refused the mail.", "Check the address.")
    MAIL_TEMPORARY = ("mail_temporary", "4.0.0", "The mail server could not take the mail yet.", "")
    REACHED_NOBODY = ("reached_nobody", "5.0.0", "The received fax reached no address.", "Check the routes.")

    def __init__(self, code: str, status: str, sentence: str, next_step: str) -> None:
        self.code = code
        self.status = status
        self.sentence = sentence
        self.next_step = next_step

    @property
    def temporary(self) -> bool:
        """Says whether the cause may go away by itself (RFC 3463 class 4)."""
        return self.status.startswith("4")

    @classmethod
    def of(cls, code: str) -> Reason:
        """Finds a reason by its stable code; raises ``ValueError`` for an unknown one."""
        for reason in cls:
            if reason.code == code:
                return reason
        raise ValueError(f"unknown reason {code!r}")


class GatewayError(Exception):
    """A failure that has a Reason. ``detail`` is raw text for the journal only."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.code}: {detail}" if detail else reason.code)
        self.reason = reason
        self.detail = detail


class TemporaryError(GatewayError):
    """It may work later. ``retry_after`` is the other side's own wish, if it named one."""

    def __init__(self, reason: Reason, detail: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after


class PermanentError(GatewayError):
    """It will not work, however often it is tried."""


class NotSentError(TemporaryError):
    """The request provably never reached the provider: safe to repeat under the same reference."""


class AccountError(TemporaryError):
    """The provider refuses the whole account: nothing is wrong with the fax, so it waits."""


class AmbiguousError(GatewayError):
    """The provider may or may not have accepted the request: it must be searched for, never repeated."""


class DiskError(Exception):
    """A write could not be made durable: intake stops and the process ends (exit code 74)."""


class DiskFullError(TemporaryError):
    """No room for this write; nothing of it was kept. Intake answers 452 and goes on when there is room."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(Reason.OTHER_TEMPORARY, detail)
