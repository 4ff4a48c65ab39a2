"""The two Sinch webhooks in both encodings (sinch-fax-v3 4.3 and 4.4)."""

import base64
import json
import secrets
from datetime import datetime
from typing import Any

from gateway.simulator.clock import stamp
from gateway.simulator.webhooks import HOUR, MINUTE, Event

COMPLETED = "FAX_COMPLETED"
INCOMING = "INCOMING_FAX"
#: Seconds before each of the 16 retries (sinch-fax-v3 4.7).
RETRY_DELAYS = (5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, *[6 * HOUR] * 12)


def event_of(
    name: str,
    url: str,
    content_type: str,
    *,
    fax: dict[str, Any],
    document: bytes | None,
    now: datetime,
    swapped: bool,
) -> Event:
    """Makes an event about a fax.

    Args:
        name: FAX_COMPLETED or INCOMING_FAX.
        url: Where it goes; may hold Basic credentials.
        content_type: multipart/form-data or application/json.
        fax: The Fax object.
        document: The PDF, None when there is none.
        now: The time of the event.
        swapped: In JSON, put the file where the other event has it.
    """
    time = stamp(now.replace(microsecond=0)).replace(".000", "")
    if content_type == "application/json":
        body = _json(name, time, fax, document, as_list=(name == COMPLETED) != swapped)
    else:
        boundary = secrets.token_hex(16)
        content_type = f"multipart/form-data; boundary={boundary}"
        body = _form(name, time, fax, document, boundary)
    return Event(url=url, name=name, fax=fax["id"], content_type=content_type, body=body)


def _json(name: str, time: str, fax: dict[str, Any], document: bytes | None, *, as_list: bool) -> bytes:
    event: dict[str, Any] = {"event": name, "eventTime": time, "fax": fax}
    if document is not None:
        file = {"file": base64.b64encode(document).decode(), "fileType": "PDF"}
        event |= {"files": [file]} if as_list else file
    return json.dumps(event).encode()


def _form(name: str, time: str, fax: dict[str, Any], document: bytes | None, boundary: str) -> bytes:
    parts = [
        ('name="event"', None, name.encode()),
        ('name="eventTime"', None, time.encode()),
        ('name="fax"', "application/json", json.dumps(fax).encode()),
    ]
    if document is not None:
        parts.append((f'name="file"; filename="{fax["id"]}.pdf"', "application/pdf", document))
    lines = []
    for disposition, content_type, value in parts:
        lines += [f"--{boundary}".encode(), f"Content-Disposition: form-data; {disposition}".encode()]
        if content_type is not None:
            lines.append(f"Content-Type: {content_type}".encode())
        lines += [b"", value]
    return b"\r\n".join([*lines, f"--{boundary}--".encode(), b""])
