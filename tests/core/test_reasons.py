"""Every reason has what people and machines need."""

from __future__ import annotations

import re

import pytest

from gateway.core.ids import ALPHABET, make_id, make_reference
from gateway.core.reasons import Reason


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.code)
def test_a_reason_has_a_code_a_status_and_a_sentence(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z_]+", reason.code)
    assert re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", reason.status)
    assert reason.sentence.endswith(".")
    assert reason.next_step == "" or reason.next_step.endswith(".")


def test_codes_are_unique_and_lead_back_to_their_reason() -> None:
    assert len({reason.code for reason in Reason}) == len(Reason)
    assert all(Reason.of(reason.code) is reason for reason in Reason)
    with pytest.raises(ValueError, match="unknown reason 'nonsense'"):
        Reason.of("nonsense")


def test_an_id_is_short_and_has_no_letter_that_is_mistaken() -> None:
    assert make_id("F", b"\0\0\0\0\0") == "F-00000000"
    assert make_id("F", b"\xff" * 5) == "F-ZZZZZZZZ"
    assert not set("ILOU") & set(ALPHABET)


def test_a_reference_names_job_and_attempt() -> None:
    assert make_reference("F-7K3M9QX2", 1) == "F-7K3M9QX2-1"
