"""Three hours as a Prometheus would have stored them, compared with what happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from exporter.alerts.drill.firing import Episode
from exporter.alerts.drill.rules import Alert
from exporter.models import SECOND
from tests.clocks import START
from tests.dashboards.past import firing, history
from tests.dashboards.past.days import LEAD, Plan, Stretch
from tests.dashboards.past.history import History
from tests.dashboards.past.incidents import HOUR, MINUTE, OUTAGE, RESTART, Incident
from tests.dashboards.past.server import over
from tests.e2e.prometheus import SCALES, Prometheus, Series, increased
from tests.e2e.standin import compare

END = START // SECOND + 10 * 86_400
DETAILED = 2 * HOUR

SCRIPT = (
    Incident(OUTAGE, ago=100 * MINUTE, lasts=14 * MINUTE),
    Incident("error-spike", ago=60 * MINUTE, lasts=20 * MINUTE),
    Incident(RESTART, ago=30 * MINUTE, lasts=2.5 * MINUTE),
)
PLAN = Plan(
    END,
    (Stretch(4 * HOUR, scrape=240, poll=480, whole=False), Stretch(DETAILED, scrape=60, poll=60)),
    SCRIPT,
    marks=(90 * MINUTE, HOUR, 0.0),
)


@dataclass(frozen=True, slots=True)
class Run:
    """What was made, behind a Prometheus, and what the rules said of it."""

    history: History
    server: Prometheus
    fired: list[tuple[Alert, Episode]]

    def stored(self, selector: str, ago: float = 4 * HOUR) -> list[Series]:
        """Return the samples of a selector since ``ago`` seconds before the end."""
        return self.server.raw(f"{selector}[{ago:.0f}s] @ {END}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Live through the plan, and let the rules look at it."""
    folder = tmp_path_factory.mktemp("days")
    past, _ = history.make(PLAN, folder / "data")
    with over(past, folder) as server:
        yield Run(past, server, firing.evaluate(server, END - DETAILED, END))


@pytest.mark.parametrize("mark", [90 * MINUTE, HOUR])
def test_increase_between_two_marks_is_exactly_what_was_shown_as_finished(mark: float, run: Run) -> None:
    first, last = run.history.marks[mark], run.history.marks[0.0]
    truth = run.history.counted(mark)
    assert sum(sums.completions for sums in truth.values()) > 500
    verdict = compare(truth, increased(run.server, f"{last.at - first.at:.0f}s", last.at))
    assert verdict, verdict.differences


@pytest.mark.parametrize("family", SCALES)
def test_counters_begin_at_0_and_go_on_over_every_restart(family: str, run: Run) -> None:
    series = run.stored(family)
    assert len(series) >= 40, "four models and five skills, with two statuses each"
    assert {each.samples[0][1] for each in series} == {0.0}
    assert all(before <= after for each in series for (_, before), (_, after) in pairwise(each.samples))


def test_the_target_is_down_while_the_exporter_is_and_shows_nothing_then(run: Run) -> None:
    (up,) = run.stored("up")
    assert [END - time for time, value in up.samples if value == 0] == [30 * MINUTE, 29 * MINUTE, 28 * MINUTE]
    shown = {END - time for each in run.stored("vlmrun_exporter_source_up") for time, _ in each.samples}
    assert shown == {END - time for time, value in up.samples if value == 1}
    assert run.server.values('{__name__=~"vlmrun_[^:]+|process_.+"}', at=END - 30 * MINUTE) == {}


def test_the_process_began_anew_with_each_stretch_and_after_the_restart(run: Run) -> None:
    (started,) = run.stored("process_start_time_seconds")
    began = sorted({round(END - value) for _, value in started.samples}, reverse=True)
    assert began == [4 * HOUR + LEAD, DETAILED + LEAD, 27.5 * MINUTE]


def test_no_series_is_gone_between_two_scrapes(run: Run) -> None:
    (up,) = run.stored("up")
    assert (up.samples[0][0], up.samples[-1][0]) == (END - 4 * HOUR, END)
    assert max(after - before for (before, _), (after, _) in pairwise(up.samples)) == 240


def test_an_outage_shows_and_what_it_held_back_is_late(run: Run) -> None:
    failing = {END - time for each in run.stored("vlmrun_exporter_source_up") for time, up in each.samples if up == 0}
    assert {88 * MINUTE, 92 * MINUTE, 97 * MINUTE} < failing
    assert all(83 * MINUTE < ago <= 100 * MINUTE for ago in failing)
    late = run.server.values('sum(increase(vlmrun_completions_total{late="true"}[25m]))', at=END - 75 * MINUTE)
    assert sum(late.values()) > 10


def test_buckets_are_left_out_where_the_plan_says_so(run: Run) -> None:
    buckets = run.stored("vlmrun_completion_duration_seconds_bucket")
    counts = run.stored("vlmrun_completion_duration_seconds_count")
    assert min(each.samples[0][0] for each in buckets) == END - DETAILED
    assert min(each.samples[0][0] for each in counts) < END - 3 * HOUR


def test_what_prometheus_says_of_a_scrape_is_what_it_stored(run: Run) -> None:
    for ago in (HOUR, 0.0):
        said = run.server.values("scrape_samples_scraped", at=END - ago)
        stored = run.server.values('count({__name__=~"vlmrun_[^:]+|process_.+"})', at=END - ago)
        assert list(said.values()) == list(stored.values())


def test_a_series_ends_with_the_first_scrape_without_it(run: Run) -> None:
    for ago in (50 * MINUTE, 20 * MINUTE, 0.0):
        seen = run.server.values("vlmrun_worst_completion_value", at=END - ago)
        scraped = run.server.values(f"timestamp(vlmrun_worst_completion_value) == {END - ago}", at=END - ago)
        assert len(seen) == len(scraped) > 3


def test_budgets_are_spent_by_what_was_counted_of_their_day(run: Run) -> None:
    spent = run.server.values('vlmrun_credit_budget_spent_credits{budget="daily"}', at=END)
    counted = run.server.values("sum(vlmrun_completion_credits_total)", at=END)
    assert list(spent.values()) == pytest.approx(list(counted.values()))
    complete = run.server.values("vlmrun_credit_budget_complete", at=END)
    assert list(complete.values()) == [1.0, 1.0]


def test_the_rules_find_the_incidents_and_alerts_are_stored_as_they_fired(run: Run) -> None:
    names = {alert.name for alert, _ in run.fired}
    assert {"VLMRunDataStale", "VLMRunErrorSpike"} <= names
    for alert, episode in run.fired:
        labels = {**dict(episode.labels), **dict(alert.labels), "alertname": alert.name, "alertstate": "firing"}
        matchers = ",".join(f'{name}="{value}"' for name, value in labels.items())
        (series,) = run.stored(f"ALERTS{{{matchers}}}")
        times = [time * 1000 for time, _ in series.samples]
        assert episode.start in times
        assert episode.end is None or (episode.end not in times and episode.end - alert.interval in times)
