"""Each row of the address table, and the tricks that must not work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.addresses import FaxAddress, Postmaster, read_recipient
from gateway.core.refusal import Refusal


def read(local: str, domain: str = "@fax.example", home: str | None = None) -> str:
    """Gives the number, ``postmaster``, or the code and status of the refusal."""
    try:
        recipient = read_recipient(local + domain, domain="fax.example", home_country=home, allow_test_numbers=False)
    except Refusal as refusal:
        return f"{refusal.code} {refusal.status}"
    return recipient.number if isinstance(recipient, FaxAddress) else "postmaster"


@pytest.mark.parametrize(
    "local",
    [
        "FAX=+12025550143",
        "fax=+1-202.555.0143",
        "/FAX=+12025550143/",
        "/FAX=+12025550143",
        "FAX=+12025550143/",
        '"FAX=+12025550143"',
        '"/FAX=+1\\2025550143/"',
        "+12025550143",
        "+1-202-555-0143",
        "FAX=+12025550143/ATTN=Billing",
        "FAX=+12025550143/OFNA=a.b/ORG=Clinic/ISUB=12",
    ],
)
def test_addresses_of_one_number(local: str) -> None:
    assert read(local) == "+12025550143"


@pytest.mark.parametrize("local", ["FAX=2025550143", "2025550143", "FAX=12025550143", "12025550143"])
def test_national_digits_need_a_home_country(local: str) -> None:
    assert read(local, home="US") == "+12025550143"
    assert read(local) == "553 5.1.3"


@pytest.mark.parametrize(
    ("local", "refusal"),
    [
        ("FAX=+12025550143/T33S=1387", "550 5.3.3"),
        ("fax=+12025550143/ATTN=x/t33s=1", "550 5.3.3"),
        ("FAX=+12025550143/T33S=" + "1" * 21, "553 5.1.3"),
        ("FAX=+12025550143/T33S=12a", "553 5.1.3"),
        ("FAX=+12025550143/POSTD=99", "550 5.3.3"),
        ("FAX=+12025550143/ATTN", "553 5.1.3"),
        ("FAX=+12025550143//", "553 5.1.3"),
        ("FAX=+12025550143/=x", "553 5.1.3"),
        ("FAX=", "553 5.1.3"),
        ("FAX=+", "553 5.1.3"),
        ("FAX=+0123", "553 5.1.3"),
        ("FAX=+1234567890123456", "553 5.1.3"),
        ("FAX=+1202CALLNOW", "553 5.1.3"),
        ("FAX=+1202%0d%0aRCPT", "553 5.1.3"),
        ("FAX=+1 202 555 0143", "553 5.1.3"),
        ("FAX=+١٢٠٢٥٥٥٠١٤٣", "553 5.1.3"),
        ("+１２０２５５５０１４３", "553 5.1.3"),  # noqa: RUF001 - full-width digits are the point
        ("FAX=+12025550143\x00", "553 5.1.3"),
        ("VOICE=+12025550143", "550 5.1.1"),
        ("SMS=+12025550143", "550 5.1.1"),
        ("someone", "550 5.1.1"),
        ("victim%elsewhere.example", "550 5.1.1"),
        ("elsewhere!victim", "550 5.1.1"),
        ('"victim@elsewhere.example"', "550 5.1.1"),
        ("/+12025550143/", "550 5.1.1"),
        ("", "553 5.1.3"),
    ],
)
def test_refusals(local: str, refusal: str) -> None:
    assert read(local) == refusal


@pytest.mark.parametrize(
    "domain", ["@elsewhere.example", "@fax.example.", "@sub.fax.example", "@[127.0.0.1]", "@xfax.example", "@"]
)
def test_other_domains_are_relaying(domain: str) -> None:
    assert read("FAX=+12025550143", domain) == "550 5.7.1"
    assert read("postmaster", domain) == "550 5.7.1"


def test_our_domain_in_any_case() -> None:
    assert read("FAX=+12025550143", "@FAX.Example") == "+12025550143"


def test_postmaster_with_and_without_domain() -> None:
    assert read("Postmaster") == "postmaster"
    assert read("postmaster", "") == "postmaster"
    assert read('"postmaster"') == "postmaster"
    assert Postmaster() == Postmaster()


def test_nobody_else_is_reached_without_domain() -> None:
    assert read("FAX=+12025550143", "") == "553 5.1.3"


@given(st.text(max_size=40))
def test_any_local_part_is_read_or_refused(local: str) -> None:
    answer = read(local.replace("@", ""), home="US")
    assert answer == "postmaster" or answer[0] in "+5"
