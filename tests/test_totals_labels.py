"""Which series a row is counted in: whether it is late, and names within their caps."""

from __future__ import annotations

import pytest

from exporter.counting import layout as slots
from exporter.counting.columns import Columns
from exporter.counting.labels import LabelCaps
from exporter.counting.totals import Delta, Recount, siblings
from exporter.models import Completion, Field, SeriesKey, SourceKey
from tests.builders import row
from tests.tallies import KEY, LATE_AFTER, NOW, counted, tally


def key_of(each: Completion) -> SeriesKey:
    (key,) = counted(each).series
    return key


# Late rows


@pytest.mark.parametrize(("ended", "late"), [(NOW - LATE_AFTER, "false"), (NOW - LATE_AFTER - 1, "true")])
def test_a_row_is_late_if_it_ended_longer_ago_than_allowed(ended: int, late: str) -> None:
    assert key_of(row(0, finished=ended)).late == late


@pytest.mark.parametrize(
    ("each", "ended"),
    [
        (row(100, finished=300, duration=50), 300),
        (row(100, duration=50), 150),
        (row(100), 100),
    ],
    ids=["its finish", "its creation and duration", "its creation"],
)
def test_a_row_ended_as_far_as_it_tells_at(each: Completion, ended: int) -> None:
    assert each.event_time == ended


COPIED, NOTICED = NOW - 100 * LATE_AFTER, NOW - 10 * LATE_AFTER


@pytest.mark.parametrize(
    ("ended", "late"),
    [
        pytest.param(COPIED - LATE_AFTER - 1, "true", id="late already when the copy was made"),
        pytest.param(COPIED - LATE_AFTER, "false", id="just not late when the copy was made"),
        pytest.param(COPIED + 1, "false", id="counted at once after the copy was made"),
        pytest.param(NOTICED, "false", id="the last one that was counted before"),
        pytest.param(NOTICED + 1, "true", id="not counted before, and late now"),
        pytest.param(NOW - LATE_AFTER, "false", id="not counted before, and not late"),
    ],
)
def test_a_row_counted_again_from_a_restored_copy_is_late_if_it_was_late_the_first_time(ended: int, late: str) -> None:
    delta, adding = Delta(), tally()
    adding.recount = Recount(since=COPIED, until=NOTICED)
    adding.count(delta, Columns.of([row(ended)]), NOW)
    assert [key.late for key in delta.series] == [late]


# Labels


def test_names_beyond_the_caps_are_other_and_reported() -> None:
    delta = counted(
        row(NOW, model="m", skill="s"), row(NOW, model="n", skill="t"), row(NOW, model="m"), caps=LabelCaps(1, 1)
    )
    assert {(key.model, key.skill): values[slots.COMPLETIONS] for key, values in delta.series.items()} == {
        ("m", "s"): 1,
        ("other", "other"): 1,
        ("m", "none"): 1,
    }
    assert delta.overflow == {"model": 1, "skill": 1}


def test_every_row_whose_name_is_beyond_the_caps_is_reported() -> None:
    rows = [row(NOW, model=model, skill=f"of {model}") for model in ("m", "n", "o", "n")]
    delta = counted(*rows, caps=LabelCaps(1, 1))
    assert delta.overflow == {"model": 3, "skill": 3}
    assert {key.model: values[slots.COMPLETIONS] for key, values in delta.series.items()} == {"m": 1, "other": 3}


def test_each_account_fills_its_own_caps() -> None:
    caps = LabelCaps(1, 1)
    for account, name in (("a", "m"), ("b", "n")):
        delta = Delta()
        tally(caps=caps, source=SourceKey(account, "completions")).count(
            delta, Columns.of([row(NOW, model=name, skill=name)]), NOW
        )
        assert [key[:4] for key in delta.series] == [(account, "completions", name, name)]
        assert not delta.overflow


def test_a_missing_skill_is_nothing_to_report() -> None:
    delta = counted(row(NOW, model="m"))
    assert [key.skill for key in delta.series] == ["none"]
    assert not delta.missing.keys() & {Field.MODEL, Field.SKILL}


def test_a_series_is_born_with_its_siblings_of_the_other_status_and_lateness() -> None:
    assert siblings(KEY._replace(status="error", late="true")) == (
        KEY,
        KEY._replace(late="true"),
        KEY._replace(status="error"),
        KEY._replace(status="error", late="true"),
    )
