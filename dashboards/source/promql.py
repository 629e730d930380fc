"""PromQL over the catalogue's families, chosen by the dashboards' variables.

A selector names a family of :mod:`exporter.metrics.catalog` and takes every variable that it has a label for: no
metric's name is written a second time, and no panel forgets a variable. Rates of what happens now leave out late rows
(``late="false"``), totals take them in: docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exporter.metrics import catalog
from exporter.metrics.catalog import Family, Kind

Labels = tuple[str, ...]
Rising = Callable[..., str]
"""How a counter's rise is written: :func:`rate` or :func:`increase`."""

TARGET: Final = ("job", "instance")
"""The labels that Prometheus adds to what it scrapes; every selector chooses by them."""

CHOSEN: Final = ("account", "source", "model", "skill", "budget")
"""The labels of families that readers choose by, and that dashboards have variables for."""

RANGE: Final = "$__range"
"""The window of a total: all of the time shown."""

PARTS: Final = ("bucket", "sum", "count")


def select(family: Family, *, part: str = "", chosen: tuple[str, ...] = CHOSEN, **labels: str) -> str:
    """Return a selector of a family, or of a ``part`` of a histogram: by variables, and by ``labels`` besides.

    ``chosen`` are the variables that count, as far as the family has labels for them; a label takes the place of its
    variable. Raises ValueError for a label or a part that the family has not.
    """
    histogram = family.kind is Kind.HISTOGRAM
    if histogram != bool(part) or (part and part not in PARTS):
        raise ValueError(f"{family.name} is a {family.kind}: it has no part {part!r}")
    if absent := labels.keys() - set(family.labels):
        raise ValueError(f"{family.name} has no label {', '.join(sorted(absent))}")
    by_variable = [label for label in chosen if label in family.labels and label not in labels]
    variables = [f'{label}=~"${label}"' for label in (*TARGET, *by_variable)]
    written = [f'{label}="{value}"' for label, value in labels.items()]
    return f"{family.name}{'_' if part else ''}{part}{{{', '.join([*variables, *written])}}}"


def select_target(name: str) -> str:
    """Return a selector of what Prometheus or its client library adds: it has the labels of the target alone."""
    return f'{name}{{job=~"$job", instance=~"$instance"}}'


def total(by: Labels, vector: str) -> str:
    """Return the sum of a vector by some labels."""
    return _aggregate("sum", by, vector)


def highest(by: Labels, vector: str) -> str:
    """Return the maximum of a vector by some labels: of two exporters that say the same, one."""
    return _aggregate("max", by, vector)


def lowest(by: Labels, vector: str) -> str:
    """Return the minimum of a vector by some labels."""
    return _aggregate("min", by, vector)


def there(by: Labels, vector: str) -> str:
    """Return how many series there are by some labels: something where there is one, nothing else."""
    return _aggregate("count", by, vector)


def rate(family: Family, by: Labels, *, part: str = "", chosen: tuple[str, ...] = CHOSEN, **labels: str) -> str:
    """Return how much a counter rises a second at each step, summed up by some labels. Late rows are left out."""
    if "late" in family.labels:
        labels = {**labels, "late": "false"}
    return total(by, f"rate({select(family, part=part, chosen=chosen, **labels)}[$__rate_interval])")


def increase(
    family: Family,
    by: Labels,
    *,
    part: str = "",
    chosen: tuple[str, ...] = CHOSEN,
    window: str = RANGE,
    offset: str = "",
    **labels: str,
) -> str:
    """Return by how much a counter rose in a window that ended ``offset`` ago, summed up. Late rows are taken in."""
    ended = f" offset {offset}" if offset else ""
    return total(by, f"increase({select(family, part=part, chosen=chosen, **labels)}[{window}]{ended})")


def quantile(phi: float, family: Family, by: Labels, *, of: Rising = rate, **labels: str) -> str:
    """Return a quantile of a histogram by some labels, interpolated within a bucket."""
    return f"histogram_quantile({phi:g}, {of(family, ('le', *by), part='bucket', **labels)})"


def mean(family: Family, by: Labels, *, of: Rising = rate, **labels: str) -> str:
    """Return the mean of a histogram's values, over the rows that had the value."""
    return over(of(family, by, part="sum", **labels), of(family, by, part="count", **labels))


def over(numerator: str, denominator: str) -> str:
    """Return a ratio. Where there was nothing it is NaN, which graphs leave out and numbers call by its name."""
    return f"{numerator} / {denominator}"


def change(later: str, earlier: str) -> str:
    """Return by what share of the earlier value the later one differs from it: 1 is twice as much.

    Nothing where there was nothing before.
    """
    return f"{later} / ({earlier} > 0) - 1"


def worst(reason: str, scale: int = 1) -> str:
    """Return the 20 worst completions of the time shown, for one reason; values times ``scale``."""
    seen = f"max_over_time({select(catalog.WORST, reason=reason)}[{RANGE}])"
    highest_of_each = highest(("account", "source", "model", "skill", "completion_id", "url"), seen)
    return f"topk(20, {highest_of_each})" if scale == 1 else f"{scale} * topk(20, {highest_of_each})"


def _aggregate(operator: str, by: Labels, vector: str) -> str:
    return f"{operator} by ({', '.join(by)}) ({vector})" if by else f"{operator}({vector})"
