"""A healthy installation for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.doctor.installed import Installed


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def installed(tmp_path: Path, authority: trustme.CA) -> Installed:
    installed = Installed(tmp_path, authority)
    await installed.install()
    return installed
