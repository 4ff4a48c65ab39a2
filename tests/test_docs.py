"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.core.lifecycle import ALLOWED, FaxState, InboundState, MailState

ROOT = Path(__file__).parent.parent
_ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \|", re.MULTILINE)


@pytest.mark.parametrize(
    ("title", "states"), [("Fax job", FaxState), ("Received fax", InboundState), ("Mail", MailState)]
)
def test_the_table_of_states_equals_the_allowed_moves(title: str, states: type[FaxState]) -> None:
    chapter = (ROOT / "docs/states.md").read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    written = set(_ROW.findall(chapter))
    allowed = {(old.value, new.value) for old in states for new in ALLOWED[old] if old is not new}
    assert written == allowed
