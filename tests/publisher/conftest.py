"""The part of an exporter that publishes, and its clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clocks import FakeClock
from tests.publishers import Exporter


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def exporter(tmp_path: Path, clock: FakeClock) -> Iterator[Exporter]:
    exporter = Exporter(tmp_path / "ledger.db", clock)
    yield exporter
    exporter.store.close()
