"""The gateway between a simulated provider and a mail catcher, each a process of its own, as an operator runs them."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp

T = TypeVar("T")

DOMAIN: Final = "fax.example"
SENDER: Final = "ana@clinic.example"
OURS: Final = "+12025550100"
WEBHOOK_USER: Final = "hook"
WEBHOOK_PASSWORD: Final = "benchmark-password"  # noqa: S105 - opens nothing but a gateway that is being measured
_PATH_SECRET: Final = "benchmark-path-secret-0001"  # noqa: S105 - as above
_LONGEST: Final = 60.0
_LOOK_EVERY: Final = 0.005


#: Bytecode is kept, as it is after an installation with pip, whatever the shell that measures says.
_ENVIRONMENT: Final = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class GaveUpError(Exception):
    """Something did not happen in time, or the gateway did not do what is being measured."""


async def until(what: str, happened: Callable[[], Awaitable[T]], longest: float = _LONGEST) -> T:
    """Waits until ``happened`` gives something true, and answers it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(longest):
            while not (found := await happened()):  # noqa: ASYNC110 - another process makes it happen
                await asyncio.sleep(_LOOK_EVERY)
            return found
    raise GaveUpError(f"not within {longest:.0f} s: {what}")


def free_ports(count: int) -> list[int]:
    """Finds free ports of this machine."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def basic_credentials(user: str, password: str) -> str:
    """Builds the value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Holds a process still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class _Simulator:
    url: str
    project: str
    key_id: str
    key_secret: str
    pid: int


class World:
    """One gateway with its own empty store. Made by ``world``.

    Attributes:
        folder: configuration, log, state, mails.
        smtp_port: where the gateway takes mail.
        simulator: the provider's process.
    """

    def __init__(self, folder: Path, simulator: _Simulator, mailbox_port: int, http: aiohttp.ClientSession) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.simulator = simulator
        self.smtp_port, self.web_port, self._health_port = free_ports(3)
        self._mailbox_port = mailbox_port
        self._http = http
        self._gateway: asyncio.subprocess.Process | None = None

    @property
    def state(self) -> Path:
        """Where the gateway keeps its store."""
        return self.folder / "state"

    @property
    def webhook_path(self) -> str:
        """Where the provider tells of faxes."""
        return f"/webhooks/sinch/{_PATH_SECRET}"

    @property
    def pid(self) -> int:
        """The gateway's process."""
        if self._gateway is None:
            raise GaveUpError("the gateway does not run")
        return self._gateway.pid

    @property
    def renderer_pid(self) -> int:
        """The gateway's child that has the decoders loaded."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()[0])

    async def start_gateway(self) -> float:
        """Starts the gateway; answers how long it took until its health page said 200, in seconds."""
        config = self.folder / "config.toml"
        config.write_text(await self._config(), encoding="utf-8")
        with (self.folder / "gateway.log").open("ab") as log:
            started = time.perf_counter()
            self._gateway = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "serve", "--config", str(config)),
                stdout=log,
                stderr=log,
                env=_ENVIRONMENT,
            )
            await until("the gateway is ready", self._is_ready)
            return time.perf_counter() - started

    async def _is_ready(self) -> bool:
        if self._gateway is None or self._gateway.returncode is not None:
            raise GaveUpError(f"the gateway has ended, see {self.folder / 'gateway.log'}")
        try:
            async with self._http.get(f"http://127.0.0.1:{self._health_port}/health") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def stop_gateway(self) -> None:
        """Ends the gateway in its own order."""
        if self._gateway is not None:
            self._gateway.terminate()
            await self._gateway.wait()
            self._gateway = None

    async def kill_gateway(self) -> None:
        """Ends the gateway at once, whatever still waits in its queues; its renderer ends with it."""
        if self._gateway is not None:
            with suppress(ProcessLookupError):
                self._gateway.kill()
            await self._gateway.wait()
            self._gateway = None

    async def accepted(self) -> int:
        """Asks the gateway how many messages it has stored, repetitions not counted."""
        async with self._http.get(f"http://127.0.0.1:{self._health_port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        wanted = 'faxgw_messages_accepted_total{repeated="false"}'
        return next((int(float(line.split()[1])) for line in lines if line.startswith(wanted)), 0)

    async def faxes_at_provider(self) -> list[dict[str, Any]]:
        """Asks the simulated provider for every fax that it has accepted."""
        async with self._http.get(f"{self.simulator.url}/_control/faxes") as answer:
            faxes: list[dict[str, Any]] = await answer.json()
            return faxes

    async def _service(self) -> str:
        login = basic_credentials(self.simulator.key_id, self.simulator.key_secret)
        url = f"{self.simulator.url}/v3/projects/{self.simulator.project}/services"
        async with self._http.get(url, headers={"Authorization": login}) as answer:
            return str((await answer.json())["services"][0]["id"])

    async def _config(self) -> str:
        return f"""\
[gateway]
domain = "{DOMAIN}"
operator = "operator@clinic.example"
state_directory = "{self.state}"

[smtp]
listen = ["127.0.0.1:{self.smtp_port}"]

[[senders]]
address = "{SENDER}"
caller_id = "{OURS}"
header_text = "North Clinic +1 202-555-0100"

[providers.sinch]
kind = "sinch"
project_id = "{self.simulator.project}"
key_id = "{self.simulator.key_id}"
key_secret = "{self.simulator.key_secret}"
services = ["{await self._service()}"]
base_url = "{self.simulator.url}"
auth_url = "{self.simulator.url}"
webhook_user = "{WEBHOOK_USER}"
webhook_password = "{WEBHOOK_PASSWORD}"
webhook_path_secret = "{_PATH_SECRET}"
requests_per_second = 1000

[web]
listen = "127.0.0.1:{self.web_port}"
public_url = "http://127.0.0.1:{self.web_port}"

[health]
listen = "127.0.0.1:{self._health_port}"

[smarthost]
host = "127.0.0.1"
port = {self._mailbox_port}
tls = "none"

[received]
fallback = "operator@clinic.example"

[log]
format = "json"
"""


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Starts simulator and mail catcher below ``folder``; ends them, and the gateway, whatever happened."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        announced, pid = await stack.enter_async_context(_simulate("sinch"))
        simulator = _Simulator(
            url=announced[0],
            project=_after(announced, "project:"),
            key_id=_after(announced, "key id:"),
            key_secret=_after(announced, "key secret:"),
            pid=pid,
        )
        mailbox, _ = await stack.enter_async_context(_simulate("mailbox", "--dir", str(folder / "mails")))
        made = World(folder, simulator, int(mailbox[0].rpartition(":")[2]), http)
        stack.push_async_callback(made.kill_gateway)
        yield made


@asynccontextmanager
async def _simulate(*arguments: str) -> AsyncIterator[tuple[list[str], int]]:
    """Runs ``faxgw simulate``; gives the lines that it announces, and its process id."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "simulate", *arguments),
        stdout=asyncio.subprocess.PIPE,
        env=_ENVIRONMENT,
    )
    assert process.stdout is not None
    try:
        lines: list[str] = []
        async with asyncio.timeout(_LONGEST):
            while not lines or "stop it with Ctrl-C" not in lines[-1]:
                line = await process.stdout.readline()
                if not line:
                    raise GaveUpError(f"faxgw simulate {' '.join(arguments)} did not start")
                lines.append(line.decode().strip())
        yield lines, process.pid
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _after(lines: list[str], label: str) -> str:
    return next(line.removeprefix(label).strip() for line in lines if line.startswith(label))
