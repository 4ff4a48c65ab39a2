"""The API return codes of InterFAX and the answers that tell them (interfax-rest 2)."""

import csv
from importlib import resources

ADDRESS_REFUSED = -2003
BAD_CHUNK = -3005
BAD_CREDENTIALS = -1003
BAD_DOCUMENT = -123
BAD_EMAIL = -170
BAD_NUMBER = -112
BAD_PARAMETER = -710
CHUNK_MISSING = -1061
DOCUMENT_UNKNOWN = -1062
FAX_UNKNOWN = -1005
IMAGE_GONE = -1009
IMAGE_MISSING = -3003
INBOUND_UNKNOWN = -3001
INTERNAL_ERROR = -150
LIST_UNKNOWN = -113
LOGIN_BLOCKED = -1876
POSTPONED_TOO_FAR = -114
SENT_AGAIN = -312
TOO_BIG = -1063
TOO_MANY_QUERIES = -1011
TOO_MANY_RECORDS = -707
WRONG_STATE = -162


class ApiError(Exception):
    """The request is answered with this API return code.

    Args:
        code: One of `RETURN_CODES`, below 0. These are not the status codes of faxes, though some look alike.
        more: What `moreInfo` says.
        status: HTTP status, if not the usual one of the code.
    """

    def __init__(self, code: int, more: str | None = None, status: int | None = None) -> None:
        usual, message = RETURN_CODES[code]
        super().__init__(message)
        self.code = code
        self.status = usual if status is None else status
        self.body = {"code": code, "message": message, "moreInfo": more}


def bad_parameter(name: str, wanted: str) -> ApiError:
    """Returns the error for a query parameter with a bad value."""
    return ApiError(BAD_PARAMETER, f"{name} must be {wanted}")


def _read_table() -> dict[int, tuple[int, str]]:
    table = resources.files("gateway.simulator") / "interfax_return_codes.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return {int(row["code"]): (int(row["http_status"]), row["message"]) for row in rows}


#: Code -> HTTP status and message. Most HTTP statuses are inferred: interfax-rest 2 knows but a few from traffic.
RETURN_CODES = _read_table()
