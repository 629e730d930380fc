"""Columns that several tables have."""

from __future__ import annotations

from typing import Final

from dashboards.source import links
from dashboards.source.links import cell, drill
from dashboards.source.pages.common import FAILED, failed
from dashboards.source.promql import Labels, increase, quantile
from dashboards.source.tables import Label, Value
from exporter.metrics import catalog

NAMED: Final = (
    Label("completion_id", "Completion", width=330),
    Label("url", "Link", links.to_completion(), width=60, shown="open"),
    Label("account", "Account", width=110),
    Label("source", "Source", width=110),
    Label("model", "Model"),
    Label("skill", "Skill"),
)
"""Single completions, by name."""

SKILL_OF_MODEL: Final = (
    Label(
        "skill",
        "Skill",
        drill(
            "Latency and worst completions",
            links.LATENCY,
            model=cell("Model"),
            skill=cell("Skill"),
            source=cell("Source"),
        ),
    ),
    Label("model", "Model", width=190),
    Label("source", "Source", width=110),
)
"""A skill with a model, which leads to their latency."""


def completions(by: Labels, *, bar: bool = False) -> Value:
    """Build the column of how many completions there were."""
    return Value(increase(catalog.COMPLETIONS, by), "Completions", "locale", 0, bar=bar, width=None if bar else 110)


def failures(by: Labels) -> Value:
    """Build the column of the share that failed."""
    return Value(failed(by, increase), "Failed", "percentunit", 2, FAILED, width=85)


def duration(phi: float, by: Labels) -> Value:
    """Build the column of a quantile of the duration."""
    expr = quantile(phi, catalog.DURATION, by, of=increase, status="success")
    return Value(expr, f"p{100 * phi:.0f}", "s", 1, width=85)


def credits(by: Labels) -> Value:
    """Build the column of the credits used."""
    return Value(increase(catalog.CREDITS, by), "Credits", "locale", 1, width=90)


def summary(by: Labels) -> list[Value]:
    """Build the columns that say in short how something does."""
    return [completions(by), failures(by), duration(0.95, by), credits(by)]
