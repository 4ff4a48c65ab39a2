"""The command: beside the real daemon, for people and for programs, with the exit code that scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.findings import FindingsPrinter, as_json
from gateway.doctor.examination import Check
from gateway.doctor.findings import Findings, Grade, ok, skipped, warning, wrong
from tests.stories.daemon import daemon

ROOT = Path(__file__).parent.parent.parent
BROKEN = ROOT / "tests/bad_configs/many_at_once.toml"
#: Everything but the DNS, which tests do not ask.
SUBJECTS = ("configuration", "provider", "mappings", "web", "mail", "store", "files", "machine")
ONLY = [word for subject in SUBJECTS for word in ("--only", subject)]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "doctor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


# --- the real thing -------------------------------------------------------------------------------------------


async def test_the_real_daemon_made_from_the_example_is_well(tmp_path: Path) -> None:
    async with daemon(tmp_path) as running:
        told = await running.faxgw("doctor", *ONLY)
        assert [finding for finding in told["findings"] if finding["grade"] == "wrong"] == []
        well = {finding["check"] for finding in told["findings"] if finding["grade"] == "ok"}
        assert {"credentials", "services", "settings", "daemon", "webhook", "smarthost", "store", "state-files"} <= well
        assert running.mailbox.messages() == []

        command = [sys.executable, "-m", "gateway", "doctor", *ONLY, "--config", str(running.config)]
        shown = await running.run(*command)
        assert shown.returncode == 0
        for secret in ("a-path-secret-0001", "webhook-password@", running.simulator.key_secret):
            assert secret not in shown.stdout + shown.stderr + json.dumps(told)

        await running.stop()
        stopped = await running.run(*command)
        assert stopped.returncode == 1
        assert [line.split()[:2] for line in stopped.stdout.splitlines() if " wrong " in line] == [["wrong", "daemon"]]


# --- exit codes -----------------------------------------------------------------------------------------------


def test_a_broken_configuration_is_told_whole_and_the_machine_is_looked_at_all_the_same() -> None:
    done = run("--json", "--config", BROKEN)
    assert done.returncode == 78
    expected = [line[2:] for line in BROKEN.read_text().splitlines() if line.startswith("# ")]
    told = json.loads(done.stdout)["findings"]
    assert [each["what"] for each in told if each["check"] == "configuration"] == [
        f"{BROKEN}:{line}" for line in expected
    ]
    assert {each["check"] for each in told} == {"configuration", "versions", "systemd", "time-sync"}


def test_a_broken_configuration_is_told_whatever_was_asked_for() -> None:
    done = run("--only", "dns", "--config", BROKEN)
    assert done.returncode == 78
    assert str(BROKEN) in done.stdout


def test_a_word_that_names_no_check_is_refused_with_those_that_there_are() -> None:
    done = run("--only", "wehbook", "--config", BROKEN)
    assert done.returncode == 64
    assert "wehbook" in done.stderr
    assert "web-certificate" in done.stderr


# --- how it looks ---------------------------------------------------------------------------------------------


async def _look() -> Findings:
    yield ok("never called")


CHECKS = [Check("credentials", "provider", _look), Check("spf", "dns", _look)]
FOUND = [
    (CHECKS[0], [ok("sinch lets us in"), wrong("it has no credit left", "Top it up: faxes wait until then.")]),
    (CHECKS[1], [warning("clinic.example says \x1b[2Jnothing", "Publish v=spf1 -all."), skipped("no answer")]),
]


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    printer = FindingsPrinter(CHECKS)
    for check, findings in FOUND:
        printer.print(check, findings)
    printer.sum_up(Counter(finding.grade for _, findings in FOUND for finding in findings))
    return capsys.readouterr().out.splitlines()


def test_programs_that_read_the_text_get_a_line_for_each_finding_and_no_colours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(capsys) == [
        "Provider",
        "  ok       credentials  sinch lets us in",
        "  wrong    credentials  it has no credit left",
        "                        → Top it up: faxes wait until then.",
        "",
        "DNS",
        "  warning  spf          clinic.example says \N{REPLACEMENT CHARACTER}[2Jnothing",
        "                        → Publish v=spf1 -all.",
        "  skipped  spf          no answer",
        "",
        "1 ok, 1 warning, 1 wrong, 1 skipped",
    ]


def test_json_holds_every_finding_and_the_sum() -> None:
    told: dict[str, Any] = as_json(FOUND, Counter({Grade.OK: 1}))
    assert told["findings"][1] == {
        "subject": "provider",
        "check": "credentials",
        "grade": "wrong",
        "what": "it has no credit left",
        "advice": "Top it up: faxes wait until then.",
    }
    assert told["summary"] == {"ok": 1, "warning": 0, "wrong": 0, "skipped": 0}
