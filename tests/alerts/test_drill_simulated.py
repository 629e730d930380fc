"""A simulated history: it is what the exporter would have shown, scrape by scrape."""

from __future__ import annotations

from itertools import pairwise

import pytest

from exporter.alerts.drill import simulated
from exporter.alerts.drill.rules import load, shipped_rules
from exporter.alerts.drill.samples import Labels
from exporter.alerts.drill.traffic import Plan
from exporter.metrics.catalog import FAMILIES, Kind
from exporter.models import MICRO, SECOND
from exporter.simulator import trace
from exporter.simulator.faults import Faults
from exporter.simulator.workload import Workload
from exporter.simulator.world import World
from tests.alerts.drilling import START, TERMS, Samples, collected, plan

NEEDED = load(shipped_rules()).metrics()


def simulate(of: Plan, needed: frozenset[str] = NEEDED) -> Samples:
    return collected(simulated.history(of, TERMS, needed))


@pytest.fixture(scope="module")
def steady() -> Samples:
    return simulate(plan(hours=2, rate=0.2))


def of(samples: Samples, name: str, **labels: str) -> dict[Labels, list[tuple[int, float]]]:
    return {key: found for key, found in samples.items() if key[0][1] == name and labels.items() <= dict(key).items()}


def last(samples: Samples, name: str, **labels: str) -> float:
    return sum(found[-1][1] for found in of(samples, name, **labels).values())


def test_every_metric_that_rules_read_is_there(steady: Samples) -> None:
    assert {labels[0][1] for labels in steady} == NEEDED


def test_nothing_else_is_made() -> None:
    few = frozenset({"up", "vlmrun_completions_total"})
    assert {labels[0][1] for labels in simulate(plan(hours=0.1), few)} == few


def test_a_scrape_has_the_time_and_the_target_that_prometheus_would_add(steady: Samples) -> None:
    (up,) = of(steady, "up").items()
    assert up[0] == (("__name__", "up"), ("instance", "localhost:9877"), ("job", "vlmrun-exporter"))
    assert up[1] == [((START + 60 * number) * 1000, 1.0) for number in range(1, 121)]
    assert all(dict(labels)["job"] == "vlmrun-exporter" for labels in steady)


def test_families_have_the_labels_of_the_catalogue(steady: Samples) -> None:
    families = {family.name: family for family in FAMILIES}
    for labels in steady:
        name = labels[0][1]
        family = families.get(name) or families.get(name.rpartition("_")[0])
        if family is not None:
            assert {label for label, _ in labels} - {"__name__", "job", "instance", "le"} == set(family.labels)
            assert (family.kind is Kind.HISTOGRAM) == (family.name != name)


def test_the_stand_in_would_have_listed_the_same_completions(steady: Samples) -> None:
    world = World(trace.load(), Workload(1), Faults(), start=START * SECOND, rate=0.2)
    world.advance((START + 2 * 3600 - 7) * SECOND)  # the last poll before the last scrape
    totals = world.truth().totals
    assert totals
    for key, total in totals.items():
        labels = {**key._asdict(), "late": "false"}
        assert last(steady, "vlmrun_completions_total", **labels) == total.completions
        assert round(last(steady, "vlmrun_completion_credits_total", **labels) * MICRO) == total.microcredits
    assert last(steady, "vlmrun_completions_total") == sum(total.completions for total in totals.values())


def test_counters_begin_at_0_and_never_fall(steady: Samples) -> None:
    for labels, samples in steady.items():
        if labels[0][1].startswith("vlmrun_comp") or labels[0][1].endswith("_total"):
            assert samples[0][1] == 0
            assert all(before <= after for (_, before), (_, after) in pairwise(samples))


def test_buckets_count_up_to_all(steady: Samples) -> None:
    name = "vlmrun_completion_cost_credits"
    for labels, samples in of(steady, f"{name}_count").items():
        known = {label: value for label, value in labels if label != "__name__"}
        buckets = of(steady, f"{name}_bucket", **known)
        assert max(found[-1][1] for found in buckets.values()) == samples[-1][1]
        assert of(steady, f"{name}_bucket", **known, le="+Inf").popitem()[1] == samples


def test_the_budgets_allow_for_a_fifth_more_than_ordinary_traffic_takes(steady: Samples) -> None:
    spent = last(steady, "vlmrun_credit_budget_spent_credits", budget="day")
    allowed = last(steady, "vlmrun_credit_budget_credits", budget="day") * 2 / 24
    assert spent == pytest.approx(last(steady, "vlmrun_completion_credits_total"))
    assert 1.1 < allowed / spent < 1.35


def test_the_scenario_begins_with_the_incident() -> None:
    samples = simulate(plan("error-spike", hours=3, incident=1, rate=0.2))
    begins = (START + 2 * 3600) * 1000

    def ratio(since: int, until: int) -> float:
        counts = [0.0, 0.0]
        for labels, found in of(samples, "vlmrun_completions_total", skill="document.invoice").items():
            values = dict(found)
            counts[dict(labels)["status"] == "error"] += values[until] - values.get(since, 0.0)
        return counts[1] / sum(counts)

    assert ratio(0, begins) < 0.03
    assert 0.3 < ratio(begins, begins + 3_600_000) < 0.5


def test_in_an_outage_nothing_is_counted_and_no_poll_succeeds() -> None:
    samples = simulate(plan("outage", hours=1, incident=0.5, rate=0.2))
    begins = START + 1800
    for _, found in of(samples, "vlmrun_exporter_last_success_timestamp_seconds").items():
        during = {value for time, value in found if begins + 7 <= time / 1000 < begins + 187}
        assert during == {begins}
        assert found[-1][1] == START + 3600 - 7
    counted = of(samples, "vlmrun_completions_total", late="false")
    during = {
        sum(dict(found).get((begins + offset) * 1000, 0.0) for found in counted.values()) for offset in (60, 120, 180)
    }
    assert len(during) == 1


def test_the_same_seed_gives_the_same_history() -> None:
    assert simulate(plan(hours=0.2, seed=3)) == simulate(plan(hours=0.2, seed=3)) != simulate(plan(hours=0.2, seed=4))
