"""What the sandbox is asked to do in its tests: good work, mistakes, and attacks."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from gateway.core.reasons import PermanentError, Reason, TemporaryError

Arguments, Inputs = Mapping[str, Any], Sequence[BinaryIO]


def upper(arguments: Arguments, inputs: Inputs, output: BinaryIO | None) -> dict[str, Any]:
    """Does honest work."""
    text = inputs[0].read()
    if output is not None:
        output.write(text.upper())
    return {"size": len(text), "word": arguments["word"]}


def refuse(_arguments: Arguments, _inputs: Inputs, _output: BinaryIO | None) -> dict[str, Any]:
    raise PermanentError(Reason.PASSWORD_PROTECTED, "part 2")


def fail_for_now(_arguments: Arguments, _inputs: Inputs, _output: BinaryIO | None) -> dict[str, Any]:
    raise TemporaryError(Reason.RENDER_TEMPORARY, "not now")


def blunder(_arguments: Arguments, _inputs: Inputs, _output: BinaryIO | None) -> dict[str, Any]:
    raise KeyError("SECRET WORDS OF A PAGE")


def eat_memory(_arguments: Arguments, _inputs: Inputs, _output: BinaryIO | None) -> dict[str, Any]:
    return {"size": len(bytearray(1 << 31))}


def burn_time(_arguments: Arguments, _inputs: Inputs, _output: BinaryIO | None) -> dict[str, Any]:
    while True:
        pass


def sleep(_arguments: Arguments, _inputs: Inputs, _output: BinaryIO | None) -> dict[str, Any]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)


def flood(_arguments: Arguments, _inputs: Inputs, output: BinaryIO | None) -> dict[str, Any]:
    assert output is not None
    for _ in range(1000):
        output.write(bytes(1 << 20))
    return {}


def crash(_arguments: Arguments, _inputs: Inputs, _output: BinaryIO | None) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def talk_too_much(_arguments: Arguments, _inputs: Inputs, _output: BinaryIO | None) -> dict[str, Any]:
    return {"words": "x" * (2 << 20)}


def look_around(arguments: Arguments, _inputs: Inputs, _output: BinaryIO | None) -> dict[str, Any]:
    """Tries what an attacker would try, and tells what worked."""
    opened = []
    for path in arguments["paths"]:
        try:
            with open(path, "rb"):  # noqa: PTH123 - as plain as it gets
                opened.append(path)
        except OSError:
            continue
    try:
        os.kill(os.getppid(), 0)
        signalled = True
    except PermissionError:
        signalled = False
    with socket.socket() as client:
        client.settimeout(2)
        connected = client.connect_ex(("127.0.0.1", arguments["port"])) == 0
    return {
        "opened": opened,
        "connected": connected,
        "signalled": signalled,
        "environment": dict(os.environ),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "processes": resource.getrlimit(resource.RLIMIT_NPROC)[0],
    }


def inherited(_arguments: Arguments, inputs: Inputs, _output: BinaryIO | None) -> dict[str, Any]:
    """Lists open descriptors: each number that fstat knows."""
    known = []
    for number in range(64):
        try:
            os.fstat(number)
            known.append(number)
        except OSError:
            continue
    return {"open": len(known), "inputs": len(inputs)}
