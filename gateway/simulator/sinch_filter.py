"""Which faxes a list shows: the filters of `GET /faxes` and its window of one week (sinch-fax-v3 3.3)."""

import calendar
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from gateway.simulator.sinch_account import Fax, country_of
from gateway.simulator.sinch_errors import rejected

DEFAULT_WINDOW = timedelta(days=7)
PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
LABEL = re.compile(r"labels\[(.*)\]", re.DOTALL)
#: What the vendor's client writes for a filter that it cannot write.
BROKEN_LABELS = "[object Object]"


def select(faxes: Iterable[Fax], query: Mapping[str, str], now: datetime) -> list[Fax]:
    """Returns the faxes that match, newest first.

    Args:
        faxes: All of them.
        query: The decoded query; `createTime`, `createTime>` and `createTime<` are three names.
        now: End of the window of one week that holds when no time is asked for.

    Raises:
        ApiError: 422, a filter cannot be understood.
    """
    earliest, latest = _window(query, now)
    labels = _labels(query)
    exact: dict[str, Callable[[Fax], str | None]] = {
        "direction": lambda fax: fax.direction,
        "status": lambda fax: fax.status,
        "serviceId": lambda fax: fax.service,
        "fromCountry": lambda fax: country_of(fax.sender),
        "toCountry": lambda fax: country_of(fax.to),
    }
    prefixes: dict[str, Callable[[Fax], str]] = {
        "to": lambda fax: fax.to,
        "from": lambda fax: fax.sender or "",
    }

    def matches(fax: Fax) -> bool:
        own = fax.options.get("labels", {})
        return (
            earliest <= fax.created <= latest
            and all(value(fax) == query[name] for name, value in exact.items() if query.get(name))
            and all(value(fax).startswith(_number(query[name])) for name, value in prefixes.items() if name in query)
            and all(own.get(key) == wanted for key, wanted in labels.items())
        )

    return sorted(filter(matches, faxes), key=lambda fax: (fax.created, fax.id), reverse=True)


def _window(query: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    earliest, latest = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    asked = {name: query[name] for name in ("createTime", "createTime>", "createTime<") if query.get(name)}
    if not asked:
        return now - DEFAULT_WINDOW, latest
    if text := asked.get("createTime"):
        earliest, last = _span("createTime", text)
        latest = latest if last == earliest else last  # a full timestamp means "after"
    if text := asked.get("createTime>"):
        earliest = max(earliest, _span("createTime>", text)[0])
    if text := asked.get("createTime<"):
        latest = min(latest, _span("createTime<", text)[1])
    return earliest, latest


def _span(name: str, text: str) -> tuple[datetime, datetime]:
    """Returns the first and last moment of a year, month, day, or twice the same timestamp."""
    try:
        if not (date := PARTIAL_DATE.fullmatch(text)):
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return moment, moment
        year, month, day = date.groups()
        first = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
        last_month = int(month or 12)
        last_day = int(day or calendar.monthrange(first.year, last_month)[1])
        last = first.replace(month=last_month, day=last_day) + timedelta(days=1, milliseconds=-1)
    except (ValueError, OverflowError) as problem:
        raise rejected(name, f"{text} is not a date or time") from problem
    return first, last


def _number(text: str) -> str:
    """Returns a number whose `+` a form encoder turned into a space as it was."""
    return f"+{text[1:]}" if text.startswith(" ") else text


def _labels(query: Mapping[str, str]) -> dict[str, str]:
    labels = {found[1]: value for name, value in query.items() if (found := LABEL.fullmatch(name))}
    text = query.get("labels", "")
    if not text or text == BROKEN_LABELS:
        return labels
    try:
        return {**labels, **{str(key): str(value) for key, value in json.loads(text).items()}}
    except (ValueError, AttributeError) as problem:
        raise rejected("labels", "must be labels[key]=value or a JSON object") from problem
