"""HTTP errors of the Sinch Fax API, in both documented shapes (sinch-fax-v3 8.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

#: HTTP status -> the word of shape A, the word of shape B.
NAMES = {
    400: ("Bad Request", "INVALID_ARGUMENT"),
    402: ("Payment required", "FAILED_PRECONDITION"),
    403: ("Forbidden", "PERMISSION_DENIED"),
    404: ("Not found", "NOT_FOUND"),
    405: ("Method not allowed", "UNIMPLEMENTED"),
    409: ("Conflict", "ALREADY_EXISTS"),
    412: ("Precondition failed", "FAILED_PRECONDITION"),
    413: ("Payload too large", "OUT_OF_RANGE"),
    422: ("Invalid parameters", "INVALID_ARGUMENT"),
    429: ("Too many requests", "RESOURCE_EXHAUSTED"),
    502: ("Bad gateway", "UNAVAILABLE"),
    503: ("Service unavailable", "UNAVAILABLE"),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that was not accepted, and why."""

    field: str
    description: str


class ApiError(Exception):
    """The request is answered with this status and these violations."""

    def __init__(self, status: int, message: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.violations = tuple(violations)


def not_found(what: str) -> ApiError:
    """Returns the error for a thing that does not exist."""
    return ApiError(404, f"{what} was not found.")


def rejected(field: str, description: str) -> ApiError:
    """Returns the error for one field with a bad value."""
    return ApiError(422, "One or more fields were rejected.", [Violation(field, description)])


def error_response(error: ApiError, *, schema_shape: bool) -> web.Response:
    """Returns the answer that tells the error, in shape A (prose) or shape B (schema)."""
    if error.status == 401:  # noqa: PLR2004 - 401 is the one status that is documented without a body
        return web.Response(status=401)
    words, name = NAMES.get(error.status, ("Error", "UNKNOWN"))
    violations = [{"field": each.field, "description": each.description} for each in error.violations]
    body: dict[str, Any]
    if schema_shape:
        details = [{"type": "BadRequest", "fieldViolations": violations}] if violations else []
        body = {"code": error.status, "status": name, "message": error.message, "details": details}
    else:
        body = {"code": str(error.status), "error": words, "message": error.message}
        if violations:
            body["details"] = {"fieldViolations": violations}
    return web.json_response(body, status=error.status)
