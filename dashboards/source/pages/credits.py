"""Credits and budgets: how fast credits go, what for, and whether they last."""

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
    OF_BUDGET,
    OF_LIST,
    OF_MODEL,
    OF_SKILL,
    OUTCOMES,
    SKILL,
    SOURCES,
    USED,
    of_failures,
)
from dashboards.source.panels import BAD, GOOD, GRAPH, WARN, bars, graph, number, steps
from dashboards.source.promql import (
    change,
    highest,
    increase,
    lowest,
    mean,
    over,
    quantile,
    rate,
    select,
    there,
    total,
    worst,
)
from dashboards.source.tables import Label, Table, Value
from dashboards.source.targets import estimated, graphed, now
from dashboards.source.variables import BUDGET, COMPLETIONS
from exporter.metrics import catalog

_BUDGET: Final = ("account", "budget")

_LIMIT: Final = highest(_BUDGET, select(catalog.BUDGET))
_SPENT: Final = highest(_BUDGET, select(catalog.BUDGET_SPENT))
_START: Final = highest(_BUDGET, select(catalog.BUDGET_START))
_END: Final = highest(_BUDGET, select(catalog.BUDGET_END))
_LEFT: Final = f"({_LIMIT} - {_SPENT})"

# A budget is of the whole account: sources, models and skills that the reader has chosen do not count.
_SERIES: Final = ("account", "source", "model", "skill", "status")
_OF_ACCOUNT: Final = select(catalog.CREDITS, chosen=("account",), late="false")


def _of_account(rise: str) -> str:
    """Return the sum of a rise by account, as rules have it: of two exporters of an account, one."""
    return total(("account",), highest(_SERIES, rise))


_A_SECOND: Final = _of_account(f"rate({_OF_ACCOUNT}[$__rate_interval])")
_DAY_AGO: Final = there(("account",), f"{_OF_ACCOUNT} offset 1d")
_A_DAY: Final = f"({_of_account(f'increase({_OF_ACCOUNT}[1d])')} and on (account) {_DAY_AGO})"
"""Credits of 24 hours; nothing while there is less than that to look at."""

_TWO_DAYS_AGO: Final = there(LIST, f"{select(catalog.CREDITS)} offset 2d")
_DAY_BEFORE: Final = (
    f"({increase(catalog.CREDITS, MODEL_SKILL, window='1d', offset='1d')} and on (source) {_TWO_DAYS_AGO})"
)
"""Credits of the 24 hours before the last; nothing while there is less than two days to look at."""

_PACE: Final = f"({over(_LIMIT, f'({_END} - {_START})')})"
"""Credits a second that a budget allows for."""

_LASTS: Final = f"86400 * clamp_min({_LEFT}, 0) / on (account) group_left () ({_A_DAY} > 0)"
"""Seconds that what is left lasts at the pace of the last day; nothing if that was none."""

_TOO_FAST: Final = steps((1.5, WARN))
"""Times as fast as a budget allows for: from where VLMRunCreditBurnSlow fires."""

BUDGETS: Final = Row(
    "Budgets",
    [
        bars(
            "Budget used",
            "Share of the credits of each budget that is spent in its current period.",
            now(over(_SPENT, _LIMIT), OF_BUDGET),
            unit="percentunit",
            thresholds=USED,
            width=6,
            height=8,
            nothing="no data or budget",
        ),
        Table(
            labels=[Label("account", "Account", width=95), Label("budget", "Budget", width=95)],
            values=[
                Value(_LIMIT, "Credits", "short", 1, width=90),
                Value(_SPENT, "Spent", "short", 1, width=90),
                Value(_LEFT, "Left", "short", 1, steps((0.000001, GOOD), base=BAD), width=90),
                Value(over(f"(time() - {_START})", f"({_END} - {_START})"), "Period gone", "percentunit", 1, width=105),
                Value(f"{_END} - time()", "Ends in", "s", 1, width=100),
                Value(_LASTS, "Credits last", "s", 1, width=105),
                Value(
                    f"{_A_DAY} / 86400 / on (account) group_right () {_PACE}",
                    "Pace of 24 h",
                    "none",
                    2,
                    _TOO_FAST,
                    width=115,
                ),
                Value(lowest(_BUDGET, select(catalog.BUDGET_COMPLETE)), "Complete", "bool_yes_no"),
            ],
            by="Spent",
        ).panel(
            "Budgets",
            "The current period of each budget. Spent is of all sources together, as if lists did not overlap. Credits"
            " last: what is left, at the pace of the last 24 h, once there are so many; compare it with when the"
            " period ends. Pace: how many times as fast as the budget allows for. Not complete: history is still being"
            " read, or has a gap, and more was spent than shown. Sources, models and skills chosen above do not count"
            " here.",
            width=18,
            height=8,
            nothing="No data, or no budget is configured.",
        ),
        graph(
            "Spent of each budget",
            "Share of the budget that is spent, and share of its period that is gone, dashed: above it, credits go too"
            " fast.",
            graphed(over(_SPENT, _LIMIT), OF_BUDGET),
            graphed(over(f"(time() - {_START})", f"({_END} - {_START})"), f"period gone · {OF_BUDGET}"),
            unit="percentunit",
            width=12,
            dashed="/^period gone/",
        ),
        graph(
            "Burn against pace",
            "Credits an hour that the account uses, and what its budgets allow for, dashed. Sources, models and skills"
            " chosen above do not count here.",
            graphed(f"3600 * {_A_SECOND}", "used · {{account}}"),
            graphed(f"3600 * {_PACE}", f"allowed · {OF_BUDGET}"),
            unit="short",
            width=12,
            dashed="/^allowed/",
        ),
    ],
)

WHERE: Final = Row(
    "Where credits go",
    [
        graph(
            "Credits per hour by model",
            "Credits used, at the pace of the last minutes. Click a line for the skills of its model.",
            graphed(f"3600 * {rate(catalog.CREDITS, MODEL)}", OF_MODEL),
            unit="short",
            link=drill("Skills of this model", links.MODELS, model=label("model"), source=label("source")),
        ),
        graph(
            "Credits per hour by skill",
            "Credits used, at the pace of the last minutes.",
            graphed(f"3600 * {rate(catalog.CREDITS, SKILL)}", OF_SKILL),
            unit="short",
        ),
        graph(
            "Credits per hour by status",
            "Credits used, at the pace of the last minutes, for what succeeded and for what failed.",
            graphed(f"3600 * {rate(catalog.CREDITS, ('source', 'status'))}", "{{status}} · {{source}}"),
            unit="short",
            colors=OUTCOMES,
        ),
        number(
            "Credits",
            "Credits used in the time shown, by list, late rows included; 100 credits are 1 US dollar.",
            now(increase(catalog.CREDITS, LIST), OF_LIST),
            unit="short",
            width=4,
            height=GRAPH,
            decimals=1,
            ordered=SOURCES,
        ),
        number(
            "On failures",
            "Credits that failed completions used in the time shown.",
            now(of_failures(catalog.CREDITS, LIST, increase), OF_LIST),
            unit="short",
            width=4,
            height=GRAPH,
            decimals=1,
            ordered=SOURCES,
        ),
        graph(
            "Credits per completion",
            "Mean cost of a completion by model, of those that say what they cost.",
            estimated(mean(catalog.COST, MODEL), OF_MODEL),
            unit="short",
            width=8,
        ),
        graph(
            "Cost p95",
            "95th percentile of what a completion costs by model. Interpolated within buckets that double. Dots are"
            " single completions, with their id.",
            estimated(quantile(0.95, catalog.COST, MODEL), OF_MODEL, exemplar=True),
            unit="short",
            width=8,
        ),
    ],
)

DAYS: Final = Row(
    "Day over day",
    [
        Table(
            labels=[
                Label("skill", "Skill", drill("Compare models at this skill", links.MODELS, skill=cell("Skill"))),
                Label("model", "Model", width=190),
                Label("source", "Source", width=110),
            ],
            values=[
                Value(increase(catalog.CREDITS, MODEL_SKILL, window="1d"), "Last 24 h", "short", 1, bar=True),
                Value(
                    _DAY_BEFORE,
                    "24 h before",
                    "short",
                    1,
                    width=110,
                ),
                Value(
                    change(
                        increase(catalog.CREDITS, MODEL_SKILL, window="1d"),
                        _DAY_BEFORE,
                    ),
                    "Change",
                    "percentunit",
                    1,
                    steps((0.5, WARN), (1, BAD)),
                    width=100,
                ),
                Value(mean(catalog.COST, MODEL_SKILL, of=increase), "Credits each", "short", 2, width=110),
            ],
            by="Last 24 h",
        ).panel(
            "Credits by skill and model",
            "Credits of the 24 hours before the end of the time shown, and of the 24 hours before those, once there"
            " are two days of data. Credits each are of the time shown.",
            height=10,
            nothing="No credits were used in the last 24 h.",
        ),
    ],
)

LOOK_AT: Final = Row(
    "What to look at",
    [
        Table(
            labels=columns.NAMED,
            values=[Value(worst("credits"), "Credits", "short", 1, bar=True)],
            by="Credits",
        ).panel(
            "Most expensive completions",
            "Up to 20 completions of the time shown. The exporter names the three most expensive of half an hour of"
            " each account. The link is links.completion of its configuration.",
            nothing="No completion was named in this time.",
        ),
    ],
)

PAGE: Final = Page(
    uid=links.CREDITS,
    title="Credits",
    description="How fast credits go, what for, and whether the budgets last. 100 credits are 1 US dollar.",
    variables=(*COMPLETIONS, BUDGET),
    rows=[BUDGETS, WHERE, DAYS, LOOK_AT],
    alerts=("credits",),
)
