"""A gateway between a simulated provider and a mail catcher, each its own process, and the judge over their ledgers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

import aiohttp
from configuration import ADDRESSES, configuration
from fpdf import FPDF
from judge import Verdict, judge_ledgers, read_lines
from kind import OURS, Fault, Kind, Webhook
from outside import Outside, as_processes, in_this_process
from sender import MailClient, Post

from gateway.store import invariants
from gateway.store.opening import open_for_reading
from gateway.store.reports import count_rows

HERE: Final = Path(__file__).parent
KILLED: Final = 137
DISK_ERROR: Final = 74

_LOOK_EVERY: Final = 0.03
_START: Final = 30.0
_OPEN: Final = {"queued", "ready", "submitting", "submitted", "received", "routed"}


class GaveUpError(AssertionError):
    """Something did not happen in time."""


#: Each worker of a parallel run has ports of its own: one that is free while its gateway is dead is nobody else's.
_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS: Final = count(12000 + _WORKER % 4 * 5000 + os.getpid() % 40 * 37)


def free_ports(number: int) -> list[int]:
    """Finds free ports below those that outgoing connections take: nobody takes one while its owner is dead."""
    found: list[int] = []
    while len(found) < number:
        port = next(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
    return found


def page(token: str = "a page") -> bytes:
    """Makes a document of one page that is like no other with another token."""
    pdf = FPDF(format="letter")
    pdf.add_page()
    pdf.set_font("helvetica", size=24)
    pdf.cell(text=token)
    return bytes(pdf.output())


class World:
    """Everything that one test plays with. Made by ``world``.

    Attributes:
        kind: of the provider.
        folder: ledgers, configuration, log and state of this world.
        client: hands letters in.
        post: writes them.
        exits: exit status of each gateway process that has ended, in order.
    """

    def __init__(
        self, kind: Kind, folder: Path, ports: Sequence[int], outside: Outside, web: aiohttp.ClientSession
    ) -> None:
        self.kind = kind
        self.folder = folder
        self.exits: list[int] = []
        self.post = Post(page())
        self._smtp, self._web, self._health = ports
        self.client = MailClient(self._smtp, folder / "client.jsonl")
        self._outside = outside
        self._http = web
        self._tokens = count(1)
        self._gateway: asyncio.subprocess.Process | None = None
        self._restarting: asyncio.Task[None] | None = None
        (folder / "config.toml").write_text(configuration(folder / "state", ports, outside, kind), encoding="utf-8")

    # --- the gateway process ---------------------------------------------------------------------------------------

    async def start(self, *, failpoint: str = "", known_bad: str = "") -> None:
        """Starts the gateway and returns when it is ready, or has ended already.

        Args:
            failpoint: arms this one, as FAXGW_FAILPOINT.
            known_bad: a module of known_bad/ that spoils it first.
        """
        spoil = f"import known_bad.{known_bad}; " if known_bad else ""
        program = f"{spoil}from gateway.cli import main; main()"
        environment = os.environ | {"FAXGW_FAILPOINT": failpoint, "PYTHONPATH": str(HERE), "PYTHONFAULTHANDLER": "1"}
        with (self.folder / "gateway.log").open("ab") as log:
            self._gateway = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", program, "serve", "--config", str(self.folder / "config.toml")),
                stdout=log,
                stderr=log,
                env=environment,
            )
        try:
            await self.until("the gateway is ready", self._ready_or_ended, _START)
        except GaveUpError:
            self._gateway.send_signal(signal.SIGABRT)  # faulthandler writes down where it stands
            raise

    async def _ready_or_ended(self) -> bool:
        return self._gateway is None or self._gateway.returncode is not None or await self.ready()

    async def ready(self) -> bool:
        """Says whether the gateway serves."""
        try:
            async with self._http.get(f"http://127.0.0.1:{self._health}/health") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def ended(self) -> None:
        """Waits for the end of the gateway process and notes its exit status (137 for a SIGKILL)."""
        gateway = self._gateway
        assert gateway is not None
        code = await gateway.wait()
        if self._gateway is gateway:
            self.exits.append(KILLED if code == -signal.SIGKILL else code)
            self._gateway = None

    def strike(self) -> bool:
        """Sends SIGKILL to the gateway, at whatever it is; says whether there was one to hit."""
        if self._gateway is None or self._gateway.returncode is not None:
            return False
        self._gateway.kill()
        return True

    async def kill(self) -> None:
        """Ends the gateway like a power switch, if it runs."""
        if self._gateway is not None:
            with suppress(ProcessLookupError):
                self._gateway.kill()
            await self.ended()

    async def stop(self) -> None:
        """Asks the gateway to stop, once it serves."""
        await self.until("the gateway serves", self.ready)
        if self._gateway is not None:
            with suppress(ProcessLookupError):
                self._gateway.terminate()
            await self.ended()

    @asynccontextmanager
    async def served(self, *, failpoint: str = "", known_bad: str = "") -> AsyncIterator[None]:
        """Keeps the gateway running as a service manager does: whenever it ends it is started again.

        Only its first process has the failpoint; each has the known-bad change.
        """
        await self.start(failpoint=failpoint, known_bad=known_bad)
        self._restarting = asyncio.create_task(self._restart(known_bad))
        try:
            await self.until("the gateway is ready, by its second process at the latest", self.ready)
            yield
        finally:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
            await self.kill()

    async def _restart(self, known_bad: str) -> None:
        while True:
            if self._gateway is not None:
                await self.ended()
            await self.start(known_bad=known_bad)

    def said(self, word: str) -> int:
        """Counts how often the gateway processes of this world have logged a word."""
        return (self.folder / "gateway.log").read_text(encoding="utf-8", errors="replace").count(word)

    # --- the outside -----------------------------------------------------------------------------------------------

    async def fax_comes_in(self, to: str = OURS, addresses: Sequence[str] = ADDRESSES) -> str:
        """Lets somebody send us a fax of one page; answers the provider's id, which the ledger has."""
        document = page(f"{self.folder.name} {next(self._tokens)}")
        body = {"to": to, "from": "+13125550177", "pdf_base64": base64.b64encode(document).decode()}
        fax = (await self.control("inbound", body))["id"]
        self.client.note(inbound=fax, sha256=hashlib.sha256(document).hexdigest(), addresses=addresses)
        return str(fax)

    async def faults(self, *faults: Fault) -> None:
        """Switches these faults of the provider on, and all others off."""
        await self.control("faults", list(faults))

    async def control(self, what: str, body: Any = None) -> Any:
        """Asks the provider's control surface; with a body it tells."""
        url = f"{self._outside.provider}/_control/{what}"
        async with self._http.request("GET" if body is None else "POST", url, json=body) as answer:
            content = await answer.json()
            assert answer.status == 200, content
            return content

    async def document(self, fax: str) -> bytes:
        """Answers the pages of a fax at the provider."""
        async with self._http.get(f"{self._outside.provider}/_control/faxes/{fax}/document") as answer:
            return await answer.read()

    async def webhook(self, webhook: Webhook, *, path: str = "", login: tuple[str, str] | None = None) -> int:
        """Posts a webhook, where and as the provider would unless told otherwise; answers the status."""
        content_type, body = webhook
        headers = {"Content-Type": content_type}
        if login := login or self.kind.login:
            headers["Authorization"] = aiohttp.encode_basic_auth(*login)
        url = f"http://127.0.0.1:{self._web}{path or self.kind.path}"
        async with self._http.post(url, data=body, headers=headers) as answer:
            return answer.status

    async def webhook_taken(self, webhook: Webhook) -> bool:
        """Posts a webhook as the provider would; says whether it was answered 200."""
        try:
            return await self.webhook(webhook) == 200
        except aiohttp.ClientError:
            return False

    def accepted(self) -> list[dict[str, Any]]:
        """Answers the provider's ledger."""
        return read_lines(self.folder / "provider.jsonl")

    def mails(self) -> list[dict[str, Any]]:
        """Answers the mail catcher's ledger."""
        return read_lines(self.folder / "mails" / "ledger.jsonl")

    # --- the end ---------------------------------------------------------------------------------------------------

    async def until(self, what: str, happened: Any, patience: float = 30.0) -> Any:
        """Waits until ``happened()`` is true and answers it; raises GaveUpError after ``patience`` seconds."""
        end = time.monotonic() + patience
        while True:
            found = happened()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            if time.monotonic() > end:
                raise GaveUpError(f"{what}: not within {patience} s; see {self.folder}")
            await asyncio.sleep(_LOOK_EVERY)

    async def settle(self, patience: float = 40.0) -> Verdict:
        """Waits until nothing is open and the judge is content, at most so many seconds; answers his last verdict."""
        end = time.monotonic() + patience
        verdict = await self.verdict()
        while time.monotonic() < end:
            if self._restarting is not None and self._restarting.done():
                await self._restarting  # the gateway could not be started again: that is the news
            await asyncio.sleep(_LOOK_EVERY)
            if await self.quiet():
                verdict = await self.verdict()
                if not verdict.broken:
                    break
        return verdict

    async def quiet(self) -> bool:
        """Says whether the gateway has finished everything that it knows of."""
        store = open_for_reading(self.folder / "state", None)
        try:
            counts = await store.database.read(count_rows)
        finally:
            store.close()
        return _OPEN.isdisjoint(state for _, state in counts)

    async def verdict(self) -> Verdict:
        """Lets the judge look at the three ledgers as they are now."""
        faxes = await self.control("faxes")
        (self.folder / "faxes.json").write_text(json.dumps(faxes), encoding="utf-8")
        return judge_ledgers(self.folder / "client.jsonl", self.folder / "provider.jsonl", faxes, self.folder / "mails")

    async def violations(self) -> list[str]:
        """Lists what the gateway itself finds wrong with its store, as `faxgw verify` does; held rows too."""
        store = open_for_reading(self.folder / "state", None)
        try:
            broken = await store.database.read(invariants.find_violations)
            known = await store.database.read(invariants.known_documents)
            counts = await store.database.read(count_rows)
            stored = dict(store.documents.names())
        finally:
            store.close()
        held = [f"{number} {table} held" for (table, state), number in counts.items() if state == "held"]
        return broken + invariants.compare_documents(known, stored, datetime.now(UTC)) + held


@asynccontextmanager
async def world(folder: Path, kind: Kind, *, processes: bool = False) -> AsyncIterator[World]:
    """Makes a world whose gateway is not started yet; nothing of it is left running afterwards.

    Args:
        folder: an empty directory for it.
        kind: of the provider.
        processes: provider and mail catcher are processes of their own; otherwise they run in this one.
    """
    folder.mkdir(parents=True)  # noqa: ASYNC240 - a test waits for its disk
    ports = free_ports(3)
    login = f"{':'.join(kind.login)}@" if kind.login else ""
    webhook = f"http://{login}127.0.0.1:{ports[1]}{kind.path}"
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        begin = as_processes if processes else in_this_process
        made = World(kind, folder, ports, await begin(stack, folder, kind, webhook), http)
        stack.push_async_callback(made.kill)
        yield made
