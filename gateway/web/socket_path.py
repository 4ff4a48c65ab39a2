"""Where the control socket of a gateway is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: Room for a name in sockaddr_un, without its final zero (unix(7)).
_LONGEST_NAME: Final = 107


def control_path(state_directory: Path, *, host: str, shared: bool) -> Path:
    """Names the control socket of the gateway that works on a state directory.

    Args:
        state_directory: of its configuration.
        host: this machine's name.
        shared: gateways of several machines may work on one state directory (PostgreSQL), and a socket belongs to one
            machine: each has its own.
    """
    return state_directory / (f"control-{host}.socket" if shared else "control.socket")


@contextmanager
def socket_name(path: Path) -> Iterator[str]:
    """Gives a name by which a socket can be bound or reached, however deep its directory lies.

    Raises:
        OSError: its directory cannot be opened.
    """
    if len(os.fsencode(path)) <= _LONGEST_NAME:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
