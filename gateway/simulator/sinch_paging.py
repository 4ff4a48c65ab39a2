"""Query strings and pages of lists the way the Sinch Fax API has them (sinch-fax-v3 2)."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from gateway.simulator.sinch_errors import rejected

PAGE_SIZE_MAX = 1000


def query_of(request: web.Request) -> dict[str, str]:
    """Returns the query with `%XX` decoded and `+` left alone; `createTime>=x` has the key `createTime>`.

    The vendor's client writes numbers with a bare `+`, so it must not become a space (sinch-fax-v3 3.3).
    It also writes times as JSON text, in quotes.
    """
    _, _, raw = request.raw_path.partition("?")
    pairs = (pair.partition("=") for pair in raw.split("&") if pair)
    return {unquote(name): unquote(value).removeprefix('"').removesuffix('"') for name, _, value in pairs}


def page_of(items: Sequence[Any], key: str, query: dict[str, str], *, size: int) -> dict[str, Any]:
    """Returns the page that the query asks for, with the four paging fields as whole numbers.

    Raises:
        ApiError: 422, page or pageSize is out of range.
    """
    page = _number(query, "page", 1, None)
    size = _number(query, "pageSize", size, PAGE_SIZE_MAX)
    first = (page - 1) * size
    return {
        key: items[first : first + size],
        "page": page,
        "totalPages": -(-len(items) // size),
        "pageSize": size,
        "totalItems": len(items),
    }


def _number(query: dict[str, str], name: str, default: int, highest: int | None) -> int:
    text = query.get(name)
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1 or (highest is not None and int(text) > highest):
        limit = f" to {highest}" if highest is not None else ""
        raise rejected(name, f"must be a whole number from 1{limit}")
    return int(text)
