"""A whole healthy installation on loopback: provider, proxy, daemon, smarthost and name server, each to be broken."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.cli.installation import describe_installation
from gateway.config import load_config
from gateway.doctor.checks import all_checks
from gateway.doctor.examination import examine
from gateway.doctor.findings import Finding, Grade
from gateway.doctor.installation import Installation, Machine
from gateway.simulator.sinch import SinchSimulator
from gateway.simulator.sinch_account import DEFAULT_SERVICE
from gateway.store.opening import Store, open_store
from tests.doctor.name_server import NameServer
from tests.mail.smtp_peer import Peer

ROOT = Path(__file__).parent.parent.parent
OURS = ("+12025550100", "+12025550101")
PATH_SECRET = "Zk3xPq7LmN0sTuVw"
SECRETS = {"sinch-key-secret": "", "sinch-webhook-password": "pw-4711", "sinch-webhook-path": PATH_SECRET}
KEY = rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

CONFIG = """
[gateway]
domain = "fax.clinic.example"
operator = "operator@clinic.example"
state_directory = "{state}"

[health]
listen = "127.0.0.1:{health_port}"

[[senders]]
address = "@clinic.example"
caller_id = "{caller_id}"
header_text = "Example Clinic +1 202-555-0100"

[providers.sinch]
kind = "sinch"
project_id = "{project}"
key_id = "{key_id}"
key_secret_file = "sinch-key-secret"
services = ["{service}"]
webhook_password_file = "sinch-webhook-password"
webhook_path_secret_file = "sinch-webhook-path"
base_url = "{provider}"
auth_url = "{provider}"
requests_per_second = 1000.0

[web]
public_url = "https://fax.clinic.example:{web_port}"

[smarthost]
host = "127.0.0.1"
port = {smarthost_port}
tls = "{tls}"
username = "faxgw"
password = "letmein"
dkim_selector = "s1"

[received]
fallback = "frontdesk@clinic.example"
{routes}
"""
ROUTE = """
[[routes]]
number = "{}"
addresses = ["frontdesk@clinic.example"]
"""


class Installed:
    """An installation; what is not as in health a test changes before ``examine``, or in what it returns.

    Args:
        folder: for all its files.
        authority: whom this machine trusts.
    """

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self.folder = folder
        self.authority = authority
        self.issuer = authority
        self.certificate: dict[str, Any] = {}
        self.certificate_names = ["fax.clinic.example"]
        self.names = NameServer()
        self.names.zone["fax.clinic.example", "A"] = ["127.0.0.1"]
        self.names.zone["mail.clinic.example", "A"] = ["203.0.113.7"]
        self.names.zone["fax.clinic.example", "MX"] = ["10 mail.clinic.example."]
        self.names.texts("fax.clinic.example", "v=spf1 a:mail.clinic.example -all", "google-site-verification=1")
        self.names.texts("s1._domainkey.clinic.example", f"v=DKIM1; k=rsa; p={base64.b64encode(KEY).decode()}")
        self.names.texts("_dmarc.clinic.example", "v=DMARC1; p=reject")
        self.smarthost = Peer(extensions=("STARTTLS", "AUTH PLAIN", "SIZE 40000000"))
        self.smarthost_issuer = authority
        self.simulator = SinchSimulator(numbers=OURS)
        self.webhook_at_provider = f"https://faxgw:pw-4711@fax.clinic.example:{{port}}/webhooks/sinch/{PATH_SECRET}"
        self.settings: dict[str, str] = {}
        self.routes = list(OURS)
        self.health: dict[str, str] | None = {"store": "ok", "disk": "ok", "account sinch": "ok"}
        self.health_answer: web.Response | None = None
        self.proxy_answer = web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="webhooks"'})
        self.is_proxy_up = True
        self.kept_clock = True
        self.config_mode = 0o640
        self.changes: dict[str, Any] = {}
        self.describe: Callable[[Installation], Installation] = lambda installation: installation

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def units(self) -> Path:
        return self.folder / "units"

    async def install(self) -> None:
        """Lays out the files: configuration, secrets, unit and a store that the daemon has opened once."""
        (self.folder / "credentials").mkdir(mode=0o700)
        for name, secret in SECRETS.items():
            self.write_secret(name, secret or self.simulator.key_secret)
        self.units.mkdir()
        unit = (ROOT / "systemd/faxgw.service").read_text()
        (self.units / "faxgw.service").write_text(unit.replace("/etc/faxgw", str(self.folder)))
        (await self.opened_store()).close()
        self.state.chmod(0o700)

    def write_secret(self, name: str, secret: str) -> None:
        path = self.folder / "credentials" / name
        path.write_text(secret)
        path.chmod(0o600)

    async def opened_store(self) -> Store:
        return await open_store(self.state, None, lambda _: None)

    async def examine(self) -> list[tuple[str, Finding]]:
        """Starts everything, lets the doctor look at it, and gives the name of the check with each finding."""
        async with AsyncExitStack() as stack:
            installation = await self._start(stack)
            changed = self.describe(replace(installation, **self.changes))
            checks = all_checks(installation.machine, changed)
            found = [(check.name, finding) async for check, findings in examine(checks, 20) for finding in findings]
            for account in installation.accounts.values():
                await account.provider.close()
            return found

    async def _start(self, stack: AsyncExitStack) -> Installation:
        resolver = await stack.enter_async_context(self.names.answering())
        self.smarthost.tls = _server_tls(self.smarthost_issuer.issue_cert("127.0.0.1"))
        await stack.enter_async_context(self.smarthost.listening())
        certificate = self.issuer.issue_cert(*self.certificate_names, **self.certificate)
        proxy = AsyncExitStack()
        web_port = await _serve(proxy, self._proxy(), _server_tls(certificate))
        stack.push_async_callback(proxy.aclose)
        if not self.is_proxy_up:
            await proxy.aclose()
        health_port = await _serve(stack, self._daemon()) if self.health is not None else 1
        self.simulator._account.services[DEFAULT_SERVICE].settings["incomingWebhookUrl"] = (
            self.webhook_at_provider.format(port=web_port)
        )
        provider = await self.simulator.start()
        stack.push_async_callback(self.simulator.stop)
        facts = {
            "state": self.state,
            "health_port": health_port,
            "web_port": web_port,
            "smarthost_port": self.smarthost.port,
            "tls": "starttls",
            "provider": provider,
            "project": self.simulator.project,
            "key_id": self.simulator.key_id,
            "service": DEFAULT_SERVICE,
            "caller_id": OURS[0],
            "routes": "".join(map(ROUTE.format, self.routes)),
        }
        self.config.write_text(CONFIG.format(**facts | self.settings))
        self.config.chmod(self.config_mode)
        machine = Machine(unit_directories=(self.units,), clock_is_kept=lambda: self.kept_clock)
        trust = ssl.create_default_context()
        self.authority.configure_trust(trust)
        return describe_installation(load_config(self.config), machine, trust, resolver)

    def _proxy(self) -> web.Application:
        async def answer(request: web.Request) -> web.Response:
            assert request.method == "POST"
            assert request.path == f"/webhooks/sinch/{PATH_SECRET}"
            return self.proxy_answer

        return _application(answer)

    def _daemon(self) -> web.Application:
        async def answer(_request: web.Request) -> web.Response:
            return self.health_answer or web.json_response({"status": "ready", "checks": self.health})

        return _application(answer)


def _application(answer: Any) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


async def _serve(stack: AsyncExitStack, app: web.Application, tls: ssl.SSLContext | None = None) -> int:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    port: int = runner.addresses[0][1]
    return port


def _server_tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def faults(found: list[tuple[str, Finding]]) -> set[tuple[str, str]]:
    """Gives check and grade of everything that is not well."""
    return {(name, finding.grade.value) for name, finding in found if finding.grade in (Grade.WARNING, Grade.WRONG)}
