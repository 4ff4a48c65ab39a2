"""Only listed senders on listed networks fax, only where the operator permits, and never automatic mail."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.core.model import Sender
from gateway.core.policy import AccessRules, check_client, check_destination, check_recipient, find_sender
from gateway.core.refusal import Refusal

ANA = Sender("ana@clinic.example", "+12025550100", "Ana", "UTC", "main")
CLINIC = Sender("@Clinic.example", "+12025550101", "Clinic", "UTC", "main")
HERE = "192.0.2.10"
FAX = "FAX=+12025550143@fax.example"


def rules(*, countries: str = "US", test_numbers: bool = False) -> AccessRules:
    return AccessRules(
        domain="fax.example",
        networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
        senders=(CLINIC, ANA),
        countries=frozenset(countries.split()),
        home_country="US",
        allow_test_numbers=test_numbers,
    )


def reply_to(peer: str, mail_from: str, address: str, *, given: AccessRules | None = None) -> str:
    """Gives the number, ``postmaster``, or the reply line."""
    try:
        return check_recipient(given or rules(), peer, mail_from, address) or "postmaster"
    except Refusal as refusal:
        return refusal.reply


def test_a_full_address_comes_before_its_domain() -> None:
    assert find_sender(rules(), HERE, "Ana@clinic.EXAMPLE") is ANA
    assert find_sender(rules(), HERE, "bo@clinic.example") is CLINIC


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"])
def test_listed_networks(peer: str) -> None:
    check_client(rules(), peer)
    assert reply_to(peer, "ana@clinic.example", FAX) == "+12025550143"


@pytest.mark.parametrize("peer", ["198.51.100.1", "::1", "::ffff:198.51.100.1", "::"])
def test_other_networks_reach_nobody(peer: str) -> None:
    for address in (FAX, "postmaster"):
        assert reply_to(peer, "ana@clinic.example", address) == "550 5.7.1 client host is not permitted"


def test_unlisted_senders_reach_only_the_postmaster() -> None:
    for sender in ("eve@elsewhere.example", "eve@sub.clinic.example", "ana"):
        assert reply_to(HERE, sender, FAX) == "550 5.7.1 sender may not fax"
        assert reply_to(HERE, sender, "postmaster@fax.example") == "postmaster"


def test_the_null_sender_reaches_only_the_postmaster() -> None:
    assert reply_to(HERE, "", FAX) == "550 5.7.1 the null sender may not fax"
    assert reply_to(HERE, "", "postmaster") == "postmaster"


@pytest.mark.parametrize(
    "sender",
    [
        "MAILER-DAEMON@clinic.example",
        "postmaster@clinic.example",
        "owner-staff@clinic.example",
        "staff-owner@clinic.example",
        "staff-request@clinic.example",
        "staff-bounces@clinic.example",
        "staff-bounces+ana=x.example@clinic.example",
        "noreply@clinic.example",
        "no-reply@clinic.example",
        "No_Reply-7@clinic.example",
        "donotreply@clinic.example",
        "do-not-reply@clinic.example",
        "ana@fax.example",
        "ana@FAX.example",
    ],
)
def test_automatic_senders_do_not_fax(sender: str) -> None:
    assert reply_to(HERE, sender, FAX) == "550 5.7.1 automatic mail is not faxed"


@pytest.mark.parametrize("local", ["requests", "bounce.house", "owner", "nora.reply", "postmaster2"])
def test_people_with_similar_names_fax(local: str) -> None:
    assert reply_to(HERE, f"{local}@clinic.example", FAX) == "+12025550143"


@pytest.mark.parametrize(
    "number",
    ["+881600000001", "+19005550143", "+18765550143", "+442079460000", "+979123456789", "+14165550143"],
)
def test_costly_and_foreign_numbers_are_not_dialled(number: str) -> None:
    reply = reply_to(HERE, "ana@clinic.example", f"FAX={number}@fax.example")
    assert reply == "550 5.7.1 destination not permitted for this sender"


def test_a_country_can_be_permitted_but_not_its_premium_numbers() -> None:
    open_rules = rules(countries="US GB JM")
    for number in ("+442079460000", "+18765550143"):
        address = f"FAX={number}@fax.example"
        assert reply_to(HERE, "ana@clinic.example", address, given=open_rules) == number
    with pytest.raises(Refusal, match=r"550 5\.7\.1"):
        check_destination(open_rules, "+449098790000")


def test_test_numbers_are_dialled_where_they_are_allowed() -> None:
    for number in ("+15555552017", "+99999996017"):
        address = f"FAX={number}@fax.example"
        assert reply_to(HERE, "ana@clinic.example", address, given=rules(test_numbers=True)) == number
        assert reply_to(HERE, "ana@clinic.example", address).startswith("553 5.1.3 test numbers")
