"""Fax providers: one folder each, one line in the registry."""

from typing import Any, Final

from gateway.providers.interfax import Interfax
from gateway.providers.sinch import Sinch

#: `kind` in the configuration -> class, which has its ``Settings`` and is built from (account, settings, clock).
PROVIDERS: Final[dict[str, type[Any]]] = {"interfax": Interfax, "sinch": Sinch}
