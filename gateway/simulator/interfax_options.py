"""What a request to send may ask for besides the number and the documents (interfax-rest 3)."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.simulator.interfax_errors import BAD_EMAIL, POSTPONED_TOO_FAR, ApiError
from gateway.simulator.interfax_query import Query

REFERENCE_MAX, CSID_MAX = 60, 20
POSTPONE_MAX = timedelta(days=30)
#: Attempts that an account makes unless told otherwise: seen in recorded traffic.
ACCOUNT_ATTEMPTS = 4
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

PAGE_SIZES = {"a4": "A4", "letter": "Letter", "legal": "Legal", "b4": "B4"}
ORIENTATIONS = {"portrait": "Portrait", "landscape": "Landscape"}
RESOLUTIONS = {"standard": "Standard", "fine": "Fine"}
#: The words shown are not the words sent.
RENDERINGS = {"bw": "Standard", "grayscale": "Fine"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """The options of a fax, in the words that queries show."""

    contact: str | None = None
    postpone: datetime | None = None
    attempts: int = ACCOUNT_ATTEMPTS
    csid: str | None = None
    page_header: str | None = None
    reference: str | None = None
    reply_address: str = ""
    page_size: str = "A4"
    orientation: str = "Portrait"
    resolution: str = "Standard"
    rendering: str = "Fine"


def read_options(query: Query, now: datetime, *, pci: bool) -> SendOptions:
    """Returns the options in a query; on a PCI host there is no postponing.

    Raises:
        ApiError: -114, -170, or -710 for any other bad value.
    """
    postpone = None if pci else query.time("postponeTime")
    if postpone is not None and postpone > now + POSTPONE_MAX:
        raise ApiError(POSTPONED_TOO_FAR)
    reply_address = query.text("replyAddress")
    if reply_address is not None and not EMAIL.fullmatch(reply_address):
        raise ApiError(BAD_EMAIL, reply_address)
    query.word("fitToPage", "scale", "noscale")
    attempts = query.whole("retriesToPerform")
    page_header = query.text("pageHeader")
    return SendOptions(
        contact=query.text("contact"),
        postpone=postpone,
        attempts=ACCOUNT_ATTEMPTS if attempts is None else max(attempts, 1),
        csid=query.text("csid", CSID_MAX),
        page_header=None if page_header == "N" else page_header,
        reference=query.text("reference", REFERENCE_MAX),
        reply_address=reply_address or "",
        page_size=PAGE_SIZES[query.word("pageSize", *PAGE_SIZES) or "a4"],
        orientation=ORIENTATIONS[query.word("pageOrientation", *ORIENTATIONS) or "portrait"],
        resolution=RESOLUTIONS[query.word("resolution", *RESOLUTIONS) or "standard"],
        rendering=RENDERINGS[query.word("rendering", *RENDERINGS) or "grayscale"],
    )


def sent_again(options: SendOptions, reference: str | None = None) -> SendOptions:
    """Returns the options of a fax that is sent again: at once, with its own reference unless there is a new one."""
    return replace(options, postpone=None, reference=reference or options.reference)
