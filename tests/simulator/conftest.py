"""A stand-in for the API with ten minutes of traffic, and its clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clocks import FakeClock
from tests.simulation import Simulation, simulation


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sim(clock: FakeClock) -> Iterator[Simulation]:
    with simulation(clock, rate=1.0, history=600.0) as running:
        yield running
