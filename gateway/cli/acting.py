"""How the commands that change something reach the gateway: the running one, or the store itself where none runs."""

from __future__ import annotations

import json
import os
import pwd
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.config import Config, ConfigError, load_config, load_gateway_settings
from gateway.core.verbs import Progress, Trouble, VerbError
from gateway.store.database import StoreBusyError
from gateway.web.socket_path import control_path, socket_name

if TYPE_CHECKING:
    from gateway.parts import Parts

_OK: Final = 200
_FORBIDDEN: Final = 403
_CREDENTIALS: Final = struct.Struct("3i")  # unix(7): pid, uid, gid


def act(config: Path, verb: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
    """Has the running gateway do something; where none runs, does the same here, under the lock of the store.

    Args:
        config: the configuration file.
        verb: a name of `gateway.operations.VERBS`.
        arguments: of that verb, plain JSON types.
        progress: is told how far it is.

    Returns:
        Its result, plain JSON types.

    Raises:
        VerbError: it was not done; says why.
        ConfigError: the configuration cannot be used.
        StoreBusyError: a process works on the store and does not listen.
    """
    connection = _reach(config)
    if connection is None:
        return _act_alone(config, verb, arguments, progress)
    try:
        return _ask(connection, verb, arguments, progress)
    except (OSError, HTTPException):
        text = "the gateway stopped in the middle: start it again, then run the command again; what was begun is safe"
        raise VerbError(Trouble.TEMPORARY, text) from None
    finally:
        connection.close()


def _reach(config: Path) -> HTTPConnection | None:
    """Connects to the running gateway, also beside a broken file, so that it can be told; None where none listens.

    Raises:
        ConfigError: the file does not even say where the gateway would listen, and none is found.
        VerbError: it, or what listens in its place, is not for us.
    """
    try:
        settings = load_gateway_settings(config)
    except ConfigError:
        given = os.environ.get("STATE_DIRECTORY")  # of the service manager; which database it was, nobody knows
        reached = (
            next(filter(None, (_connect(_socket(Path(given), shared)) for shared in (False, True))), None)
            if given
            else None
        )
        if reached is None:
            raise
        return reached
    return _connect(_socket(settings.state_directory, bool(settings.database_url.get_secret_value())))


def _socket(directory: Path, shared: bool) -> Path:  # noqa: FBT001 - as control_path has it
    return control_path(directory, host=socket.gethostname(), shared=shared)


def _not_for_you(directory: Path) -> VerbError:
    who = {"root", _name_of(directory.stat().st_uid)}
    return VerbError(Trouble.PERMISSION, f"{directory} is not yours: run this as {' or '.join(sorted(who))}")


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


# --- the running gateway ------------------------------------------------------------------------------------------


class _UnixConnection(HTTPConnection):
    """HTTP to a Unix socket (docs of http.client: whoever overrides ``connect`` says where to)."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with socket_name(self._path) as name:
                self.sock.connect(name)
        except OSError:
            self.sock.close()
            raise

    def listener(self) -> int:
        """Tells whose process listens: the id of its user (unix(7), SO_PEERCRED)."""
        _, uid, _ = _CREDENTIALS.unpack(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        return int(uid)


def _connect(path: Path) -> HTTPConnection | None:
    """Connects to a gateway; None if none listens there. What listens has to be root's or the owner's of our data."""
    connection = _UnixConnection(path)
    try:
        connection.connect()
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except PermissionError:
        raise _not_for_you(path.parent) from None
    uid = connection.listener()
    if uid not in (0, path.parent.stat().st_uid):
        connection.close()
        raise VerbError(Trouble.PERMISSION, f"{path} is not the gateway's: {_name_of(uid)} listens there")
    return connection


def _ask(connection: HTTPConnection, verb: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
    connection.request("POST", f"/verbs/{verb}", json.dumps(arguments), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status == _FORBIDDEN:
        raise VerbError(Trouble.PERMISSION, answer.read().decode().strip())
    if answer.status != _OK:
        raise VerbError(Trouble.USAGE, f"the gateway answered {answer.status}: {answer.read().decode().strip()}")
    for line in _lines(answer):
        if "progress" in line:
            progress(*line["progress"])
        elif "error" in line:
            error = line["error"]
            raise VerbError(Trouble(error["kind"]), error["text"], error["problems"])
        else:
            return line["result"]
    raise HTTPException("no result")


def _lines(answer: HTTPResponse) -> Iterator[dict[str, Any]]:
    while line := answer.readline():
        if not line.endswith(b"\n"):
            raise HTTPException("half a line")
        yield json.loads(line)


# --- alone --------------------------------------------------------------------------------------------------------


def _act_alone(config: Path, verb: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
    import asyncio  # noqa: PLC0415 - beside a running gateway nobody pays for all of it

    from gateway import log_output  # noqa: PLC0415 - as above
    from gateway.operations import NEED_DAEMON  # noqa: PLC0415 - as above

    if verb in NEED_DAEMON:
        raise VerbError(Trouble.NO_DAEMON, f"no gateway runs with {config}")
    log_output.silence()
    settings = load_config(config)  # before rights are given up: its secrets may be root's
    try:
        with _as_owner_of(settings.gateway.state_directory):
            return asyncio.run(_run_here(settings, verb, arguments, progress))
    except StoreBusyError as error:
        raise StoreBusyError(f"{error}, and does not take commands: if it is just starting, try again") from None


async def _run_here(config: Config, verb: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
    from gateway.operations import Operations  # noqa: PLC0415 - as above
    from gateway.parts import build_parts, now  # noqa: PLC0415 - as above
    from gateway.render.sandbox import Limits, Sandbox  # noqa: PLC0415 - as above
    from gateway.store.opening import open_store  # noqa: PLC0415 - as above

    url = config.gateway.database_url.get_secret_value() or None
    store = await open_store(config.gateway.state_directory, url, lambda _error: None)
    try:
        parts = build_parts(config, store, Sandbox(Limits(), []), now())
        try:
            await _settle(parts)
            return await Operations(lambda: parts, None).run(verb, arguments, progress)
        finally:
            await parts.close()
    finally:
        store.close()


async def _settle(parts: Parts) -> None:
    from gateway.reloading import needed_accounts  # noqa: PLC0415 - as above
    from gateway.store.account_names import AccountsInUseError  # noqa: PLC0415 - as above

    try:
        await parts.settle_accounts.settle(keep_open=True)
    except AccountsInUseError as error:
        raise needed_accounts(parts.config.path, error, parts.config) from None


@contextmanager
def _as_owner_of(directory: Path) -> Iterator[None]:
    """Lets root work as the owner of the state directory: no file appears in it that the service could not change.

    A directory that is not there yet is made by whoever runs this, as ``faxgw serve`` would make it.
    """
    former_mask = os.umask(0o077)
    try:
        owner = directory.stat() if os.geteuid() == 0 and directory.exists() else None
        if owner is None or owner.st_uid == 0:
            yield
            return
        groups = os.getgroups()
        os.setgroups([])
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
    finally:
        os.umask(former_mask)
