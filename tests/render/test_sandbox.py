"""What the sandbox promises: an answer, a Reason, or our bug; never a hang, a leak or a way out."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.core.reasons import PermanentError, Reason, TemporaryError
from gateway.render.sandbox import Limits, Sandbox

SMALL = Limits(memory_bytes=1 << 29, cpu_seconds=1, wall_seconds=2, output_bytes=5_000_000)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    box = Sandbox(SMALL, ["sandbox_tasks"])
    yield box
    await box.stop()


@contextmanager
def file_of(content: bytes = b"") -> Iterator[int]:
    descriptor = os.memfd_create("test")
    os.write(descriptor, content)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def run(sandbox: Sandbox, task: str, **arguments: Any) -> dict[str, Any]:
    return await sandbox.run(f"sandbox_tasks:{task}", arguments, inputs=[], output=None)


async def test_a_task_reads_its_inputs_from_the_start_and_writes_its_output(sandbox: Sandbox) -> None:
    with file_of(b"pages") as source, file_of() as target:
        answer = await sandbox.run("sandbox_tasks:upper", {"word": "Grün"}, inputs=[source], output=target)
        assert answer == {"size": 5, "word": "Grün"}
        assert os.pread(target, 100, 0) == b"PAGES"


async def test_a_reason_keeps_its_family_and_detail(sandbox: Sandbox) -> None:
    with pytest.raises(PermanentError) as permanent:
        await run(sandbox, "refuse")
    with pytest.raises(TemporaryError) as temporary:
        await run(sandbox, "fail_for_now")
    assert (permanent.value.reason, permanent.value.detail) == (Reason.PASSWORD_PROTECTED, "part 2")
    assert (temporary.value.reason, temporary.value.detail) == (Reason.RENDER_TEMPORARY, "not now")


async def test_a_bug_is_raised_with_its_place_and_without_page_content(sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError, match=r"KeyError at .*sandbox_tasks\.py:\d+ blunder") as bug:
        await run(sandbox, "blunder")
    assert "SECRET" not in str(bug.value)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("eat_memory", "memory or output limit"),
        ("burn_time", "(processor time|time or memory) limit"),  # on a busy machine the wall clock comes first
        ("sleep", "time or memory limit"),
        ("crash", r"crashed \(status -11\)"),
        ("talk_too_much", "answer is over its limit"),
    ],
)
async def test_a_limit_ends_the_job_and_only_the_job(sandbox: Sandbox, task: str, why: str) -> None:
    with pytest.raises(PermanentError, match=why) as error:
        await run(sandbox, task)
    assert error.value.reason is Reason.RENDER_FAILED
    with file_of(b"x") as source:
        await sandbox.run("sandbox_tasks:upper", {"word": ""}, inputs=[source], output=None)


async def test_output_is_limited(sandbox: Sandbox) -> None:
    with file_of() as target, pytest.raises(PermanentError, match="output limit"):
        await sandbox.run("sandbox_tasks:flood", {}, inputs=[], output=target)


async def test_the_zygote_starts_again_after_it_died(sandbox: Sandbox) -> None:
    job = asyncio.create_task(run(sandbox, "sleep"))
    await _until(lambda: sandbox.pid is not None and bool(_children(sandbox.pid)))
    assert sandbox.pid is not None
    os.kill(sandbox.pid, signal.SIGKILL)
    with pytest.raises(TemporaryError) as error:
        await job
    assert error.value.reason is Reason.RENDER_TEMPORARY
    assert await run(sandbox, "inherited")


async def test_a_zygote_that_died_while_idle_costs_no_job(sandbox: Sandbox) -> None:
    await sandbox.start()
    pid = sandbox.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await _until(lambda: _ended(pid))
    assert await run(sandbox, "inherited")


async def test_jobs_run_side_by_side(sandbox: Sandbox) -> None:
    """A job that hangs until its limit does not make another one wait, given two processors."""
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one processor runs one job at a time")
    hanging = asyncio.create_task(run(sandbox, "sleep"))
    for _ in range(20):
        await run(sandbox, "inherited")
    assert not hanging.done()
    with pytest.raises(PermanentError):
        await hanging


async def test_a_caller_that_gives_up_frees_the_place_at_once(sandbox: Sandbox) -> None:
    jobs = [asyncio.create_task(run(sandbox, "sleep")) for _ in range(os.cpu_count() or 1)]
    await sandbox.start()
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    assert await run(sandbox, "inherited")
    pid = sandbox.pid
    assert pid is not None
    await _until(lambda: not _children(pid))


async def test_the_daemons_end_ends_zygote_and_children(sandbox: Sandbox) -> None:
    job = asyncio.create_task(run(sandbox, "sleep"))
    await _until(lambda: sandbox.pid is not None and bool(_children(sandbox.pid)))
    pid = sandbox.pid
    assert pid is not None
    (child,) = _children(pid)
    await sandbox.stop()
    with pytest.raises(TemporaryError):
        await job
    await _until(lambda: _ended(pid) and _ended(child))


async def test_nothing_but_the_given_files_is_inherited(sandbox: Sandbox) -> None:
    with file_of(b"x") as source:
        answer = await sandbox.run("sandbox_tasks:inherited", {}, inputs=[source], output=None)
    assert answer == {"open": 5, "inputs": 1}  # the three standard ones, the reply, the input


async def test_a_child_sees_no_network_no_environment_and_no_files(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "fax.pdf"
    secret.write_bytes(b"another patient")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        answer = await run(sandbox, "look_around", paths=["/etc/passwd", str(secret)], port=port)
    assert not answer["connected"]
    assert answer["environment"] == {}
    assert (answer["core"], answer["processes"]) == (0, 0)
    if (abi := _landlock()) >= 1:
        assert answer["opened"] == []
    assert answer["signalled"] == (abi < 6)


async def test_too_long_arguments_are_the_callers_mistake(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="too much"):
        await run(sandbox, "upper", word="x" * 70_000)


async def test_decoders_that_cannot_be_loaded_are_told_at_the_start() -> None:
    sandbox = Sandbox(SMALL, ["no_such_decoder"])
    with pytest.raises(RuntimeError, match="No module named 'no_such_decoder'"):
        await sandbox.start()
    await sandbox.stop()


def _landlock() -> int:
    """Asks the kernel which Landlock it has; 0 or less is none."""
    return int(ctypes.CDLL(None).syscall(444, None, 0, 1))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ended(pid: int) -> bool:
    """Says that a process is gone, or a zombie that its parent has not noticed yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the kernel's word on a process is no event
            await asyncio.sleep(0.01)
