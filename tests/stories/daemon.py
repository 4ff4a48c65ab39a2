"""The real daemon, made from the shipped example, between a simulated provider and a mail catcher."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp

from gateway.simulator.mailbox import Mailbox
from gateway.simulator.sinch import SinchSimulator
from gateway.simulator.sinch_account import DEFAULT_SERVICE

ROOT = Path(__file__).parent.parent.parent
OURS = "+12025550100"
SENDER = "ana@clinic.example"
ROUTED = ("frontdesk@clinic.example", "ana@clinic.example")

#: What the comments of config.example.toml ask a new user to change, and what they say for a trial with simulators.
_CHANGES = {
    "domain": '"fax.clinic.example"',
    "operator": '"operator@clinic.example"',
    "address": '"@clinic.example"',
    "caller_id": f'"{OURS}"',
    "header_text": '"Example Clinic +1 202-555-0100"',
    "services": f'["{DEFAULT_SERVICE}"]',
    "fallback": '"frontdesk@clinic.example"',
    "number": f'"{OURS}"',
    "addresses": json.dumps(ROUTED),
    "host": '"127.0.0.1"',
}
_SMALL_WAITS = """
not_sent_delays = ["100ms"]
poll_delays = ["100ms"]
search_times = ["100ms", "200ms", "400ms", "1s", "2s"]
fresh_after = "1s"
proof_gap = "500ms"
mail_delays = ["200ms"]
route_delays = ["200ms"]
catch_up_every = "1s"
"""


class Daemon:
    """One running gateway and the world around it."""

    def __init__(
        self, folder: Path, simulator: SinchSimulator, provider_url: str, mailbox: Mailbox, ports: list[int]
    ) -> None:
        self.folder = folder
        self.simulator = simulator
        self.provider_url = provider_url
        self.mailbox = mailbox
        self.smtp_port, self.web_port, self.health_port = ports
        self.config = folder / "config.toml"
        self.log = folder / "gateway.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *, well: bool = True, **environment: str) -> None:
        """Starts the daemon and waits until it says that it is ready; unless ``well``, until it says anything."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "serve", "--config", str(self.config)),
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
            )
        await until(self._is_ready if well else self._answers)

    async def _is_ready(self) -> bool:
        return await self._answers() and (await self.health())[0] == 200

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self.log.read_text()
        try:
            return bool(await self.health())
        except aiohttp.ClientError:
            return False

    async def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Ends the daemon; answers its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal_number)
        return await asyncio.wait_for(self._process.wait(), 25)

    async def ended(self) -> int:
        """Waits until the daemon ends by itself; answers its exit status."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), 25)

    def signal(self, signal_number: int) -> None:
        """Sends a signal and waits for nothing."""
        assert self._process is not None
        self._process.send_signal(signal_number)

    def argv(self) -> str:
        """Reads the command line that everybody on the machine can see."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/cmdline").read_text()

    async def health(self) -> tuple[int, dict[str, Any]]:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{self.health_port}/health") as answer,
        ):
            return answer.status, await answer.json()

    async def metrics(self) -> str:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{self.health_port}/metrics") as answer,
        ):
            return await answer.text()

    async def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a program without blocking the simulators."""
        return await asyncio.to_thread(
            subprocess.run, list(command), capture_output=True, text=True, timeout=60, check=False
        )

    async def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a verb of faxgw with this configuration."""
        return await self.run(sys.executable, "-m", "gateway", *words, "--config", str(self.config))

    async def faxgw(self, *words: str, status: int = 0) -> Any:
        """Runs a verb with --json, which has to end with ``status``, and reads what it prints."""
        ran = await self.command(*words, "--json")
        assert ran.returncode == status, ran.stderr
        return json.loads(ran.stdout)

    def rewrite(self, key: str, value: str) -> None:
        """Changes a key of the configuration where it stands first, commented out or not."""
        text, found = re.subn(rf"(?m)^#?{key} = .*$", f"{key} = {value}", self.config.read_text(), count=1)
        assert found == 1, f"{key} does not stand there"
        self.config.write_text(text)

    def mails_to(self, address: str) -> list[EmailMessage]:
        """Reads the caught mails to one address, oldest first."""
        return [
            email.message_from_bytes((self.folder / "mails" / entry["file"]).read_bytes(), policy=email.policy.default)
            for entry in self.mailbox.messages()
            if address in entry["to"]
        ]

    async def mail_to(self, address: str, count: int = 1) -> EmailMessage:
        """Waits for the ``count``-th mail to an address."""

        async def came() -> bool:
            return len(self.mails_to(address)) >= count

        await until(came)
        return self.mails_to(address)[count - 1]


def free_ports(count: int) -> list[int]:
    """Finds ports below those that the kernel gives away by itself: nobody takes them before the daemon does."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(10_000, 32_000)  # noqa: S311 - any free port will do
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
    return found


@asynccontextmanager
async def daemon(folder: Path, **simulator_options: Any) -> AsyncIterator[Daemon]:
    """A started daemon with a simulator and a mail catcher of its own."""
    ports = free_ports(3)
    webhook = f"http://faxgw:webhook-password@127.0.0.1:{ports[1]}/webhooks/sinch/a-path-secret-0001"
    simulator = SinchSimulator(
        numbers=[OURS], webhook=webhook, ledger=folder / "provider.jsonl", speed=4, **simulator_options
    )
    mailbox = Mailbox(folder / "mails")
    provider_url, mailbox_url = await simulator.start(), await mailbox.start()
    running = Daemon(folder, simulator, provider_url, mailbox, ports)
    running.config.write_text(_from_example(folder, provider_url, mailbox_url, simulator, ports))
    try:
        await running.start()
        yield running
    finally:
        await running.stop()
        await simulator.stop()
        await mailbox.stop()


def _from_example(folder: Path, provider: str, mailbox: str, simulator: SinchSimulator, ports: list[int]) -> str:
    text = (ROOT / "config.example.toml").read_text()
    asked_for = {
        **_CHANGES,
        "project_id": f'"{simulator.project}"',
        "key_id": f'"{simulator.key_id}"',
        "public_url": f'"http://127.0.0.1:{ports[1]}"',
    }
    for key, value in asked_for.items():
        text, found = re.subn(rf"(?m)^{key} = .*# CHANGE.*$", f"{key} = {value}", text)
        assert found == 1, f"{key} is asked for {found} times in the example"
    for_the_trial = {
        "state_directory": f'"{folder / "state"}"',
        "allow_test_numbers": "true",
        "base_url": f'"{provider}"',
        "auth_url": f'"{provider}"',
        "port": mailbox.rpartition(":")[2],
        "tls": '"none"',
        "requests_per_second": "1000.0",
        "busy_pause": '"200ms"',
        "fault_pause": '"200ms"',
    }
    for key, value in for_the_trial.items():
        text, found = re.subn(rf"(?m)^#{key} = .*$", f"{key} = {value}", text, count=1)  # Sinch stands first
        assert found == 1, f"{key} does not stand in the example"
    for section, port in zip(("smtp", "web", "health"), ports, strict=True):
        value = f'["127.0.0.1:{port}"]' if section == "smtp" else f'"127.0.0.1:{port}"'
        text = re.sub(rf"(?ms)^(\[{section}\]\n.*?)^#listen = .*?$", rf"\g<1>listen = {value}", text, count=1)
    text = text.replace("[timing]\n", f"[timing]\n{_SMALL_WAITS}", 1)
    secrets = {
        "sinch-key-secret": simulator.key_secret,
        "sinch-webhook-password": "webhook-password",
        "sinch-webhook-path": "a-path-secret-0001",
    }
    credentials = folder / "credentials"
    credentials.mkdir(mode=0o700)
    for name, secret in secrets.items():
        (credentials / name).write_text(secret)
        (credentials / name).chmod(0o600)
    return text


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Waits for what another process does."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - another process makes it happen
            await asyncio.sleep(0.02)
