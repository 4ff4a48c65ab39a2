"""A stand-alone server that behaves like the REST API of InterFAX (interfax-rest section 16)."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway import __version__
from gateway.simulator.clock import Clock, stamp
from gateway.simulator.control import PREFIX, BadControlError, Inbound, control_routes
from gateway.simulator.faults import Faults
from gateway.simulator.interfax_account import Account, Fax
from gateway.simulator.interfax_batches import BatchApi
from gateway.simulator.interfax_callbacks import RETRY_DELAYS, Callbacks
from gateway.simulator.interfax_content import Renderer
from gateway.simulator.interfax_control import credit_route, polls_route
from gateway.simulator.interfax_documents import DocumentApi
from gateway.simulator.interfax_fates import describe
from gateway.simulator.interfax_faults import FAULTS
from gateway.simulator.interfax_gate import Gate, Login, fault_paths
from gateway.simulator.interfax_images import PDF, TIFF, Images
from gateway.simulator.interfax_inbound import InboundApi, Reception
from gateway.simulator.interfax_lifecycle import Lifecycle
from gateway.simulator.interfax_outbound import OutboundApi
from gateway.simulator.interfax_polls import PollLimit
from gateway.simulator.interfax_records import Records
from gateway.simulator.interfax_resources import ResourceApi
from gateway.simulator.interfax_search import Visibility
from gateway.simulator.interfax_send import Sending, ledger_line
from gateway.simulator.ledger import Ledger
from gateway.simulator.serving import HttpServer, announce, host_and_port, until_stopped
from gateway.simulator.transport_faults import TransportFaults
from gateway.simulator.webhooks import WebhookSender

USERNAME = "simulator"
PASSWORD = "simulator-password"  # noqa: S105 - opens nothing but a simulator, printed at its start
NUMBERS = ("+12025550100", "+442079460000")
BALANCE = Decimal(10_000)
POLLS_PER_MINUTE = 6
LOCK_AFTER = 5
CALLBACK_SECONDS = 60
#: More than any test sends: what the service takes is decided for each request.
REQUEST_MAX = 1 << 30
IMAGE_TYPES = {"pdf": PDF, "tiff": TIFF}


class InterfaxSimulator:
    """An InterFAX account on a local port.

    Args:
        username: Its one user.
        password: The password.
        numbers: Numbers that faxes come in at.
        ledger: File that gets a line for each accepted fax; None keeps none.
        speed: Durations of faxes and pauses between callbacks are divided by it.
        seed: Of the chance that `share` of a fault speaks of.
        clock: The simulated time; a test passes one that stands still.
        callback_url: Told of finished faxes.
        inbound_callback_url: Told of received faxes.
        balance: The credit at the start.
        polls_per_minute: Queries that the user may ask in a minute of simulated time; 0 for no limit.
        lock_after: Bad logins in a row that block the user for an hour.
        inbound_images: What received faxes are handed out as, `pdf` or `tiff`.
        pci: Whether fields have the names of the PCI host.
        callback_timeout: Real seconds a receiver of callbacks has for its answer.
    """

    def __init__(
        self,
        *,
        username: str = USERNAME,
        password: str = PASSWORD,
        numbers: Sequence[str] = NUMBERS,
        ledger: Path | None = None,
        speed: float = 1.0,
        seed: int = 0,
        clock: Clock | None = None,
        callback_url: str | None = None,
        inbound_callback_url: str | None = None,
        balance: Decimal = BALANCE,
        polls_per_minute: int = POLLS_PER_MINUTE,
        lock_after: int = LOCK_AFTER,
        inbound_images: str = "pdf",
        pci: bool = False,
        callback_timeout: float = CALLBACK_SECONDS,
    ) -> None:
        self.username, self.password, self.numbers = username, password, tuple(numbers)
        self._balance = balance
        self._clock = clock or Clock(speed=speed)
        self._faults = Faults(FAULTS, seed, fault_paths)
        self._ledger = Ledger(ledger) if ledger is not None else None
        self._sender = WebhookSender(self._clock, self._faults, RETRY_DELAYS, callback_timeout)
        self._account = Account(username, self._clock, self._balance)
        callbacks = Callbacks(self._clock, self._faults, self._sender, username, callback_url, inbound_callback_url)
        self._lifecycle = Lifecycle(self._account, self._clock, self._faults, callbacks)
        self._reception = Reception(self._account, self._clock, callbacks)
        self._login = Login(username, password, self._clock, lock_after)
        self._polls = PollLimit(self._clock, polls_per_minute)
        self._gate = Gate(self._login, self._polls, self._faults)
        self._transport = TransportFaults(self._faults, PREFIX, self._gate.status_answer)
        self._inbound_type = IMAGE_TYPES[inbound_images]
        self._pci = pci
        self._server = HttpServer()

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
        """Returns every accepted outbound fax in the words that all simulators share, newest last."""
        return [_shown(fax) for fax in self._account.faxes.values()]

    def document(self, fax_id: str) -> bytes | None:
        """Returns the document of a fax in either direction as PDF, even if the service keeps it no longer."""
        if not fax_id.isdecimal():
            return None
        fax = self._account.faxes.get(int(fax_id)) or self._account.received.get(int(fax_id))
        return fax.document if fax else None

    async def receive_fax(
        self,
        to: str,
        *,
        sender: str | None = None,
        pages: int = 1,
        pdf: bytes | None = None,
        failure: int | None = None,
    ) -> str:
        """Lets a fax come in and returns its id; `failure` is the status of a reception that goes wrong."""
        return await self.receive(Inbound(to, sender, pages, pdf, failure=None if failure is None else (None, failure)))

    async def receive(self, fax: Inbound) -> str:
        """Lets a fax come in and returns its id; its callback follows at once.

        Raises:
            BadControlError: The number is not one of the account, or the PDF cannot be opened.
        """
        if fax.to not in self.numbers:
            raise BadControlError(f"{fax.to} is not a number of this account, which has {', '.join(self.numbers)}")
        return await self._reception.receive(fax)

    def set_balance(self, balance: Decimal) -> None:
        """Sets the credit; faxes that wait for it go on as far as it lasts."""
        self._account.balance = balance
        self._lifecycle.credit_added()

    def polls(self) -> dict[str, int]:
        """Returns how many queries were `answered` and `refused`, and the most answered in a `busiest_minute`."""
        return self._polls.counts()

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
        """Returns each try to deliver a callback with its answer, oldest first."""
        return list(self._sender.log)

    async def reset(self) -> None:
        """Returns to the state after the start; only the ledger keeps what it has, and ids go on rising."""
        await self._clock.clear()
        self._sender.clear()
        self._faults.set([])
        self._login.unlock()
        self._polls.clear()
        self._account.clear(self._balance)

    def _application(self) -> web.Application:
        app = web.Application(
            client_max_size=REQUEST_MAX,
            middlewares=[self._transport.middleware(), self._gate.middleware()],
        )
        account, faults, lifecycle = self._account, self._faults, self._lifecycle
        records = Records(self.username, faults, pci=self._pci)
        visibility = Visibility(self._clock, faults)
        images = Images(account, faults, self._inbound_type)
        renderer = Renderer(account, faults)
        sending = Sending(account, lifecycle, renderer, self._clock, self._ledger, pci=self._pci)
        for api in (
            OutboundApi(account, sending, lifecycle, records, visibility, images, faults),
            BatchApi(account, sending, lifecycle, records, images),
            DocumentApi(account, self._clock, faults),
            InboundApi(account, records, visibility, images, faults),
            ResourceApi(account),
        ):
            app.add_routes(api.routes())
        app.add_routes([*control_routes(self), credit_route(self.set_balance), polls_route(self.polls)])
        return app


def _shown(fax: Fax) -> dict[str, Any]:
    shown = {
        **ledger_line(fax),
        "status": "IN_PROGRESS" if not fax.is_final else "COMPLETED" if fax.status == 0 else "FAILURE",
        "code": fax.status,
        "description": describe(fax.status),
        "attemptsToPerform": fax.options.attempts,
        "attemptsMade": fax.attempts,
        "pagesSent": fax.pages_sent,
    }
    return {**shown, "completedTime": stamp(fax.completed)} if fax.completed else shown


async def serve_interfax(listen: str = "127.0.0.1:0", **options: Any) -> None:
    """Serves until SIGTERM or SIGINT; the first line printed is the base URL.

    Args:
        listen: `HOST:PORT`; port 0 picks a free one.
        options: Those of `InterfaxSimulator`.
    """
    host, port = host_and_port(listen)
    simulator = InterfaxSimulator(**options)
    try:
        base_url = await simulator.start(host, port)
        announce(
            [
                base_url,
                f"username: {simulator.username}",
                f"password: {simulator.password}",
                f"numbers:  {' '.join(simulator.numbers)}",
                f"control:  {base_url}{PREFIX}",
                f"InterFAX simulator {__version__}, see docs/simulator.md; stop it with Ctrl-C",
            ]
        )
        await until_stopped()
    finally:
        await simulator.stop()
