"""A real Prometheus that scrapes one target, and answers queries; and what its samples come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from exporter.models import MICRO
from exporter.simulator.truth import Key
from tests.e2e.host import free_port
from tests.e2e.process import write
from tests.e2e.scrape import Scrape
from tests.e2e.serving import serving
from tests.e2e.standin import LABELS, Sums, Totals

JOB = "vlmrun-exporter"
"""The scrape job that rules and dashboards assume."""

SCALES = {
    "vlmrun_completions_total": 1,
    "vlmrun_completion_input_tokens_total": 1,
    "vlmrun_completion_output_tokens_total": 1,
    "vlmrun_completion_credits_total": MICRO,
}
"""The families that the stand-in keeps sums of, in the order of its sums, and their scale there."""


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one series as they are stored: times in seconds, oldest first."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]

    @property
    def rise(self) -> float:
        """Last value less the first one."""
        return self.samples[-1][1] - self.samples[0][1]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server."""

    http: httpx.Client

    def get(self, path: str, **params: str) -> Any:
        """GET under ``/api/v1`` and return the data of the answer. Raises httpx.HTTPStatusError on a refusal."""
        return self.http.get(f"/api/v1/{path}", params=params).raise_for_status().json()["data"]

    def values(self, query: str, at: float | None = None) -> dict[frozenset[tuple[str, str]], float]:
        """Evaluate an instant vector, at a time in seconds or now; return values by labels."""
        when = {} if at is None else {"time": f"{at:.3f}"}
        result = self.get("query", query=query, **when)["result"]
        return {frozenset(each["metric"].items()): float(each["value"][1]) for each in result}

    def value(self, query: str) -> float | None:
        """Evaluate a query of at most one value; None without any."""
        values = list(self.values(query).values())
        assert len(values) <= 1, f"{query}: {len(values)} values"
        return values[0] if values else None

    def firing(self) -> set[frozenset[tuple[str, str]]]:
        """The labels of every alert that fires."""
        alerts = self.get("alerts")["alerts"]
        return {frozenset(alert["labels"].items()) for alert in alerts if alert["state"] == "firing"}

    def evaluations(self) -> dict[str, int]:
        """How often each group of rules has been evaluated, by its name."""
        scrape = Scrape(self.http.get("/metrics").raise_for_status().text)
        counts = scrape.by("prometheus_rule_group_iterations_total", "rule_group")
        return {group.rpartition(";")[2]: round(count) for (group,), count in counts.items()}

    def raw(self, selector: str) -> list[Series]:
        """Return the stored samples of a range vector such as ``up[5m]``."""
        result = self.get("query", query=selector)["result"]
        return [
            Series(each["metric"], [(float(time), float(value)) for time, value in each["values"]]) for each in result
        ]


def sums(series: Sequence[Series], labels: Sequence[str], scale: int) -> dict[tuple[str, ...], int]:
    """Add up the rises of series by ``labels``, those above 0."""
    found: dict[tuple[str, ...], int] = {}
    for each in series:
        key = tuple(each.labels[label] for label in labels)
        found[key] = found.get(key, 0) + round(each.rise * scale)
    return {key: value for key, value in found.items() if value}


def risen(server: Prometheus, window: str) -> Totals:
    """What the stored samples of a window say was counted, from the first one to the last."""
    families = [sums(server.raw(f"{name}[{window}]"), LABELS, scale) for name, scale in SCALES.items()]
    return _totals(families)


def increased(server: Prometheus, window: str, at: float) -> Totals:
    """What ``increase()`` over a window that ends at a time (s) says was counted, rounded to whole units."""
    families = []
    for name, scale in SCALES.items():
        values = server.values(f"sum by ({', '.join(LABELS)}) (increase({name}[{window}]))", at=at)
        rounded = {
            tuple(dict(labels)[label] for label in LABELS): round(value * scale) for labels, value in values.items()
        }
        families.append({key: value for key, value in rounded.items() if value})
    return _totals(families)


def _totals(families: Sequence[Mapping[tuple[str, ...], int]]) -> Totals:
    keys = {key for family in families for key in family}
    return {Key(*key): Sums(*(family.get(key, 0) for family in families)) for key in keys}


@dataclass(frozen=True, slots=True)
class Alerting:
    """What makes alerts of samples: rule files, an Alertmanager (HOST:PORT), and how long a sample is seen."""

    rule_files: Sequence[Path]
    alertmanager: str
    lookback: str


@contextmanager
def prometheus(
    binary: Path,
    folder: Path,
    target: str,
    *,
    interval: str = "1s",
    timeout: str = "1s",
    alerting: Alerting | None = None,
) -> Iterator[Prometheus]:
    """Run ``binary`` with its data in ``folder``; it scrapes ``target`` (HOST:PORT)."""
    document: dict[str, Any] = {
        "global": {"scrape_interval": interval, "scrape_timeout": timeout},
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [target]}]}],
    }
    flags = []
    if alerting is not None:
        document["rule_files"] = [str(file) for file in alerting.rule_files]
        managers = {"static_configs": [{"targets": [alerting.alertmanager]}]}
        document["alerting"] = {"alertmanagers": [managers]}
        flags.append(f"--query.lookback-delta={alerting.lookback}")
    command: tuple[str | Path, ...] = (
        binary,
        f"--config.file={write(folder / 'prometheus.yml', document)}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--enable-feature=exemplar-storage",
        *flags,
    )
    with serving("prometheus", command, folder, f"127.0.0.1:{free_port()}") as http:
        yield Prometheus(http)
