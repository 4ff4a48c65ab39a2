"""What a child process that decodes hostile documents may use, and how it gives up everything else.

Each step is a kernel promise that the process cannot take back. Those an older kernel or a container denies
are left out silently: the limits of setrlimit(2) hold everywhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)

# linux/prctl.h
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
# linux/sched.h
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
# linux/landlock.h; the numbers of its system calls are the same on every architecture
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULESET_VERSION, _PATH_BENEATH = 1, 1
_FS_ALL: Final = (1 << 13) - 1
_FS_READ_FILE, _FS_READ_DIRECTORY = 1 << 2, 1 << 3
_NET_ALL: Final = 1 << 0 | 1 << 1  # bind and connect TCP
_SCOPE_ALL: Final = 1 << 0 | 1 << 1  # abstract Unix sockets, signals to processes outside
_ABI_WITH_NET, _ABI_WITH_SCOPE = 4, 6

#: The decryption of PDF (AES-256) starts a source of random numbers.
_RANDOM: Final = "/dev/urandom"

_OPEN_FILES: Final = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use before the kernel ends it."""

    memory_bytes: int = 1 << 30
    cpu_seconds: int = 30
    wall_seconds: int = 60
    output_bytes: int = 200_000_000


def die_with_parent(parent: int) -> None:
    """Makes the kernel kill this process when its parent ends, also if that has happened already."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def leave_network() -> None:
    """Moves this process and all its children into an empty network of their own."""
    _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC)


def keep_only(descriptors: set[int]) -> None:
    """Closes every open file but standard input, output, error and ``descriptors``."""
    last = 2
    for descriptor in sorted(descriptors):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def confine(limits: Limits) -> None:
    """Gives up for good what a decoder does not need: privileges, files, processes, memory, time."""
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _read_only_the_program()
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_FSIZE, limits.output_bytes),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
    ):
        _, hard = resource.getrlimit(kind)
        lowest = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        # The soft limit of time sends SIGXCPU, which tells the cause; a second later the hard one kills.
        spare = 1 if kind == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else 0
        resource.setrlimit(kind, (lowest, lowest + spare))


def _read_only_the_program() -> None:
    """Lets this process open nothing but the program's own files and random numbers (Landlock, Linux 5.13)."""
    abi = _libc.syscall(_CREATE_RULESET, None, 0, _RULESET_VERSION)
    if abi < 1:
        return
    handled = struct.pack("=Q", _FS_ALL)
    if abi >= _ABI_WITH_NET:
        handled += struct.pack("=Q", _NET_ALL)
    if abi >= _ABI_WITH_SCOPE:
        handled += struct.pack("=Q", _SCOPE_ALL)
    ruleset = _libc.syscall(_CREATE_RULESET, handled, len(handled), 0)
    if ruleset < 0:
        return
    for path in {sys.prefix, sys.base_prefix, str(Path(__file__).parents[1])}:
        with contextlib.suppress(OSError):
            _allow(ruleset, path, _FS_READ_FILE | _FS_READ_DIRECTORY)
    with contextlib.suppress(OSError):
        _allow(ruleset, _RANDOM, _FS_READ_FILE)
    _libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", access, place)
        _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(place)
