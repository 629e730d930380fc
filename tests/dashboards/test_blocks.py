"""OpenMetrics text becomes blocks that a real Prometheus answers from."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

from tests import realservers
from tests.dashboards.past.blocks import WINDOW, Blocks
from tests.dashboards.past.history import History
from tests.dashboards.past.samples import Target, write
from tests.dashboards.past.server import over

FIRST = 250_000 * WINDOW
"""A time (ms) at which a window begins."""

STRANGE = 'a "quote", a \\ and a\nnewline'


def times() -> list[int]:
    return [FIRST + minute * 60_000 for minute in range(0, 300, 4)]


def test_samples_of_several_windows_come_back_as_they_were_written(tmp_path: Path) -> None:
    target = Target({"job": "j", "instance": "i"})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Blocks(realservers.require("promtool"), tmp_path / "data", scratch) as blocks:
        for number, at in enumerate(times()):
            gauge = GaugeMetricFamily("height", "", labels=["place"])
            gauge.add_metric([STRANGE], number / 7)
            gauge.add_metric(["sky"], float("inf"))
            write(blocks.at(at), at, target.render([gauge]), target.of_the_scrape({"up": 1.0}))
    assert list(scratch.iterdir()) == []
    assert len([block for block in (tmp_path / "data").iterdir() if (block / "meta.json").is_file()]) == 3
    with over(History(tmp_path / "data", 0, 0, {}, ()), tmp_path) as server:
        found = {each.labels.get("place", ""): each for each in server.raw(f'{{job="j"}}[6h] @ {times()[-1] / 1000}')}
    assert found[STRANGE].labels == {"__name__": "height", "place": STRANGE, "job": "j", "instance": "i"}
    assert found[STRANGE].samples == [(at / 1000, number / 7) for number, at in enumerate(times())]
    assert {value for _, value in found["sky"].samples} == {float("inf")}
    assert found[""].samples == [(at / 1000, 1.0) for at in times()]


def test_histograms_without_buckets_keep_sum_and_count() -> None:
    family = HistogramMetricFamily("size", "", labels=["kind"])
    family.add_metric(["a"], [("1.0", 2), ("+Inf", 3)], 4.5)
    names = {line.partition("{")[0] for line in Target({"job": "j"}).render([family], buckets=False)}
    assert names == {"size_sum", "size_count"}


def test_text_that_is_none_is_reported_with_what_promtool_says(tmp_path: Path) -> None:
    promtool = realservers.require("promtool")
    with (
        pytest.raises(RuntimeError, match=r"promtool could not read 250000\.om: .+"),
        Blocks(promtool, tmp_path / "data", tmp_path) as blocks,
    ):
        blocks.at(FIRST).write("no sample at all\n")
