"""How a test says what its part of the proof came to, so that the end of the test run can add it up."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from tests.proof.figures import PROPERTY, Figures

Proven = Callable[[Figures], None]


@pytest.fixture
def proven(request: pytest.FixtureRequest) -> Proven:
    """Note what a part of the proof came to; fail if the claim did not hold."""

    def note(figures: Figures) -> None:
        request.node.user_properties.append((PROPERTY, msgspec.json.encode(figures).decode()))
        assert figures.good, figures.table()

    return note
