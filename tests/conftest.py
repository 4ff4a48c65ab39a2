"""What every test may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest

from tests.fakes import Gateway

# A machine that is busy must not fail a test: nothing here is timed.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """The stories on an empty store, in a world that does what the test says."""
    gateway = Gateway(tmp_path)
    await gateway.start()
    yield gateway
    gateway.close()
