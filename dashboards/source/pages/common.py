"""What several dashboards show the same way: thresholds, and a few numbers and columns."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    RangeMap,
    ValueMapping,
    ValueMappingResult,
)

from dashboards.source.panels import BAD, GOOD, WARN, steps
from dashboards.source.promql import RANGE, Labels, Rising, highest, increase, lowest, mean, over, rate, select
from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.reference import ENUMERATED

LIST: Final[Labels] = ("source",)
MODEL: Final[Labels] = ("source", "model")
SKILL: Final[Labels] = ("source", "skill")
MODEL_SKILL: Final[Labels] = ("source", "model", "skill")
"""What panels are broken down by. Always by source: lists may overlap, so that they must not be added up."""

SOURCES: Final = tuple(ENUMERATED["source", None])
"""The lists, in the order in which they are shown."""

OF_LIST: Final = "{{source}}"
OF_MODEL: Final = "{{model}} · {{source}}"
OF_SKILL: Final = "{{skill}} · {{source}}"
OF_BUDGET: Final = "{{account}} · {{budget}}"

OUTCOMES: Final = {
    "/^error/": BAD,
    "/^success . completions$/": GOOD,
    "/^success . executions$/": "blue",
    "/^success . requests$/": "purple",
}
"""Colours of series by status and source: nothing but failures is red."""

FAILED: Final = steps((0.01, WARN), (0.05, BAD))
"""Share of failures: from the default of slo.error_ratio on, and from five times that."""

AGE: Final = steps((180, WARN), (600, BAD))
"""Seconds since a poll worked: from three minutes on, VLMRunDataStale fires at the default poll.interval."""

NEVER: Final[list[ValueMapping]] = [
    RangeMap(DashboardRangeMapOptions(1_000_000_000, None, ValueMappingResult(text="never", color=BAD)))
]
"""An age of decades: what it is the age of has not been yet, and stands at 0."""

USED: Final = steps((0.75, WARN), (0.9, BAD))
"""Share of a budget that is spent."""

LEFT: Final = steps((0.1, WARN), (0.25, GOOD), base=BAD)
"""Share of a budget that is left."""


def failed(by: Labels, of: Rising) -> str:
    """Return the share of completions that failed."""
    return over(of(catalog.COMPLETIONS, by, status="error"), of(catalog.COMPLETIONS, by))


def of_failures(family: Family, by: Labels, of: Rising) -> str:
    """Return what failed completions took: 0 where there is none, for its series is born with the first of them."""
    return f"({of(family, by, status='error')} or 0 * {of(family, by)})"


def per_thousand_output_tokens(by: Labels, of: Rising) -> str:
    """Return credits per 1,000 output tokens."""
    return f"1000 * {over(of(catalog.CREDITS, by), of(catalog.OUTPUT_TOKENS, by))}"


def generation_time(by: Labels, of: Rising) -> str:
    """Return the mean time that successful completions took after their first token.

    By means, as rows that lack a value are in one of the histograms only.
    """
    duration = mean(catalog.DURATION, by, of=of, status="success")
    return f"({duration} - {mean(catalog.TIME_TO_FIRST_TOKEN, by, of=of, status='success')})"


def output_length(by: Labels, of: Rising) -> str:
    """Return the mean output tokens of successful completions."""
    return f"({mean(catalog.OUTPUT_LENGTH, by, of=of, status='success')})"


def data_age() -> str:
    """Return the seconds since a poll last worked by list, of the account that has waited longest; see :data:`NEVER`.

    It goes on while the exporter is down. Of two exporters of an account, the one that is up to date counts.
    """
    seen = f"last_over_time({select(catalog.LAST_SUCCESS)}[{RANGE}])"
    return f"time() - {lowest(LIST, highest(('account', 'source'), seen))}"


def tokens_per_minute() -> str:
    """Return input and output tokens a minute, by list."""
    return f"60 * ({rate(catalog.INPUT_TOKENS, LIST)} + {rate(catalog.OUTPUT_TOKENS, LIST)})"


def in_buckets(family: Family) -> str:
    """Return how many successful completions fell into each bucket of a histogram in the minutes before."""
    return increase(family, ("le",), part="bucket", window="$__rate_interval", status="success", late="false")
