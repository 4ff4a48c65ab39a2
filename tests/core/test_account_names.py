"""Under another name an account is the same; under its name another account is another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.account_names import new_names

NAMES = st.sampled_from(["sinch", "main", "other", "spare"])
TABLES = st.dictionaries(NAMES, st.sampled_from(["P", "Q", "R"]))


@pytest.mark.parametrize(
    ("known", "configured", "moves"),
    [
        ({}, {"sinch": "P"}, {}),
        ({"sinch": "P"}, {"sinch": "P", "other": "Q"}, {}),
        ({"sinch": "P"}, {"main": "P"}, {"sinch": "main"}),
        ({"a": "P", "b": "Q"}, {"a": "Q", "b": "P"}, {"a": "b", "b": "a"}),
        ({"sinch": "P"}, {}, {}),
        ({"sinch": "P"}, {"sinch": "Q"}, {"sinch": "sinch (former)"}),
        ({"sinch": "Q", "sinch (former)": "P"}, {"sinch": "R"}, {"sinch": "sinch (former 2)"}),
        (
            {"sinch": "Q", "sinch (former)": "P"},
            {"sinch": "P"},
            {"sinch": "sinch (former 2)", "sinch (former)": "sinch"},
        ),
        ({"sinch": ""}, {"sinch": "P"}, {}),
        ({"sinch": ""}, {"main": "P"}, {}),
        ({"a": "P", "b": "P"}, {"a": "P"}, {"b": "a"}),
        ({"a": "P", "b": "P"}, {"a": "P", "c": "P"}, {"b": "c"}),
        ({"a": "P"}, {"b": "P", "c": "P"}, {}),
    ],
    ids=[
        "the first start",
        "a new one beside it",
        "renamed",
        "exchanged",
        "gone",
        "another one by the same name",
        "a third one",
        "come back by its old name",
        "of an older release, still there",
        "of an older release, gone: nobody knows who it was",
        "two names for one, one gone",
        "two names for one, one renamed",
        "two heirs: nobody knows which is meant",
    ],
)
def test_faxes_follow_their_account(known: dict[str, str], configured: dict[str, str], moves: dict[str, str]) -> None:
    assert new_names(known, configured) == moves


@given(TABLES, TABLES)
def test_no_fax_ends_at_another_account_and_a_second_look_changes_nothing(
    known: dict[str, str], configured: dict[str, str]
) -> None:
    moves = new_names(known, configured)
    assert all(configured.get(new, known[old]) == known[old] for old, new in moves.items())
    after = {**known, **{new: known[old] for old, new in moves.items()}, **configured}
    assert {old for old in new_names(after, configured) if old in configured} == set()
