"""The whole way with many faxes open at once, in simulated time: InterFAX never has to refuse a poll."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.polling import measure

FAXES = 120


@pytest.mark.parametrize("callbacks", [True, False])
def test_the_poll_limit_is_kept_and_every_end_is_noticed(tmp_path: Path, *, callbacks: bool) -> None:
    found = measure(tmp_path / "gateway", faxes=FAXES, callbacks=callbacks)
    assert found.open_at_once == len(found.delays) == FAXES
    assert (found.refused, found.busiest <= 6) == (0, True)
    assert min(found.delays) >= 0
    assert max(found.delays) <= (60 if callbacks else 420)
