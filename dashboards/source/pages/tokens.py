"""Token efficiency: where tokens go, whether answers grow, and what is spent on failures."""

from __future__ import annotations

from typing import Final

from dashboards.source import links
from dashboards.source.assembly import Page, Row
from dashboards.source.pages import columns
from dashboards.source.pages.common import (
    LIST,
    MODEL,
    MODEL_SKILL,
    OF_LIST,
    OF_MODEL,
    SOURCES,
    in_buckets,
    of_failures,
    per_thousand_output_tokens,
)
from dashboards.source.panels import BAD, WARN, buckets, graph, number, steps
from dashboards.source.promql import Labels, Rising, change, increase, mean, over, rate
from dashboards.source.tables import Label, Table, Value
from dashboards.source.targets import cells, estimated, graphed, now
from dashboards.source.variables import COMPLETIONS
from exporter.metrics import catalog

_DAY: Final = "1d"

_WASTE: Final = steps((0.02, WARN), (0.1, BAD))
"""Share of tokens that failed completions took."""


def _output_per_input(by: Labels, of: Rising) -> str:
    return over(of(catalog.OUTPUT_TOKENS, by), of(catalog.INPUT_TOKENS, by))


def _spent_on_failures(by: Labels, of: Rising) -> str:
    """Return the share of all tokens, input and output, that failed completions took."""
    failed = f"({of_failures(catalog.INPUT_TOKENS, by, of)} + {of_failures(catalog.OUTPUT_TOKENS, by, of)})"
    return over(failed, f"({of(catalog.INPUT_TOKENS, by)} + {of(catalog.OUTPUT_TOKENS, by)})")


def _length(offset: str = "") -> str:
    """Return output tokens per successful completion over a day, by skill; ``offset`` is how long before."""
    counted = {
        part: increase(catalog.OUTPUT_LENGTH, MODEL_SKILL, part=part, window=_DAY, offset=offset, status="success")
        for part in ("sum", "count")
    }
    return over(counted["sum"], counted["count"])


TOTALS: Final = Row(
    "In the time shown",
    [
        number(
            "Input tokens",
            "Input tokens of the completions counted in the time shown, late rows included. Rows without the value are"
            " left out, and lists that report none are not shown.",
            now(increase(catalog.INPUT_TOKENS, LIST), OF_LIST),
            unit="short",
            width=4,
            nothing="not reported",
            ordered=SOURCES,
        ),
        number(
            "Output tokens",
            "Output tokens of the completions counted in the time shown, late rows included.",
            now(increase(catalog.OUTPUT_TOKENS, LIST), OF_LIST),
            unit="short",
            width=4,
            nothing="not reported",
            ordered=SOURCES,
        ),
        number(
            "Output per input token",
            "Output tokens over input tokens, in the time shown.",
            now(_output_per_input(LIST, increase), OF_LIST),
            unit="none",
            width=4,
            decimals=3,
            nothing="not reported",
            ordered=SOURCES,
        ),
        number(
            "Output tokens each",
            "Mean output tokens of successful completions, in the time shown.",
            now(mean(catalog.OUTPUT_LENGTH, LIST, of=increase, status="success"), OF_LIST),
            unit="short",
            width=4,
            nothing="not reported",
            ordered=SOURCES,
        ),
        number(
            "Credits/1k output",
            "Credits used in the time shown, over output tokens in thousands. What tools and pages cost is in it.",
            now(per_thousand_output_tokens(LIST, increase), OF_LIST),
            unit="short",
            width=4,
            nothing="not reported",
            ordered=SOURCES,
        ),
        number(
            "Tokens on failures",
            "Share of input and output tokens in the time shown that failed completions took.",
            now(_spent_on_failures(LIST, increase), OF_LIST),
            unit="percentunit",
            width=4,
            thresholds=_WASTE,
            nothing="not reported",
            ordered=SOURCES,
        ),
    ],
)

FLOW: Final = Row(
    "Flow",
    [
        graph(
            "Input tokens per minute",
            "Input tokens a minute by model.",
            graphed(f"60 * {rate(catalog.INPUT_TOKENS, MODEL)}", OF_MODEL),
            unit="short",
        ),
        graph(
            "Output tokens per minute",
            "Output tokens a minute by model.",
            graphed(f"60 * {rate(catalog.OUTPUT_TOKENS, MODEL)}", OF_MODEL),
            unit="short",
        ),
        graph(
            "Output per input token",
            "Output tokens over input tokens by model. A fall with the same input is an answer cut short, or refused.",
            estimated(_output_per_input(MODEL, rate), OF_MODEL),
            unit="none",
        ),
    ],
)

LENGTH: Final = Row(
    "Length of answers",
    [
        buckets(
            "Output tokens",
            "How many successful completions had how many output tokens, in the minutes before. Choose one source and"
            " model to see one pattern.",
            cells(in_buckets(catalog.OUTPUT_LENGTH)),
            unit="short",
        ),
        graph(
            "Output tokens per completion",
            "Mean output tokens of successful completions by model. VLMRunOutputTokensAnomaly watches the hourly mean.",
            estimated(mean(catalog.OUTPUT_LENGTH, MODEL, status="success"), OF_MODEL),
            unit="short",
            width=12,
        ),
    ],
)

EFFICIENCY: Final = Row(
    "By skill",
    [
        Table(
            labels=columns.SKILL_OF_MODEL,
            values=[
                Value(
                    f"{increase(catalog.INPUT_TOKENS, MODEL_SKILL)} + {increase(catalog.OUTPUT_TOKENS, MODEL_SKILL)}",
                    "Tokens",
                    "short",
                    1,
                    bar=True,
                ),
                Value(
                    over(
                        increase(catalog.INPUT_TOKENS, MODEL_SKILL),
                        increase(catalog.OUTPUT_LENGTH, MODEL_SKILL, part="count"),
                    ),
                    "Input each",
                    "locale",
                    0,
                    width=95,
                ),
                Value(
                    mean(catalog.OUTPUT_LENGTH, MODEL_SKILL, of=increase),
                    "Output each",
                    "locale",
                    0,
                    width=105,
                ),
                Value(_output_per_input(MODEL_SKILL, increase), "Output/input", "none", 3, width=115),
                Value(per_thousand_output_tokens(MODEL_SKILL, increase), "Credits/1k output", "short", 2, width=140),
                Value(
                    _spent_on_failures(MODEL_SKILL, increase),
                    "On failures",
                    "percentunit",
                    1,
                    _WASTE,
                    width=100,
                ),
            ],
            by="Tokens",
        ).panel(
            "Tokens by skill and model",
            "Totals of the time shown, where the API reports tokens. Click a skill for its latency and its worst"
            " completions.",
            height=11,
            nothing="No tokens were reported in this time.",
        ),
    ],
)

GROWTH: Final = Row(
    "Growth against last week",
    [
        Table(
            labels=[
                Label("skill", "Skill"),
                Label("model", "Model", width=190),
                Label("source", "Source", width=110),
            ],
            values=[
                Value(_length(), "Last 24 h", "short", 0, width=120),
                Value(_length("7d"), "The same 24 h a week ago", "short", 0, width=220),
                Value(
                    change(_length(), _length("7d")),
                    "Change",
                    "percentunit",
                    1,
                    steps((0.1, WARN), (0.5, BAD)),
                    width=120,
                ),
            ],
            by="Change",
        ).panel(
            "Output tokens per completion",
            "Mean output tokens of successful completions in the 24 hours before the end of the time shown, and in the"
            " same hours a week before. Answers that grow cost more and take longer. Needs eight days of data.",
            height=10,
            nothing="There is no data of a week ago.",
        ),
    ],
)

FAILURES: Final = Row(
    "Waste",
    [
        graph(
            "Tokens spent on failures",
            "Input and output tokens a minute of failed completions, by model.",
            graphed(
                f"60 * ({of_failures(catalog.INPUT_TOKENS, MODEL, rate)}"
                f" + {of_failures(catalog.OUTPUT_TOKENS, MODEL, rate)})",
                OF_MODEL,
            ),
            unit="short",
            width=12,
        ),
        graph(
            "Credits per 1k output tokens",
            "Credits over output tokens in thousands, by model.",
            estimated(per_thousand_output_tokens(MODEL, rate), OF_MODEL),
            unit="short",
            width=12,
        ),
    ],
)

PAGE: Final = Page(
    uid=links.TOKENS,
    title="Tokens",
    description="Where tokens go, whether answers grow, and what is spent on failures.",
    variables=COMPLETIONS,
    rows=[TOTALS, FLOW, LENGTH, EFFICIENCY, GROWTH, FAILURES],
    alerts=("latency", "credits"),
)
