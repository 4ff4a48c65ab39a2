"""All simulators as programs: what they print first, and that a signal ends them."""

import base64
import json
import signal
import smtplib
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from gateway.simulator.serving import host_and_port
from gateway.simulator.sinch import KEY_ID, KEY_SECRET, PROJECT


def run(program: str) -> subprocess.Popen[str]:
    source = f"import asyncio, pathlib; from gateway.simulator import *; asyncio.run({program})"
    return subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(process: subprocess.Popen[str], by: signal.Signals) -> tuple[int, str]:
    assert process.stdout is not None
    process.send_signal(by)
    with process.stdout:
        output = process.stdout.read()
    return process.wait(timeout=30), output


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_the_sinch_simulator_prints_its_url_then_its_credentials(tmp_path: Path, by: signal.Signals) -> None:
    ledger = tmp_path / "ledger"
    process = run(f"serve_sinch('127.0.0.1:0', ledger=pathlib.Path({str(ledger)!r}), speed=10)")
    url = first_line(process)
    assert url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{url}/_control/faxes", timeout=30) as answer:  # noqa: S310 - loopback
        assert json.load(answer) == []
    code, rest = ended(process, by)
    assert code == 0
    for word in (PROJECT, KEY_ID, KEY_SECRET, f"{url}/_control/"):
        assert word in rest
    assert ledger.exists()


def test_the_interfax_simulator_does_what_the_command_line_says(tmp_path: Path) -> None:
    options = {
        "--listen": "127.0.0.1:0",
        "--username": "acme",
        "--password": "secret",
        "--number": "+12025550199",
        "--balance": "0.5",
        "--polls-per-minute": "1",
        "--ledger": str(tmp_path / "ledger"),
        "--callback-url": "http://127.0.0.1:1/out",
        "--inbound-callback-url": "http://127.0.0.1:1/in",
        "--inbound-images": "tiff",
    }
    words = [word for option in options.items() for word in option]
    program = [sys.executable, "-m", "gateway", "simulate", "interfax", "--pci", *words]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    url = first_line(process)

    def ask(path: str, body: object = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{url}{path}", data)  # noqa: S310 - loopback
        request.add_header("Authorization", f"Basic {base64.b64encode(b'acme:secret').decode()}")
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return bytes(answer.read())

    assert ask("/accounts/self/ppcards/balance") == b"0.5000"
    fax = json.loads(ask("/_control/inbound", {"to": "+12025550199"}))["id"]
    assert ask(f"/inbound/faxes/{fax}/image")[:2] == b"II"
    assert ask("/outbound/faxes") == b"[]"
    with pytest.raises(urllib.error.HTTPError, match="429"):
        ask("/outbound/faxes")
    code, rest = ended(process, signal.SIGTERM)
    assert code == 0
    for word in ("acme", "secret", "+12025550199", f"{url}/_control/"):
        assert word in rest
    assert (tmp_path / "ledger").exists()


def test_the_mail_catcher_prints_its_url(tmp_path: Path) -> None:
    process = run(f"serve_mailbox('127.0.0.1:0', pathlib.Path({str(tmp_path)!r}))")
    url = first_line(process)
    host, _, port = url.removeprefix("smtp://").partition(":")
    with smtplib.SMTP(host, int(port), timeout=30) as client:
        client.sendmail("a@b.example", ["x@y.example"], b"Subject: x\r\n\r\nhello\r\n")
    assert ended(process, signal.SIGTERM)[0] == 0
    assert [path.name for path in tmp_path.glob("*.eml")] == ["000001-x@y.example.eml"]


@pytest.mark.parametrize(
    ("listen", "expected"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("localhost:25", ("localhost", 25)), ("[::1]:80", ("::1", 80))],
)
def test_listen_is_host_and_port(listen: str, expected: tuple[str, int]) -> None:
    assert host_and_port(listen) == expected


@pytest.mark.parametrize("listen", ["", "8080", "host", "host:", ":80", "host:http"])
def test_anything_else_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        host_and_port(listen)
