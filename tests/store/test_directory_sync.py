"""Who waits for a directory's fsync gets one that began after he asked; a failed one is never tried again."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.store.directory_sync import DirectorySync

CALLERS = 16


class SlowSync(DirectorySync):
    """Ends no fsync before it is told to; the first ones fail as often as they are told to."""

    def __init__(self, directory: Path, failures: int = 0) -> None:
        super().__init__(directory)
        self.begun = 0
        self.first_has_begun = threading.Event()
        self.may_end = threading.Event()
        self._failures = failures

    def _fsync(self) -> None:
        self.begun += 1
        self.first_has_begun.set()
        self.may_end.wait(10)
        if self.begun <= self._failures:
            raise OSError(28, "No space left on device")
        super()._fsync()


def call_at_once(slow: SlowSync) -> list[Future[None]]:
    """Lets one caller begin an fsync, then calls from many threads, then lets the first one end."""
    asking = threading.Barrier(CALLERS + 1)

    def ask() -> None:
        asking.wait(10)
        slow.sync()

    with ThreadPoolExecutor(CALLERS + 1) as threads:
        calls = [threads.submit(slow.sync)]
        assert slow.first_has_begun.wait(10)
        calls += [threads.submit(ask) for _ in range(CALLERS)]
        asking.wait(10)
        slow.may_end.set()
    return calls


def test_those_who_wait_together_share_an_fsync_that_began_after_they_asked(tmp_path: Path) -> None:
    slow = SlowSync(tmp_path)
    for call in call_at_once(slow):
        call.result()
    assert 2 <= slow.begun < CALLERS
    slow.close()


def test_an_fsync_under_way_is_not_enough(tmp_path: Path) -> None:
    slow = SlowSync(tmp_path)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(slow.sync)
        assert slow.first_has_begun.wait(10)
        second = threads.submit(slow.sync)
        slow.may_end.set()
        first.result()
        second.result()
    assert slow.begun == 2
    slow.close()


def test_who_comes_after_the_end_gets_an_fsync_of_his_own(tmp_path: Path) -> None:
    slow = SlowSync(tmp_path)
    slow.may_end.set()
    for _ in range(3):
        slow.sync()
    assert slow.begun == 3
    slow.close()


def test_a_failed_fsync_fails_all_who_wait_and_is_never_repeated(tmp_path: Path) -> None:
    slow = SlowSync(tmp_path, failures=1)
    calls = call_at_once(slow)
    assert all(isinstance(call.exception(), OSError) for call in calls)
    with pytest.raises(OSError, match="No space left"):
        slow.sync()
    assert slow.begun == 1
    slow.close()


def test_a_failure_is_never_taken_for_a_full_disk(tmp_path: Path) -> None:
    """What was renamed may be lost, so nothing may be acknowledged any more, whatever the cause."""
    slow = SlowSync(tmp_path, failures=1)
    slow.may_end.set()
    with pytest.raises(OSError, match="No space left") as raised:
        slow.sync()
    assert os.strerror(raised.value.errno or 0) == "Input/output error"
    slow.close()
