"""A private Postfix beside the gateway: its own directories and port, `discard` for all mail, gone with its context."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks.world import free_ports, until

#: Debian keeps the administrator's programs off an ordinary user's path.
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

#: What it does for each message: one queue file, fsynced before the 250; then the queue manager reads it and
#: `discard` throws it away. Name lookups are off, as the gateway does none, and so is the pause with which
#: Postfix slows a client that is quicker than its queue.
_MAIN_CF: Final = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.clinic.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
default_transport = discard:
alias_maps =
local_recipient_maps =
message_size_limit = 30000000
in_flow_delay = 0
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
"""
#: Debian's own services, none of them in a chroot, less those that no message of ours meets.
_MASTER_CF: Final = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_OWN_DIRECTORIES: Final = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private")


def why_not() -> str:
    """Says why Postfix cannot be measured here; empty if it can."""
    missing = [name for name in ("postconf", "smtp-source") if shutil.which(name, path=_PATH) is None]
    if missing:
        return f"{' and '.join(missing)} not found: install the Debian package postfix"
    if os.geteuid() != 0:
        return "Postfix starts only as root"
    return ""


@asynccontextmanager
async def private_postfix(folder: Path) -> AsyncIterator[int]:
    """Runs a Postfix of its own below ``folder``, whose parents its user must be able to enter; gives its port."""
    daemons = Path(await _ask_postconf("daemon_directory"))
    (port,) = free_ports(1)
    _make_directories(folder)
    (folder / "main.cf").write_text(_MAIN_CF.format(folder=folder, daemons=daemons), encoding="utf-8")
    (folder / "master.cf").write_text(_MASTER_CF.format(port=port), encoding="utf-8")
    master = await asyncio.create_subprocess_exec(
        *(str(daemons / "master"), "-c", str(folder), "-d"),
        env={"PATH": _PATH, "MAIL_CONFIG": str(folder)},
        start_new_session=True,
    )
    try:
        await until("Postfix answers", lambda: _greets(port, master))
        yield port
    finally:
        if master.returncode is None:
            os.killpg(master.pid, signal.SIGTERM)  # its daemons are of its group, and of no other
        await master.wait()


def _make_directories(folder: Path) -> None:
    for name in (*(f"queue/{name}" for name in _OWN_DIRECTORIES), "data"):
        (folder / name).mkdir(mode=0o700, parents=True)
        shutil.chown(folder / name, "postfix")
    for name, mode in (("maildrop", 0o730), ("public", 0o710)):
        (folder / "queue" / name).mkdir()
        shutil.chown(folder / "queue" / name, "postfix", "postdrop")
        (folder / "queue" / name).chmod(mode)
    (folder / "queue" / "pid").mkdir()


async def _ask_postconf(name: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *("postconf", "-d", "-h", name), env={"PATH": _PATH}, stdout=asyncio.subprocess.PIPE
    )
    answer, _ = await process.communicate()
    return answer.decode().strip()


async def _greets(port: int, master: asyncio.subprocess.Process) -> bool:
    if master.returncode is not None:
        raise RuntimeError(f"Postfix ended with exit status {master.returncode}")
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    greeting = await reader.readline()
    writer.close()
    return greeting.startswith(b"220")


async def smtp_source(port: int, *, messages: int, connections: int, size: int, sender: str, recipient: str) -> float:
    """Sends messages with Postfix's own generator, each connection one after the other; answers how long, seconds."""
    started = asyncio.get_running_loop().time()
    process = await asyncio.create_subprocess_exec(
        *("smtp-source", "-d", "-s", str(connections), "-m", str(messages), "-l", str(size)),
        *("-f", sender, "-t", recipient, f"inet:127.0.0.1:{port}"),
        env={"PATH": _PATH},
    )
    if await process.wait() != 0:
        raise RuntimeError(f"smtp-source ended with exit status {process.returncode}")
    return asyncio.get_running_loop().time() - started
