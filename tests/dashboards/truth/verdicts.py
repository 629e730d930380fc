"""What is wrong with an answer: nothing there, not finite, or not what happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, isclose, isfinite, isinf, isnan

from tests.dashboards.asking import Query, Shown
from tests.dashboards.truth.claims import Values
from tests.dashboards.truth.excuses import INFINITE
from tests.e2e.prometheus import Series


def trouble(query: Query, series: Sequence[Series], shown: Shown) -> Iterator[str]:
    """Yield what is wrong with an answer.

    It has series; at its last moment, some series has a finite value; no value is infinite; and only a ratio or a
    quantile, at times when there was nothing, is NaN.
    """
    last = shown.end if query.instant else shown.end // query.step(shown) * query.step(shown)
    values = [value for each in series for _, value in each.samples]
    if not any(isfinite(value) and time >= last - 0.001 for each in series for time, value in each.samples):
        yield "no finite value at the end" if values else "nothing"
    if any(isinf(value) for value in values) and query.name not in INFINITE:
        yield "infinite"
    if any(isnan(value) for value in values) and " / " not in query.expr and "quantile" not in query.expr:
        yield "not a number"


def wrong(shown: Values, expected: Values) -> list[str]:
    """Return where what is shown differs from what is expected by more than rounding. What is NaN is not shown."""
    told = {labels: value for labels, value in shown.items() if not isnan(value)}
    return [
        f"{dict(labels)}: {told.get(labels, 'nothing')}, and not {expected.get(labels, 'anything')}"
        for labels in sorted({*told, *expected}, key=sorted)
        if not isclose(told.get(labels, inf), expected.get(labels, inf), rel_tol=1e-6, abs_tol=1e-9)
    ]
