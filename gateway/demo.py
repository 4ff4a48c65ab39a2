"""The whole road on one machine: simulator, mail catcher and gateway, a fax out and a fax in, shown as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import io
import random
import signal
import smtplib
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any, Final

from fpdf import FPDF
from PIL import Image, ImageDraw
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from gateway.render.raster import page_picture
from gateway.simulator.mailbox import Mailbox
from gateway.simulator.sinch import SinchSimulator
from gateway.simulator.sinch_account import DEFAULT_SERVICE
from gateway.store.opening import open_for_reading
from gateway.store.reports import FaxDetails, TimelineEntry, list_faxes, show_fax, timeline

_NUMBER: Final = "+12025550143"
_OURS: Final = "+12025550100"
_ADDRESSES: Final = ("front@clinic.example", "lab@clinic.example")
_SENDER: Final = "ana@clinic.example"
_LONGEST: Final = 60.0
_LOOK_EVERY: Final = 0.03


class StationMissedError(Exception):
    """A station of the road did not happen."""


@dataclass(frozen=True, slots=True)
class _Ports:
    smtp: int
    web: int
    health: int


async def run_demo(folder: Path | None, *, keep: bool) -> int:
    """Runs the main job in both directions and checks every station.

    Args:
        folder: where documents, pictures and mails are written; None makes a temporary one.
        keep: leave everything running afterwards, until Ctrl-C.

    Returns:
        0 only if every station really happened, else 1.
    """
    folder = folder or Path(tempfile.mkdtemp(prefix="faxgw-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    console = Console()
    try:
        async with _world(folder) as world:
            await _fax_out(world, console)
            await _fax_in(world, console)
            console.print(f"\n[bold green]Every station happened.[/] Look at [bold]{folder}[/]:")
            for path in sorted(folder.glob("*-*.*")):
                console.print(f"  {path.name}", highlight=False)
            if keep:
                _say_what_runs(world, console)
                await _until_stopped()
    except StationMissedError as missed:
        console.print(f"\n[bold red]Not every station happened:[/] {missed}", highlight=False)
        console.print(f"The log of the gateway is {folder / 'gateway.log'}", highlight=False)
        return 1
    return 0


async def _until_stopped() -> None:
    """Waits for SIGTERM or Ctrl-C; the gateway is a process of its own and must not be left behind."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()


# --- the world: simulator and mail catcher here, the gateway as its own process -------------------------------------


@dataclass(frozen=True, slots=True)
class _World:
    folder: Path
    simulator: SinchSimulator
    simulator_url: str
    mailbox: Mailbox
    ports: _Ports

    @property
    def state(self) -> Path:
        """Where the gateway keeps its store."""
        return self.folder / "state"

    async def read(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Reads the store beside the running gateway."""
        store = open_for_reading(self.state, None)
        try:
            return await store.database.read(fn, *args, **kwargs)
        finally:
            store.close()

    def mail_to(self, address: str) -> EmailMessage | None:
        """Finds the newest caught mail to an address."""
        for entry in reversed(self.mailbox.messages()):
            if address in entry["to"]:
                content = (self.folder / "mails" / entry["file"]).read_bytes()
                return email.message_from_bytes(content, policy=email.policy.default)
        return None


@asynccontextmanager
async def _world(folder: Path) -> AsyncIterator[_World]:
    ports = _Ports(*_free_ports(3))
    webhook = f"http://hook:demo-webhook-password@127.0.0.1:{ports.web}/webhooks/sinch/demo-path-secret-0001"
    simulator = SinchSimulator(webhook=webhook)
    mailbox = Mailbox(folder / "mails")
    simulator_url, mailbox_url = await simulator.start(), await mailbox.start()
    world = _World(folder, simulator, simulator_url, mailbox, ports)
    config = folder / "config.toml"
    config.write_text(_config(world, int(mailbox_url.rpartition(":")[2])), encoding="utf-8")
    with (folder / "gateway.log").open("wb") as log:
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
        gateway = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        await _until("the gateway is ready", lambda: _answers(ports.health, gateway))
        yield world
    finally:
        if gateway.returncode is None:
            gateway.terminate()
        await gateway.wait()
        await simulator.stop()
        await mailbox.stop()


def _free_ports(count: int) -> list[int]:
    """Finds ports below those that the kernel gives away by itself: nobody takes them before the gateway does."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(10_000, 32_000)  # noqa: S311 - any free port will do
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
    return found


def _config(world: _World, mailbox_port: int) -> str:
    return f"""\
[gateway]
domain = "fax.example"
operator = "operator@clinic.example"
state_directory = "{world.state}"
allow_test_numbers = true

[smtp]
listen = ["127.0.0.1:{world.ports.smtp}"]

[[senders]]
address = "{_SENDER}"
caller_id = "{_OURS}"
header_text = "North Clinic +1 202-555-0100"

[providers.sinch]
kind = "sinch"
project_id = "{world.simulator.project}"
key_id = "{world.simulator.key_id}"
key_secret = "{world.simulator.key_secret}"
services = ["{DEFAULT_SERVICE}"]
base_url = "{world.simulator_url}"
auth_url = "{world.simulator_url}"
webhook_user = "hook"
webhook_password = "demo-webhook-password"
webhook_path_secret = "demo-path-secret-0001"

[web]
listen = "127.0.0.1:{world.ports.web}"
public_url = "http://127.0.0.1:{world.ports.web}"

[health]
listen = "127.0.0.1:{world.ports.health}"

[smarthost]
host = "127.0.0.1"
port = {mailbox_port}
tls = "none"

[received]
fallback = "operator@clinic.example"

[[routes]]
number = "{_OURS}"
addresses = ["{_ADDRESSES[0]}", "{_ADDRESSES[1]}"]
"""


async def _answers(port: int, gateway: asyncio.subprocess.Process) -> bool:
    if gateway.returncode is not None:
        raise StationMissedError(f"the gateway ended with exit status {gateway.returncode}")
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET /health HTTP/1.0\r\n\r\n")
    status = await reader.readline()
    writer.close()
    return b" 200 " in status


async def _until(station: str, happened: Callable[[], Awaitable[Any]]) -> Any:
    """Waits for a station; answers what ``happened`` found there."""
    try:
        async with asyncio.timeout(_LONGEST):
            while not (found := await happened()):  # noqa: ASYNC110 - another process makes it happen
                await asyncio.sleep(_LOOK_EVERY)
            return found
    except TimeoutError:
        raise StationMissedError(station) from None


# --- e-mail to fax --------------------------------------------------------------------------------------------------


async def _fax_out(world: _World, console: Console) -> None:
    console.rule("E-mail to fax")
    message = _letter()
    with _progress(console) as progress:
        task = progress.add_task("handing the message in", total=6)
        job_id = await asyncio.to_thread(_send, world.ports.smtp, message)
        progress.console.print(f"  [green]✓[/] 250: accepted and durable as [bold]{job_id}[/]", highlight=False)
        await _follow(world, job_id, ("queued", "ready", "submitting", "submitted", "delivered"), progress, task)
        receipt = await _until("the receipt reaches the sender", lambda: _mail(world, _SENDER))
        progress.console.print(f"  [green]✓[/] receipt: {receipt['Subject']}", highlight=False)
        progress.advance(task)
    details = await world.read(show_fax, job_id)
    assert isinstance(details, FaxDetails)  # noqa: S101 - the id came from our own reply
    _check_document(world, details)
    (world.folder / "3-receipt.txt").write_text(receipt.get_body().get_content(), encoding="utf-8")
    (world.folder / "3-receipt.eml").write_bytes(bytes(receipt))


def _check_document(world: _World, details: FaxDetails) -> None:
    """Writes down what the provider got, and makes sure that it is what the message held."""
    document = world.simulator.document(details.attempts[-1].provider_fax_id or "")
    if document is None:
        raise StationMissedError("the provider received the document")
    (world.folder / "1-document-at-the-provider.pdf").write_bytes(document)
    (world.folder / "2-first-page.png").write_bytes(page_picture(document, 0, 100))
    pages = [(entry.media_type, entry.first, entry.last) for entry in details.ledger if entry.first]
    if pages != [("text/plain", 1, 1), ("application/pdf", 2, 3), ("image/jpeg", 4, 4)]:
        raise StationMissedError(f"text, two pages and a photo in this order (got {pages})")


def _letter() -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"Ana Diaz <{_SENDER}>"
    message["To"] = f"<{_NUMBER}@fax.example>"
    message["Subject"] = "Referral"
    message["Message-ID"] = "<demo.1@clinic.example>"
    message["Date"] = "Mon, 02 Nov 2026 09:14:03 -0500"
    message.set_content(
        "Dear colleagues,\n\nplease find the referral and a photo attached.\n\nAna Diaz\nNorth Clinic\n"
    )
    message.add_attachment(_two_pages(), maintype="application", subtype="pdf", filename="referral.pdf")
    message.add_attachment(_photo(), maintype="image", subtype="jpeg", filename="photo.jpg")
    return message


def _two_pages() -> bytes:
    pdf = FPDF(format="letter")
    for number in (1, 2):
        pdf.add_page()
        pdf.set_font("helvetica", size=24)
        pdf.cell(text=f"Referral, page {number} of 2", new_x="LMARGIN", new_y="NEXT", h=20)
        pdf.set_font("helvetica", size=12)
        for line in range(1, 25):
            pdf.cell(text=f"{line:2}  Observation {line} of page {number}", new_x="LMARGIN", new_y="NEXT", h=8)
    return bytes(pdf.output())


def _photo() -> bytes:
    photo = Image.radial_gradient("L").resize((1200, 900)).convert("RGB")
    draw = ImageDraw.Draw(photo)
    draw.ellipse((420, 250, 780, 610), fill=(210, 180, 150), outline=(60, 40, 30), width=12)
    draw.rectangle((120, 700, 1080, 760), fill=(70, 110, 160))
    content = io.BytesIO()
    photo.save(content, "JPEG", quality=85)
    return content.getvalue()


def _send(port: int, message: EmailMessage) -> str:
    """Sends as a mail program would; answers the id that the final 250 names."""
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.ehlo("clinic.example")
        client.mail(_SENDER)
        client.rcpt(f"{_NUMBER}@fax.example")
        code, reply = client.data(message.as_bytes(policy=email.policy.SMTP))
    if code != 250:  # noqa: PLR2004 - RFC 5321
        raise StationMissedError(f"the message is accepted (got {code} {reply.decode()})")
    return reply.decode().rpartition(" ")[2]


# --- fax to e-mail --------------------------------------------------------------------------------------------------


async def _fax_in(world: _World, console: Console) -> None:
    console.rule("Fax to e-mail")
    with _progress(console) as progress:
        task = progress.add_task("a fax is calling", total=5)
        await world.simulator.receive_fax(_OURS, sender="+13125550177", pages=3)
        fax_id = await _until("the fax is known here", lambda: _newest_inbound(world))
        await _follow(world, fax_id, ("received", "routed", "done"), progress, task)
        for place, address in enumerate(_ADDRESSES, 4):
            mail = await _until(f"the fax reaches {address}", partial(_mail, world, address))
            _keep_received(world, place, address, mail)
            progress.console.print(f"  [green]✓[/] {address}: {mail['Subject']}", highlight=False)
            progress.advance(task)


def _keep_received(world: _World, place: int, address: str, mail: EmailMessage) -> None:
    attached = [part for part in mail.iter_attachments() if part.get_content_type() == "application/pdf"]
    if len(attached) != 1:
        raise StationMissedError(f"the mail to {address} has the fax attached")
    document = attached[0].get_content()
    name = address.partition("@")[0]
    (world.folder / f"{place}-received-by-{name}.eml").write_bytes(bytes(mail))
    (world.folder / f"{place}-received-by-{name}.png").write_bytes(page_picture(document, 0, 100))


async def _newest_inbound(world: _World) -> str | None:
    faxes = await world.read(list_faxes, direction="in", limit=1)
    return faxes[0].id if faxes else None


# --- what both directions share -------------------------------------------------------------------------------------


async def _mail(world: _World, address: str) -> EmailMessage | None:
    return world.mail_to(address)


async def _follow(world: _World, fax_id: str, states: Sequence[str], progress: Progress, task: TaskID) -> None:
    """Shows each state of a fax as the journal writes it down."""
    for state in states:
        progress.update(task, description=f"{fax_id}: waiting for {state}")
        entry = await _until(f"{fax_id} becomes {state}", partial(_entered, world, fax_id, state))
        progress.console.print(f"  [green]✓[/] {entry.at:%H:%M:%S.%f} {state}", highlight=False)
        progress.advance(task)


async def _entered(world: _World, fax_id: str, state: str) -> TimelineEntry | None:
    entries: list[TimelineEntry] = await world.read(timeline, fax_id)
    for entry in entries:
        if entry.subject_id == fax_id and entry.event.rpartition(" ")[2] == state:
            return entry
    return None


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        console=console,
    )


def _say_what_runs(world: _World, console: Console) -> None:
    smtp = f"127.0.0.1:{world.ports.smtp}"
    document = world.folder / "1-document-at-the-provider.pdf"
    receive = f"""'{{"from": "+13125550177", "to": "{_OURS}", "pages": 2}}'"""
    lines = [
        f"\nSMTP       {smtp}",
        f"webhooks   http://127.0.0.1:{world.ports.web}",
        f"health     http://127.0.0.1:{world.ports.health}/health",
        f"simulator  {world.simulator_url}/_control/faxes",
        f"mails      {world.folder / 'mails'}",
        f"config     {world.folder / 'config.toml'}",
        "\nSend a fax:",
        f"  swaks --server {smtp} --from {_SENDER} --to {_NUMBER[1:]}@fax.example --attach @{document}",
        "Let a fax arrive:",
        f"  curl -d {receive} {world.simulator_url}/_control/inbound",
        "Stop with Ctrl-C.",
    ]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
