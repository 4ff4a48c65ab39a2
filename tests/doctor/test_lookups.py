"""Questions to the DNS: what the world sees counts, and a silent name server is no answer."""

from __future__ import annotations

import pytest

from gateway.doctor.findings import FoundError, Grade
from gateway.doctor.lookups import addresses_of, exchangers_of, texts_of, upwards
from tests.doctor.name_server import NameServer


@pytest.mark.parametrize(
    ("domain", "walk"),
    [
        ("fax.clinic.example", ["fax.clinic.example", "clinic.example"]),
        ("clinic.example", ["clinic.example"]),
        ("local", ["local"]),
        (
            "a.b.c.d.e.f.g.h.clinic.example",
            [
                "a.b.c.d.e.f.g.h.clinic.example",
                *(f"{below}clinic.example" for below in ("d.e.f.g.h.", "e.f.g.h.", "f.g.h.", "g.h.", "h.", "")),
            ],
        ),
    ],
)
def test_the_walk_upwards_ends_below_the_top_and_jumps_where_it_would_be_long(domain: str, walk: list[str]) -> None:
    assert list(upwards(domain)) == walk


async def test_addresses_of_both_kinds_are_found_and_an_address_is_its_own() -> None:
    names = NameServer({("fax.clinic.example", "A"): ["203.0.113.7"], ("fax.clinic.example", "AAAA"): ["2001:db8::7"]})
    async with names.answering() as resolver:
        assert await addresses_of(resolver, "fax.clinic.example") == ["203.0.113.7", "2001:db8::7"]
        assert await addresses_of(resolver, "absent.clinic.example") == []
        asked = len(names.asked)
        assert await addresses_of(resolver, "203.0.113.9") == ["203.0.113.9"]
        assert await addresses_of(resolver, "localhost") == ["127.0.0.1"]
        assert len(names.asked) == asked


async def test_exchangers_are_told_in_the_order_in_which_they_are_tried() -> None:
    names = NameServer({("clinic.example", "MX"): ["20 b.example.", "10 a.example."]})
    async with names.answering() as resolver:
        assert await exchangers_of(resolver, "clinic.example") == ["a.example", "b.example"]


async def test_a_long_text_is_put_together_from_its_pieces() -> None:
    names = NameServer()
    names.texts("clinic.example", "v=spf1 " + "ip4:203.0.113.7 " * 40 + "-all")
    async with names.answering() as resolver:
        (text,) = await texts_of(resolver, "clinic.example")
    assert len(text) == 7 + 16 * 40 + 4


async def test_a_name_server_in_trouble_ends_the_check_without_a_verdict() -> None:
    async with NameServer(is_broken=True).answering() as resolver:
        with pytest.raises(FoundError) as ended:
            await texts_of(resolver, "clinic.example")
    assert ended.value.finding.grade is Grade.SKIPPED
