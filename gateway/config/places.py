"""Where each value of a TOML file stands: the parser of the standard library gives values without places."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]
Places = dict[Path, int]


def find_places(text: str) -> Places:
    """Finds the line of every table, key and array element of a valid TOML text.

    Lines are collected until they are a statement that can be parsed by itself, so all ways of writing are
    understood: dotted and quoted keys, arrays and strings over several lines, inline tables.

    Returns:
        Path (keys, and indexes of arrays) to the line on which its statement begins, counted from 1.
    """
    places: Places = {(): 1}
    tables: dict[Path, int] = {}
    here: Path = ()
    statement, first = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        first = first if statement else number
        statement += line + "\n"
        try:
            value = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            here = _table(value, tables)
            _note(places, here, first)
        else:
            for path in _paths(value):
                _note(places, here + path, first)
        statement = ""
    return places


def line_of(places: Places, path: Path) -> int:
    """Finds the line of a path, or of the nearest thing around it that stands in the file."""
    while path not in places:
        path = path[:-1]
    return places[path]


def written(path: Path) -> str:
    """Writes a path as people read it: ``senders[0].caller_id``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _note(places: Places, path: Path, line: int) -> None:
    for length in range(1, len(path) + 1):
        places.setdefault(path[:length], line)


def _table(value: Mapping[str, Any], tables: dict[Path, int]) -> Path:
    """Follows a header, ``[a.b]`` or ``[[a]]``, to its path; ``tables`` counts elements of ``[[a]]``."""
    path: Path = ()
    node: Any = value
    while node:
        ((key, node),) = node.items()
        path += (key,)
        if isinstance(node, list):
            tables[path] = tables.get(path, -1) + 1
            node = node[0]
        if path in tables:
            path += (tables[path],)
    return path


def _paths(value: object) -> Iterator[Path]:
    entries: Any = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, inner in entries:
        yield (key,)
        for path in _paths(inner):
            yield (key, *path)
