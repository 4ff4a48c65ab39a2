"""Sinch's webhook bodies, read into hints, and written for a trial. Pure (sinch-fax-v3 section 4)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from gateway.core.model import FaxEvent, FaxReport
from gateway.providers.base import BadEventError
from gateway.providers.form_data import read_form
from gateway.providers.sinch.words import REFERENCE_LABEL, STATUSES, Fax, fax_id, is_inbound, references

_EVENTS: Final = frozenset({"INCOMING_FAX", "FAX_COMPLETED"})


def parse_webhook(content_type: str, body: bytes) -> list[FaxEvent]:
    """Reads a webhook body, form or JSON, into at most one hint (sinch-fax-v3 4.3 to 4.6).

    The event's name decides nothing: FAX_COMPLETED also reports failures, and a fax with an id is always
    worth a look. A document is taken out for received faxes only; of a sent one we have it.

    Raises:
        BadEventError: no event, or one that is cut or damaged.
    """
    form = content_type.strip().lower().startswith("multipart/")
    try:
        event = _form_event(content_type, body) if form else _object(body)
        return _hints(event)
    except ValueError as error:
        raise BadEventError(f"unreadable event: {error}") from error


def event_about(report: FaxReport, project_id: str) -> bytes:
    """Writes the JSON event that they would send about a fax, without its document (sinch-fax-v3 4.4).

    What the report does not tell is left out, as they do.
    """
    fax = {
        "id": report.provider_fax_id,
        "direction": "INBOUND" if report.inbound else "OUTBOUND",
        "from": report.caller,
        "to": report.number,
        "status": STATUSES[report.phase],
        "numberOfPages": report.pages,
        "pagesSentSuccessfully": report.pages_sent,
        "price": None if report.price is None else {"currencyCode": report.currency, "amount": str(report.price)},
        "labels": {REFERENCE_LABEL: next(iter(report.references))} if report.references else None,
        "createTime": _stamp(report.created_at),
        "completedTime": _stamp(report.completed_at),
        "hasFile": report.has_document,
        "serviceId": report.service,
        "projectId": project_id,
    }
    event = {
        "event": "INCOMING_FAX" if report.inbound else "FAX_COMPLETED",
        "eventTime": _stamp(report.completed_at or report.created_at),
        "fax": _told(fax),
    }
    return orjson.dumps(_told(event))


def _told(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _stamp(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _form_event(content_type: str, body: bytes) -> Mapping[str, Any]:
    fields = read_form(content_type, body)
    return {
        "event": fields.get("event", b"").decode("utf-8", "replace").strip().strip("\"'"),
        "fax": fields.get("fax"),
        "file": fields.get("file") or fields.get("files"),
    }


def _hints(event: Mapping[str, Any]) -> list[FaxEvent]:
    name = event.get("event")
    fax = _fax_in(event)
    found = fax_id(fax)
    if found is None:
        if isinstance(name, str) and name and name not in _EVENTS:
            return []  # progress, or something newer than this program
        raise BadEventError("an event without a fax")
    inbound = is_inbound(fax) if fax.get("direction") else name == "INCOMING_FAX"
    reference = next(iter(references(fax)), None)
    return [FaxEvent(found, inbound, reference, _document_in(event) if inbound else None)]


def _fax_in(event: Mapping[str, Any]) -> Fax:
    # Seen at `fax`, inside `event`, and at top level (4.6); in a form it is text.
    inner = event.get("event")
    for place in (event.get("fax"), inner.get("fax") if isinstance(inner, dict) else None, event):
        if isinstance(place, dict):
            return place
        if isinstance(place, str | bytes):
            return _object(place)
    return {}


def _document_in(event: Mapping[str, Any]) -> bytes | None:
    files = event.get("files")
    # The two events differ, and the SDKs disagree (4.4).
    for entry in (*(files if isinstance(files, list) else ()), event):
        content = entry.get("file") if isinstance(entry, dict) else None
        if isinstance(content, str):
            content = base64.b64decode("".join(content.split()), validate=True)
        if isinstance(content, bytes) and content:
            return content
    return None


def _object(text: bytes | str) -> Mapping[str, Any]:
    value = orjson.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - what came is wrong, not who called
    return value
