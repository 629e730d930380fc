"""What a real Prometheus makes of a live exporter: the run is watched once, then looked at from several sides.

Prometheus starts first, so that it sees each series from its birth at 0. After 50 seconds of traffic time is stopped
at the stand-in; the comparisons are exact, because the rise of stored samples knows no extrapolation, and because
``increase()`` evaluated at the very last sample of series that begin at 0 has none either: it extrapolates neither
beyond the window's end nor below zero.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import pytest

from exporter.models import SECOND, Status
from exporter.simulator.items import Item, Source
from exporter.simulator.truth import Key
from tests import realservers
from tests.e2e.host import free_port
from tests.e2e.process import Exporter, configuration, write
from tests.e2e.prometheus import JOB, SCALES, Prometheus, increased, prometheus, risen, sums
from tests.e2e.scrape import OPENMETRICS
from tests.e2e.standin import LABELS, Standin, Totals, compare, counted, expected, standin
from tests.e2e.waiting import until

SCRAPES = 25
INTERVAL = "2s"
"""What a scrape may take, too: on a loaded machine one second is not enough for every single one."""

WINDOW = "10m"
SLOW = 1
"""Seconds from which a low-token completion counts as slow, few enough for some of ordinary traffic to be."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that there is to look at once the run is over."""

    upstream: Standin
    exporter: Exporter
    prometheus: Prometheus
    truth: Totals


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Let a Prometheus watch an exporter from its first second on; yield once it has seen everything."""
    binary = realservers.require("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    address = f"127.0.0.1:{free_port()}"
    with (
        standin(rate=4.0) as upstream,
        prometheus(binary, folder, address, interval=INTERVAL, timeout=INTERVAL) as server,
    ):
        document = configuration(
            upstream.url,
            folder,
            poll={"interval": "1s"},
            metrics={"birth_hold": "6s"},
            slow_low_token={"min_duration": f"{SLOW}s"},
        )
        until(lambda: server.value("up") == 0, 60.0, "Prometheus looks for its target")
        with Exporter(write(folder / "config.yaml", document), listen=(address,)) as exporter:
            exporter.ready()
            enough = f"sum_over_time(up[{WINDOW}])"
            until(lambda: (server.value(enough) or 0) >= SCRAPES, 120, f"{SCRAPES} scrapes", every=0.5)
            upstream.clock.stop()
            truth = expected(upstream.truth())
            until(lambda: compare(truth, counted(exporter.scrape())), 30, "all is counted and shown", every=0.5)
            shown = time.time()
            until(lambda: (server.value("timestamp(up)") or 0) > shown, 60.0, "one more scrape")
            yield Run(upstream, exporter, server, truth)


def test_the_run_had_something_to_count(run: Run) -> None:
    assert sum(total.completions for total in run.truth.values()) > 100
    assert {key.source for key in run.truth} == set(Source)
    assert {key.status for key in run.truth} == {"success", "error"}


@pytest.mark.parametrize("family", SCALES)
def test_stored_samples_begin_at_0_and_never_fall(family: str, run: Run) -> None:
    series = run.prometheus.raw(f"{family}[{WINDOW}]")
    assert all(each.samples[0][1] == 0 for each in series)
    assert all(before <= after for each in series for (_, before), (_, after) in pairwise(each.samples))


def test_stored_samples_rise_by_exactly_what_happened(run: Run) -> None:
    verdict = compare(run.truth, risen(run.prometheus, WINDOW))
    assert verdict, verdict.differences


def test_increase_over_the_run_is_exactly_what_happened(run: Run) -> None:
    last = max(time for each in run.prometheus.raw(f"vlmrun_completions_total[{WINDOW}]") for time, _ in each.samples)
    verdict = compare(run.truth, increased(run.prometheus, WINDOW, last))
    assert verdict, verdict.differences


@pytest.mark.parametrize("label", ["model", "skill", "status"])
def test_increase_asked_for_between_scrapes_is_off_by_no_more_than_prometheus_documents(label: str, run: Run) -> None:
    place = LABELS.index(label)
    truth: dict[str, int] = {}
    for key, total in run.truth.items():
        truth[key[place]] = truth.get(key[place], 0) + total.completions
    series = run.prometheus.raw(f"vlmrun_completions_total[{WINDOW}]")
    # A window that ends after the last sample is extrapolated, by at most 1.1 times the distance between samples.
    factor = 1 + max(1.1 / (len(each.samples) - 1) for each in series if each.rise)
    last = max(time for each in series for time, _ in each.samples)
    query = f"sum by ({label}) (increase(vlmrun_completions_total[{WINDOW}]))"
    for labels, value in run.prometheus.values(query, at=last + 0.4).items():
        happened = truth.get(dict(labels)[label], 0)
        assert happened - 1e-6 <= value <= happened * factor + 1e-6


def test_low_token_and_slow_ones_are_all_there(run: Run) -> None:
    items = run.upstream.simulation.call(lambda: list(run.upstream.simulation.platform.world.rows(Source.COMPLETIONS)))
    low = [item for item in items if item.status is Status.SUCCESS and (item.output_tokens or 0) <= 128]
    slow = [item for item in low if item.duration > SLOW * SECOND]
    labels = ("source", "model", "skill")
    assert 0 < len(slow) < len(low)
    for family, chosen in (("low_token", low), ("slow_low_token", slow)):
        series = run.prometheus.raw(f"vlmrun_{family}_completions_total[{WINDOW}]")
        assert all(each.samples[0][1] == 0 for each in series)
        assert sums(series, labels, 1) == tally(chosen)


def tally(items: list[Item]) -> Mapping[tuple[str, ...], int]:
    """Count items by source, model and skill."""
    found: dict[tuple[str, ...], int] = {}
    for item in items:
        key = Key(item.source, item.model or "unknown", item.skill or "none", item.status)[:3]
        found[key] = found.get(key, 0) + 1
    return found


def test_every_scrape_was_good_and_in_openmetrics(run: Run) -> None:
    (target,) = run.prometheus.get("targets", state="active")["activeTargets"]
    assert (target["health"], target["lastError"], target["labels"]["job"]) == ("up", "", JOB)
    (up,) = run.prometheus.raw(f"up[{WINDOW}]")
    states = [value for _, value in up.samples]
    assert states[states.index(1.0) :] == [1.0] * states.count(1.0)
    # Only OpenMetrics describes a counter by its name without _total.
    (described,) = run.prometheus.get("targets/metadata", metric="vlmrun_completions")
    assert (described["type"], described["target"]["job"]) == ("counter", JOB)


def test_exemplars_lead_to_completions(run: Run) -> None:
    now = time.time()
    found = run.prometheus.get(
        "query_exemplars",
        query='vlmrun_completion_duration_seconds_bucket{source="completions"}',
        start=f"{now - 600:.3f}",
        end=f"{now:.3f}",
    )
    exemplars = [exemplar for series in found for exemplar in series["exemplars"]]
    items = run.upstream.simulation.call(lambda: list(run.upstream.simulation.platform.world.rows(Source.COMPLETIONS)))
    durations = {item.id: item.duration / SECOND for item in items}
    assert len(exemplars) > 20
    for exemplar in exemplars:
        assert float(exemplar["value"]) == pytest.approx(durations[exemplar["labels"]["completion_id"]], abs=1e-6)


def test_promtool_finds_nothing_to_complain_about(run: Run) -> None:
    checked = subprocess.run(
        [realservers.require("promtool"), "check", "metrics"],
        input=run.exporter.scrape().text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_both_formats_say_the_same(run: Run) -> None:
    text, modern = run.exporter.scrape(), run.exporter.scrape(OPENMETRICS)
    names = {name for name in text.names if name.startswith("vlmrun_")}
    assert names == {name for name in modern.names if name.startswith("vlmrun_")}
    for name in (*SCALES, "vlmrun_completion_duration_seconds_bucket", "vlmrun_completion_cost_credits_sum"):
        assert text.by(name, *LABELS) == modern.by(name, *LABELS)
