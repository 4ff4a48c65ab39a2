"""How a provider says what its account needs: marks on the fields of its frozen dataclass ``Settings``.

Each field of ``Settings`` is a key of ``[providers.NAME]``: its type says what may stand there (``str``, ``bool``,
``int``, ``float``, ``tuple[str, ...]``, ``Literal``; ``| None`` for a key without default), its default is the
default, and marks in ``Annotated`` say what its type cannot. The configuration builds its section from that alone:

    services: Annotated[tuple[str, ...], Example(["01JC8MKEXAMPLE"])]
    key_secret: Annotated[str, SECRET, Example("sinch-key-secret")] = field(repr=False)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


class Mark(Enum):
    """What a field is, beyond its type."""

    SECRET = "secret"  # noqa: S105 - the name of a mark
    URL_SAFE = "url safe"
    URL_SAFE_SECRET = "url safe secret"  # noqa: S105 - as above
    ORIGIN = "origin"
    PER_SECOND = "per second"
    NUMBER = "number"
    NOT_CONFIGURED = "not configured"


#: A secret: shown to nobody, and best kept in a file of its own. Such a field has ``repr=False``.
SECRET: Final = Mark.SECRET
#: Stands in a URL as it is: letters, digits and ``. _ ~ -``.
URL_SAFE: Final = Mark.URL_SAFE
#: A secret that stands in a URL as it is.
URL_SAFE_SECRET: Final = Mark.URL_SAFE_SECRET
#: Where a server is: an https URL without query; plain http only to this machine.
ORIGIN: Final = Mark.ORIGIN
#: A pace: more than zero a second.
PER_SECOND: Final = Mark.PER_SECOND
#: A telephone number in E.164.
NUMBER: Final = Mark.NUMBER
#: Not a key of the file: the gateway itself sets it.
NOT_CONFIGURED: Final = Mark.NOT_CONFIGURED


@dataclass(frozen=True, slots=True)
class Example:
    """A good value, for the message that a required key is missing; of a secret, a name for its file."""

    value: Any
