"""What each field of a request may hold: the tables behind every 422 (sinch-fax-v3 3.1 and 6)."""

import json
import re
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from yarl import URL

from gateway.simulator.sinch_errors import ApiError, Violation

#: Returns what is wrong with a value, or None.
Check = Callable[[Any], str | None]

E164 = re.compile(r"\+[1-9]\d{6,14}")
CONTENT_TYPES = ("multipart/form-data", "application/json")
PERMISSIONS = ("both", "send", "receive")
HEADER_TEXT_MAX = 50
SERVICE_NAME_MAX = 60


def is_e164(value: Any) -> str | None:
    """Tells whether it is a number with `+` and country code."""
    if isinstance(value, str) and E164.fullmatch(value):
        return None
    return f"{value} is not a phone number"


def _text(longest: int | None = None) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be text"
        if longest is not None and len(value) > longest:
            return f"must not be longer than {longest} characters"
        return None

    return check


def _whole(lowest: int, highest: int) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return None
        return f"must be a whole number from {lowest} to {highest}"

    return check


def _one_of(*words: str) -> Check:
    return lambda value: None if value in words else f"must be one of {', '.join(words)}"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _url(value: Any) -> str | None:
    try:
        url = URL(value)
    except (TypeError, ValueError):
        return "must be a URL"
    return None if url.scheme in {"http", "https"} and url.host else "must be an http or https URL"


def _time_zone(value: Any) -> str | None:
    return None if value in zoneinfo.available_timezones() else "must be a name of the time zone database"


def _texts(value: Any) -> str | None:
    if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
        return None
    return "must be an object of texts"


def _lower_case_texts(value: Any) -> str | None:
    return _texts(value) or (None if all(key == key.lower() for key in value) else "keys must be lower case")


_RESOLUTION = _one_of("FINE", "SUPERFINE")
_CONVERSION = _one_of("HALFTONE", "MONOCHROME")
_RETRIES = _whole(0, 5)
_RETRY_DELAY = _whole(30, 300)

#: Fields of a send besides `to`, files and `contentUrl`.
SEND_FIELDS: dict[str, Check] = {
    "from": is_e164,
    "headerText": _text(HEADER_TEXT_MAX),
    "headerPageNumbers": _flag,
    "headerTimeZone": _time_zone,
    "retryDelaySeconds": _RETRY_DELAY,
    "maxRetries": _RETRIES,
    "labels": _texts,
    "callbackUrl": _url,
    "callbackUrlContentType": _one_of(*CONTENT_TYPES),
    "imageConversionMethod": _CONVERSION,
    "serviceId": _text(),
    "resolution": _RESOLUTION,
    "coverPageId": _text(),
    "coverPageData": _lower_case_texts,
    "inProgressNotifications": _flag,
}
#: Fields whose form text stands for another JSON type.
FORM_NUMBERS = {"retryDelaySeconds", "maxRetries"}
FORM_FLAGS = {"headerPageNumbers", "inProgressNotifications"}

SERVICE_FIELDS: dict[str, Check] = {
    "name": _text(SERVICE_NAME_MAX),
    "incomingWebhookUrl": lambda value: None if value == "" else _url(value),
    "webhookContentType": _one_of(*CONTENT_TYPES),
    "defaultForProject": _flag,
    "defaultFrom": lambda value: None if value == "" else is_e164(value),
    "numberOfRetries": _RETRIES,
    "retryDelaySeconds": _RETRY_DELAY,
    "imageConversionMethod": _CONVERSION,
    "coverPageId": _text(),
    "saveOutboundFaxDocuments": _flag,
    "saveInboundFaxDocuments": _flag,
    "scanIncomingBarcodes": _flag,
    "resolution": _RESOLUTION,
    "inProgressNotifications": _flag,
}
SUSPEND_FIELDS: dict[str, Check] = {"suspended": _flag, "note": _text()}


def checked(values: Mapping[str, Any], fields: Mapping[str, Check]) -> dict[str, Any]:
    """Returns the known fields that hold something; unknown ones are left out silently.

    Raises:
        ApiError: 422 with every violation at once.
    """
    known = {name: values[name] for name in fields if values.get(name) is not None}
    wrong = [Violation(name, text) for name, value in known.items() if (text := fields[name](value))]
    if wrong:
        raise ApiError(422, "One or more fields were rejected.", wrong)
    return known


async def json_object(request: web.Request) -> dict[str, Any]:
    """Returns the JSON object in the body.

    Raises:
        ApiError: 400, the body is no JSON or no object.
    """
    try:
        body = json.loads(await request.read())
    except ValueError as problem:
        raise ApiError(400, f"The body is not JSON: {problem}") from problem
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return body
