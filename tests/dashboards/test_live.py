"""Every query of every panel, on a real Prometheus: there is something, it is finite, and totals are what happened.

It holds eight days of history, made in compressed time, and some minutes of the present, in which it scraped a live
exporter on the stand-in. The rates of graphs look at four minutes at least, which is long for the present: there, all
of it goes six times as fast.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Final

import pytest

from exporter.simulator.items import Source
from tests.dashboards import choices, documents
from tests.dashboards.asking import Shown, queries
from tests.dashboards.interpolation import interpolate
from tests.dashboards.live import Recording, recording
from tests.dashboards.past.compressed import LINK
from tests.dashboards.past.history import TARGET
from tests.dashboards.truth.budgets import BUDGETS, budgets
from tests.dashboards.truth.claims import GRAPHS, GROWTH, SHARES, SINGLE, SUMS, Claim, Values, share_of_list
from tests.dashboards.truth.excuses import OF_THE_ACCOUNT, PAST_ONLY, UNCOMPARED
from tests.dashboards.truth.health import HEALTH
from tests.dashboards.truth.rows import ACCOUNT, Row, of_item, of_items, of_totals
from tests.dashboards.truth.verdicts import trouble, wrong
from tests.dashboards.truth.worst import WORST
from tests.e2e.scrape import Scrape
from tests.e2e.waiting import until

HOUR: Final = 3600
DAY: Final = 24 * HOUR

DASHBOARDS: Final = {dashboard.file.removesuffix(".json"): dashboard for dashboard in documents.load()}
QUERIES: Final = {query.name: query for dashboard in DASHBOARDS.values() for query in queries(dashboard)}
COUNTED: Final = {**SUMS, **SINGLE, **GRAPHS}

FIRING: Final = ("overview / Now / Firing alerts", "overview / What to look at / Firing alerts")

FAMILIES: Final = {
    "overview": ".+",
    "models": "errors|latency",
    "tokens": "latency|credits",
    "latency": "latency",
    "credits": "credits",
    "exporter": "exporter",
}
"""Of alerts, that are marked on the graphs of each dashboard."""

CHOICES: Final[Sequence[Mapping[str, Sequence[str]]]] = (
    {"source": ["executions"]},
    {"model": ["vlmrun-orion-1:pro"]},
    {"model": ["vlmrun-orion-1:auto"], "skill": ["document.invoice"], "source": ["completions"]},
    {"model": ["vlmrun-orion-1:auto", "vlmrun-orion-2:auto"], "skill": ["document.invoice", "image.caption"]},
)
"""What is chosen on the way to a single completion."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """Record history and present once, for all tests."""
    with recording(tmp_path_factory.mktemp("dashboards")) as recorded:
        yield recorded


def present(recorded: Recording) -> Shown:
    """Return the present as it is shown, from before the first scrape to the last one."""
    return Shown(recorded.end - ceil(recorded.end - recorded.start), recorded.end, pace=6)


def past(recorded: Recording, seconds: int) -> Shown:
    """Return so much of the end of the history."""
    return Shown(recorded.history.marks[seconds].at, recorded.history.marks[0].at)


def test_every_query_has_a_name_of_its_own(record_property: Any) -> None:
    panels = [panel for dashboard in DASHBOARDS.values() for panel in dashboard.panels]
    assert len(QUERIES) == sum(len(panel.targets) for panel in panels)
    record_property("dashboards", f"{len(DASHBOARDS)} dashboards, {len(panels)} panels, {len(QUERIES)} queries")


def test_every_query_is_compared_with_the_truth_or_has_a_reason_not_to_be() -> None:
    days = [f"{table} / {column}" for table, growth in GROWTH.items() for column in growth.columns]
    tables = [*COUNTED, *SHARES, *days, *BUDGETS, *HEALTH, *WORST, *FIRING, *UNCOMPARED]
    assert sorted(tables) == sorted(QUERIES)


def test_every_query_finds_finite_values_in_the_present(recorded: Recording, record_property: Any) -> None:
    found = troubles(recorded, present(recorded))
    assert {name: trouble for name, trouble in found.items() if name not in PAST_ONLY or trouble != ["nothing"]} == {}
    count = len(QUERIES) - len(PAST_ONLY)
    record_property("dashboards", f"{count} queries run on a scraped exporter: 0 empty, all finite")


@pytest.mark.parametrize("hours", [6, 24])
def test_every_query_finds_finite_values_in_the_past(hours: int, recorded: Recording, record_property: Any) -> None:
    assert troubles(recorded, past(recorded, hours * HOUR)) == {}
    record_property("dashboards", f"{len(QUERIES)} queries run on {hours} h of history: 0 empty, all finite")


def troubles(recorded: Recording, shown: Shown) -> dict[str, list[str]]:
    """Return what is wrong with answers, by the query's name; with All chosen everywhere."""
    found = {
        name: list(trouble(query, query.ask(recorded.prometheus, shown, choices.texts(query.dashboard)), shown))
        for name, query in QUERIES.items()
    }
    return {name: each for name, each in found.items() if each}


def test_totals_of_the_present_are_what_happened(recorded: Recording, record_property: Any) -> None:
    assert compare(recorded, COUNTED, of_items(recorded.items), present(recorded), {}) == {}
    record_property("dashboards", f"{len(COUNTED)} totals of a scraped exporter equal to the truth")


@pytest.mark.parametrize("chosen", CHOICES, ids=lambda chosen: "+".join(map("+".join, chosen.values())))
def test_what_is_chosen_is_all_that_is_counted(chosen: Mapping[str, Sequence[str]], recorded: Recording) -> None:
    rows = of_items(recorded.items)
    assert any(row.chosen(chosen) for row in rows)
    assert compare(recorded, COUNTED, rows, present(recorded), chosen) == {}


@pytest.mark.parametrize("chosen", [{}, *CHOICES], ids=str)
def test_shares_are_of_all_models(chosen: Mapping[str, Sequence[str]], recorded: Recording) -> None:
    rows, shown = of_items(recorded.items), present(recorded)
    of_all_models = {name: values for name, values in chosen.items() if name != "model"}
    expected = share_of_list(
        [row for row in rows if row.chosen(chosen)], [row for row in rows if row.chosen(of_all_models)]
    )
    for name in SHARES:
        query = QUERIES[name]
        promql = query.promql(replace(shown, rate_interval=shown.seconds), choices.texts(query.dashboard, **chosen))
        assert wrong(recorded.prometheus.values(promql, shown.end), expected) == []


@pytest.mark.parametrize("hours", [6, 24])
def test_totals_of_the_past_are_what_happened(hours: int, recorded: Recording, record_property: Any) -> None:
    rows = of_totals(recorded.history.counted(hours * HOUR))
    assert compare(recorded, SUMS, rows, past(recorded, hours * HOUR), {}) == {}
    record_property("dashboards", f"{len(SUMS)} totals of {hours} h of history equal to the truth")


def compare(
    recorded: Recording,
    claims: Mapping[str, Claim],
    rows: Sequence[Row],
    shown: Shown,
    chosen: Mapping[str, Sequence[str]],
) -> dict[str, list[str]]:
    """Return where claims differ from what happened, by the query's name. Rates are of all of the time shown."""
    whole = replace(shown, rate_interval=shown.seconds)
    found = {}
    for name, claim in claims.items():
        query = QUERIES[name]
        heard = {} if name in OF_THE_ACCOUNT else chosen
        expected = claim([row for row in rows if row.chosen(heard)], shown.seconds)
        promql = query.promql(whole, choices.texts(query.dashboard, **heard))
        if difference := wrong(recorded.prometheus.values(promql, shown.end), expected):
            found[name] = difference
    return found


@pytest.mark.parametrize("table", GROWTH)
def test_days_are_compared_with_days_before(table: str, recorded: Recording) -> None:
    growth, history = GROWTH[table], recorded.history
    ends = {day: history.marks[day * DAY].at for day in (1, 2, growth.days, growth.days + 1)}
    assert ends[1] - ends[2] == ends[growth.days] - ends[growth.days + 1] == DAY

    def shown(column: str, at: float) -> Values:
        return ask(recorded, f"{table} / {column}", Shown(at - DAY, at))

    # The day that ended a day ago was the last one then, and the day so many days before is so many days ago now.
    for column, at, day in (
        (growth.last, ends[1], 1),
        (growth.before, ends[growth.days] + growth.days * DAY, growth.days),
    ):
        expected = growth.claim(of_totals(history.counted((day + 1) * DAY, day * DAY)), DAY)
        assert wrong(shown(column, at), expected) == []
    last, before, change = (shown(column, history.end) for column in growth.columns)
    grown = {labels: value / before[labels] - 1 for labels, value in last.items() if labels in before}
    assert wrong(change, grown) == []


def ask(recorded: Recording, name: str, shown: Shown) -> Values:
    """Return what a query says of one moment, the end of the time shown; with All chosen everywhere."""
    query = QUERIES[name]
    return recorded.prometheus.values(query.promql(shown, choices.texts(query.dashboard)), shown.end)


@pytest.mark.parametrize("name", BUDGETS)
def test_budgets_are_as_configured_and_as_spent(name: str, recorded: Recording) -> None:
    found = budgets(recorded.configuration["budgets"], recorded.items, recorded.end)
    expected = {budget.labels: BUDGETS[name](budget, recorded.end) for budget in found}
    assert wrong(ask(recorded, name, present(recorded)), expected) == []


@pytest.fixture(scope="module")
def scraped(recorded: Recording) -> tuple[Scrape, Shown, Scrape]:
    """Return a scrape, the time shown that ends with a scrape by Prometheus after it, and a scrape after that."""
    before, asked = recorded.scrape(), time.time()
    at = until(lambda: last_scrape(recorded, asked), 30.0, "one more scrape")
    return before, Shown(recorded.start, at), recorded.scrape()


def last_scrape(recorded: Recording, after: float) -> float | None:
    """Return when Prometheus scraped last, if that was after a time, and worked."""
    at = recorded.prometheus.value("timestamp(up) and up == 1")
    return at if at is not None and at > after else None


@pytest.mark.parametrize("name", HEALTH)
def test_health_is_what_the_exporter_says(
    name: str, recorded: Recording, scraped: tuple[Scrape, Shown, Scrape]
) -> None:
    before, shown, after = scraped
    said = [HEALTH[name](scrape, shown.end) for scrape in (before, after)]
    found = ask(recorded, name, shown)
    assert found.keys() == said[0].keys() == said[1].keys() != set()
    for labels, value in found.items():
        low, high = sorted(each[labels] for each in said)
        assert low - 1e-3 <= value <= high + 1e-3, labels


@pytest.mark.parametrize("name", WORST)
def test_the_worst_completions_are_the_worst(name: str, recorded: Recording) -> None:
    badness = WORST[name]
    values = {item.id: value for item in recorded.items if (value := badness(item)) is not None}
    items = {item.id: of_item(item) for item in recorded.items}
    found = {
        dict(labels)["completion_id"]: (dict(labels), value)
        for labels, value in ask(recorded, name, present(recorded)).items()
    }
    for id_, (labels, value) in found.items():
        row = items[id_]
        assert value == pytest.approx(values[id_], rel=1e-9)
        assert labels == {
            "completion_id": id_,
            "url": LINK.replace("{id}", id_),
            "account": row.account,
            "source": row.source,
            "model": row.model,
            "skill": row.skill,
        }
    shown = sorted((value for _, value in found.values()), reverse=True)
    assert shown[:3] == pytest.approx(sorted(values.values(), reverse=True)[:3], rel=1e-9)


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if query.exemplar])
def test_exemplars_name_completions(name: str, recorded: Recording) -> None:
    query, shown = QUERIES[name], present(recorded)
    found = recorded.prometheus.get(
        "query_exemplars",
        query=query.promql(shown, choices.texts(query.dashboard)),
        start=f"{shown.start:.3f}",
        end=f"{shown.end:.3f}",
    )
    named = {exemplar["labels"]["completion_id"] for series in found for exemplar in series["exemplars"]}
    assert named
    assert named <= {item.id for item in recorded.items}


def test_alerts_that_fire_are_shown(recorded: Recording) -> None:
    columns = ("alertname", "severity", "account", "source", "model", "skill", "budget", "instance")
    shown = past(recorded, HOUR)
    firing = recorded.prometheus.values('ALERTS{alertstate="firing"}', shown.end)
    rows = {frozenset((name, value) for name, value in labels if name in columns) for labels in firing}
    number, table = (ask(recorded, name, shown) for name in FIRING)
    assert table.keys() == rows != set()
    assert list(number.values()) == [len(table)]


def test_alerts_that_fired_are_marked_on_graphs_that_they_are_about(recorded: Recording) -> None:
    shown = past(recorded, 6 * HOUR)
    span = {"start": f"{shown.start:.0f}", "end": f"{shown.end:.0f}"}

    def fired(promql: str, step: str) -> set[frozenset[tuple[str, str]]]:
        found = recorded.prometheus.get("query_range", query=promql, step=step, **span)["result"]
        return {frozenset((name, each["metric"].get(name, "")) for name in ("alertname", "severity")) for each in found}

    for name, families in FAMILIES.items():
        (annotation,) = DASHBOARDS[name].annotations
        marked = fired(interpolate(annotation["expr"], choices.texts(DASHBOARDS[name])), annotation["step"])
        assert marked == fired(f'ALERTS{{alertstate="firing", family=~"{families}"}}', "60s")
        assert marked or name != "overview"


@pytest.mark.parametrize("chosen", [{}, *CHOICES], ids=str)
def test_variables_offer_what_there_is_of_what_is_chosen_before(
    chosen: Mapping[str, Sequence[str]], recorded: Recording
) -> None:
    rows = of_items(recorded.items)
    always = {
        **{name: [value] for name, value in TARGET.items()},
        "account": [ACCOUNT],
        "source": sorted(Source),
        "budget": sorted(budget["name"] for budget in recorded.configuration["budgets"]),
    }
    for dashboard in DASHBOARDS.values():
        before: dict[str, Sequence[str]] = {}
        for name in (variable["name"] for variable in dashboard.variables if variable["type"] == "query"):
            offered = choices.offered(recorded.prometheus, dashboard, name, present(recorded), **before)
            there = always.get(name) or sorted({getattr(row, name) for row in rows if row.chosen(before)})
            assert offered == there
            before |= {name: chosen[name]} if name in chosen else {}
