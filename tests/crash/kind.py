"""What differs between the kinds of provider that a gateway under test can have: words, and nothing of a story."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

#: Our number at every provider, and the path part that each of them knows.
OURS: Final = "+12025550100"
SECRET: Final = "crash-path-secret-0001"

Fault = Mapping[str, Any]
#: Content type and body.
Webhook = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of provider.

    Attributes:
        name: in the configuration, and for `faxgw simulate`.
        simulator: builds a simulated one.
        options: what the simulator is told, from the URL of our webhooks.
        section: the account in the configuration file, from the URL of the simulator.
        sending: where a fault has to strike to meet submissions only.
        busy: the fault that lets calls fail because the line is busy.
        unconfirmed: the fault that lets calls fail after all pages have gone out.
        received: makes the webhook that tells of a received fax, from its id and its pages.
        ended: makes the webhook that tells of a fax of ours, from what the simulator knows of it.
        login: user and password of webhooks; None where they carry none.
    """

    name: str
    simulator: Callable[..., Any]
    options: Callable[[str], Mapping[str, Any]]
    section: Callable[[str], str]
    sending: Fault
    busy: Fault
    unconfirmed: Fault
    received: Callable[[str, bytes], Webhook]
    ended: Callable[[Mapping[str, Any]], Webhook]
    login: tuple[str, str] | None = None

    @property
    def path(self) -> str:
        """Where its webhooks come in."""
        return f"/webhooks/{self.name}/{SECRET}"

    def __str__(self) -> str:
        """Names it in the ids of tests."""
        return self.name
