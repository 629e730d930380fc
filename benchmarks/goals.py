"""What the exporter must reach, and what it aims at: each goal is read off the results, a missed one says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.results import Results
from benchmarks.setting import Scale

MB = 1_000_000

Measure = Callable[[Results], float | None]
"""Reads a figure off the results; None if it was not measured."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure with the value that it must not go beyond: at most ``must``, or at least if ``more`` is better."""

    name: str
    measure: Measure
    must: float
    aim: float | None = None
    more: bool = False
    form: str = "{:.2f}"
    """How a value is written."""

    def met(self, value: float, bound: float) -> bool:
        """Whether a value is as good as a bound."""
        return value >= bound if self.more else value <= bound

    def bound(self, bound: float | None) -> str:
        """Write a bound."""
        return "" if bound is None else f"{'≥' if self.more else '≤'} {self.form.format(bound)}"

    def seen(self, results: Results) -> str:
        """Write what was seen, and how it compares."""
        value = self.measure(results)
        if value is None:
            return "not measured"
        if not self.met(value, self.must):
            verdict = "**missed**"
        elif self.aim is not None and self.met(value, self.aim):
            verdict = "aim reached"
        else:
            verdict = "met"
        return f"{self.form.format(value)} ({verdict})"


def ratio(name: str, baseline: str) -> Measure:
    """The ratio of one figure to another of the same run."""
    return lambda results: results.ratio(name, baseline)


def times(name: str, baseline: str) -> Measure:
    """How many times as fast the first is."""
    return lambda results: results.ratio(baseline, name)


def value(name: str, scale: float = 1.0) -> Measure:
    """A figure in units of ``scale``."""
    return lambda results: results.figures[name].median / scale if name in results.figures else None


TIMES = "{:,.1f} times"


def goals(scale: Scale) -> Sequence[Goal]:
    """The goals, at the largest that a run of this ``scale`` measures."""
    rows, lines, scraped = scale.ledgers[-1], scale.lines[-1], scale.scraped[-1]
    ours, scrape = "ingest/small/exporter", f"scrape/{scraped}/gzip"
    return (
        Goal(
            "ingest, durable and exact, to the bare pydantic `list[Model]` parse of the same bytes",
            ratio(ours, "ingest/small/pydantic, parsing only"),
            must=1.0,
            aim=0.6,
        ),
        Goal(
            "ingest, as many times as fast as pydantic + a prometheus_client loop (neither durable nor exact)",
            times(ours, "ingest/small/prometheus_client"),
            must=4,
            aim=6,
            more=True,
            form=TIMES,
        ),
        Goal(
            "ingest, as many times as fast as the OpenTelemetry SDK",
            times(ours, "ingest/small/OpenTelemetry SDK"),
            must=8,
            more=True,
            form=TIMES,
        ),
        Goal(
            "ingest, as many times as fast as LiteLLM's logger (it does more for each event)",
            times(ours, "ingest/small/LiteLLM's logger"),
            must=100,
            more=True,
            form=TIMES,
        ),
        Goal(
            f"ingest at a ledger of {rows:,} rows to one that began empty",
            ratio(f"ledger/{rows}", "ledger/0"),
            must=1.2,
            aim=1.05,
        ),
        Goal(
            f"scrape of {scraped:,} lines, gzip, p50: as many times as fast as prometheus_client's server",
            times(f"{scrape}/exporter/p50", f"{scrape}/prometheus_client/p50"),
            must=1_000,
            aim=5_000,
            more=True,
            form=TIMES,
        ),
        Goal(f"scrape of {scraped:,} lines, gzip, p99 in ms", value(f"{scrape}/exporter/p99", 1e-3), must=2.0),
        Goal(
            f"scrape of {scraped:,} lines, gzip, p50: as many times as fast as a Go client_golang exporter",
            times(f"{scrape}/exporter/p50", f"{scrape}/client_golang (Go)/p50"),
            must=10,
            more=True,
            form=TIMES,
        ),
        Goal(
            f"publish of {lines:,} lines, rendered and packed, 1 % changed: as many times as fast as `generate_latest`",
            times(f"publish/{lines}/1% changed", f"publish/{lines}/generate_latest"),
            must=25,
            aim=100,
            more=True,
            form=TIMES,
        ),
        Goal(
            f"`scrape_duration_seconds` of {scraped:,} lines as Prometheus reports it, s",
            value(f"reported/{scraped}/exporter"),
            must=0.3,
        ),
        Goal(
            f"peak memory over the idle daemon in MB: catch-up of {scale.backlog:,} rows",
            value("daemon/memory of the catch-up", MB),
            must=50,
            form="{:.0f}",
        ),
        Goal(
            f"peak memory over the idle daemon in MB: {lines:,} lines",
            value(f"daemon/peak memory of {lines} lines", MB),
            must=50,
            form="{:.0f}",
        ),
        Goal(f"ready with a ledger of {rows:,} rows, s", value(f"ready/{rows}"), must=2.0, aim=0.5),
        Goal("idle, three lists every 60 s: % of a core", value("idle/cores", 0.01), must=0.5, aim=0.1),
    )
