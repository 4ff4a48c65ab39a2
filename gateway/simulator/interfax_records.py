"""The objects that InterFAX answers with, on both of its hosts (interfax-rest 5, 7, 8 and 10)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.simulator.faults import Faults
from gateway.simulator.interfax_account import COST_PER_UNIT, Document, Fax, Forwarding, Received
from gateway.simulator.interfax_fates import PREPARING
from gateway.simulator.interfax_numbers import inbound_form, outbound_form

#: "No date yet": the zero of .NET.
NEVER = datetime(1, 1, 1, tzinfo=UTC)
REMOTE_CSID = "Simulated machine"
#: The default host's names for what the PCI host calls otherwise, and what that host leaves out.
PCI_NAMES = {"subject": "reference", "destinationFax": "faxNumber"}
NOT_ON_PCI = {"contact", "pageResolution"}
#: Bytes and seconds of a received page, which nobody shall rely on.
PAGE_BYTES, PAGE_SECONDS = 24_600, 34

#: What is left when fields are missing, and what may be null.
ESSENTIAL = {"id", "status", "uri", "subject", "reference", "messageId", "messageStatus", "phoneNumber", "imageStatus"}
NULLABLE = {"contact", "replyEmail", "senderCSID", "remoteCSID", "pageHeader", "callerId", "subject", "reference"}

Record = dict[str, Any]


class Records:
    """Writes faxes down as the API shows them.

    Args:
        user: Owner of all of them.
        faults: clock_skew, caller_id, odd_json.
        pci: Whether outbound fields have the names of the PCI host.
    """

    def __init__(self, user: str, faults: Faults, *, pci: bool) -> None:
        self._user = user
        self._faults = faults
        self._pci = pci

    def summaries(self, faxes: Iterable[Fax], base: str) -> list[Record]:
        """Returns the short objects of sent faxes; `base` is the URL of the service, for links."""
        return self._odd([self._summary(fax, base) for fax in faxes])

    def full(self, faxes: Iterable[Fax], base: str) -> list[Record]:
        """Returns the whole objects of sent faxes; `base` is the URL of the service, for links."""
        return self._odd([self._full(fax, base) for fax in faxes])

    def received(self, faxes: Iterable[Received]) -> list[Record]:
        """Returns the objects of received faxes."""
        return self._odd([self._received(fax) for fax in faxes])

    def _summary(self, fax: Fax, base: str) -> Record:
        completed = fax.completed or NEVER
        if fax.completed and (skew := self._faults.take("clock_skew")):
            completed = fax.created - timedelta(seconds=skew.seconds)
        return {
            "userId": self._user,
            "pagesSent": fax.pages_sent,
            "completionTime": time_text(completed),
            "remoteCSID": REMOTE_CSID if fax.pages_sent else "",
            "duration": int(fax.seconds),
            "priority": 2,
            "units": fax.units,
            "costPerUnit": COST_PER_UNIT,
            "attemptsMade": fax.attempts,
            "id": fax.id,
            "uri": f"{base}/outbound/faxes/{fax.id}",
            "status": fax.status,
        }

    def _full(self, fax: Fax, base: str) -> Record:
        options = fax.options
        record = {
            "submitTime": time_text(fax.created),
            "contact": options.contact,
            "destinationFax": outbound_form(fax.to),
            "replyEmail": options.reply_address,
            "subject": options.reference,
            "pagesSubmitted": 0 if fax.status == PREPARING else fax.pages,
            "senderCSID": options.csid or self._user,
            "attemptsToPerform": options.attempts,
            "pageSize": options.page_size,
            "resolution": options.resolution,
            "pageResolution": options.resolution,
            "pageOrientation": options.orientation,
            "rendering": options.rendering,
            "pageHeader": options.page_header or "0",
            **self._summary(fax, base),
        }
        if not self._pci:
            return record
        return {PCI_NAMES.get(name, name): value for name, value in record.items() if name not in NOT_ON_PCI}

    def _received(self, fax: Received) -> Record:
        image_status = "DONT_EXIST" if fax.document is None else "READ" if fax.read else "UNREAD"
        return {
            "userId": self._user,
            "messageId": fax.id,
            "phoneNumber": inbound_form(fax.to),
            "remoteCSID": fax.sender or "",
            "messageStatus": fax.status,
            "pages": fax.pages,
            "messageSize": PAGE_BYTES * fax.pages,
            "messageType": 1,
            "receiveTime": time_text(fax.created),
            "callerId": fax.sender if self._faults.take("caller_id") else None,
            "recordingDuration": PAGE_SECONDS * fax.pages,
            "imageStatus": image_status,
            "numOfEmails": len(fax.emails),
            "numOfFailedEmails": 0,
        }

    def _odd(self, records: list[Record]) -> list[Record]:
        fault = self._faults.take("odd_json")
        return [_oddly(record, fault.extra.get("odd", "extra")) for record in records] if fault else records


def forwarding(email: Forwarding) -> Record:
    """Returns the object of a mail with a received fax."""
    return {"emailAddress": email.address, "messageStatus": 0, "completionTime": time_text(email.completed)}


def document(uploaded: Document, user: str, base: str) -> Record:
    """Returns the object of an uploaded document."""
    done = len(uploaded.data)
    state = "Ready" if done == uploaded.size else "PartiallyUploaded" if done else "Created"
    return {
        "userId": user,
        "fileName": uploaded.name,
        "fileSize": uploaded.size,
        "uploaded": done,
        "uri": f"{base}/outbound/documents/{uploaded.id}",
        "creationTime": time_text(uploaded.created),
        "lastusageTime": time_text(uploaded.used),
        "status": state,
        "disposition": uploaded.disposition,
        "sharing": uploaded.sharing,
    }


def batch_head(faxes: Sequence[Fax], user: str) -> Record:
    """Returns the head of a batch, whose id is that of its first fax."""
    first = faxes[0]
    options = first.options
    return {
        "batchHeadId": first.id,
        "userId": user,
        "numOfTransactions": len(faxes),
        "submitTime": time_text(first.created),
        "replyEmail": options.reply_address,
        "reference": options.reference,
        "pagesSubmitted": first.pages,
        "senderCSID": options.csid or user,
        "pageSize": options.page_size,
        "pageOrientation": options.orientation,
        "pageResolution": options.resolution,
        "renderingQuality": options.rendering,
        "pageHeader": options.page_header or "0",
        "attemptsToPerform": options.attempts,
    }


def batch_totals(faxes: Sequence[Fax], user: str) -> Record:
    """Returns the head of a batch with what became of its faxes."""
    return {
        **batch_head(faxes, user),
        "totalOK": sum(fax.status == 0 for fax in faxes),
        "totalFailed": sum(fax.status > 0 for fax in faxes),
        "totalInProcess": sum(fax.status < 0 for fax in faxes),
    }


def time_text(time: datetime) -> str:
    """Returns a time the way the API writes it: GMT, whole seconds, no offset."""
    return time.replace(tzinfo=None).isoformat(timespec="seconds")


def _oddly(record: Record, odd: str) -> Record:
    """Returns a record with numbers as `strings`, fields `missing`, `extra` fields, or `null` for texts."""
    match odd:
        case "strings":
            return {name: str(value) if isinstance(value, int | Decimal) else value for name, value in record.items()}
        case "missing":
            return {name: value for name, value in record.items() if name in ESSENTIAL}
        case "null":
            return {name: None if name in NULLABLE else value for name, value in record.items()}
        case _:
            return {"futureField": {"list": [1, None]}, **record, "another": "text"}
