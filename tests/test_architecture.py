"""Imports point down, never up, never sideways between stories or adapters (docs/flow.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gateway"

CORE, ADAPTER, STORY, DRIVER, ENTRY = range(5)

#: Room (a folder or a file of the package) -> its layer. A new room has to be entered here.
LAYERS = {
    "core": CORE,
    "failpoint": CORE,
    "store": ADAPTER,
    "providers": ADAPTER,
    "mail": ADAPTER,
    "render": ADAPTER,
    "faxlog": ADAPTER,
    "log_output": ADAPTER,
    "email_to_fax": STORY,
    "fax_to_email": STORY,
    "outgoing_mail": STORY,
    "message_to_document": STORY,
    "reconcile": STORY,
    "canary": STORY,
    "settle_accounts": STORY,
    "doctor": STORY,
    "smtp": DRIVER,
    "web": DRIVER,
    "worker": DRIVER,
    "sd_notify": DRIVER,
    "app": ENTRY,
    "daemon": ENTRY,
    "operations": ENTRY,
    "parts": ENTRY,
    "reloading": ENTRY,
    "config": ENTRY,
    "cli": ENTRY,
    "demo": ENTRY,
    "__main__": ENTRY,
}
#: The simulator stands apart: it imports nothing of the gateway but its version, and only the entry layer starts it.
APART = "simulator"


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports_of(path: Path) -> set[str]:
    """Names the gateway modules that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            if node.module == "gateway":
                found |= {f"gateway.{alias.name}" for alias in node.names}
            else:
                found.add(node.module)
    return {name for name in found if name.split(".")[0] == "gateway"}


def violations(room: str, imported: set[str]) -> list[str]:
    """Says which imports of a file in ``room`` the house does not allow."""
    wrong = []
    for module in sorted(imported):
        other = room_of(module)
        if other in ("", room) or module == "gateway.__version__":
            continue
        if APART in (room, other):
            if not (other == APART and LAYERS[room] == ENTRY):
                wrong.append(f"{room} imports {module}")
        elif LAYERS[other] > LAYERS[room] or (LAYERS[other] == LAYERS[room] and LAYERS[room] in (ADAPTER, STORY)):
            wrong.append(f"{room} imports {module}")
    return wrong


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_lies_below_it(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    room = relative.parts[0].removesuffix(".py")
    if room == "__init__":
        assert imports_of(path) == set()
        return
    assert room in LAYERS or room == APART, f"{room} has no layer: enter it in LAYERS"
    assert violations(room, imports_of(path)) == []


def test_the_rules_find_a_wrong_import() -> None:
    assert violations("store", {"gateway.email_to_fax"}) == ["store imports gateway.email_to_fax"]
    assert violations("mail", {"gateway.store.queue"}) == ["mail imports gateway.store.queue"]
    assert violations("email_to_fax", {"gateway.fax_to_email"}) == ["email_to_fax imports gateway.fax_to_email"]
    assert violations("simulator", {"gateway.core.model"}) == ["simulator imports gateway.core.model"]
    assert violations("worker", {"gateway.simulator.sinch"}) == ["worker imports gateway.simulator.sinch"]
    assert violations("core", {"gateway.core.model", "gateway.failpoint"}) == []


def test_only_the_queue_writes_a_state() -> None:
    """`store/queue.move` is the only writer of `state` of a queue row: nobody else updates those tables' state."""
    for path in FILES:
        if path.name in ("queue.py", "fax_jobs.py", "schema.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            is_update = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".values")
            if is_update and "update(" in ast.unparse(node.func):
                assert "state" not in {keyword.arg for keyword in node.keywords}, f"{path}:{node.lineno}"
