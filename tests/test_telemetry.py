"""The exporter's own metrics: a counter shows what is durable, and loses nothing to a commit that fails."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics import catalog
from exporter.metrics.telemetry import Telemetry
from exporter.models import CounterKey

LIST = ("acme", "completions")
POLLS: CounterKey = (catalog.POLLS.name, LIST)
ROWS: CounterKey = (catalog.ROWS.name, (*LIST, "counted"))


def shown(telemetry: Telemetry, *, unsaved: bool = False) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every value: by name of the family, and label values in the catalogue's order."""
    return {
        (family.name, labels): value
        for family, values in telemetry.collect(unsaved=unsaved)
        for labels, value in values.items()
    }


def test_nothing_is_shown_that_was_not_declared_counted_or_set() -> None:
    assert shown(Telemetry({})) == {}


def test_a_declared_counter_is_0_and_one_of_an_earlier_run_goes_on() -> None:
    telemetry = Telemetry({POLLS: 7})
    telemetry.declare(catalog.POLLS, *LIST)
    telemetry.declare(catalog.AMENDED_ROWS, *LIST)
    assert shown(telemetry) == {POLLS: 7, (catalog.AMENDED_ROWS.name, LIST): 0}


def test_an_increment_shows_once_it_is_committed() -> None:
    telemetry = Telemetry({POLLS: 7})
    telemetry.count(catalog.POLLS, *LIST)
    telemetry.count(catalog.POLLS, *LIST, by=2)
    assert shown(telemetry) == {POLLS: 7}
    assert telemetry.take() == {POLLS: 3}
    assert shown(telemetry) == {POLLS: 7}
    telemetry.committed()
    assert shown(telemetry) == {POLLS: 10}
    assert telemetry.take() == {}


def test_what_a_page_counts_is_committed_with_it() -> None:
    telemetry = Telemetry({})
    telemetry.count(catalog.POLLS, *LIST)
    telemetry.count(catalog.ROWS, *LIST, "counted")
    assert telemetry.take({ROWS: 5}) == {POLLS: 1, ROWS: 6}
    telemetry.committed()
    assert shown(telemetry) == {POLLS: 1, ROWS: 6}


def test_after_a_failure_ours_is_kept_and_the_pages_comes_again_with_the_page() -> None:
    telemetry = Telemetry({})
    telemetry.count(catalog.POLLS, *LIST)
    telemetry.take({ROWS: 5})
    telemetry.count(catalog.POLLS, *LIST)
    telemetry.failed()
    assert shown(telemetry) == {}
    assert telemetry.take({ROWS: 5}) == {POLLS: 2, ROWS: 5}
    telemetry.committed()
    assert shown(telemetry) == {POLLS: 2, ROWS: 5}


def test_what_is_counted_while_a_commit_runs_waits_for_the_next() -> None:
    telemetry = Telemetry({})
    telemetry.count(catalog.POLLS, *LIST)
    taken = telemetry.take()
    telemetry.count(catalog.POLLS, *LIST)
    assert taken == {POLLS: 1}
    telemetry.committed()
    assert shown(telemetry) == {POLLS: 1}
    assert telemetry.take() == {POLLS: 1}


def test_increments_that_no_commit_took_are_shown_if_asked_for() -> None:
    telemetry = Telemetry({POLLS: 7})
    telemetry.count(catalog.POLLS, *LIST)
    telemetry.count(catalog.ROWS, *LIST, "counted")
    assert shown(telemetry, unsaved=True) == {POLLS: 8, ROWS: 1}
    assert shown(telemetry) == {POLLS: 7}
    assert telemetry.take() == {POLLS: 1, ROWS: 1}


def test_gauges_are_as_last_set_until_they_are_dropped() -> None:
    telemetry = Telemetry({POLLS: 7})
    telemetry.set(catalog.SOURCE_UP, *LIST, value=0)
    telemetry.set(catalog.SOURCE_UP, *LIST, value=1)
    telemetry.set(catalog.CATCH_UP_ETA, *LIST, value=float("inf"))
    telemetry.set(catalog.RELOAD_OK, value=1)
    assert shown(telemetry) == {
        POLLS: 7,
        (catalog.SOURCE_UP.name, LIST): 1,
        (catalog.CATCH_UP_ETA.name, LIST): float("inf"),
        (catalog.RELOAD_OK.name, ()): 1,
    }
    telemetry.reset_gauges()
    assert shown(telemetry) == {POLLS: 7}


def test_a_value_can_be_asked_for_and_totalled() -> None:
    telemetry = Telemetry(
        {
            (catalog.POLL_FAILURES.name, (*LIST, "timeout")): 2,
            (catalog.POLL_FAILURES.name, (*LIST, "auth")): 3,
            (catalog.POLL_FAILURES.name, ("acme", "requests", "auth")): 5,
            POLLS: 100,
        }
    )
    telemetry.set(catalog.SOURCE_UP, *LIST, value=1)
    assert telemetry.value(catalog.POLL_FAILURES, *LIST, "timeout") == 2
    assert telemetry.value(catalog.POLL_FAILURES, *LIST, "redirect") == 0
    assert telemetry.value(catalog.SOURCE_UP, *LIST) == 1
    assert telemetry.total(catalog.POLL_FAILURES, *LIST) == 5
    assert telemetry.total(catalog.POLL_FAILURES, "acme") == 10
    assert telemetry.total(catalog.POLL_FAILURES) == 10


def test_families_come_in_the_catalogues_order() -> None:
    telemetry = Telemetry({})
    for family in reversed(catalog.EXPORTER_FAMILIES):
        labels = [f"{label}-value" for label in family.labels]
        if family.kind is catalog.Kind.COUNTER:
            telemetry.declare(family, *labels)
        else:
            telemetry.set(family, *labels, value=0)
    assert [family for family, _ in telemetry.collect()] == list(catalog.EXPORTER_FAMILIES)


steps = st.lists(
    st.sampled_from(["count", "take", "take with page", "committed", "failed", "restart"]),
    max_size=30,
)


@given(history=steps)
def test_what_is_shown_is_what_was_committed_and_nothing_of_ours_is_lost(history: list[str]) -> None:
    durable: Counter[CounterKey] = Counter()
    telemetry = Telemetry(durable)
    counted = 0
    taken: Counter[CounterKey] | None = None
    for step in history:
        match step:
            case "count":
                telemetry.count(catalog.POLLS, *LIST)
                counted += 1
            case "take" | "take with page" if taken is None:
                taken = Counter(telemetry.take({ROWS: 1} if step == "take with page" else None))
            case "committed" if taken is not None:
                durable += taken
                telemetry.committed()
                taken = None
            case "failed" if taken is not None:
                telemetry.failed()
                taken = None
            case "restart":  # what no commit took is gone
                telemetry = Telemetry(durable)
                counted, taken = durable[POLLS], None
        assert shown(telemetry) == durable
    if taken is not None:
        telemetry.failed()
    assert durable[POLLS] + telemetry.take().get(POLLS, 0) == counted
