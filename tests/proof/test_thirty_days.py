"""Three days of production traffic at a tenth of its rate; ``make soak`` has thirty, in full."""

from __future__ import annotations

from tests.proof.conftest import Proven
from tests.proof.thirty_days import figures, grow


def test_after_the_first_days_the_ledger_grows_by_series_only(proven: Proven) -> None:
    growth = grow(days=3, seed=1, scale=0.1, interval=900)
    proven(figures(growth, seed=1))
    assert growth.counted == growth.rows > 8000
    assert growth.restarts == 6
    assert growth.bytes_per_row < 20
    assert max(size.vanished for size in growth.days) > 0 and max(size.waiting for size in growth.days) > 0
    print(growth.table())
