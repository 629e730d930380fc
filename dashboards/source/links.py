"""Where a click leads: overview, model, skill, worst completions, and all that was chosen goes along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

OVERVIEW: Final = "vlmrun-overview"
MODELS: Final = "vlmrun-models"
TOKENS: Final = "vlmrun-tokens"
LATENCY: Final = "vlmrun-latency"
CREDITS: Final = "vlmrun-credits"
EXPORTER: Final = "vlmrun-exporter"

TAG: Final = "vlmrun"
"""All dashboards have it: the menu of dashboards finds them by it."""

_LISTS: Final = ("datasource", "job", "instance", "account", "source")
_COMPLETIONS: Final = (*_LISTS, "model", "skill")
"""The variables that go along: those of the exporter's dashboard, and those of all others."""


def drill(title: str, uid: str, **chosen: str) -> dict[str, object]:
    """Return a data link to another dashboard: with the time and the variables of this one, but for what is ``chosen``.

    ``chosen`` says by variable where its value is: a column (:func:`cell`) or a label (:func:`label`).
    """
    there = _LISTS if uid == EXPORTER else _COMPLETIONS
    kept = [f"${{{variable}:queryparam}}" for variable in there if variable not in chosen]
    taken = [f"var-{variable}={value}" for variable, value in chosen.items()]
    return {"title": title, "url": f"/d/{uid}?{'&'.join(['${__url_time_range}', *kept, *taken])}"}


def cell(column: str) -> str:
    """Return what stands for the text of a column in the row that is clicked."""
    return f"${{__data.fields.{column}:percentencode}}"


def label(name: str) -> str:
    """Return what stands for a label of the series that is clicked."""
    return f"${{__field.labels.{name}:percentencode}}"


def to_completion() -> dict[str, object]:
    """Return a data link to the address in the cell that is clicked, in a tab of its own."""
    return {"title": "Open the completion", "url": "${__value.raw}", "targetBlank": True}


def override(*links: Mapping[str, object]) -> DynamicConfigValue:
    """Return the property of an override that makes what it is about lead there."""
    return DynamicConfigValue("links", [dict(link) for link in links])
