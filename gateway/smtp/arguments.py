"""The arguments of MAIL and RCPT: paths (RFC 5321 4.1.2), SIZE, BODY, and the DSN parameters (RFC 3461)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.core.refusal import Refusal

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART: Final = rf'(?:{_ATEXT}(?:\.{_ATEXT})*|"(?:[ !#-\[\]-~]|\\[ -~])*")'
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[!-Z^-~]+\])"
_MAILBOX: Final = re.compile(rf"{_LOCAL_PART}@{_DOMAIN}")
_SOURCE_ROUTE: Final = re.compile(rf"@{_DOMAIN}(?:,@{_DOMAIN})*:.*")
#: ``FROM:`` or ``TO:``, the path in its angle brackets (a quoted string may hold one), the parameters.
_ARGUMENT: Final = re.compile(r'(FROM|TO): ?<((?:[^"<>]|"(?:[^"\\]|\\.)*")*)>(?: +(.*))?', re.IGNORECASE)
_PARAMETER: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")

#: RFC 5321 4.5.3.1.3, brackets included; 4.5.3.1.2.
_LONGEST_PATH: Final = 256
_LONGEST_DOMAIN: Final = 255

_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_XTEXT_CHARACTER: Final = re.compile(r"\+([0-9A-F]{2})")
_NOTIFY: Final = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*", re.IGNORECASE)
_LONGEST_ENVID: Final = 100
_LONGEST_ORCPT: Final = 500


@dataclass(frozen=True, slots=True)
class MailArguments:
    """``MAIL FROM``; ``address`` is empty for the null sender, RET and ENVID are exactly as given."""

    address: str
    size: int | None
    ret: str | None
    envid: str | None


@dataclass(frozen=True, slots=True)
class RcptArguments:
    """``RCPT TO``; NOTIFY and ORCPT are exactly as given."""

    address: str
    notify: str | None
    orcpt: str | None


def parse_mail(argument: str, *, max_size: int) -> MailArguments:
    """Reads what follows ``MAIL``.

    Args:
        argument: each character one byte of the line.
        max_size: the size that we advertise, bytes.

    Raises:
        Refusal: 501 5.5.4 syntax or parameter; 555 5.5.4 unknown parameter; 552 5.3.4 declared too big;
            553 5.1.7 malformed address; 553 5.6.7 an address that needs SMTPUTF8.
    """
    path, parameters = _split(argument, "FROM", frozenset({"SIZE", "BODY", "RET", "ENVID"}))
    if path and not path.isascii():
        raise Refusal(553, "5.6.7", "addresses are ASCII; SMTPUTF8 is not offered")
    if path and not _is_mailbox(path):
        raise Refusal(553, "5.1.7", "sender address is malformed")
    ret, envid = parameters.get("RET"), parameters.get("ENVID")
    if ret is not None and ret.upper() not in {"FULL", "HDRS"}:
        raise _bad_parameter("RET")
    if envid is not None and not (len(envid) <= _LONGEST_ENVID and _is_xtext(envid)):
        raise _bad_parameter("ENVID")
    if parameters.get("BODY", "7BIT").upper() not in {"7BIT", "8BITMIME"}:
        raise _bad_parameter("BODY")
    return MailArguments(path, _declared_size(parameters.get("SIZE"), max_size), ret, envid)


def parse_rcpt(argument: str) -> RcptArguments:
    """Reads what follows ``RCPT``. The address has the form of a mailbox; whose it is, is for others to say.

    Raises:
        Refusal: 501 5.5.4 syntax or parameter; 555 5.5.4 unknown parameter; 553 5.1.3 malformed address;
            550 5.7.1 a source route.
    """
    path, parameters = _split(argument, "TO", frozenset({"NOTIFY", "ORCPT"}))
    if _SOURCE_ROUTE.fullmatch(path):
        raise Refusal(550, "5.7.1", "relaying denied")
    # RFC 5321 4.1.1.3: postmaster is the one address that needs no domain.
    if path.lower() != "postmaster" and not _is_mailbox(path):
        raise Refusal(553, "5.1.3", "recipient address is malformed")
    notify, orcpt = parameters.get("NOTIFY"), parameters.get("ORCPT")
    if notify is not None and not _NOTIFY.fullmatch(notify):
        raise _bad_parameter("NOTIFY")
    if orcpt is not None and not (len(orcpt) <= _LONGEST_ORCPT and _is_original_recipient(orcpt)):
        raise _bad_parameter("ORCPT")
    return RcptArguments(path, notify, orcpt)


def decode_xtext(text: str) -> str:
    """Gives back what ``text`` stood for before it was encoded as xtext (RFC 3461 4)."""
    return _XTEXT_CHARACTER.sub(lambda match: chr(int(match[1], 16)), text)


def _split(argument: str, keyword: str, known: frozenset[str]) -> tuple[str, Mapping[str, str]]:
    match = _ARGUMENT.fullmatch(argument)
    if match is None or match[1].upper() != keyword:
        verb = "MAIL" if keyword == "FROM" else "RCPT"
        raise Refusal(501, "5.5.4", f"syntax: {verb} {keyword}:<address>")
    return match[2], _parameters(match[3] or "", known)


def _parameters(text: str, known: frozenset[str]) -> Mapping[str, str]:
    parameters: dict[str, str] = {}
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        keyword = match[1].upper() if match else ""
        if keyword == "SMTPUTF8":
            raise Refusal(555, "5.5.4", "SMTPUTF8 not offered")
        if match is not None and keyword not in known:
            raise Refusal(555, "5.5.4", "parameter not recognized")
        if match is None or match[2] is None or keyword in parameters:
            raise _bad_parameter(keyword)
        parameters[keyword] = match[2]
    return parameters


def _bad_parameter(keyword: str) -> Refusal:
    return Refusal(501, "5.5.4", f"bad parameter {keyword}".rstrip())


def _is_mailbox(path: str) -> bool:
    domain = path.rpartition("@")[2]
    short = len(path) + 2 <= _LONGEST_PATH and len(domain) <= _LONGEST_DOMAIN
    return short and _MAILBOX.fullmatch(path) is not None


def _declared_size(value: str | None, max_size: int) -> int | None:
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,20}", value):
        raise _bad_parameter("SIZE")
    if int(value) > max_size:
        raise Refusal(552, "5.3.4", f"limit is {max_size}")
    return int(value)


def _is_xtext(text: str) -> bool:
    """Says whether ``text`` is xtext that decodes to printable ASCII, space included."""
    return _XTEXT.fullmatch(text) is not None and all(" " <= c <= "~" for c in decode_xtext(text))


def _is_original_recipient(text: str) -> bool:
    address_type, semicolon, address = text.partition(";")
    return bool(semicolon) and re.fullmatch(_ATEXT, address_type) is not None and _is_xtext(address)
