"""InterFAX REST API."""

from gateway.providers.interfax.provider import Interfax, InterfaxSettings

__all__ = ["Interfax", "InterfaxSettings"]
