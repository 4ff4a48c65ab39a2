"""What the crash tests may ask for."""

from __future__ import annotations

import pytest
from interfax_kind import INTERFAX
from kind import Kind
from sinch_kind import SINCH


@pytest.fixture(params=[SINCH, INTERFAX], ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """The provider of the gateway: each kind in turn."""
    kind: Kind = request.param
    return kind
