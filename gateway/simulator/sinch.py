"""A stand-alone server that behaves like the Sinch Fax API v3 (sinch-fax-v3 section 11)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway import __version__
from gateway.simulator.clock import Clock, stamp
from gateway.simulator.control import PREFIX, BadControlError, Inbound, control_routes
from gateway.simulator.faults import CALLBACK_FAULTS, Faults, FieldRules
from gateway.simulator.ledger import Ledger
from gateway.simulator.serving import HttpServer, announce, host_and_port, until_stopped
from gateway.simulator.sinch_account import DEFAULT_SERVICE, Account
from gateway.simulator.sinch_auth import Auth
from gateway.simulator.sinch_emails import EmailApi
from gateway.simulator.sinch_events import RETRY_DELAYS
from gateway.simulator.sinch_faxes import FaxApi
from gateway.simulator.sinch_fields import CONTENT_TYPES
from gateway.simulator.sinch_gate import Gate, fault_paths
from gateway.simulator.sinch_inbound import Reception
from gateway.simulator.sinch_lifecycle import Lifecycle
from gateway.simulator.sinch_numbers import number_route
from gateway.simulator.sinch_services import ServiceApi
from gateway.simulator.transport_faults import TRANSPORT_FAULTS, TransportFaults
from gateway.simulator.webhooks import WebhookSender

PROJECT = "0fa00000-0000-4000-8000-000000000001"
KEY_ID = "simulator-key"
KEY_SECRET = "simulator-secret"  # noqa: S105 - opens nothing but a simulator, printed at its start
NUMBERS = ("+12025550100", "+12025550101")
WEBHOOK_SECONDS = 60
#: More than any test sends: the limit of the service is one on files, and has its own answer.
REQUEST_MAX = 1 << 30
ENCODINGS = {"form": CONTENT_TYPES[0], "json": CONTENT_TYPES[1]}
#: Every fault this simulator knows, with the fields only that fault has.
FAULTS: dict[str, FieldRules] = {
    **TRANSPORT_FAULTS,
    **CALLBACK_FAULTS,
    "callback_fallback": {},
    "email_conflict": {},
    "error_shape_b": {},
    "fail": {
        "type": (str, bool, "an error type"),
        "code": (int, lambda code: code >= 0, "an error code"),
        "pages_sent": (int, lambda pages: pages >= 0, "a number of pages"),
    },
    "legacy_emails": {},
    "legacy_strings": {},
    "list_lag": {},
    "not_ready": {},
    "oversize_413": {},
    "swapped_files": {},
}


class SinchSimulator:
    """A Sinch Fax account on a local port.

    Args:
        project: Its project id.
        key_id: Its access key.
        key_secret: The secret of the key.
        numbers: Numbers of its default service.
        ledger: File that gets a line for each accepted fax; None keeps none.
        speed: Durations of faxes and pauses between webhook tries are divided by it.
        seed: Of the chance that `share` of a fault speaks of.
        clock: The simulated time; a test passes one that stands still.
        webhook: Incoming webhook URL of the default service.
        webhook_encoding: Its encoding, `form` or `json`.
        storage: Whether the default service keeps documents.
        webhook_timeout: Real seconds a receiver of webhooks has for its answer.
    """

    def __init__(
        self,
        *,
        project: str = PROJECT,
        key_id: str = KEY_ID,
        key_secret: str = KEY_SECRET,
        numbers: Sequence[str] = NUMBERS,
        ledger: Path | None = None,
        speed: float = 1.0,
        seed: int = 0,
        clock: Clock | None = None,
        webhook: str | None = None,
        webhook_encoding: str = "form",
        storage: bool = True,
        webhook_timeout: float = WEBHOOK_SECONDS,
    ) -> None:
        self.project, self.key_id, self.key_secret = project, key_id, key_secret
        self.numbers = tuple(numbers)
        self._settings: dict[str, Any] = {
            "webhookContentType": ENCODINGS[webhook_encoding],
            "saveOutboundFaxDocuments": storage,
            "saveInboundFaxDocuments": storage,
        }
        if webhook:
            self._settings["incomingWebhookUrl"] = webhook
        self._clock = clock or Clock(speed=speed)
        self._faults = Faults(FAULTS, seed, fault_paths)
        self._ledger = Ledger(ledger) if ledger is not None else None
        self._sender = WebhookSender(self._clock, self._faults, RETRY_DELAYS, webhook_timeout)
        self._account = Account(project, self._clock)
        self._lifecycle = Lifecycle(self._account, self._clock, self._faults, self._sender)
        self._reception = Reception(self._account, self._clock, self._lifecycle)
        self._auth = Auth(key_id, key_secret, self._clock)
        self._gate = Gate(project, self._auth, self._faults)
        self._transport = TransportFaults(self._faults, PREFIX, self._gate.status_answer)
        self._server = HttpServer()
        self._account.seed(self.numbers, self._settings)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Starts to serve and returns the base URL; port 0 picks a free one."""
        await self._sender.start()
        self._clock.start()
        return await self._server.start(self._application(), host, port)

    async def stop(self) -> None:
        """Stops serving and closes the ledger. Safe to repeat."""
        self._transport.release()
        await self._server.stop()
        await self._clock.stop()
        await self._sender.stop()
        if self._ledger is not None:
            await self._ledger.close()
            self._ledger = None

    def faxes(self) -> list[dict[str, Any]]:
        """Returns every accepted outbound fax with sha256 and page count of its document, newest last."""
        return [
            {**self._account.fax_json(fax), "sha256": fax.sha256, "pages": fax.pages}
            for fax in self._account.faxes.values()
            if fax.direction == "OUTBOUND"
        ]

    def document(self, fax_id: str) -> bytes | None:
        """Returns the document of a fax in either direction, even if the service itself keeps none."""
        fax = self._account.faxes.get(fax_id)
        return fax.document if fax else None

    async def receive_fax(
        self,
        to: str,
        *,
        sender: str | None = None,
        pages: int = 1,
        pdf: bytes | None = None,
        barcodes: Sequence[dict[str, Any]] = (),
        failure: tuple[str | None, int | None] | None = None,
        service: str | None = None,
    ) -> str:
        """Lets a fax come in and returns its id; see `Inbound` for what the arguments mean."""
        return await self.receive(Inbound(to, sender, pages, pdf, tuple(barcodes), failure, service))

    async def receive(self, fax: Inbound) -> str:
        """Lets a fax come in and returns its id; its webhook follows at once.

        Raises:
            BadControlError: There is no such service, or the PDF cannot be opened.
        """
        return await self._reception.receive(fax)

    def place_numbers(self, numbers: Sequence[str], service: str | None) -> None:
        """Gives numbers to a service, new ones as well as those of another; without a service they are released.

        Raises:
            BadControlError: There is no such service.
        """
        if service is not None and service not in self._account.services:
            raise BadControlError(f"there is no service {service}")
        self._account.place_numbers(numbers, service)

    def set_faults(self, faults: list[dict[str, Any]]) -> None:
        """Replaces the whole list of faults; an empty list switches all of them off.

        Raises:
            BadFaultError: An entry is not understood; the old list stays.
        """
        self._faults.set(faults)

    async def advance(self, seconds: float) -> str:
        """Moves the clock ahead; what falls due happens before this returns the new time."""
        await self._clock.advance(seconds)
        return stamp(self._clock.now())

    def webhooks(self) -> list[dict[str, Any]]:
        """Returns each try to deliver an event with its answer, oldest first."""
        return list(self._sender.log)

    async def reset(self) -> None:
        """Returns to the state after the start; only the ledger keeps what it has."""
        await self._clock.clear()
        self._sender.clear()
        self._faults.set([])
        self._account.seed(self.numbers, self._settings)

    def _application(self) -> web.Application:
        base = f"/v3/projects/{self.project}"
        app = web.Application(
            client_max_size=REQUEST_MAX,
            middlewares=[self._transport.middleware(), self._gate.middleware()],
        )
        faxes = FaxApi(self._account, self._lifecycle, self._faults, self._clock, self._ledger)
        app.add_routes([*control_routes(self), number_route(self.place_numbers)])
        app.add_routes([web.post("/oauth2/token", self._auth.token)])
        for api in (faxes, ServiceApi(self._account), EmailApi(self._account, self._faults)):
            app.add_routes(api.routes(base))
        return app


async def serve_sinch(listen: str = "127.0.0.1:0", **options: Any) -> None:
    """Serves until SIGTERM or SIGINT; the first line printed is the base URL.

    Args:
        listen: `HOST:PORT`; port 0 picks a free one.
        options: Those of `SinchSimulator`.
    """
    host, port = host_and_port(listen)
    simulator = SinchSimulator(**options)
    try:
        base_url = await simulator.start(host, port)
        announce(
            [
                base_url,
                f"project:    {simulator.project}",
                f"key id:     {simulator.key_id}",
                f"key secret: {simulator.key_secret}",
                f"service:    {DEFAULT_SERVICE}",
                f"numbers:    {' '.join(simulator.numbers)}",
                f"control:    {base_url}{PREFIX}",
                f"Sinch Fax v3 simulator {__version__}, see docs/simulator.md; stop it with Ctrl-C",
            ]
        )
        await until_stopped()
    finally:
        await simulator.stop()
