"""The commands print what is true, beside a running daemon, and end with the exit code that scripts rely on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import __version__
from gateway.cli import main
from gateway.cli.output import print_json, shown
from gateway.cli.reload import _sentence
from gateway.core.lifecycle import FaxState, InboundState, Move
from gateway.core.model import Attempt, AttemptState, Document, FaxJob, InboundFax, Message
from gateway.core.reasons import Reason
from gateway.store import fax_jobs, inbound_faxes, queue
from gateway.store.opening import Store, open_store
from gateway.store.schema import fax_job
from tests.test_docs import verbs

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
GATEWAY = '[gateway]\ndomain = "fax.clinic.example"\noperator = "operator@clinic.example"\nstate_directory = "{}"\n'

JOB = FaxJob(
    id="F-7K3M9QX2",
    message_id="E-7K3M9QX2",
    state=FaxState.QUEUED,
    due_at=NOW,
    version=1,
    created_at=NOW,
    deadline=NOW + timedelta(hours=24),
    number="+12025550143",
    address="+12025550143@fax.clinic.example",
    notify=None,
    orcpt=None,
    caller_id="+12025550199",
    header_text="Example Clinic +1 202-555-0199",
    header_time_zone="America/New_York",
    account="sinch",
)
ATTEMPT = Attempt(
    reference="F-7K3M9QX2-1",
    job_id=JOB.id,
    number=1,
    state=AttemptState.ACCEPTED,
    account="sinch",
    intent_at=NOW,
    provider_fax_id="01JC8MKEXAMPLE",
)
RECEIVED = InboundFax(
    id="R-4T9WZ2KC",
    account="sinch",
    provider_fax_id="01JC8MKRECEIVED",
    state=InboundState.RECEIVED,
    due_at=NOW,
    version=1,
    created_at=NOW + timedelta(minutes=1),
    deadline=NOW + timedelta(days=5),
    number="+12025550199",
)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


async def asked(config: Path, *arguments: str) -> Any:
    """Runs a command with ``--json`` beside the open store and reads its answer."""
    done = await asyncio.to_thread(run, *arguments, "--json", "--config", config)
    assert not done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(GATEWAY.format(tmp_path / "state"))
    return path


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store with one fax of each direction, held open as the daemon holds it."""
    store = await open_store(tmp_path / "state", None, lambda _: None)
    writer = store.documents.create(JOB.message_id, "message", "message/rfc822")
    await writer.write(b"Subject: x\r\n\r\n")
    message = Message(
        JOB.message_id, NOW, "ana@clinic.example", "127.0.0.1", "<4711@clinic.example>", "0", await writer.commit()
    )
    await store.database.write(fax_jobs.add_message, message, [JOB])
    await store.database.write(fax_jobs.begin_attempt, ATTEMPT)
    await store.database.write(inbound_faxes.add, RECEIVED)
    step = Move(FaxState.READY, NOW, Reason.BUSY, "486")
    await store.database.write(queue.move, fax_job, JOB.id, 1, FaxState.QUEUED, step, NOW)
    yield store
    store.close()


# --- looking --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("store")
async def test_list_shows_both_directions_the_newest_first(config: Path) -> None:
    faxes = await asked(config, "faxes", "list")
    assert [(fax["id"], fax["direction"], fax["state"]) for fax in faxes] == [
        (RECEIVED.id, "in", "received"),
        (JOB.id, "out", "ready"),
    ]
    assert [fax["id"] for fax in await asked(config, "faxes", "list", "--direction", "out")] == [JOB.id]
    assert await asked(config, "faxes", "list", "--state", "failed") == []


@pytest.mark.usefixtures("store")
async def test_show_tells_all_about_a_fax_of_either_direction(config: Path) -> None:
    sent = await asked(config, "faxes", "show", JOB.id)
    assert sent["job"]["reason"] == "busy"
    assert sent["attempts"][0]["provider_fax_id"] == ATTEMPT.provider_fax_id
    received = await asked(config, "faxes", "show", RECEIVED.id)
    assert received["fax"]["provider_fax_id"] == RECEIVED.provider_fax_id


@pytest.mark.usefixtures("store")
async def test_people_are_shown_the_same_as_programs(config: Path) -> None:
    shown = await asyncio.to_thread(run, "faxes", "show", JOB.id, "--config", config)
    for text in (JOB.id, "ready", "busy", JOB.number, ATTEMPT.reference, "ana@clinic.example", "09:00:00Z"):
        assert text in shown.stdout
    listed = await asyncio.to_thread(run, "faxes", "list", "--config", config)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["id", RECEIVED.id, JOB.id]
    status = await asyncio.to_thread(run, "status", "--config", config)
    assert "fax_job" in status.stdout


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "key", [JOB.id, JOB.number, "<4711@clinic.example>", "4711@clinic.example", ATTEMPT.provider_fax_id]
)
async def test_trace_finds_a_fax_by_everything_it_is_known_by(config: Path, key: str) -> None:
    entries = await asked(config, "trace", key)
    assert {entry["subject_id"] for entry in entries} == {JOB.id}
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)


@pytest.mark.usefixtures("store")
async def test_status_counts(config: Path) -> None:
    status = await asked(config, "status")
    assert status["queues"] == {"fax_job": {"ready": 1}, "inbound_fax": {"received": 1}}
    assert status["oldest_waiting"] == NOW.isoformat()


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("command", [["faxes", "show", "F-00000000"], ["trace", "+12025550100"]])
async def test_what_is_not_known_ends_with_1(config: Path, command: list[str]) -> None:
    done = await asyncio.to_thread(run, *command, "--config", config)
    assert done.returncode == 1
    assert command[-1] in done.stderr


async def test_verify_ends_with_0_while_all_is_well_and_with_1_when_not(config: Path, store: Store) -> None:
    assert (await asyncio.to_thread(run, "verify", "--config", config)).returncode == 0
    lost = Document("R-4T9WZ2KC", "received", "0" * 64, 10, "application/pdf")
    await store.database.write(inbound_faxes.keep_event_document, RECEIVED.id, lost)
    done = await asyncio.to_thread(run, "verify", "--config", config)
    assert done.returncode == 1
    assert done.stdout == f"{lost.name}: its file is missing\n"


async def test_a_second_gateway_on_one_store_ends_with_75(tmp_path: Path, store: Store) -> None:
    assert store.lock is not None
    bad = ROOT / "tests" / "bad_configs" / "operator_is_own_domain.toml"  # all but one line of it is right
    text = bad.read_text().replace("operator@fax.", "operator@")
    path = tmp_path / "whole.toml"
    path.write_text(text.replace("[gateway]", f'[gateway]\nstate_directory = "{tmp_path / "state"}"'))
    done = await asyncio.to_thread(run, "serve", "--config", path)
    assert done.returncode == 75
    assert "another process" in done.stderr


# --- exit codes and help --------------------------------------------------------------------------------------


def test_check_config_reports_all_errors_of_a_file_and_ends_with_78() -> None:
    path = ROOT / "tests" / "bad_configs" / "many_at_once.toml"
    expected = [line[2:] for line in path.read_text().splitlines() if line.startswith("# ")]
    done = run("check-config", "--config", path)
    assert done.returncode == 78
    assert done.stderr.splitlines()[:-1] == [f"{path}:{line}" for line in expected]
    told = json.loads(run("check-config", "--config", path, "--json").stdout)
    assert [f"{problem['line']}: {problem['key']}: {problem['message']}" for problem in told["problems"]] == expected


def test_check_config_tells_what_is_worth_knowing_and_still_ends_with_0(tmp_path: Path) -> None:
    text = (ROOT / "tests" / "bad_configs" / "delivered_by_provider_unwatched.toml").read_text()
    path = tmp_path / "config.toml"
    path.write_text(text.replace('"provider"', '"both"'))
    done = run("check-config", "--config", path)
    assert (done.returncode, done.stderr) == (0, "")
    [notice, verdict] = done.stdout.splitlines()
    assert notice.startswith(f"{path}:33: routes[0].delivered_by: each fax to +12025550199 is mailed twice")
    assert verdict == f"{path}: all right, 1 worth knowing"
    told = json.loads(run("check-config", "--config", path, "--json").stdout)
    assert (told["problems"], [notice["line"] for notice in told["notices"]]) == ([], [33])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["serve", "--config", "/nonexistent.toml"], 78),
        (["status", "--config", "/nonexistent.toml"], 78),
        (["nonsense"], 64),
        ([], 64),
        (["faxes", "list", "--limit", "0"], 64),
        (["trace"], 64),
        (["--version"], 0),
    ],
)
def test_exit_codes(arguments: list[str], code: int) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_store_that_is_not_there_ends_with_74(config: Path) -> None:
    done = run("status", "--config", config)
    assert done.returncode == 74
    assert "has not been started" in done.stderr


_AS_NOBODY = """
import os, sys
from gateway.cli import main, reading
from gateway.store import facts, inbound_faxes
os.seteuid(65534)
main()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(("directory_mode", "database_mode"), [(0o700, 0o600), (0o755, 0o600)])
def test_who_may_not_read_the_store_is_told_who_may_in_one_line(directory_mode: int, database_mode: int) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        config, state = folder / "config.toml", folder / "state"
        config.write_text(GATEWAY.format(state), encoding="utf-8")
        state.mkdir(mode=directory_mode)
        (state / "faxgw.sqlite").touch(mode=database_mode)
        command = [sys.executable, "-c", _AS_NOBODY, "status", "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    told = f"faxgw: {state} cannot be read: run this as root or faxgw\n"
    assert (done.returncode, done.stderr) == (74, told)


@pytest.mark.parametrize("command", [["demo", "--folder"], ["simulate", "mailbox", "--dir"]])
def test_a_folder_that_cannot_be_made_is_told_in_one_line(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "inside"
    done = run(*command, folder)
    assert (done.returncode, done.stderr) == (74, f"faxgw: {folder} cannot be made: Not a directory\n")


@pytest.mark.parametrize(
    ("changed", "restart_needed", "sentence"),
    [
        ([], [], "nothing has changed"),
        (["routes"], [], "taken over: routes"),
        ([], ["web"], "only a restart takes over: web"),
        (["routes"], ["web"], "taken over: routes; only a restart takes over: web"),
    ],
)
def test_what_became_of_a_changed_file_is_one_sentence(
    changed: list[str], restart_needed: list[str], sentence: str
) -> None:
    assert _sentence(changed, restart_needed) == sentence


@pytest.mark.parametrize("command", sorted(verbs()))
def test_the_help_of_each_command_shows_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, sys.argv = sys.argv, ["faxgw", *command.split(), "--help"]
    try:
        with pytest.raises(SystemExit) as end:
            main()
    finally:
        sys.argv = arguments
    assert end.value.code == 0
    assert f"  faxgw {command}" in capsys.readouterr().out


def test_help_needs_neither_the_store_nor_the_daemon() -> None:
    code = "import sys, gateway.cli; print(sorted({'aiohttp', 'sqlalchemy', 'pydantic', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"faxgw {__version__}\n"


def test_nothing_that_a_stranger_wrote_steers_the_terminal() -> None:

    assert (
        shown("\x1b[2Jab\r\nc\u202e")
        == "\N{REPLACEMENT CHARACTER}[2Jab\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}"
    )


def test_all_fields_of_a_value_reach_json(capsys: pytest.CaptureFixture[str]) -> None:

    print_json(replace(JOB, reason=Reason.BUSY))
    told = json.loads(capsys.readouterr().out)
    assert set(told) == set(FaxJob.__dataclass_fields__)
    assert (told["reason"], told["state"], told["due_at"]) == ("busy", "queued", NOW.isoformat())
