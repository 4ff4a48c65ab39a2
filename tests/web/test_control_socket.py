"""The control socket: for root and ourselves only, told how far a verb is, and no client can interrupt one."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.core.verbs import Progress, Trouble, VerbError
from gateway.web.control import ControlSocket
from gateway.web.socket_path import control_path, socket_name

NOBODY = 65534


@dataclass
class FakeOperations:
    """Does what the arguments say: tells progress, waits, fails; remembers what it finished."""

    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    finished: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)

    async def run(self, name: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
        self.began.set()
        for done in range(arguments.get("pieces", 0)):
            progress(done + 1, arguments["pieces"])
        try:
            if arguments.get("wait"):
                await self.may_end.wait()
        except asyncio.CancelledError:
            self.interrupted.append(name)
            raise
        if name == "declined":
            raise VerbError(Trouble.REFUSED, "no", ["because", "of this"])
        if name == "broken":
            raise KeyError("a bug of ours, with a secret in its text")
        self.finished.append(name)
        return {"verb": name, **arguments}


@dataclass
class RememberingLog:
    verbs: list[tuple[str, str]] = field(default_factory=list)
    bugs: list[BaseException] = field(default_factory=list)

    def verb(self, name: str, outcome: str) -> None:
        self.verbs.append((name, outcome))

    def bug(self, _where: str, _row: str, error: BaseException) -> None:
        self.bugs.append(error)


@dataclass
class Door:
    path: Path
    control: ControlSocket
    operations: FakeOperations
    log: RememberingLog

    def client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(self.path)))

    async def ask(self, verb: str, arguments: object) -> list[dict[str, Any]]:
        async with self.client() as http, http.post(f"http://x/verbs/{verb}", json=arguments) as answer:
            assert answer.status == 200
            assert answer.content_type == "application/x-ndjson"
            return [json.loads(line) for line in (await answer.text()).splitlines()]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    path = tmp_path / "control.socket"
    operations, log = FakeOperations(), RememberingLog()
    control = ControlSocket(path, operations, log)
    await control.start()
    yield Door(path, control, operations, log)
    await control.stop(0)


async def status_at(name: str) -> int:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=name)) as http,
        http.post("http://x/verbs/count", json={}) as answer,
    ):
        return answer.status


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the server makes it happen
            await asyncio.sleep(0)


async def test_progress_comes_line_by_line_and_the_result_last(door: Door) -> None:
    lines = await door.ask("count", {"pieces": 3})
    assert lines == [
        {"progress": [1, 3]},
        {"progress": [2, 3]},
        {"progress": [3, 3]},
        {"result": {"verb": "count", "pieces": 3}},
    ]
    assert door.log.verbs == [("count", "done")]


async def test_progress_is_seen_while_the_verb_works(door: Door) -> None:
    async with door.client() as http, http.post("http://x/verbs/long", json={"pieces": 1, "wait": True}) as answer:
        assert json.loads(await answer.content.readline()) == {"progress": [1, 1]}
        assert door.operations.finished == []
        door.operations.may_end.set()
        assert "result" in json.loads(await answer.content.readline())


async def test_a_refusal_says_its_kind_its_text_and_every_problem(door: Door) -> None:
    assert await door.ask("declined", {}) == [
        {"error": {"kind": "refused", "text": "no", "problems": ["because", "of this"]}}
    ]
    assert door.log.verbs == [("declined", "refused")]


async def test_a_bug_of_ours_is_logged_and_its_text_stays_here(door: Door) -> None:
    [line] = await door.ask("broken", {})
    assert line["error"]["kind"] == "bug"
    assert "secret" not in line["error"]["text"]
    assert isinstance(door.log.bugs[0], KeyError)


@pytest.mark.parametrize("body", [b"[1]", b"{", b'"x"'])
async def test_arguments_are_a_json_object(door: Door, body: bytes) -> None:
    async with door.client() as http, http.post("http://x/verbs/count", data=body) as answer:
        assert answer.status == 400
    assert door.operations.finished == []


async def test_a_client_that_goes_away_does_not_stop_what_it_began(door: Door) -> None:
    _, writer = await asyncio.open_unix_connection(door.path)
    writer.write(b'POST /verbs/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{"wait": true}')
    await door.operations.began.wait()
    writer.transport.abort()
    for _ in range(10):  # the server hears of it
        await asyncio.sleep(0)
    assert len(door.control.under_way) == 1
    door.operations.may_end.set()
    await until(lambda: door.operations.finished == ["apply"])
    await until(lambda: not door.control.under_way)


async def test_a_stop_lets_a_verb_finish_and_its_client_hear_of_it(door: Door) -> None:
    asking = asyncio.create_task(door.ask("apply", {"wait": True}))
    await door.operations.began.wait()
    stopping = asyncio.create_task(door.control.stop(10))
    await until(lambda: not door.path.exists())
    door.operations.may_end.set()
    assert (await asking)[-1] == {"result": {"verb": "apply", "wait": True}}
    await stopping


async def test_a_verb_that_does_not_end_is_interrupted_by_a_stop_and_its_client_is_told(door: Door) -> None:
    asking = asyncio.create_task(door.ask("apply", {"wait": True}))
    await door.operations.began.wait()
    await door.control.stop(0)
    [line] = await asking
    assert line["error"]["kind"] == "temporary"
    assert door.operations.interrupted == ["apply"]


# --- who may -------------------------------------------------------------------------------------------------------


async def test_the_socket_is_for_its_owner_from_its_first_moment_whatever_the_umask(tmp_path: Path) -> None:
    control = ControlSocket(tmp_path / "control.socket", FakeOperations(), RememberingLog())
    mask = os.umask(0)
    try:
        await control.start()
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "control.socket").stat().st_mode) == 0o600
    await control.stop(0)


_ASK_AS_NOBODY = """
import os, socket, sys
os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(b"POST /verbs/count HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}")
print(s.recv(4096).decode().split(" ")[1])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_another_user_is_refused_even_where_the_modes_let_him_in() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # a place that everybody can reach
        os.chmod(name, 0o755)  # noqa: PTH101, S103 - that is the case; nothing else runs yet
        path = Path(name) / "control.socket"
        operations = FakeOperations()
        control = ControlSocket(path, operations, RememberingLog())
        await control.start()
        path.chmod(0o666)
        command = [sys.executable, "-c", _ASK_AS_NOBODY.format(nobody=NOBODY), str(path)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        await control.stop(0)
        assert done.stdout.strip() == "403", done.stderr
        assert operations.finished == []


# --- where ---------------------------------------------------------------------------------------------------------


async def test_the_socket_that_a_dead_gateway_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    control = ControlSocket(path, FakeOperations(), RememberingLog())
    await control.start()
    assert await status_at(str(path)) == 200
    await control.stop(0)


async def test_the_socket_of_a_living_gateway_is_not_taken_from_it(door: Door) -> None:
    second = ControlSocket(door.path, FakeOperations(), RememberingLog())
    with pytest.raises(OSError, match="control socket") as refused:
        await second.start()
    assert refused.value.errno == errno.EADDRINUSE
    await second.stop(0)
    assert (await door.ask("count", {}))[-1] == {"result": {"verb": "count"}}


async def test_a_state_directory_may_lie_deep(tmp_path: Path) -> None:
    path = tmp_path / ("d" * 100) / ("e" * 100) / "control.socket"
    path.parent.mkdir(parents=True)
    operations = FakeOperations()
    control = ControlSocket(path, operations, RememberingLog())
    await control.start()
    with socket_name(path) as name:
        assert await status_at(name) == 200
    await control.stop(0)
    assert not path.exists()


def test_gateways_of_several_machines_have_a_socket_each() -> None:
    shared = {control_path(Path("/srv"), host=host, shared=True) for host in ("a", "b")}
    assert len(shared) == 2
    assert control_path(Path("/srv"), host="a", shared=False) == Path("/srv/control.socket")
