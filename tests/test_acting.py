"""A command reaches the running gateway, or does the work itself under the lock of the store, and leaves no traces."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from gateway.cli.acting import act
from gateway.core.verbs import Progress, Trouble, VerbError
from gateway.store.database import StoreBusyError
from gateway.store.opening import open_store
from gateway.web.control import ControlSocket

NOBODY = 65534
CONFIG = """
[gateway]
domain = "fax.clinic.example"
operator = "operator@clinic.example"
state_directory = "{state}"

[mappings]
mode = "off"

[providers.sinch]
kind = "sinch"
project_id = "p-1"
key_id = "k-1"
key_secret_file = "{secret}"
services = ["01JC8MKEXAMPLE"]
webhook_password = "pw-4711"
webhook_path_secret = "Zk3xPq7LmN0sTuVw"
base_url = "{provider}"
auth_url = "{provider}"

[web]
public_url = "https://fax.clinic.example"

[smarthost]
host = "mail.clinic.example"

[received]
fallback = "frontdesk@clinic.example"
"""


class _Refuses(BaseHTTPRequestHandler):
    """A provider that does not know us: then nobody waits for it."""

    def do_POST(self) -> None:
        self.send_response(401)
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - so http.server finds it

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refuses)
    serving = Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path)


def configured(folder: Path, provider: str = "http://127.0.0.1:1") -> Path:
    secret = folder / "secret"
    secret.write_text("s3cret")
    secret.chmod(0o600)
    path = folder / "config.toml"
    path.write_text(CONFIG.format(state=folder / "state", secret=secret, provider=provider))
    return path


def break_gateway_section(config: Path) -> None:
    config.write_text(config.read_text().replace("[gateway]\n", "[gateway]\nbogus = 1\n"))


def no_progress(_done: int, _total: int) -> None:
    pass


class Silent:
    """Operations and a log that do nothing worth hearing of; a verb named ``breaks`` ends the gateway."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Mapping[str, Any]]] = []

    async def run(self, name: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
        self.heard.append((name, arguments))
        progress(1, 3)
        if name == "declined":
            raise VerbError(Trouble.CONFIG, "2 to mend", ["one", "two"])
        return {"answered": name}

    def verb(self, name: str, outcome: str) -> None:
        pass

    def bug(self, where: str, row: str, error: BaseException) -> None:
        raise error


async def acting(config: Path, verb: str, arguments: Mapping[str, Any], progress: Progress = no_progress) -> Any:
    return await asyncio.to_thread(act, config, verb, arguments, progress)


async def test_the_running_gateway_is_asked_with_arguments_and_tells_progress(config: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    gateway, heard = Silent(), []
    control = ControlSocket(tmp_path / "state" / "control.socket", gateway, gateway)
    await control.start()
    told = await acting(config, "anything", {"words": ["a"]}, lambda done, total: heard.append((done, total)))
    await control.stop(0)
    assert told == {"answered": "anything"}
    assert gateway.heard == [("anything", {"words": ["a"]})]
    assert heard == [(1, 3)]


async def test_its_refusal_arrives_whole(config: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    gateway = Silent()
    control = ControlSocket(tmp_path / "state" / "control.socket", gateway, gateway)
    await control.start()
    with pytest.raises(VerbError, match="2 to mend") as refused:
        await acting(config, "declined", {})
    await control.stop(0)
    assert (refused.value.trouble, refused.value.problems) == (Trouble.CONFIG, ("one", "two"))


@pytest.mark.parametrize("last", [b'15\r\n{"progress": [1, 2]}\n\r\n', b'15\r\n{"progress', b""])
async def test_a_gateway_that_dies_in_the_middle_is_told_as_such(config: Path, tmp_path: Path, last: bytes) -> None:
    (tmp_path / "state").mkdir()

    async def die(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + last)
        writer.close()

    server = await asyncio.start_unix_server(die, tmp_path / "state" / "control.socket")
    with pytest.raises(VerbError, match="stopped in the middle: start it again") as refused:
        await acting(config, "anything", {})
    server.close()
    await server.wait_closed()
    assert refused.value.trouble is Trouble.TEMPORARY


async def test_where_none_runs_what_needs_one_is_refused_and_nothing_is_made(config: Path, tmp_path: Path) -> None:
    with pytest.raises(VerbError, match="no gateway runs") as refused:
        await acting(config, "reload", {})
    assert refused.value.trouble is Trouble.NO_DAEMON
    assert not (tmp_path / "state").exists()


async def test_a_store_on_which_somebody_works_unheard_is_left_to_him(config: Path, tmp_path: Path) -> None:
    """A gateway that is just starting, or one that hangs: nothing writes beside it."""
    store = await open_store(tmp_path / "state", None, lambda _: None)
    with pytest.raises(StoreBusyError, match="does not take commands"):
        await acting(config, "mappings_forget", {"words": ["x@clinic.example"]})
    store.close()


async def test_a_lone_command_is_no_start_of_the_gateway(provider: str, tmp_path: Path) -> None:
    """Else everything received between it and the first ``serve`` would be mailed out as old faxes."""
    with pytest.raises(VerbError):
        await acting(configured(tmp_path, provider), "mappings_plan", {})
    with closing(sqlite3.connect(tmp_path / "state" / "faxgw.sqlite")) as store:
        assert store.execute("SELECT name FROM store_fact").fetchall() == []
        assert store.execute("SELECT name FROM known_account").fetchall() == [("sinch",)]


@pytest.mark.parametrize("listening", ["control.socket", f"control-{socket.gethostname()}.socket"])
async def test_beside_a_broken_file_the_gateway_is_found_by_either_name(
    config: Path, tmp_path: Path, listening: str
) -> None:
    """Which database it works with stands in the part that is broken."""
    break_gateway_section(config)
    (tmp_path / "state").mkdir()
    gateway = Silent()
    control = ControlSocket(tmp_path / "state" / listening, gateway, gateway)
    program = [sys.executable, "-c", _RELOAD, str(config)]
    environment = {**os.environ, "STATE_DIRECTORY": str(tmp_path / "state")}

    def reload() -> str:
        done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60, env=environment)
        return done.stdout + done.stderr

    assert "unknown key" in await asyncio.to_thread(reload), "where none listens the file is what is wrong"
    await control.start()
    assert await asyncio.to_thread(reload) == "{'answered': 'reload'}\n"
    await control.stop(0)


_RELOAD = """
import sys
from pathlib import Path
from gateway.cli.acting import act
from gateway.config import ConfigError
try:
    print(act(Path(sys.argv[1]), "reload", {}, lambda done, total: None))
except ConfigError as error:
    print(error)
"""
_LISTENS = """
import os, socket, sys, time
os.setgroups([]); os.setgid(65534); os.setuid(65534)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listens", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_talks_to_nobody_who_only_sits_where_the_gateway_should() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        config = configured(folder)
        (folder / "state").mkdir()
        (folder / "state").chmod(0o777)
        command = [sys.executable, "-c", _LISTENS, str(folder / "state" / "control.socket")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == b"listens\n"
            with pytest.raises(VerbError, match=r"is not the gateway's: nobody listens there") as refused:
                act(config, "reload", {}, no_progress)
            stranger.communicate()
        assert refused.value.trouble is Trouble.PERMISSION


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


_TWICE = """
import os, sys
from pathlib import Path
from gateway.cli.acting import act
from gateway.core.verbs import VerbError
for config in sys.argv[1:]:  # the first time loads what the interpreter loads late: not every user may read it here
    try:
        act(Path(config), "mappings_plan", {}, lambda done, total: None)
    except VerbError as error:
        print(error.trouble.value, os.geteuid(), os.getegid())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave files that others cannot change")
def test_root_without_a_gateway_works_as_the_owner_of_the_state_directory(provider: str) -> None:
    """Its secrets are read as root, and no file appears that the service could not change; root is root again after."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("ours", "its"):
            (folder / each).mkdir()
            configured(folder / each, provider)
        state = folder / "its" / "state"
        state.mkdir(mode=0o700)
        os.chown(state, NOBODY, NOBODY)
        done = run(_TWICE, str(folder / "ours" / "config.toml"), str(folder / "its" / "config.toml"))
        assert done.stdout.splitlines() == ["temporary 0 0", "temporary 0 0"], done.stderr
        made = [path for path in state.rglob("*") if path.is_file()]
        assert {path.name for path in made} >= {"faxgw.sqlite", "lock"}
        assert {(path.stat().st_uid, path.stat().st_gid) for path in state.rglob("*")} == {(NOBODY, NOBODY)}
        assert {path.stat().st_mode & 0o077 for path in made} == {0}


_AS_NOBODY = """
import os, sys
from pathlib import Path
import gateway.cli.acting
from gateway.cli.acting import act
from gateway.core.verbs import VerbError
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    act(Path(sys.argv[1]), "mappings_plan", {}, lambda done, total: None)
except VerbError as error:
    print(error.trouble.value, error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_who_may_not_is_told_who_may() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        configured(folder)
        (folder / "state").mkdir(mode=0o700)
        done = run(_AS_NOBODY, str(folder / "config.toml"))
        assert done.stdout.strip() == f"permission {folder}/state is not yours: run this as root", done.stderr
