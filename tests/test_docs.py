"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from gateway.cli import app
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


def verbs() -> set[str]:
    """Every verb of the command line, groups included: `serve`, `faxes list`, ..."""
    root = typer.main.get_command(app)
    found: set[str] = set()
    for name, verb in root.commands.items():
        inner = getattr(verb, "commands", {})
        found |= {f"{name} {sub}" for sub in inner} or {name}
    return found


def test_every_verb_stands_in_a_document_and_no_document_names_another() -> None:
    texts = [path.read_text() for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md"))]
    groups = "|".join(sorted({f"{verb.split()[0]} " for verb in verbs() if " " in verb}))
    named = set(re.findall(rf"(?<!-g )\bfaxgw ((?:{groups})?[a-z][a-z-]+)", "\n".join(texts)))
    assert verbs() - named == set(), "not in any document"
    assert named - verbs() == set(), "no such verb"
