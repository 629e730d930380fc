"""Tables of the worst completions, by the query's name: what they are the worst in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from exporter.models import MICRO, Status
from exporter.simulator.items import Item
from tests.dashboards.truth.numbers import LOW, SLOW
from tests.dashboards.truth.rows import seconds


def _latest_failure(item: Item) -> float | None:
    """Return when it failed, in milliseconds, which Grafana takes times in."""
    return item.finished / 1000 if item.status is Status.ERROR else None


def _slowest_short_answer(item: Item) -> float | None:
    short = item.status is Status.SUCCESS and item.output_tokens is not None and item.output_tokens <= LOW
    return seconds(item) if short and seconds(item) > SLOW else None


def _most_expensive(item: Item) -> float | None:
    return None if item.credits is None else item.credits / MICRO


WORST: Final[Mapping[str, Callable[[Item], float | None]]] = {
    "overview / What to look at / Latest failures / Finished": _latest_failure,
    "latency / What to look at / Slowest of the short answers / Duration": _slowest_short_answer,
    "credits / What to look at / Most expensive completions / Credits": _most_expensive,
}
"""The value of each table's column; None for what does not belong there."""
