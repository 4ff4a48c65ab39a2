"""What is dialled is exactly what was meant, and what it costs is known before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.numbers import country_of, is_costly, is_test_number, mask, parse_number, pretty


def read(text: str, home: str | None = None, *, test: bool = False) -> str:
    return parse_number(text, home_country=home, allow_test_numbers=test)


@pytest.mark.parametrize(
    ("text", "home", "number"),
    [
        ("+12025550143", None, "+12025550143"),
        ("+1-202.555.0143", None, "+12025550143"),
        ("+1 (202) 555-0143", None, "+12025550143"),
        ("2025550143", "US", "+12025550143"),
        ("12025550143", "US", "+12025550143"),
        ("01149301234567", "US", "+49301234567"),
        ("030123456", "DE", "+4930123456"),
        ("00442079460000", "DE", "+442079460000"),
        ("442079460000", "US", "+442079460000"),
        ("+390612345678", "US", "+390612345678"),
        ("+19898989898", None, "+19898989898"),
    ],
)
def test_numbers_are_read_as_they_are_dialled(text: str, home: str | None, number: str) -> None:
    assert read(text, home) == number


@pytest.mark.parametrize(
    ("text", "home"),
    [
        ("", "US"),
        ("+", None),
        ("12025550143", None),
        ("+0123", None),
        ("+1234567890123456", None),
        ("+1202CALLNOW", None),
        ("+1202555014", None),
        ("5550143", "US"),
        ("911", "US"),
        ("112", "DE"),
        ("110", "DE"),
        ("+49110", None),
        ("+1911", None),
        ("++12025550143", None),
        ("1+2025550143", "US"),
        ("٢٠٢٥٥٥٠١٤٣", "US"),
        ("+１２０２５５５０１４３", None),  # noqa: RUF001 - full-width digits are the point
        ("+12025550143\n", None),
        ("+12025550143;ext=5", None),
        ("+2109999999", None),
    ],
)
def test_what_cannot_be_dialled_is_refused(text: str, home: str | None) -> None:
    with pytest.raises(ValueError, match="number") as refused:
        read(text, home)
    assert str(refused.value).isascii()


@pytest.mark.parametrize("number", ["+15555552017", "+15555555000", "+99999996017"])
def test_test_numbers_only_where_they_are_allowed(number: str) -> None:
    assert is_test_number(number)
    assert read(number, test=True) == number
    with pytest.raises(ValueError, match="test numbers are not allowed here"):
        read(number)
    with pytest.raises(ValueError, match="test numbers are not allowed here"):
        read(number.removeprefix("+"), "US")


@given(st.text(max_size=20), st.sampled_from([None, "US", "DE", "GB"]))
def test_anything_is_read_as_e164_or_refused(text: str, home: str | None) -> None:
    try:
        number = read(text, home)
    except ValueError:
        return
    assert number[0] == "+"
    assert number[1:].isascii()
    assert 1 <= len(number[1:]) <= 15
    assert read(number) == number


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12025550143", "US"),
        ("+18005550143", "US"),
        ("+15555552017", "US"),
        ("+14165550143", "CA"),
        ("+18765550143", "JM"),
        ("+16585550143", "JM"),
        ("+12425550143", "BS"),
        ("+18095550143", "DO"),
        ("+17875550143", "PR"),
        ("+442079460000", "GB"),
        ("+390612345678", "IT"),
        ("+49999999999", "DE"),
        ("+881600000001", None),
        ("+8835100012345", None),
        ("+99999996017", None),
    ],
)
def test_countries(number: str, country: str | None) -> None:
    assert country_of(number) == country


@pytest.mark.parametrize(
    "area",
    [
        "242",
        "246",
        "264",
        "268",
        "284",
        "345",
        "441",
        "473",
        "649",
        "658",
        "664",
        "721",
        "758",
        "767",
        "784",
        "809",
        "829",
        "849",
        "868",
        "869",
        "876",
    ],
)
def test_the_caribbean_inside_plus_1_is_never_the_united_states(area: str) -> None:
    for rest in ("5550143", "0000000", "2345678"):
        assert country_of(f"+1{area}{rest}") not in ("US", None)


@pytest.mark.parametrize(
    "number",
    [
        "+19005550143",
        "+979123456789",
        "+870773111632",
        "+881600000001",
        "+88213300655",
        "+8835100012345",
        "+878101234567890",
    ],
)
def test_costly_numbers(number: str) -> None:
    assert is_costly(number)


def test_premium_and_shared_cost_elsewhere_are_costly() -> None:
    assert is_costly("+449098790000")
    assert is_costly("+491805123456")


@pytest.mark.parametrize("number", ["+12025550143", "+18005550143", "+442079460000", "+99999996017"])
def test_ordinary_numbers_are_not_costly(number: str) -> None:
    assert not is_costly(number)


def test_numbers_in_logs_are_masked() -> None:
    assert mask("+12025550143") == "+1202•••0143"
    assert mask("+4930123") == "+49•••23"
    assert mask("+1234") == "•••34"


def test_numbers_for_people() -> None:
    assert pretty("+12025550143") == "+1 202-555-0143"
    assert pretty("+99999996017") == "+99999996017"
