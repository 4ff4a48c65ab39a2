"""The unit is correct and locked down, and the daemon tells the service manager the truth about itself."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.sd_notify import Notifier

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "systemd" / "faxgw.service"
SYSUSERS = ROOT / "systemd" / "faxgw.sysusers.conf"
PROGRAM = "/opt/faxgw/bin/faxgw"
PATIENCE = 30


def program(name: str) -> str:
    """Finds a program of systemd; in CI it has to be there."""
    path = shutil.which(name)
    if path is None:
        assert os.environ.get("CI") != "true", f"{name} is not installed"
        pytest.skip(f"{name} is not installed")
    return path


# --- the unit -------------------------------------------------------------------------------------------------


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit on a machine where the program is installed, as far as `systemd-analyze` looks."""
    stand_in = tmp_path / "faxgw"
    stand_in.write_text("#!/bin/sh\n")
    stand_in.chmod(0o755)
    text = UNIT.read_text()
    assert f"ExecStart={PROGRAM} serve" in text
    copy = tmp_path / "faxgw.service"
    copy.write_text(text.replace(PROGRAM, str(stand_in)))
    return copy


def said_by_verify(unit: Path) -> str:
    command = [program("systemd-analyze"), "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return done.stdout + done.stderr


def test_systemd_finds_nothing_to_say_about_the_unit(unit: Path) -> None:
    assert not said_by_verify(unit)


def test_systemd_would_say_something_about_a_key_that_it_does_not_know(unit: Path) -> None:
    unit.write_text(unit.read_text() + "ProtectEverything=yes\n")
    assert "ProtectEverything" in said_by_verify(unit)


def test_the_unit_is_rated_two_or_better(unit: Path) -> None:
    command = [program("systemd-analyze"), "security", "--offline=true", "--no-pager", "--threshold=20", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make users")
def test_sysusers_makes_the_user_of_the_unit(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "usr/lib/sysusers.d").mkdir(parents=True)
    shutil.copy(SYSUSERS, tmp_path / "usr/lib/sysusers.d/faxgw.conf")
    command = [program("systemd-sysusers"), f"--root={tmp_path}", "faxgw.conf"]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    user = re.search(r"^User=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert user is not None
    assert f"{user[1]}:" in (tmp_path / "etc/passwd").read_text()


def test_the_unit_hands_over_the_secrets_that_the_example_names() -> None:
    named = set(re.findall(r'(?m)^#?[a-z_]+_file = "(.*)"', (ROOT / "config.example.toml").read_text()))
    handed = set(re.findall(r"(?m)^#?LoadCredential=(.*):/etc/faxgw/credentials/\1$", UNIT.read_text()))
    assert handed == named


# --- what is said to the service manager ----------------------------------------------------------------------


class ServiceManager:
    """Listens as systemd does, and remembers what it was told."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    async def hear(self, word: str) -> None:
        """Waits until it is told something that contains ``word``."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message = (await asyncio.get_running_loop().sock_recv(self._socket, 4096)).decode()
                self.told.append(message)
                if word in message.split("\n"):
                    return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceManager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@faxgw-test-{os.getpid()}"
    manager = ServiceManager(address)
    yield manager
    manager.close()


async def test_ready_status_and_stopping_are_told(manager: ServiceManager) -> None:
    notifier = Notifier(manager.address, watchdog=None)
    notifier.ready("serving")
    notifier.status("busy")
    notifier.stopping()
    await manager.hear("STOPPING=1")
    assert manager.told == ["READY=1\nSTATUS=serving", "STATUS=busy", "STOPPING=1\nSTATUS=stopping"]


@asynccontextmanager
async def beating(notifier: Notifier, alive: list[bool]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(notifier.beat(lambda: alive[0]))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_watchdog_is_fed_again_and_again(manager: ServiceManager) -> None:
    async with beating(Notifier(manager.address, timedelta(milliseconds=30)), [True]):
        for _ in range(5):
            await manager.hear("WATCHDOG=1")


async def test_the_watchdog_hungers_while_something_is_stuck(manager: ServiceManager) -> None:
    alive = [False]
    notifier = Notifier(manager.address, timedelta(milliseconds=30))
    async with beating(notifier, alive):
        for _ in range(20):
            await asyncio.sleep(0)
        notifier.status("stuck")
        await manager.hear("STATUS=stuck")
        assert manager.told == ["STATUS=stuck"]
        alive[0] = True
        await manager.hear("WATCHDOG=1")


async def test_without_a_service_manager_nothing_is_said_and_the_beat_only_waits() -> None:
    notifier = Notifier.from_environment({})
    notifier.ready("serving")
    notifier.stopping()
    async with beating(notifier, [True]) as task:
        await asyncio.sleep(0)
        assert not task.done()


async def test_a_service_manager_that_is_gone_does_not_hinder_the_end(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "nobody"), watchdog=None)
    notifier.stopping()
    with pytest.raises(FileNotFoundError):
        notifier.ready("serving")


def test_children_do_not_inherit_the_line_to_the_service_manager(tmp_path: Path) -> None:
    environment = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "PATH": "/bin",
    }
    notifier = Notifier.from_environment(environment)
    assert environment == {"PATH": "/bin"}
    assert notifier._interval == timedelta(seconds=10)


def test_a_watchdog_for_another_process_is_not_ours(tmp_path: Path) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "x"), "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}
    assert Notifier.from_environment(environment)._interval is None


# --- the daemon -----------------------------------------------------------------------------------------------

CONFIG = """
[gateway]
domain = "fax.clinic.example"
operator = "operator@clinic.example"
state_directory = "{directory}/state"

[smtp]
listen = ["127.0.0.1:{smtp}"]

[providers.sinch]
kind = "sinch"
project_id = "p-1"
key_id = "k-1"
key_secret = "s3cret"
services = ["01JC8MKEXAMPLE"]
webhook_password = "pw-4711"
webhook_path_secret = "Zk3xPq7LmN0sTuVw"
base_url = "http://127.0.0.1:{nobody}"
auth_url = "http://127.0.0.1:{nobody}"

[web]
listen = "127.0.0.1:{web}"
public_url = "http://127.0.0.1:{web}"

[health]
listen = "127.0.0.1:{health}"

[smarthost]
host = "127.0.0.1"
port = {nobody}
tls = "none"

[received]
fallback = "frontdesk@clinic.example"
"""


def free_ports(names: list[str]) -> dict[str, int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = {name: listener.getsockname()[1] for name, listener in zip(names, sockets, strict=True)}
    for listener in sockets:
        listener.close()
    return ports


@asynccontextmanager
async def managed(
    tmp_path: Path, ports: dict[str, int]
) -> AsyncIterator[tuple[ServiceManager, asyncio.subprocess.Process]]:
    """A daemon under a service manager, ready."""
    (tmp_path / "config.toml").write_text(CONFIG.format(directory=tmp_path, **ports))
    manager = ServiceManager(str(tmp_path / "notify"))
    environment = {**os.environ, "NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "300000"}
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(tmp_path / "config.toml")]
    with (tmp_path / "log").open("wb") as log:
        daemon = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
    try:
        await manager.hear("READY=1")
        yield manager, daemon
    finally:
        if daemon.returncode is None:
            daemon.kill()
            await daemon.wait()
        manager.close()
        print((tmp_path / "log").read_text())  # noqa: T201 - shown when the test fails


async def test_the_daemon_says_ready_beats_and_says_stopping(tmp_path: Path) -> None:
    ports = free_ports(["smtp", "web", "health", "nobody"])
    async with managed(tmp_path, ports) as (manager, daemon):
        _, writer = await asyncio.open_connection("127.0.0.1", ports["smtp"])  # READY means: it listens
        writer.close()
        await manager.hear("WATCHDOG=1")
        await manager.hear("WATCHDOG=1")
        daemon.send_signal(signal.SIGTERM)
        await manager.hear("STOPPING=1")
        async with asyncio.timeout(20):
            assert await daemon.wait() == 0


async def test_each_reload_is_announced_and_ends_with_what_needs_a_restart(tmp_path: Path) -> None:
    ports = free_ports(["smtp", "web", "health", "nobody", "other"])
    serving = f"serving SMTP on 127.0.0.1:{ports['smtp']}"
    async with managed(tmp_path, ports) as (manager, daemon):
        config = tmp_path / "config.toml"
        config.write_text(CONFIG.format(directory=tmp_path, **{**ports, "smtp": ports["other"]}))
        daemon.send_signal(signal.SIGHUP)
        await manager.hear("RELOADING=1")
        await manager.hear(f"STATUS={serving}; restart needed: [smtp] listen")
        assert manager.told[-1].startswith("READY=1\n")
        config.write_text("nonsense")
        daemon.send_signal(signal.SIGHUP)
        await manager.hear("RELOADING=1")
        await manager.hear("READY=1")
        assert "configuration: the file is broken" in manager.told[-1]
