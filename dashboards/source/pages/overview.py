"""Overview: is all well, can the numbers be trusted, and where to look next."""

from __future__ import annotations

from typing import Final

from dashboards.source import links
from dashboards.source.assembly import ALL, Page, Row, firing
from dashboards.source.links import cell, drill, label
from dashboards.source.pages import columns
from dashboards.source.pages.common import (
    AGE,
    FAILED,
    LEFT,
    LIST,
    MODEL,
    NEVER,
    OF_BUDGET,
    OF_LIST,
    OF_MODEL,
    OUTCOMES,
    SKILL,
    SOURCES,
    data_age,
    failed,
    tokens_per_minute,
)
from dashboards.source.panels import BAD, PLAIN, graph, number, steps
from dashboards.source.promql import highest, increase, over, quantile, rate, select, worst
from dashboards.source.tables import Label, Rows, Table, Value
from dashboards.source.targets import estimated, graphed, now
from dashboards.source.variables import COMPLETIONS
from exporter.metrics import catalog
from exporter.metrics.catalog import Family

_BUDGET: Final = ("account", "budget")
_FIRING: Final = firing(ALL)
_ALERT: Final = ("alertname", "severity", "account", "source", "model", "skill", "budget", "instance")


def _of_budget(family: Family) -> str:
    """Return a value of every budget: which of them is not chosen here."""
    return highest(_BUDGET, select(family, chosen=("account",)))


NOW: Final = Row(
    "Now",
    [
        number(
            "Firing alerts",
            "How many of the shipped alerts fire; the table below names them. 0, too, where the rules are not loaded.",
            now(f"count({highest(_ALERT, _FIRING)}) or vector(0)", "alerts"),
            width=4,
            unit="none",
            thresholds=steps((1, BAD)),
        ),
        number(
            "Data age",
            "Time since a poll of the list last worked. Numbers here are as old as that, and up to a minute more.",
            now(data_age(), OF_LIST),
            width=5,
            unit="s",
            decimals=0,
            thresholds=AGE,
            mappings=NEVER,
            link=drill("Exporter health", links.EXPORTER),
            ordered=SOURCES,
        ),
        number(
            "Completions/min",
            "Completions a minute, by list, over the last minutes. Lists may overlap: do not add them up. Late rows"
            " are left out.",
            now(f"60 * {rate(catalog.COMPLETIONS, LIST)}", OF_LIST),
            width=5,
            unit="short",
            ordered=SOURCES,
        ),
        number(
            "Tokens/min",
            "Input and output tokens a minute, over the last minutes. Lists that report no tokens are not shown.",
            now(tokens_per_minute(), OF_LIST),
            width=5,
            unit="short",
            ordered=SOURCES,
            link=drill("Tokens", links.TOKENS),
        ),
        number(
            "Budget left",
            "Share of each credit budget that is not spent, at the end of the time shown. Budgets are set in the"
            " exporter's configuration.",
            now(f"1 - {over(_of_budget(catalog.BUDGET_SPENT), _of_budget(catalog.BUDGET))}", OF_BUDGET),
            width=5,
            unit="percentunit",
            thresholds=LEFT,
            nothing="no data or budget",
            link=drill("Credits", links.CREDITS),
        ),
    ],
)

TOTALS: Final = Row(
    "In the time shown",
    [
        number(
            "Completions",
            "Completions counted in the time shown, late rows included. Lists may overlap: do not add them up.",
            now(increase(catalog.COMPLETIONS, LIST), OF_LIST),
            width=6,
            unit="locale",
            decimals=0,
            ordered=SOURCES,
        ),
        number(
            "Failed",
            "Share of the completions in the time shown that failed. Orange from 1%, the default of slo.error_ratio.",
            now(failed(LIST, increase), OF_LIST),
            width=6,
            unit="percentunit",
            thresholds=FAILED,
            nothing="no completions",
            ordered=SOURCES,
        ),
        number(
            "Duration p95",
            "19 of 20 successful completions in the time shown took no longer. Interpolated within buckets that"
            " double.",
            now(quantile(0.95, catalog.DURATION, LIST, of=increase, status="success"), OF_LIST),
            width=6,
            unit="s",
            nothing="no completions",
            link=drill("Latency", links.LATENCY),
            ordered=SOURCES,
        ),
        number(
            "Credits",
            "Credits used in the time shown, by list, late rows included; 100 credits are 1 US dollar.",
            now(increase(catalog.CREDITS, LIST), OF_LIST),
            width=6,
            unit="short",
            decimals=1,
            link=drill("Credits", links.CREDITS),
            ordered=SOURCES,
        ),
    ],
)

TRAFFIC: Final = Row(
    "Traffic",
    [
        graph(
            "Completions per minute by outcome",
            "Completions a minute by list and status. Dots are failed completions: they carry the id of one.",
            graphed(
                f"60 * {rate(catalog.COMPLETIONS, ('source', 'status'))}", "{{status}} · {{source}}", exemplar=True
            ),
            unit="short",
            colors=OUTCOMES,
        ),
        graph(
            "Completions per minute by model",
            "Completions a minute by model and list; lists of executions and requests name no model. Click a line for"
            " the skills of its model.",
            graphed(f"60 * {rate(catalog.COMPLETIONS, MODEL)}", OF_MODEL),
            unit="short",
            link=drill("Skills of this model", links.MODELS, model=label("model"), source=label("source")),
        ),
        graph(
            "Failed",
            "Share of completions that failed, by list, and the error budget (slo.error_ratio). Dots are failed"
            " completions, with their id.",
            estimated(failed(LIST, rate), OF_LIST, exemplar=True),
            graphed(highest((), select(catalog.ERROR_BUDGET)), "error budget"),
            unit="percentunit",
            roof=0.02,
            colors={"/^error budget$/": PLAIN},
            dashed="/^error budget$/",
        ),
        graph(
            "Duration",
            "Median and 95th percentile of successful completions, by list. Dots are single completions, with their"
            " id.",
            estimated(quantile(0.5, catalog.DURATION, LIST, status="success"), "p50 · {{source}}"),
            estimated(quantile(0.95, catalog.DURATION, LIST, status="success"), "p95 · {{source}}", exemplar=True),
            unit="s",
            doubling=True,
            link=drill("Latency", links.LATENCY),
        ),
        graph(
            "Tokens per minute",
            "Tokens a minute by direction. Lists that report no tokens are not shown.",
            graphed(f"60 * {rate(catalog.INPUT_TOKENS, LIST)}", "input · {{source}}"),
            graphed(f"60 * {rate(catalog.OUTPUT_TOKENS, LIST)}", "output · {{source}}"),
            unit="short",
            link=drill("Tokens", links.TOKENS),
        ),
        graph(
            "Credits per hour",
            "Credits used, at the pace of the last minutes, by list.",
            graphed(f"3600 * {rate(catalog.CREDITS, LIST)}", OF_LIST),
            unit="short",
            link=drill("Credits", links.CREDITS),
        ),
    ],
)

WHERE: Final = Row(
    "Where it comes from",
    [
        Table(
            labels=[
                Label(
                    "model",
                    "Model",
                    drill("Skills of this model", links.MODELS, model=cell("Model"), source=cell("Source")),
                ),
                Label("source", "Source", width=110),
            ],
            values=columns.summary(MODEL),
            by="Completions",
        ).panel(
            "Models",
            "Totals of the time shown. Click a model for its skills.",
            width=12,
            nothing="No completions in this time.",
        ),
        Table(
            labels=[
                Label(
                    "skill",
                    "Skill",
                    drill("Latency and worst completions", links.LATENCY, skill=cell("Skill"), source=cell("Source")),
                ),
                Label("source", "Source", width=110),
            ],
            values=columns.summary(SKILL),
            by="Completions",
        ).panel(
            "Skills",
            "Totals of the time shown, by skill or domain. Click a skill for its latency and its worst completions.",
            width=12,
            nothing="No completions in this time.",
        ),
    ],
)

LOOK_AT: Final = Row(
    "What to look at",
    [
        Table(
            labels=[
                Label("alertname", "Alert", width=270),
                Label("severity", "Severity", width=80),
                Label("account", "Account"),
                Label("source", "Source", width=110),
                Label("model", "Model"),
                Label("skill", "Skill"),
                Label("budget", "Budget", width=80),
                Label("instance", "Instance"),
            ],
            values=[Rows(highest(_ALERT, _FIRING))],
            by="Severity",
            descending=False,
        ).panel(
            "Firing alerts",
            "Alerts of the shipped rules that fire at the end of the time shown. Their runbooks are in docs/runbooks.",
            height=8,
            nothing="No alert fires.",
        ),
        Table(
            labels=columns.NAMED,
            values=[Value(worst("error", scale=1000), "Finished", "dateTimeAsIso", width=165)],
            by="Finished",
        ).panel(
            "Latest failures",
            "Up to 20 failed completions of the time shown. The exporter names the last three of each account at any"
            " time, so that of many at once some are left out. The link is links.completion of its configuration.",
            nothing="No failed completion was named in this time.",
        ),
    ],
)

PAGE: Final = Page(
    uid=links.OVERVIEW,
    title="Overview",
    description="Completions of VLM Run: how many, how many fail, how slow they are, what they cost.",
    variables=COMPLETIONS,
    rows=[NOW, TOTALS, TRAFFIC, WHERE, LOOK_AT],
    alerts=ALL,
)
