"""Three days, each with a tenth of the traced hour's requests; ``make soak`` has thirty, each with all of them."""

from __future__ import annotations

import pytest

from tests.proof.conftest import Proven
from tests.proof.thirty_days import figures, grow


def test_after_the_first_days_the_ledger_grows_by_series_only(proven: Proven) -> None:
    growth = grow(days=3, seed=1, scale=0.1, interval=900)
    proven(figures(growth, seed=1))
    assert growth.counted == growth.rows > 8000
    assert growth.restarts == 6
    assert growth.bytes_per_row < 20
    for what in ("vanished", "waiting", "memory_exemplars"):
        assert max(getattr(size, what) for size in growth.days) > 0, f"{what}: nothing was there to be bounded"
    print(growth.table())


def test_more_than_the_traced_hour_cannot_come_on_a_day() -> None:
    with pytest.raises(ValueError, match="at most 1"):
        grow(days=1, seed=1, scale=2.4)
