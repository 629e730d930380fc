"""Random histories: nothing shown ever goes back, and nothing changes with time unless it is due."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.counting.budgets import Budget
from exporter.models import MICRO, SECOND, Completion, PollError, SourceKey, Status
from tests.clocks import FakeClock
from tests.publishers import (
    COMPLETIONS,
    DAY,
    HOLD,
    LIST,
    OTHER_LIST,
    TERMS,
    Exporter,
    Labels,
    Samples,
    changed,
    counters,
    only,
    row,
)

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


def replace_times(completion: Completion, now: int) -> Completion:
    """The same row, finished now."""
    values = {name: getattr(completion, name) for name in completion.__struct_fields__}
    return Completion(**{**values, "created": now, "finished": now})
