"""What is rendered piece by piece, from one publish to the next, is what would be rendered as a whole."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.metrics import catalog
from exporter.metrics.exposition import Exposition
from exporter.metrics.groups import SIZE, Keys, arranged
from exporter.metrics.snapshot import HistogramView, SeriesView, Snapshot
from exporter.models import SECOND, Exemplar, SeriesKey
from tests.clocks import START
from tests.expositions import OPENMETRICS, body, counts, published

Series = dict[SeriesKey, SeriesView]


def key(model: int) -> SeriesKey:
    return SeriesKey("acme", "completions", f"{model:03}", "s", "success", "false")


def view(number: int) -> SeriesView:
    """A series with an exemplar, if its number is odd."""
    exemplar = Exemplar(f"cmpl-{number}", number, START) if number % 2 else None
    buckets = {0: exemplar} if exemplar else {}
    return SeriesView(
        completions=number,
        slow_low_token=number,
        duration=HistogramView(number * SECOND, counts(catalog.DURATION, number % 3), buckets),
        slow_exemplar=exemplar,
    )


models = st.integers(0, 8 * SIZE)
steps = st.one_of(
    st.tuples(st.just("set"), st.dictionaries(models, st.integers(0, 10**6), max_size=3 * SIZE)),
    st.tuples(st.just("remove"), st.sets(models, max_size=SIZE)),
    st.tuples(st.just("withhold"), st.just(())),
)


@settings(max_examples=60)
@given(history=st.lists(steps, max_size=8))
def test_any_history_comes_to_what_its_last_state_comes_to(history: list[tuple[str, object]]) -> None:
    series: Series = {}
    exposition, fresh = Exposition(), Exposition()
    exposition.publish(Snapshot())
    for step, argument in history:
        match step, argument:
            case "set", dict():
                series = series | {key(model): view(number) for model, number in argument.items()}
            case "remove", set():
                series = {known: shown for known, shown in series.items() if int(known.model) not in argument}
            case "withhold", _:
                exposition.publish(Snapshot())
        exposition.publish(Snapshot(series=series))
    fresh.publish(Snapshot(series=series))
    for accept in ("", OPENMETRICS):
        plain = published(body(exposition, accept))
        assert plain == published(body(fresh, accept))
        assert plain == published(gzip.decompress(exposition.scrape(accept, packed=True).body))


def test_a_series_whose_view_is_the_same_object_is_not_rendered_again() -> None:
    """Seen by breaking the promise that views never change: far from any change, nobody notices."""
    buckets = [*counts(catalog.DURATION)]
    first = replace(view(0), duration=HistogramView(0, buckets))
    series = {key(0): first} | {key(model): view(0) for model in range(1, 3 * SIZE)}
    exposition = Exposition()
    exposition.publish(Snapshot(series=series))
    before = published(body(exposition))
    buckets[0] = 5
    exposition.publish(Snapshot(series=series | {key(3 * SIZE - 1): view(0)}))
    assert published(body(exposition)) == before
    exposition.publish(Snapshot(series=series | {key(1): view(0)}))
    assert published(body(exposition)) != before


def test_one_view_of_two_series_is_shown_for_both() -> None:
    shown = view(1)
    exposition = Exposition()
    exposition.publish(Snapshot(series={key(1): shown, key(2): shown}))
    exposition.publish(Snapshot(series={key(1): shown, key(3): shown}))
    assert b'model="003"' in body(exposition)
    assert b'model="002"' not in body(exposition)


@given(rounds=st.lists(st.sets(models, max_size=4 * SIZE), min_size=1, max_size=5))
def test_groups_stay_in_order_and_within_bounds_and_are_cut_where_they_were(rounds: list[set[int]]) -> None:
    known: set[SeriesKey] = set()
    groups: Sequence[Keys] = ()
    for new in rounds:
        before = set(groups)
        known |= {key(model) for model in new}
        groups = arranged(known, groups)
        assert [one for group in groups for one in group] == sorted(known)
        assert all(0 < len(group) <= 2 * SIZE for group in groups)
        touched = {group for group in before if not any(set(group) <= set(now) for now in groups)}
        assert len(touched) <= len(new)
        assert len(before - set(groups)) <= len(new)


def test_series_that_come_one_by_one_at_the_front_do_not_leave_a_group_each() -> None:
    groups: Sequence[Keys] = ()
    for count in range(SIZE, 6 * SIZE):
        keys = [key(6 * SIZE - number) for number in range(count)]
        groups = arranged(keys, groups)
    assert all(len(group) >= SIZE for group in groups)
