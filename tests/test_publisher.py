"""What a scrape sees of the committed books: births at 0, worst completions, budgets, and what time alone changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from exporter.books import Books
from exporter.counting.budgets import Budget
from exporter.counting.coverage import Coverage
from exporter.counting.history import History
from exporter.counting.labels import LabelCaps
from exporter.counting.ledger import Entries
from exporter.counting.totals import Tally
from exporter.daemon import layout
from exporter.metrics import catalog
from exporter.metrics.exposition import Exposition
from exporter.metrics.telemetry import Telemetry
from exporter.models import (
    MICRO,
    SECOND,
    Completion,
    PollError,
    SlowLowToken,
    SlowLowTokenOverride,
    SlowLowTokenRules,
    SourceKey,
    Status,
)
from exporter.publisher import Publisher, Terms
from exporter.store import Store
from tests.clocks import START, FakeClock

LIST = SourceKey("acme", "completions")
OTHER_LIST = SourceKey("acme", "requests")
HOLD = 60
DAY = 86_400

DEFAULT_RULE = SlowLowToken(max_output_tokens=128, min_duration=10 * SECOND, alert_ratio=0.2)
TERMS = Terms(
    sources=frozenset({LIST, OTHER_LIST}),
    rules=SlowLowTokenRules(DEFAULT_RULE),
    budgets=(),
    error_ratio=0.01,
    link="",
    birth_hold=HOLD * SECOND,
)

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]


class Recorder(Exposition):
    """Keeps what is published, and renders it only if asked to: a hundred times faster."""

    families: tuple[Metric, ...] = ()
    renders = False

    def publish(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self.families = tuple(collect())
        if self.renders:
            super().publish(lambda: self.families)


def samples_of(families: Iterable[Metric]) -> Samples:
    samples: Samples = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, "shown twice"
            samples[key] = sample.value
    return samples


class Exporter:
    """The part of an exporter that publishes, on a real ledger; ``restart`` is a kill -9."""

    def __init__(self, path: Path, clock: FakeClock, terms: Terms = TERMS) -> None:
        self.path = path
        self.clock = clock
        self.terms = terms
        self.open()

    def open(self) -> None:
        self.store = Store(self.path, layout())
        self.store._db.execute("PRAGMA synchronous = OFF")  # no power fails here
        self.books = Books(self.store, layout())
        self.telemetry = Telemetry(self.books.counters)
        self.exposition = Recorder()
        self.publisher = Publisher(
            books=self.books,
            telemetry=self.telemetry,
            exposition=self.exposition,
            clock=self.clock,
            terms=self.terms,
        )

    def restart(self) -> None:
        self.store.close()
        self.open()

    def count(self, *rows: Completion, source: SourceKey = LIST, coverage: Coverage | None = None) -> None:
        """Commit a page of new rows. Raises PollError."""
        now = self.clock.now()
        tally = Tally(source, layout=layout(), rules=self.terms.rules, caps=LabelCaps(99, 99), late_after=600 * SECOND)
        entries = Entries()
        for row in rows:
            tally.count(entries.delta, row, now)
        covers = coverage or Coverage(origin=0, proven=now, horizon=0, max_lateness=0, history=History(0, 0))
        self.books.record(source, covers, entries, {}, now=now)

    def publish(self) -> Samples:
        self.publisher.publish()
        return self.scrape()

    def scrape(self) -> Samples:
        """Every sample of the completion families, and of the exporter's, as last published."""
        return samples_of(self.exposition.families)

    @contextmanager
    def ledger_fails(self) -> Iterator[None]:
        self.store._db.execute("PRAGMA query_only = ON")
        try:
            yield
        finally:
            self.store._db.execute("PRAGMA query_only = OFF")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def exporter(tmp_path: Path, clock: FakeClock) -> Iterator[Exporter]:
    exporter = Exporter(tmp_path / "ledger.db", clock)
    yield exporter
    exporter.store.close()


def row(id_: str = "a", at: int = START, **values: object) -> Completion:
    fields = {
        "created": at,
        "status": Status.SUCCESS,
        "model": "m",
        "skill": "s",
        "finished": at,
        "input_tokens": 10,
        "output_tokens": 200,
        "credits": 3 * MICRO,
        "duration": 2 * SECOND,
    }
    return Completion(id=id_, **{**fields, **values})  # type: ignore[arg-type]


def only(samples: Samples, name: str, **labels: str) -> list[float]:
    """Values of the samples called ``name`` with at least these labels."""
    return [
        value for (found, pairs), value in samples.items() if found == name and labels.items() <= dict(pairs).items()
    ]


COMPLETIONS = catalog.COMPLETIONS.name
SUCCESS = {"status": "success", "late": "false"}


def test_a_scrape_reads_what_is_published(exporter: Exporter, clock: FakeClock) -> None:
    exporter.exposition.renders = True
    exporter.count(row("a"), row("b", model="other"))
    for _ in range(2):
        published = exporter.publish()
        text = exporter.exposition.scrape("text/plain", packed=False).body.decode()
        scraped = samples_of(text_string_to_metric_families(text))
        ours = {key: value for key, value in scraped.items() if key[0].startswith("vlmrun_")}
        assert changed(published, ours) == set()
        clock.advance(HOLD)


# Births


def test_a_new_series_is_0_for_the_hold_and_then_its_value(exporter: Exporter, clock: FakeClock) -> None:
    exporter.count(row("a"), row("b"))
    for second in range(0, HOLD, 10):
        assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [0], f"after {second} s"
        clock.advance(10)
    samples = exporter.publish()
    assert only(samples, COMPLETIONS, **SUCCESS) == [2]
    assert only(samples, catalog.INPUT_TOKENS.name) == [20]
    assert only(samples, catalog.CREDITS.name) == [6]
    assert only(samples, f"{catalog.DURATION.name}_sum") == [4]
    assert only(samples, f"{catalog.DURATION.name}_count") == [2]
    assert only(samples, catalog.LOW_TOKEN.name) == [0]


def test_time_at_0_begins_when_a_series_is_published_not_when_it_is_counted(
    exporter: Exporter, clock: FakeClock
) -> None:
    exporter.count(row())
    clock.advance(10 * HOLD)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [0]
    clock.advance(HOLD - 1)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [0]
    clock.advance(1)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1]


@pytest.mark.parametrize("step", [-7200, 7200])
def test_setting_the_clock_neither_cuts_the_hold_nor_draws_it_out(
    exporter: Exporter, clock: FakeClock, step: int
) -> None:
    exporter.count(row())
    exporter.publish()
    clock.step(step)
    clock.advance(HOLD - 1)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [0]
    clock.advance(1)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1]


def test_a_series_once_released_shows_what_is_committed_at_once(exporter: Exporter, clock: FakeClock) -> None:
    exporter.count(row("a"))
    exporter.publish()
    clock.advance(HOLD)
    exporter.publish()
    exporter.count(row("b"))
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [2]


def test_nothing_is_shown_of_a_page_before_it_is_published(exporter: Exporter) -> None:
    before = exporter.scrape()
    exporter.count(row())
    assert exporter.scrape() == before == {}


def test_without_a_hold_a_value_is_shown_at_once(exporter: Exporter) -> None:
    exporter.publisher.adopt(replace(TERMS, birth_hold=0))
    exporter.count(row())
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1]


def test_the_siblings_of_a_series_are_at_0_so_that_a_first_error_is_a_rise(
    exporter: Exporter, clock: FakeClock
) -> None:
    exporter.count(row("a"))
    samples = exporter.publish()
    assert sorted(
        (dict(labels)["status"], dict(labels)["late"], value)
        for (name, labels), value in samples.items()
        if name == COMPLETIONS
    ) == [("error", "false", 0), ("error", "true", 0), ("success", "false", 0), ("success", "true", 0)]
    clock.advance(HOLD)
    exporter.publish()
    exporter.count(row("b", status=Status.ERROR))
    assert only(exporter.publish(), COMPLETIONS, status="error", late="false") == [1]


def test_a_family_is_born_with_the_first_row_that_has_its_value(exporter: Exporter, clock: FakeClock) -> None:
    exporter.count(row("a", input_tokens=None, output_tokens=None, credits=None, duration=None))
    exporter.publish()
    clock.advance(HOLD)
    samples = exporter.publish()
    assert {name for name, _ in samples if not name.startswith("vlmrun_exporter_")} == {
        COMPLETIONS,
        catalog.ERROR_BUDGET.name,
        catalog.SLOW_LOW_TOKEN_RATIO.name,
    }
    exporter.count(row("b"))
    samples = exporter.publish()
    assert only(samples, COMPLETIONS, **SUCCESS) == [2]
    for name in (catalog.INPUT_TOKENS.name, catalog.CREDITS.name, f"{catalog.DURATION.name}_count"):
        assert only(samples, name) == [0], name
    assert only(samples, f"{catalog.TIME_TO_FIRST_TOKEN.name}_count") == []
    clock.advance(HOLD)
    samples = exporter.publish()
    assert only(samples, catalog.INPUT_TOKENS.name) == [10]
    assert only(samples, f"{catalog.DURATION.name}_count") == [1]


def test_a_restart_shows_released_series_at_once_and_the_others_at_0_again(
    exporter: Exporter, clock: FakeClock
) -> None:
    exporter.count(row("a"))
    exporter.publish()
    clock.advance(HOLD)
    exporter.publish()
    exporter.count(row("b", model="young"))
    exporter.publish()
    clock.advance(HOLD - 1)
    exporter.restart()
    samples = exporter.publish()
    assert only(samples, COMPLETIONS, model="m", **SUCCESS) == [1]
    assert only(samples, COMPLETIONS, model="young", **SUCCESS) == [0]
    clock.advance(HOLD - 1)
    assert only(exporter.publish(), COMPLETIONS, model="young", **SUCCESS) == [0]
    clock.advance(1)
    assert only(exporter.publish(), COMPLETIONS, model="young", **SUCCESS) == [1]


def test_a_series_stays_at_0_until_its_release_is_durable(exporter: Exporter, clock: FakeClock) -> None:
    exporter.count(row())
    exporter.publish()
    clock.advance(HOLD)
    with exporter.ledger_fails():
        for _ in range(3):
            assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [0]
            assert exporter.publisher.due()
            clock.advance(HOLD)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1]
    exporter.restart()
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1]


def test_a_list_that_is_no_longer_configured_is_no_longer_shown(exporter: Exporter, clock: FakeClock) -> None:
    exporter.count(row("a", credits=5 * MICRO))
    exporter.count(row("b"), source=OTHER_LIST)
    exporter.publish()
    clock.advance(HOLD)
    assert only(exporter.publish(), COMPLETIONS, **SUCCESS) == [1, 1]
    exporter.publisher.adopt(replace(TERMS, sources=frozenset({OTHER_LIST})))
    samples = exporter.publish()
    assert only(samples, COMPLETIONS, **SUCCESS) == [1]
    assert {dict(labels)["source"] for _, labels in samples if "source" in dict(labels)} == {"requests"}
    exporter.publisher.adopt(TERMS)
    assert only(exporter.publish(), COMPLETIONS, source="completions", **SUCCESS) == [1]


# Never smaller, over any history


rows = st.builds(
    row,
    st.uuids().map(str),
    status=st.sampled_from([Status.SUCCESS, Status.ERROR]),
    model=st.sampled_from(["m", "n"]),
    input_tokens=st.none() | st.integers(0, 10**6),
    output_tokens=st.none() | st.integers(0, 300),
    credits=st.none() | st.integers(0, 100 * MICRO),
    duration=st.none() | st.integers(1, 100 * SECOND),
    time_to_first_token=st.none() | st.integers(1, 100 * SECOND),
)
steps = st.one_of(
    st.tuples(st.just("count"), st.lists(rows, min_size=1, max_size=3)),
    st.tuples(st.just("advance"), st.sampled_from([1, HOLD // 2, HOLD, 2000])),
    st.tuples(st.just("publish"), st.none()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("ledger works"), st.booleans()),
    st.tuples(st.just("configure"), st.sampled_from([{LIST}, {OTHER_LIST}, {LIST, OTHER_LIST}])),
)

GAUGES = {family.name for family in catalog.COMPLETION_FAMILIES if family.kind is catalog.Kind.GAUGE}


def counters(samples: Samples) -> Samples:
    return {key: value for key, value in samples.items() if key[0] not in GAUGES and "_exporter_" not in key[0]}


@settings(max_examples=60)
@given(history=st.lists(steps, max_size=25))
def test_a_counter_begins_at_0_and_never_goes_back_whatever_happens(history: list[tuple[str, Any]]) -> None:
    seen: Samples = {}
    since: dict[tuple[str, Labels], int] = {}
    reconfigured = False
    with TemporaryDirectory() as folder:
        clock = FakeClock()
        exporter = Exporter(Path(folder) / "ledger.db", clock)
        for step, argument in [*history, ("ledger works", True), ("publish", None)]:
            match step:
                case "count":
                    try:
                        exporter.count(*argument)
                    except PollError:
                        continue
                case "advance":
                    clock.advance(argument)
                    continue
                case "restart":
                    exporter.restart()
                    since.clear()
                case "ledger works":
                    exporter.store._db.execute(f"PRAGMA query_only = {'OFF' if argument else 'ON'}")
                    continue
                case "configure":
                    exporter.terms = replace(TERMS, sources=frozenset(argument))
                    exporter.publisher.adopt(exporter.terms)
                    reconfigured = True
            if step in ("publish", "restart", "configure"):
                for key, value in counters(exporter.publish()).items():
                    assert value >= seen.get(key, 0), "goes back"
                    if key not in seen:
                        assert value == 0, "is not born at 0"
                    if value and not seen[key] and not reconfigured:
                        assert clock.now() - since[key] >= HOLD * SECOND, "is released too early"
                    seen[key] = value
                    since.setdefault(key, clock.now())
        exporter.publish()
        clock.advance(HOLD)
        shown = exporter.publish()
        for series, values in exporter.books.totals.items():
            if SourceKey(series.account, series.source) in exporter.terms.sources:
                assert only(shown, COMPLETIONS, **series._asdict()) == [values[0]]
        exporter.store.close()


@settings(max_examples=40)
@given(
    history=st.lists(st.tuples(st.lists(rows, max_size=3), st.sampled_from([1, 30, 60, 1000, 2000, DAY])), max_size=9)
)
def test_nothing_changes_with_time_unless_it_is_due(history: list[tuple[list[Completion], int]]) -> None:
    terms = replace(TERMS, budgets=(Budget("acme", "daily", 10 * MICRO, "day", "UTC"),))
    with TemporaryDirectory() as folder:
        clock = FakeClock()
        exporter = Exporter(Path(folder) / "ledger.db", clock, terms)
        for page, seconds in history:
            exporter.count(*(replace_times(row, clock.now()) for row in page))
            before = exporter.publish()
            clock.advance(seconds)
            if not exporter.publisher.due():
                assert changed(before, exporter.publish()) == set()
        exporter.store.close()


def changed(before: Samples, after: Samples) -> set[str]:
    """Names of the families with a sample that came, went or changed."""
    return {
        name for name, labels in before.keys() | after.keys() if before.get((name, labels)) != after.get((name, labels))
    }


def replace_times(completion: Completion, now: int) -> Completion:
    """The same row, finished now."""
    values = {name: getattr(completion, name) for name in completion.__struct_fields__}
    return Completion(**{**values, "created": now, "finished": now})


# What time alone changes


def test_a_birth_is_due_when_its_hold_is_over(exporter: Exporter, clock: FakeClock) -> None:
    exporter.publish()
    assert not exporter.publisher.due()
    exporter.count(row("a", credits=None))
    exporter.publish()
    assert not exporter.publisher.due()
    clock.advance(HOLD - 1)
    assert not exporter.publisher.due()
    clock.advance(1)
    assert exporter.publisher.due()
    exporter.publish()
    assert not exporter.publisher.due()


def test_one_of_the_worst_leaves_after_half_an_hour_with_time_alone(exporter: Exporter, clock: FakeClock) -> None:
    exporter.publisher.adopt(replace(TERMS, birth_hold=0, link="https://example.com/{id}"))
    exporter.count(row("slow/1", output_tokens=5, duration=30 * SECOND, credits=None))
    exporter.count(row("bad", status=Status.ERROR, credits=None, at=START + SECOND))
    worst = catalog.WORST.name
    samples = exporter.publish()
    assert only(
        samples,
        worst,
        reason="slow_low_token",
        account="acme",
        source="completions",
        model="m",
        skill="s",
        completion_id="slow/1",
        url="https://example.com/slow%2F1",
    ) == [30]
    assert only(samples, worst, reason="error", completion_id="bad") == [START / SECOND + 1]
    clock.advance(1799)
    assert not exporter.publisher.due()
    clock.advance(1)
    assert exporter.publisher.due()
    assert [dict(labels)["completion_id"] for name, labels in exporter.publish() if name == worst] == ["bad"]
    assert not exporter.publisher.due()
    clock.advance(1)
    assert exporter.publisher.due()
    assert only(exporter.publish(), worst) == []
    assert not exporter.publisher.due()


def test_the_third_worst_gives_way_to_a_worse_one_and_returns_when_that_leaves(
    exporter: Exporter, clock: FakeClock
) -> None:
    def shown() -> list[str]:
        return [dict(labels)["completion_id"] for name, labels in exporter.publish() if name == catalog.WORST.name]

    exporter.count(*(row(f"old-{credits}", credits=credits * MICRO) for credits in (7, 8, 9)))
    clock.advance(600)
    exporter.count(row("new", credits=5 * MICRO, at=clock.now()))
    assert shown() == ["old-9", "old-8", "old-7"]
    clock.advance(1200)
    assert exporter.publisher.due()
    assert shown() == ["new"]


# Budgets and thresholds


def test_a_budget_shows_what_was_spent_since_its_period_began(exporter: Exporter, clock: FakeClock) -> None:
    daily = Budget("acme", "daily", 100 * MICRO, "day", "UTC")
    berlin = Budget("acme", "berlin", 250 * MICRO, "day", "Europe/Berlin")
    elsewhere = Budget("globex", "daily", 7 * MICRO, "day", "UTC")
    exporter.publisher.adopt(replace(TERMS, budgets=(daily, berlin, elsewhere)))
    clock.advance(3600)
    walked = Coverage(
        origin=clock.now(), proven=clock.now(), horizon=0, max_lateness=0, history=History(START + 1, START - 1)
    )
    unwalked = Coverage(
        origin=clock.now(), proven=clock.now(), horizon=0, max_lateness=0, history=History(START + 1, START + 1)
    )
    exporter.count(row("a"), row("eve", at=START - SECOND), coverage=walked)
    exporter.count(row("b", credits=1_500_000), source=OTHER_LIST, coverage=unwalked)

    samples = exporter.publish()
    assert only(samples, catalog.BUDGET.name, budget="daily", account="acme") == [100]
    assert only(samples, catalog.BUDGET_SPENT.name, budget="daily", account="acme") == [4.5]
    assert only(samples, catalog.BUDGET_SPENT.name, budget="berlin") == [7.5]
    assert only(samples, catalog.BUDGET_SPENT.name, account="globex") == [0]
    assert only(samples, catalog.BUDGET_START.name, budget="daily", account="acme") == [START / SECOND]
    assert only(samples, catalog.BUDGET_END.name, budget="daily", account="acme") == [START / SECOND + DAY]
    assert only(samples, catalog.BUDGET_START.name, budget="berlin") == [START / SECOND - 3600]
    assert only(samples, catalog.BUDGET_COMPLETE.name, budget="daily", account="acme") == [0]
    exporter.count(source=OTHER_LIST, coverage=walked)
    assert only(exporter.publish(), catalog.BUDGET_COMPLETE.name, budget="daily", account="acme") == [1]


def test_a_budget_rolls_over_with_time_alone(exporter: Exporter, clock: FakeClock) -> None:
    exporter.publisher.adopt(
        replace(TERMS, budgets=tuple(Budget("acme", p, 9 * MICRO, p, "UTC") for p in ("day", "week", "month")))
    )
    exporter.count(row(at=START + SECOND))
    exporter.publish()
    clock.advance(HOLD)
    exporter.publish()
    clock.advance(3600)
    exporter.publish()  # the worst completion has left
    clock.advance(DAY - 3600 - HOLD - 1)
    assert not exporter.publisher.due()
    assert only(exporter.scrape(), catalog.BUDGET_SPENT.name) == [3, 3, 3]
    clock.advance(1)
    assert exporter.publisher.due()
    samples = exporter.publish()
    assert only(samples, catalog.BUDGET_SPENT.name, budget="day") == [0]
    assert only(samples, catalog.BUDGET_SPENT.name, budget="month") == [3]
    assert only(samples, catalog.BUDGET_START.name, budget="day") == [START / SECOND + DAY]
    assert not exporter.publisher.due()


def test_thresholds_are_shown_for_what_is_counted_after_overrides(exporter: Exporter) -> None:
    strict = replace(DEFAULT_RULE, alert_ratio=0.05)
    lenient = replace(DEFAULT_RULE, alert_ratio=0.5)
    rules = SlowLowTokenRules(
        DEFAULT_RULE, (SlowLowTokenOverride("pro", "invoice", strict), SlowLowTokenOverride("pro", "*", lenient))
    )
    exporter.publisher.adopt(replace(TERMS, rules=rules, error_ratio=0.07))
    exporter.count(row("a", model="pro", skill="invoice"), row("b", model="pro", skill=None), row("c", model="lite"))
    samples = exporter.publish()
    ratio = catalog.SLOW_LOW_TOKEN_RATIO.name
    assert only(samples, ratio, account="acme", model="pro", skill="invoice") == [0.05]
    assert only(samples, ratio, account="acme", model="pro", skill="none") == [0.5]
    assert only(samples, ratio, account="acme", model="lite", skill="s") == [0.2]
    assert len(only(samples, ratio)) == 3
    assert only(samples, catalog.ERROR_BUDGET.name, account="acme") == [0.07]


# The exporter's own counters, and the ledger's state


def test_own_counters_that_are_not_durable_are_shown_while_the_ledger_fails(exporter: Exporter) -> None:
    exporter.telemetry.declare(catalog.POLLS, *LIST)
    exporter.telemetry.count(catalog.POLLS, *LIST)
    assert only(exporter.publish(), catalog.POLLS.name) == [0]
    exporter.publisher.ledger_fails(True)
    assert only(exporter.publish(), catalog.POLLS.name) == [1]
    exporter.publisher.ledger_fails(False)
    exporter.store.commit_counters(exporter.telemetry.take())
    exporter.telemetry.committed()
    assert only(exporter.publish(), catalog.POLLS.name) == [1]


def roll_back(exporter: Exporter, copy: Path) -> None:
    """Put an older copy in the ledger's place, and start again."""
    exporter.store.close()
    shutil.copy(copy, exporter.path)
    exporter.open()


def back_up(exporter: Exporter, copy: Path) -> None:
    exporter.store.close()
    shutil.copy(exporter.path, copy)
    exporter.open()
    exporter.publish()


def test_completions_are_withheld_while_a_rolled_back_ledger_is_made_good(
    exporter: Exporter, clock: FakeClock, tmp_path: Path
) -> None:
    exporter.count(row("a"))
    exporter.publish()
    clock.advance(HOLD)
    exporter.publish()
    back_up(exporter, tmp_path / "copy")
    exporter.count(row("b"))
    samples = exporter.publish()
    assert only(samples, COMPLETIONS, **SUCCESS) == [2]
    assert only(samples, catalog.LEDGER_ROLLED_BACK.name) == [0]

    roll_back(exporter, tmp_path / "copy")
    samples = exporter.publish()
    assert {name for name, _ in counters(samples)} == set()
    assert only(samples, catalog.LEDGER_ROLLED_BACK.name) == [1]
    exporter.count(row("b"))
    assert {name for name, _ in counters(exporter.publish())} == set()
    exporter.store.settle_rollback()
    exporter.publisher.resume()
    samples = exporter.scrape()
    assert only(samples, COMPLETIONS, **SUCCESS) == [2]
    assert only(samples, catalog.LEDGER_ROLLED_BACK.name) == [0]
    exporter.count(row("c", model="born later"))
    assert only(exporter.publish(), COMPLETIONS, model="born later", **SUCCESS) == [0]


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed before it was published"])
def test_no_series_is_shown_smaller_after_a_rollback_was_made_good(
    exporter: Exporter, clock: FakeClock, tmp_path: Path, killed: bool
) -> None:
    exporter.count(row("a", model="held in the copy"))
    back_up(exporter, tmp_path / "copy")
    exporter.count(row("b", model="unknown to the copy"))
    exporter.publish()
    clock.advance(HOLD)
    before = counters(exporter.publish())
    assert only(before, COMPLETIONS, **SUCCESS) == [1, 1]

    roll_back(exporter, tmp_path / "copy")
    exporter.publish()
    exporter.count(row("b", model="unknown to the copy"))
    exporter.publish()
    exporter.store.settle_rollback()
    if killed:
        exporter.restart()
        exporter.publish()
    else:
        exporter.publisher.resume()
    after = counters(exporter.scrape())
    assert {name for (name, labels), value in after.items() if value < before.get((name, labels), 0)} == set()
