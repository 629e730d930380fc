"""Model comparison: which model does the same work faster, better, cheaper."""

from __future__ import annotations

from typing import Final

from dashboards.source import links
from dashboards.source.assembly import Page, Row
from dashboards.source.links import cell, drill, label
from dashboards.source.pages import columns
from dashboards.source.pages.common import (
    LIST,
    MODEL,
    MODEL_SKILL,
    OF_MODEL,
    failed,
    generation_time,
    output_length,
    per_thousand_output_tokens,
)
from dashboards.source.panels import graph
from dashboards.source.promql import Rising, increase, mean, over, quantile, rate
from dashboards.source.tables import Label, Table, Value
from dashboards.source.targets import estimated
from dashboards.source.variables import COMPLETIONS
from exporter.metrics import catalog

_TO_LATENCY: Final = drill("Latency and worst completions", links.LATENCY, model=cell("Model"), source=cell("Source"))
_TO_LATENCY_OF_LINE: Final = drill("Latency", links.LATENCY, model=label("model"), source=label("source"))


def _share(of: Rising) -> str:
    """Return which share of its list's completions a model has: of all models, chosen or not."""
    of_all = of(catalog.COMPLETIONS, LIST, chosen=("account", "source", "skill"))
    return f"{of(catalog.COMPLETIONS, MODEL)} / on (source) group_left () {of_all}"


COMPARED: Final = Row(
    "Models",
    [
        Table(
            labels=[Label("model", "Model", _TO_LATENCY, width=190), Label("source", "Source", width=110)],
            values=[
                columns.completions(MODEL, bar=True),
                Value(
                    _share(increase),
                    "Share",
                    "percentunit",
                    1,
                    width=75,
                ),
                columns.failures(MODEL),
                columns.duration(0.5, MODEL),
                columns.duration(0.95, MODEL),
                Value(
                    quantile(0.95, catalog.TIME_TO_FIRST_TOKEN, MODEL, of=increase, status="success"),
                    "First token p95",
                    "s",
                    1,
                    width=130,
                ),
                Value(
                    over(output_length(MODEL, increase), generation_time(MODEL, increase)),
                    "Output tokens/s",
                    "short",
                    1,
                    width=130,
                ),
                Value(mean(catalog.COST, MODEL, of=increase), "Credits each", "short", 2, width=110),
                Value(per_thousand_output_tokens(MODEL, increase), "Credits/1k output", "short", 2, width=140),
            ],
            by="Completions",
        ).panel(
            "Models",
            "Totals of the time shown, a model a row, for the chosen skills. Share is of all models of the source,"
            " chosen or not. Output tokens/s are those of successful completions over the time after their first"
            " token. Choose one skill above to compare models at the same work.",
            nothing="No completions in this time.",
        ),
    ],
)

SIDE_BY_SIDE: Final = Row(
    "Side by side, for the chosen skills",
    [
        graph(
            "Duration p95",
            "95th percentile of successful completions. Dots are single completions, with their id.",
            estimated(quantile(0.95, catalog.DURATION, MODEL, status="success"), OF_MODEL, exemplar=True),
            unit="s",
            doubling=True,
            link=_TO_LATENCY_OF_LINE,
        ),
        graph(
            "Failed",
            "Share of completions that failed.",
            estimated(failed(MODEL, rate), OF_MODEL, exemplar=True),
            unit="percentunit",
            roof=0.02,
        ),
        graph(
            "Share of traffic",
            "Which share of a source's completions goes to which model: of all models, chosen or not.",
            estimated(_share(rate), OF_MODEL),
            unit="percentunit",
        ),
        graph(
            "First token p95",
            "95th percentile of the time to the first token of successful completions, where the API reports it.",
            estimated(quantile(0.95, catalog.TIME_TO_FIRST_TOKEN, MODEL, status="success"), OF_MODEL),
            unit="s",
            doubling=True,
            link=_TO_LATENCY_OF_LINE,
        ),
        graph(
            "Output tokens per second",
            "Output tokens of successful completions over the time they took after their first token.",
            estimated(over(output_length(MODEL, rate), generation_time(MODEL, rate)), OF_MODEL),
            unit="short",
        ),
        graph(
            "Credits per completion",
            "Mean cost of a completion, of those that say what they cost.",
            estimated(mean(catalog.COST, MODEL, of=rate), OF_MODEL),
            unit="short",
        ),
    ],
)

SKILLS: Final = Row(
    "Skills of the chosen models",
    [
        Table(
            labels=columns.SKILL_OF_MODEL,
            values=[
                columns.completions(MODEL_SKILL, bar=True),
                columns.failures(MODEL_SKILL),
                columns.duration(0.5, MODEL_SKILL),
                columns.duration(0.95, MODEL_SKILL),
                Value(mean(catalog.COST, MODEL_SKILL, of=increase), "Credits each", "short", 2, width=110),
            ],
            by="Completions",
        ).panel(
            "Skills by model",
            "Totals of the time shown. Click a skill for the latency and the worst completions of just this model and"
            " skill.",
            height=11,
            nothing="No completions in this time.",
        ),
    ],
)

PAGE: Final = Page(
    uid=links.MODELS,
    title="Models",
    description="Models side by side: failures, latency, speed and cost, for all skills or for one.",
    variables=COMPLETIONS,
    rows=[COMPARED, SIDE_BY_SIDE, SKILLS],
    alerts=("errors", "latency"),
)
