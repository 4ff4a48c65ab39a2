"""Named points at which a test can make the process die, fail or wait; in production they do nothing."""

from __future__ import annotations

import os
import time
from typing import Final

#: ``FAXGW_FAILPOINT=name:action[:nth]`` arms one point: ``kill`` ends the process like a power switch, ``error``
#: raises OSError(EIO), ``sleep=SECONDS`` waits. ``nth`` (default 1) is the pass at which it acts.
_ARMED: Final = os.environ.get("FAXGW_FAILPOINT", "")
_name, _, _rest = _ARMED.partition(":")
_action, _, _nth = _rest.partition(":")
_passes = 0

KILLED: Final = 137


def failpoint(name: str) -> None:
    """Acts as armed when the point of this name is passed; otherwise returns at once.

    Args:
        name: the step of docs/durability.md and the moment in it, such as ``"o8.after_intent"``.

    Raises:
        OSError: with EIO, when the point is armed with ``error``.
    """
    if name != _name:
        return
    _act()


def _act() -> None:
    global _passes  # noqa: PLW0603 - one counter for the one armed point of this process
    _passes += 1
    if _passes != int(_nth or 1):
        return
    if _action == "kill":
        os._exit(KILLED)
    if _action == "error":
        raise OSError(5, f"failpoint {_name}")
    if _action.startswith("sleep="):
        time.sleep(float(_action.removeprefix("sleep=")))  # blocking on purpose: a stalled disk stalls its caller
