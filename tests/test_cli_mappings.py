"""What people see of a plan: a line for each mapping, one sentence with the sum, and the exact command that is next."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.cli.mapping_hints import say_next, say_remaining
from gateway.cli.mapping_table import print_lines, print_plan
from gateway.cli.options import DEFAULT_CONFIG, command


def mapping(kind: str, found: str | None, wanted: str | None, *, owned: bool = False) -> dict[str, Any]:
    return {
        "kind": kind,
        "account": "sinch",
        "service": "s-1",
        "address": f"{kind.partition(' ')[0]}@clinic.example",
        "number": "+12025550100",
        "found": found,
        "wanted": wanted,
        "owned": owned,
        "listens_in": False,
    }


def setting(kind: str, *, agrees: bool = False) -> dict[str, Any]:
    names = {"name": "incomingWebhookUrl", "found": "http://old", "wanted": "http://new", "agrees": agrees}
    return {"kind": kind, "account": "sinch", "service": "s-1", "owned": False, **names}


LINES = [
    mapping("created", None, "receive"),
    mapping("changed", "send", "both", owned=True),
    mapping("removed", "both", None, owned=True),
    mapping("foreign", "both", None),
    mapping("unknown number", None, "send"),
    mapping("same", "receive", "receive", owned=True),
]
PLAN = {
    "digest": "3f9a2c71",
    "lines": LINES,
    "settings": [setting("changed")],
    "changes": 4,
    "drift": 5,
    "refusal": None,
    "outdated": False,
}


def shown(capsys: pytest.CaptureFixture[str], plan: dict[str, Any], *, everything: bool = False) -> list[str]:
    print_plan(plan, everything=everything)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_mapping_is_one_line_with_what_is_there_and_what_should_be(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, PLAN)
    where = "sinch s-1 +12025550100"
    assert lines[1:6] == [
        f"+ created {where} created@clinic.example nothing -> receive",
        f"~ changed {where} changed@clinic.example send -> both",
        f"- removed {where} removed@clinic.example both -> nothing",
        f"? foreign {where} foreign@clinic.example both",
        f"? unknown number {where} unknown@clinic.example send is wanted",
    ]
    assert lines[8] == "~ changed sinch s-1 incomingWebhookUrl http://old -> http://new"
    assert lines[-1] == (
        "6 mappings: 1 to create, 1 to change, 1 to remove, 1 of somebody else, left alone, "
        "1 for a number that no service has, 1 as wanted; 1 setting: 1 to change."
    )


def test_what_is_as_it_should_be_is_shown_only_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert not any("same@clinic.example" in line for line in shown(capsys, PLAN))
    assert any("same@clinic.example receive" in line for line in shown(capsys, PLAN, everything=True))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (mapping("foreign", "send", "receive"), "send (receive is wanted)"),
        (mapping("same", "receive", "receive"), "receive (not under our care)"),
        (setting("foreign"), "http://old (http://new is wanted)"),
        (setting("changed", agrees=True), "our credentials have changed since they were set"),
        (setting("same", agrees=True), "http://old"),
    ],
)
def test_what_is_special_about_a_line_is_said(
    line: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_lines([line])
    assert capsys.readouterr().out.splitlines()[1].rstrip().endswith(says)


def test_what_somebody_wrote_at_the_provider_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines([mapping("foreign", "both", None) | {"address": "a\x1b[2J@clinic.example"}])
    assert "\x1b" not in capsys.readouterr().out


def test_an_empty_plan_has_its_sentence_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, PLAN | {"lines": [], "settings": []}) == ["0 mappings; 0 settings."]


def test_the_next_command_can_be_entered_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say_next(PLAN, DEFAULT_CONFIG)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "To carry it out:  faxgw mappings apply 3f9a2c71"
    assert said[1].endswith("faxgw mappings adopt WORD...")
    assert command("reload", config=Path("/srv/my fax.toml")) == "faxgw reload -c '/srv/my fax.toml'"


def test_a_plan_that_would_be_refused_is_offered_with_the_word_that_carries_it_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say_next(PLAN | {"refusal": "3 of the 3 mappings would be removed"}, DEFAULT_CONFIG)
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [
        "Look twice: 3 of the 3 mappings would be removed.",
        "To carry it out:  faxgw mappings apply 3f9a2c71 --remove-many",
    ]


def test_what_remains_of_somebody_else_comes_with_commands_that_adopt_exactly_that(
    capsys: pytest.CaptureFixture[str],
) -> None:
    harmless = mapping("foreign", "send", None)
    listening = mapping("foreign", "both", None) | {"address": "Eve@clinic.example", "listens_in": True}
    other = listening | {"address": "ana@clinic.example", "number": "+12025550101"}
    say_remaining(PLAN | {"lines": [harmless, listening, other], "settings": [setting("foreign")]}, DEFAULT_CONFIG)
    assert capsys.readouterr().err.splitlines() == [
        "2 mappings and 1 setting of somebody else remain, not as configured. To change that:",
        "  faxgw mappings adopt eve@clinic.example +12025550100",
        "  faxgw mappings adopt ana@clinic.example +12025550101",
        "  faxgw mappings adopt incomingWebhookUrl",
        "and then",
        "  faxgw mappings apply",
    ]


def test_where_nothing_remains_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    say_remaining(PLAN | {"lines": [mapping("foreign", "send", None)], "settings": []}, DEFAULT_CONFIG)
    assert capsys.readouterr().err == ""


_ON_A_TERMINAL = """
from gateway.cli.mapping_hints import say_next, say_remaining
from gateway.cli.mapping_table import print_lines
from tests.test_cli_mappings import LINES
print_lines(LINES)
"""


def test_on_a_terminal_kinds_have_colours_of_their_own() -> None:
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "NO_COLOR": "",
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }
    command = [sys.executable, "-c", _ON_A_TERMINAL]
    subprocess.run(command, stdout=theirs, env=environment, check=True, timeout=60)
    os.close(theirs)
    output = os.read(ours, 65536).decode()
    os.close(ours)
    for kind, colour in (("created", 32), ("changed", 33), ("removed", 31), ("foreign", 35), ("unknown", 35)):
        line = next(line for line in output.splitlines() if f"{kind}@" in line)
        assert f"\x1b[{colour}m" in line


COMMANDS = ["reload", "canary", *(f"mappings {verb}" for verb in ("plan", "apply", "adopt", "forget", "import"))]


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_help_of_each_verb_shows_examples_and_exit_codes(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, sys.argv = sys.argv, ["faxgw", *verb.split(), "--help"]
    try:
        with pytest.raises(SystemExit) as end:
            main()
    finally:
        sys.argv = arguments
    assert end.value.code == 0
    output = capsys.readouterr().out
    assert f"  faxgw {verb}" in output
    assert "Exit codes: 0" in output
