"""Every suite runs, what it measures has counted right, and the report has every figure. No time is judged."""

from __future__ import annotations

from benchmarks.setting import Bench
from benchmarks.suites import daemon, growth, idle, ingest, ledger, publish, ready, scrape, stages
from benchmarks.workers.stages import REST, STEPS
from tests import realservers


def test_ingest_counts_what_is_in_the_pages_and_so_do_the_peers_that_can_be_started(bench: Bench):
    ingest.run(bench)
    for kind in ("small", "large"):
        measured = bench.results.under(f"ingest/{kind}/")
        assert measured.keys() >= {"exporter", "prometheus_client"}
    # Some peers have requirements of their own, which `make peers` sets up: they may be absent, never wrong.
    assert all("broke off" in problem or "No such file" in problem for problem in bench.results.problems.values())


def test_every_step_of_a_page_is_timed(bench: Bench):
    stages.run(bench)
    assert bench.results.under("stages/").keys() == {*STEPS, REST}


def test_a_ledger_of_every_size_gets_the_same_pages(bench: Bench):
    ledger.run(bench)
    assert bench.results.problems == {}
    assert list(bench.results.under("ledger/")) == ["0", "500", "1500"]


def test_publishing_is_compared_with_a_registry_of_the_same_lines(bench: Bench):
    publish.run(bench)
    assert bench.results.problems == {}
    assert list(bench.results.under("publish/500/")) == ["1% changed", "10% changed", "100% changed", "generate_latest"]


def test_the_daemon_counts_its_backlog_to_the_last_row(bench: Bench):
    daemon.run(bench)
    found = bench.results.under("daemon/")
    assert found["requests a row"].median >= 2 / bench.scale.backlog
    assert found["bytes a row"].median > 300
    assert found["memory of 500 lines"].median != found["memory when idle"].median


def test_a_start_is_measured_with_an_empty_ledger_and_with_the_largest(bench: Bench):
    ready.run(bench)
    assert bench.results.under("ready/").keys() == {"0", "1500"}


def test_idling_is_measured_on_the_stand_in(bench: Bench):
    idle.run(bench)
    assert bench.results.figures["idle/cores"].median < 10


def test_growth_is_measured_along_every_axis(bench: Bench):
    growth.run(bench)
    assert bench.results.problems == {}
    assert list(bench.results.under("growth/")) == [
        "page size/100",
        "page size/200",
        "series/7",
        "accounts/2",
    ]


def test_servers_are_scraped_by_wrk_and_by_prometheus(bench: Bench):
    realservers.require("prometheus")
    realservers.require("wrk")
    scrape.run(bench)
    for form in ("plain", "gzip"):
        assert {"exporter/p50", "exporter/p99", "exporter/cpu"} <= bench.results.under(f"scrape/500/{form}/").keys()
    assert {"exporter", "prometheus_client"} <= bench.results.under("reported/500/").keys()
    packed, plain = (bench.results.figures[f"scrape/500/{form}/exporter/size"].median for form in ("gzip", "plain"))
    assert packed < plain
