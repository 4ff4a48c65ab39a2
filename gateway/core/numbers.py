"""Telephone numbers: E.164 in, country and cost class out, masked for logs, pretty for people.

ITU-T E.164. A number that the library calls "not valid" is still a number here: numbering
plans change faster than libraries. What it calls impossible is refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult, shortnumberinfo

#: Characters between digits that carry no meaning, for people's eyes only.
_SEPARATORS: Final = str.maketrans("", "", "-. ()")
_WRITTEN: Final = re.compile(r"\+?[0-9]+")
_E164: Final = re.compile(r"\+[1-9][0-9]{0,14}")
#: Unassigned ranges that providers' and simulators' test numbers are taken from (sinch-fax-v3 10).
_TEST_NUMBER: Final = re.compile(r"\+1555[0-9]{7}|\+999[0-9]{4,12}")

#: Satellite and network codes, international and North American premium rate.
_COSTLY_PREFIXES: Final = ("+979", "+870", "+878", "+881", "+882", "+883", "+1900")
_COSTLY_TYPES: Final = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})

#: Area codes inside +1 that are not the United States: they look domestic and cost like abroad.
_NORTH_AMERICA: Final = {
    "AG": "268",
    "AI": "264",
    "AS": "684",
    "BB": "246",
    "BM": "441",
    "BS": "242",
    "CA": "204 226 236 249 250 257 263 289 306 343 354 365 367 368 382 387 403 416 418 428 431 437 438 450 "
    "460 468 474 506 514 519 537 548 568 579 581 584 587 600 604 613 622 633 639 644 647 655 672 677 683 688 "
    "705 709 742 753 778 780 782 807 819 825 867 873 879 902 905 942",
    "DM": "767",
    "DO": "809 829 849",
    "GD": "473",
    "GU": "671",
    "JM": "658 876",
    "KN": "869",
    "KY": "345",
    "LC": "758",
    "MP": "670",
    "MS": "664",
    "PR": "787 939",
    "SX": "721",
    "TC": "649",
    "TT": "868",
    "VC": "784",
    "VG": "284",
    "VI": "340",
}
_COUNTRY_BY_AREA: Final = {area: country for country, areas in _NORTH_AMERICA.items() for area in areas.split()}

#: What the library answers for codes that belong to no country.
_NO_COUNTRY: Final = frozenset({"001", "ZZ"})


def parse_number(text: str, *, home_country: str | None, allow_test_numbers: bool) -> str:
    """Reads a telephone number as people and fax addresses write it.

    Digits without ``+`` are read as a number of the home country first, and only if that is not possible as
    an international number.

    Args:
        text: digits with an optional leading ``+``; ``-``, ``.``, spaces and brackets mean nothing.
        home_country: ISO 3166 alpha-2 code whose national plan is understood; None: only ``+`` numbers.
        allow_test_numbers: accept the unassigned numbers that simulators give a fate.

    Returns:
        The number in E.164: ``+`` and at most 15 digits.

    Raises:
        ValueError: with one plain sentence that does not repeat the input.
    """
    written = text.translate(_SEPARATORS)
    if not _WRITTEN.fullmatch(written):
        raise ValueError("a fax number has only digits after an optional +")
    if written.startswith("+"):
        return _international(written, allow_test_numbers=allow_test_numbers)
    if home_country is None:
        raise ValueError("a fax number starts with + and the country code")
    if shortnumberinfo.is_emergency_number(written, home_country):
        raise ValueError("emergency numbers are not dialled")
    national = _parse_possible(written, home_country)
    if national is None:
        return _international("+" + written, allow_test_numbers=allow_test_numbers)
    return _dialable(national, allow_test_numbers=allow_test_numbers)


def _international(written: str, *, allow_test_numbers: bool) -> str:
    if not _E164.fullmatch(written):
        raise ValueError("an international number has 1 to 15 digits after the + and does not start with 0")
    if is_test_number(written):
        return _dialable(written, allow_test_numbers=allow_test_numbers)
    number = _parse_possible(written, None)
    if number is None:
        raise ValueError("the number is too short or too long for its country, or its country code does not exist")
    return _dialable(number, allow_test_numbers=allow_test_numbers)


def _parse_possible(written: str, country: str | None) -> str | None:
    try:
        parsed = phonenumbers.parse(written, country)
    except NumberParseException:
        return None
    # "Possible" alone would let numbers through that work only inside one town.
    if phonenumbers.is_possible_number_with_reason(parsed) != ValidationResult.IS_POSSIBLE:
        return None
    if shortnumberinfo.is_valid_short_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _dialable(number: str, *, allow_test_numbers: bool) -> str:
    if is_test_number(number) and not allow_test_numbers:
        raise ValueError("test numbers are not allowed here")
    return number


def is_test_number(number: str) -> bool:
    """Says whether an E.164 number is one that no telephone can have, kept for simulators."""
    return _TEST_NUMBER.fullmatch(number) is not None


@lru_cache(maxsize=4096)
def country_of(number: str) -> str | None:
    """Finds the country that an E.164 number belongs to.

    Returns:
        ISO 3166 alpha-2 code, or None where no country has the number (satellite and other networks). Members
        of +1 are told apart by area code, whether or not the library calls the number valid.
    """
    if number.startswith("+1"):
        by_area = _COUNTRY_BY_AREA.get(number[2:5])
        if by_area is not None:
            return by_area
    parsed = _parsed(number)
    if parsed is None:
        return None
    main_country = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    country = phonenumbers.region_code_for_number(parsed) or main_country
    return None if country in _NO_COUNTRY else country


@lru_cache(maxsize=4096)
def is_costly(number: str) -> bool:
    """Says whether calling an E.164 number costs far more than a call to its country."""
    if number.startswith(_COSTLY_PREFIXES):
        return True
    parsed = _parsed(number)
    return parsed is not None and phonenumbers.number_type(parsed) in _COSTLY_TYPES


def _parsed(number: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, None)
    except NumberParseException:
        return None


def mask(number: str) -> str:
    """Shortens a number for logs so that it can be recognised and not dialled: ``+1202•••0143``."""
    tail = 4 if len(number) >= 11 else 2  # noqa: PLR2004 - short numbers show less of themselves
    head = max(0, min(5, len(number) - tail - 3))
    return f"{number[:head]}•••{number[-tail:]}"


def pretty(number: str) -> str:
    """Writes an E.164 number as people read it: ``+1 202-555-0143``; one without a plan stays as it is."""
    parsed = _parsed(number)
    if parsed is None:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
