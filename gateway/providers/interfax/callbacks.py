"""InterFAX's callbacks ("web feedback"), read into hints. Pure (interfax-rest 11).

Nothing about them is signed, and much of them is not documented. A callback names a fax, and nothing else is taken
from it but our reference; what became of the fax is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl
from xml.parsers import expat

from gateway.core.model import FaxEvent
from gateway.providers.base import BadEventError
from gateway.providers.form_data import read_form
from gateway.providers.interfax.words import ID, received_id, sent_id

#: A callback has about thirty fields and well under a kilobyte.
_MOST_FIELDS: Final = 200
_MOST_BYTES: Final = 64 * 1024
#: Fields that only received faxes have, in small letters.
_OF_RECEIVED: Final = frozenset(
    {"phonenumber", "messagestatus", "messagesize", "messagetype", "receivetime", "messagerecordingduration"}
)


def parse_callback(content_type: str, body: bytes) -> list[FaxEvent]:
    """Reads a callback, form or XML, into at most one hint. Names of fields are read without regard to case.

    Raises:
        BadEventError: it names no fax, or is cut or damaged.
    """
    if len(body) > _MOST_BYTES:
        raise BadEventError(f"a callback of {len(body)} bytes")
    try:
        fields = _fields(content_type, body)
    except (ValueError, expat.ExpatError) as error:
        raise BadEventError(f"unreadable callback: {type(error).__name__}") from error
    number = fields.get("transactionid", "")
    if not ID.fullmatch(number) or int(number) == 0:
        raise BadEventError("a callback without a fax")
    kind = fields.get("transactionidtype", "").lower()
    if kind == "inbound" or (not kind and not _OF_RECEIVED.isdisjoint(fields)):
        return [FaxEvent(received_id(int(number)), inbound=True)]
    if kind not in ("", "outbound"):
        return []  # something newer than this program
    return [FaxEvent(sent_id(int(number)), inbound=False, reference=fields.get("subject") or fields.get("reference"))]


def _fields(content_type: str, body: bytes) -> Mapping[str, str]:
    if content_type.strip().lower().startswith("multipart/"):
        form = read_form(content_type, body).items()
        return _first_of_each((name, value.decode("utf-8", "replace")) for name, value in form)
    if body.lstrip().startswith(b"<"):
        return _first_of_each(_leaves(body))
    return _first_of_each(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS))


def _first_of_each(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for name, value in pairs:
        if value.strip():
            fields.setdefault(name.strip().lower(), value.strip())
    return fields


def _leaves(body: bytes) -> list[tuple[str, str]]:
    """Lists the XML elements that hold text, SOAP or plain, by their local names."""
    leaves: list[tuple[str, str]] = []
    text: list[str] = []

    def start(_name: str, _attributes: Mapping[str, str]) -> None:
        text.clear()

    def end(name: str) -> None:
        leaves.append((name.rpartition(":")[2], "".join(text)))
        text.clear()

    def refuse(*_declaration: object) -> None:
        raise ValueError("a document type")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.Parse(body, True)  # noqa: FBT003 - its signature: this is all of it
    return leaves
