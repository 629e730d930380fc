"""The stand-in that tests share which do not disturb it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.standin import Standin, standin


@pytest.fixture(scope="package")
def calm() -> Iterator[Standin]:
    """Run a stand-in with a little ordinary traffic behind it, which goes on slowly."""
    with standin(rate=0.05, history=300.0) as running:
        yield running
