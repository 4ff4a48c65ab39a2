"""An SPF record is judged as a receiver would read it (RFC 7208)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doctor.findings import Grade
from gateway.doctor.spf import judge_spf, spf_faults

GOOD = [
    "v=spf1 -all",
    "V=SPF1 MX A:mail.clinic.example -ALL",
    "v=spf1 ip4:203.0.113.0/24 ip6:2001:db8::/32 ?include:_spf.clinic.example ~all",
    "v=spf1 a/24//64 mx:clinic.example/28 ptr exists:%{i}.%{d2r}._spf.clinic.example -all",
    "v=spf1  mx   -all",
    "v=spf1 mx redirect=_spf.clinic.example",
    "v=spf1 mx unknown-modifier=whatever exp=why.clinic.example -all",
]
BAD = [
    ("v=spf1 ipv4:203.0.113.7 -all", '"ipv4:203.0.113.7"'),
    ("v=spf1 ip4:203.0.113.300 -all", '"ip4:203.0.113.300"'),
    ("v=spf1 ip4 -all", '"ip4"'),
    ("v=spf1 ip6:203.0.113.7 -all", '"ip6:203.0.113.7"'),
    ("v=spf1 mx/33 -all", '"mx/33"'),
    ("v=spf1 include -all", '"include"'),
    ("v=spf1 all:x", '"all:x"'),
    ("v=spf1 exists:%{z} -all", '"exists:%{z}"'),
    ("v=spf1 mx; -all", '"mx;"'),
    ("v=spf1 redirect=", '"redirect="'),
    ("v=spf1 redirect=a.example redirect=b.example", "two times redirect="),
    (f"v=spf1 {' '.join(f'include:s{n}.example' for n in range(11))} -all", "11 terms that ask the DNS"),
]


def judged(*texts: str) -> tuple[Grade, str]:
    finding = judge_spf("clinic.example", texts, "mail.clinic.example")
    return finding.grade, finding.what


@pytest.mark.parametrize("record", GOOD)
def test_a_record_that_receivers_can_use_is_all_right(record: str) -> None:
    assert judged("another text", record)[0] is Grade.OK


@pytest.mark.parametrize(("record", "fault"), BAD)
def test_a_record_that_receivers_cannot_use_is_wrong_and_the_mistake_is_named(record: str, fault: str) -> None:
    grade, what = judged(record)
    assert grade is Grade.WRONG
    assert fault in what


@pytest.mark.parametrize("texts", [(), ("v=spf10 -all",), ("spf2.0/pra -all", "hello")])
def test_a_domain_without_a_record_is_told_how_one_looks(texts: tuple[str, ...]) -> None:
    finding = judge_spf("clinic.example", texts, "mail.clinic.example")
    assert finding.grade is Grade.WARNING
    assert "v=spf1 a:mail.clinic.example -all" in finding.advice


def test_the_example_for_a_smarthost_without_a_name_has_its_address() -> None:
    assert '"v=spf1 ip4:203.0.113.7 -all"' in judge_spf("clinic.example", [], "203.0.113.7").advice


@pytest.mark.parametrize("record", ["v=spf1 mx", "v=spf1", "v=spf1 mx ?all"])
def test_a_record_that_does_not_say_who_may_not_send_is_a_warning(record: str) -> None:
    assert judged(record)[0] is Grade.WARNING


@pytest.mark.parametrize("record", ["v=spf1 +all", "v=spf1 mx all"])
def test_a_record_that_lets_everybody_send_is_wrong(record: str) -> None:
    assert judged(record)[0] is Grade.WRONG


def test_two_records_are_none() -> None:
    assert judged("v=spf1 -all", "v=spf1 mx -all")[0] is Grade.WRONG


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    judge_spf("clinic.example", [f"v=spf1 {text}"], "mail.clinic.example")
    list(spf_faults(text))
