"""Fax numbers as InterFAX reads and writes them (interfax-rest 1)."""

import re

import phonenumbers

from gateway.simulator.interfax_errors import BAD_NUMBER, ApiError

#: What the dialling settings of the account put before a number that has no prefix.
HOME_PREFIX = "+1"
_INTERNATIONAL = re.compile(r"\+[1-9]\d{6,14}")


def read_number(text: str | None) -> str:
    """Returns a number with `+` and country code; everything but digits and a leading `+` is ignored.

    A number without `+` or `00` is one of the account's own country: a `+` that was not encoded in a URL arrives
    as a space, and the fax goes to somebody else.

    Raises:
        ApiError: -112, it is no number.
    """
    written = text or ""
    digits = re.sub("[^0-9]", "", written)
    if written.startswith("+"):
        number = f"+{digits}"
    elif digits.startswith("00"):
        number = f"+{digits[2:]}"
    else:
        number = f"{HOME_PREFIX}{digits}"
    if not _INTERNATIONAL.fullmatch(number):
        raise ApiError(BAD_NUMBER, f"Fax number [{written}]")
    return number


def outbound_form(number: str) -> str:
    """Returns a destination as queries show it: `00` instead of the `+`."""
    return f"00{number.removeprefix('+')}"


def inbound_form(number: str) -> str:
    """Returns a number of the account as received faxes show it: without its country code."""
    try:
        return str(phonenumbers.national_significant_number(phonenumbers.parse(number)))
    except phonenumbers.NumberParseException:
        return number.removeprefix("+")
