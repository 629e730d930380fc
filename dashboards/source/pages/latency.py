"""Latency patterns: what is slow, where the time goes, and which completions to look at."""

from __future__ import annotations

from typing import Final

from dashboards.source import links
from dashboards.source.assembly import Page, Row
from dashboards.source.pages import columns
from dashboards.source.pages.common import (
    LIST,
    MODEL,
    OF_LIST,
    OF_MODEL,
    OF_SKILL,
    SKILL,
    SOURCES,
    generation_time,
    in_buckets,
    output_length,
)
from dashboards.source.panels import BAD, WARN, buckets, graph, number, steps
from dashboards.source.promql import Labels, Rising, highest, increase, over, quantile, rate, select, worst
from dashboards.source.tables import Label, Table, Value
from dashboards.source.targets import cells, estimated, now
from dashboards.source.variables import COMPLETIONS
from exporter.metrics import catalog


def _slow(by: Labels, of: Rising) -> str:
    """Return the share of slow ones among completions with a short answer."""
    return over(of(catalog.SLOW_LOW_TOKEN, by), of(catalog.LOW_TOKEN, by))


TOTALS: Final = Row(
    "In the time shown",
    [
        number(
            "Duration p50",
            "Half of the successful completions in the time shown took no longer.",
            now(quantile(0.5, catalog.DURATION, LIST, of=increase, status="success"), OF_LIST),
            unit="s",
            width=4,
            nothing="no completions",
            ordered=SOURCES,
        ),
        number(
            "Duration p95",
            "19 of 20 successful completions in the time shown took no longer.",
            now(quantile(0.95, catalog.DURATION, LIST, of=increase, status="success"), OF_LIST),
            unit="s",
            width=4,
            nothing="no completions",
            ordered=SOURCES,
        ),
        number(
            "First token p95",
            "19 of 20 successful completions in the time shown had their first token by then, where the API reports"
            " it.",
            now(quantile(0.95, catalog.TIME_TO_FIRST_TOKEN, LIST, of=increase, status="success"), OF_LIST),
            unit="s",
            width=4,
            nothing="not reported",
            ordered=SOURCES,
        ),
        number(
            "Time per output token",
            "Time that successful completions took after their first token, over their output tokens, in the time"
            " shown.",
            now(over(generation_time(LIST, increase), output_length(LIST, increase)), OF_LIST),
            unit="s",
            width=4,
            nothing="not reported",
            ordered=SOURCES,
        ),
        number(
            "Slow short share",
            "Of the successful completions with few output tokens (slow_low_token.max_output_tokens) in the time"
            " shown, the share that took long (slow_low_token.min_duration).",
            now(_slow(LIST, increase), OF_LIST),
            unit="percentunit",
            width=4,
            thresholds=steps((0.05, WARN), (0.2, BAD)),
            nothing="no short answers",
            ordered=SOURCES,
        ),
        number(
            "Slow short count",
            "How many of the completions with few output tokens took long, in the time shown.",
            now(increase(catalog.SLOW_LOW_TOKEN, LIST), OF_LIST),
            unit="short",
            width=4,
            decimals=0,
            ordered=SOURCES,
        ),
    ],
)

PATTERNS: Final = Row(
    "Patterns",
    [
        buckets(
            "Duration",
            "How many successful completions took how long, in the minutes before. A second band above the usual one"
            " is waiting, not more work. Dots are single completions, with their id. Choose one source: lists may"
            " overlap.",
            cells(in_buckets(catalog.DURATION), exemplar=True),
            unit="s",
        ),
        buckets(
            "Time to first token",
            "How many successful completions had their first token after how long, in the minutes before, where the"
            " API reports it. Choose one source: lists may overlap.",
            cells(in_buckets(catalog.TIME_TO_FIRST_TOKEN)),
            unit="s",
        ),
    ],
)

BY_MODEL: Final = Row(
    "Where the time goes",
    [
        graph(
            "Duration p95",
            "95th percentile of successful completions by model. Dots are single completions, with their id.",
            estimated(quantile(0.95, catalog.DURATION, MODEL, status="success"), OF_MODEL, exemplar=True),
            unit="s",
            doubling=True,
        ),
        graph(
            "First token p95",
            "95th percentile of the time to the first token by model: waiting for a place, and reading the input.",
            estimated(quantile(0.95, catalog.TIME_TO_FIRST_TOKEN, MODEL, status="success"), OF_MODEL),
            unit="s",
            doubling=True,
        ),
        graph(
            "Generation time",
            "Mean duration less mean time to first token: writing the output. If this grows, answers are longer or"
            " tokens slower; the next graph tells which.",
            estimated(generation_time(MODEL, rate), OF_MODEL),
            unit="s",
        ),
        graph(
            "Time per output token",
            "Mean time that successful completions took after their first token, over their mean output tokens.",
            estimated(over(generation_time(MODEL, rate), output_length(MODEL, rate)), OF_MODEL),
            unit="s",
        ),
        graph(
            "Slow short answers by model",
            "Of completions with few output tokens, the share that took long. The dashed line is the default of"
            " slow_low_token.alert_ratio.",
            estimated(_slow(MODEL, rate), OF_MODEL, exemplar=True),
            unit="percentunit",
            roof=0.25,
            limits=steps((0.2, BAD)),
        ),
        graph(
            "Slow short answers by skill",
            "Of completions with few output tokens, the share that took long, by skill.",
            estimated(_slow(SKILL, rate), OF_SKILL, exemplar=True),
            unit="percentunit",
            roof=0.25,
            limits=steps((0.2, BAD)),
        ),
    ],
)

LOOK_AT: Final = Row(
    "What to look at",
    [
        Table(
            labels=columns.NAMED,
            values=[Value(worst("slow_low_token"), "Duration", "s", 1, bar=True)],
            by="Duration",
        ).panel(
            "Slowest of the short answers",
            "Up to 20 slow completions of the time shown that say little. The exporter names the three worst of half"
            " an hour of each account. The link is links.completion of its configuration.",
            nothing="No slow completion with few output tokens was named in this time.",
        ),
    ],
)

THRESHOLDS: Final = Row(
    "Thresholds in force",
    [
        Table(
            labels=[
                Label("account", "Account"),
                Label("model", "Model"),
                Label("skill", "Skill"),
            ],
            values=[
                Value(
                    highest(("account", "model", "skill"), select(catalog.SLOW_LOW_TOKEN_RATIO)),
                    "Alerts above",
                    "percentunit",
                    0,
                )
            ],
            by="Alerts above",
        ).panel(
            "Share of slow ones among short answers that alerts",
            "slow_low_token.alert_ratio of the exporter's configuration, with its overrides.",
            height=7,
        ),
    ],
    collapsed=True,
)

PAGE: Final = Page(
    uid=links.LATENCY,
    title="Latency",
    description="What is slow, whether it waits or writes, and the completions to look at.",
    variables=COMPLETIONS,
    rows=[TOTALS, PATTERNS, BY_MODEL, LOOK_AT, THRESHOLDS],
    alerts=("latency",),
)
