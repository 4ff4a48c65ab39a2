"""Simulated fax services and a mail catcher: servers that any client can talk to, apart from the gateway."""

from gateway.simulator.clock import Clock
from gateway.simulator.interfax import InterfaxSimulator, serve_interfax
from gateway.simulator.mailbox import Mailbox, serve_mailbox
from gateway.simulator.sinch import SinchSimulator, serve_sinch

__all__ = [
    "Clock",
    "InterfaxSimulator",
    "Mailbox",
    "SinchSimulator",
    "serve_interfax",
    "serve_mailbox",
    "serve_sinch",
]
