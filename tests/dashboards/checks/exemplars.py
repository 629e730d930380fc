"""What can be wrong with the exemplars of panels, the dots that lead to one completion: problems, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from promql_parser import VectorSelector

from exporter.metrics import catalog
from tests.alerts import promql
from tests.dashboards.checks import queries
from tests.dashboards.checks.lexicon import Lexicon
from tests.dashboards.documents import Panel


def check(panel: Panel, lexicon: Lexicon) -> Iterator[str]:
    """Yield exemplars that are asked for where there are none, and not asked for where they help."""
    graphs = panel.type in ("timeseries", "heatmap")
    asked = [target for target in panel.targets if target.get("exemplar")]
    for target in asked:
        if not graphs:
            yield f"query {target['refId']} asks for exemplars, which a {panel.type} does not show"
        elif not any(_carries(selector, lexicon) for selector in _selectors(target)):
            yield f"query {target['refId']} asks for exemplars, which its metrics do not have"
    if graphs and not asked and any(_helped(target, lexicon) for target in panel.targets):
        yield "no query asks for exemplars, which its metrics have"


def _helped(target: Mapping[str, Any], lexicon: Lexicon) -> bool:
    """Tell whether exemplars say more than the line does: of histograms, and of what went wrong."""
    carrying = [selector for selector in _selectors(target) if _carries(selector, lexicon)]
    apart = "status" in queries.labels(target["expr"], lexicon)
    return any(not _counted(selector) or _status(selector) == "error" or apart for selector in carrying)


def _carries(selector: VectorSelector, lexicon: Lexicon) -> bool:
    """Tell whether what is selected has exemplars: of counted completions, only the failed ones have."""
    return promql.metric(selector) in lexicon.carriers and not (_counted(selector) and _status(selector) == "success")


def _counted(selector: VectorSelector) -> bool:
    return promql.metric(selector) == catalog.COMPLETIONS.name


def _status(selector: VectorSelector) -> str:
    return next((matcher.value for matcher in promql.matchers(selector) if matcher.name == "status"), "")


def _selectors(target: Mapping[str, Any]) -> list[VectorSelector]:
    return [selector for selector, _ in promql.selectors(queries.parsed(target["expr"]))]
