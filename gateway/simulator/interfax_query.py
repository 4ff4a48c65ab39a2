"""Query strings as InterFAX takes them: any case, booleans as words, lists of ids however written (interfax-rest 1)."""

import re
from datetime import UTC, datetime

from aiohttp import web

from gateway.simulator.interfax_errors import TOO_MANY_RECORDS, ApiError, bad_parameter

LIST_SIZE = 25
LIST_MAX = 2000


class Query:
    """The query of a request; parameters nobody knows are ignored.

    Every method raises ApiError -710 for a value that cannot be understood.
    """

    def __init__(self, request: web.Request) -> None:
        self._values = {name.lower(): value for name, value in request.query.items() if value}

    def text(self, name: str, longest: int | None = None) -> str | None:
        """Returns a text, None if it is missing or empty."""
        value = self._values.get(name.lower())
        if value is not None and longest is not None and len(value) > longest:
            raise bad_parameter(name, f"no longer than {longest} characters")
        return value

    def flag(self, name: str) -> bool:
        """Returns a boolean, false if it is missing."""
        value = (self.text(name) or "false").lower()
        if value not in {"true", "false"}:
            raise bad_parameter(name, "true or false")
        return value == "true"

    def whole(self, name: str, lowest: int = 0) -> int | None:
        """Returns a whole number, None if it is missing."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"[0-9]{1,19}", value) or int(value) < lowest:
            raise bad_parameter(name, f"a whole number, {lowest} or more")
        return int(value)

    def word(self, name: str, *words: str) -> str | None:
        """Returns one of the words, in lower case, None if it is missing."""
        value = (self.text(name) or "").lower()
        if value and value not in words:
            raise bad_parameter(name, f"one of {', '.join(words)}")
        return value or None

    def time(self, name: str) -> datetime | None:
        """Returns an ISO 8601 time; without an offset it is GMT."""
        value = self.text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as problem:
            raise bad_parameter(name, "a time in ISO 8601") from problem
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment

    def ids(self, name: str) -> set[int] | None:
        """Returns a list of ids, None if it is missing; anything but digits and commas is ignored, as in `(1, 2)`."""
        value = self.text(name)
        if value is None:
            return None
        return {int(each) for each in re.sub(r"[^0-9,]", "", value).split(",") if each}

    def limit(self) -> int:
        """Returns how many items a list may show.

        Raises:
            ApiError: -707, more than 2000 are asked for.
        """
        limit = self.whole("limit", lowest=1)
        if limit is not None and limit > LIST_MAX:
            raise ApiError(TOO_MANY_RECORDS)
        return limit or LIST_SIZE

    def is_ascending(self) -> bool:
        """Tells whether the oldest shall come first."""
        return self.word("sortOrder", "asc", "desc") == "asc"
