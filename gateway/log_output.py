"""How log lines leave the process: one JSON object a line, or a pretty line on a terminal.

Libraries log too, and what they format may hold addresses or worse. Of their records only the logger, the first line of
the unformatted template, and the type and place of the exception go out.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final, Literal

import orjson
import structlog

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_LONGEST_TEMPLATE: Final = 120


def configure(level: Literal["debug", "info", "warning", "error"], form: Literal["auto", "json", "pretty"]) -> None:
    """Sets up all logging of this process; ``auto`` is pretty on a terminal and JSON elsewhere. Safe to repeat.

    A repetition holds for loggers in use too: none of them is cached.
    """
    pretty = form == "pretty" or (form == "auto" and sys.stdout.isatty())
    shared: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    if pretty:
        renderer: Any = structlog.dev.ConsoleRenderer()
        factory: Any = structlog.PrintLoggerFactory(sys.stdout)
    else:
        renderer = structlog.processors.JSONRenderer(orjson.dumps)
        factory = structlog.BytesLoggerFactory(sys.stdout.buffer)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=factory,
    )
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)  # noqa: FBT003 - its only argument


def silence() -> None:
    """Keeps this process quiet, for a command that works beside no daemon: its result says it all."""
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
    logging.disable()


class _LibraryHandler(logging.Handler):
    """Passes on that a library had something to say, without what it said."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line for a record of a library."""
        template = str(record.msg).partition("\n")[0][:_LONGEST_TEMPLATE] if record.args else record.levelname.lower()
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        log = structlog.get_logger(record.name)
        log.log(record.levelno, "library", logger=record.name, template=template, error=error, line=record.lineno)
