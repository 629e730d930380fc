"""Faults that strike an item: what its row shows, and what the truth makes of it."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime

from exporter.models import MICRO, SECOND
from exporter.simulator.afflictions import HOSTILE_LABELS
from exporter.simulator.faults import Fault, Limits
from exporter.simulator.items import Source
from exporter.simulator.render import row
from tests.worlds import MINUTE, aged, everything, items_of, make_world, struck


def test_tied_rows_share_their_creation_time() -> None:
    counts = Counter(item.created for item in items_of(struck(Fault.TIED)))

    assert all(created % (10 * SECOND) == 0 for created in counts)
    assert max(counts.values()) > 50


def test_late_rows_appear_within_the_bound() -> None:
    world = struck(Fault.LATE, limits=Limits(late_seconds=300), minutes=30)
    delays = [item.visible - item.created for item in items_of(world)]

    assert sum(delay > MINUTE for delay in delays) > len(delays) / 2
    assert max(delays) <= 300 * SECOND
    assert all(item.visible <= world.now for item in items_of(world))


def test_deleted_rows_were_listed_for_a_while_before() -> None:
    world = struck(Fault.DELETED, 0.5, Limits(exposure_seconds=30), minutes=30)
    doomed = [item for item in everything(world) if item.deleted is not None]
    truth = world.truth()

    assert truth.deleted > 1_000
    assert doomed
    assert all(30 * SECOND <= (item.deleted or 0) - item.settled_at <= MINUTE for item in doomed)
    assert truth.lost == 0


def test_long_pending_work_takes_its_time_with_a_pause() -> None:
    world = struck(Fault.LONG_PENDING)
    jobs = items_of(world, Source.EXECUTIONS)
    shown = Counter(row(item, world.now)["status"] for item in jobs)

    assert all(item.duration > 36 * SECOND for item in jobs)
    assert {"paused", "running", "completed"} <= shown.keys()


def test_pending_rows_that_are_deleted_never_settle() -> None:
    truth = struck(Fault.PENDING_DELETED).truth()

    assert truth.lost > 100
    assert {key.source for key in truth.totals} == {Source.COMPLETIONS}


def test_amended_rows_change_after_they_were_listed_for_a_while() -> None:
    world = struck(Fault.AMENDED, limits=Limits(exposure_seconds=30))
    item = items_of(world)[0]
    assert item.amended is not None

    before, after = (row(item, at)["usage"]["credits_used"] for at in (item.amended - 1, item.amended))

    assert item.amended >= item.settled_at + 30 * SECOND
    assert before == (item.credits or 0) / MICRO < after
    assert world.truth().amended > 1_000


def test_missing_values_are_null_and_add_nothing_to_the_truth() -> None:
    world = struck(Fault.MISSING_VALUES)
    rows = [row(item, world.now) for item in items_of(world)]
    totals = world.truth().totals.values()

    assert {None} < {each["usage"]["prompt_tokens"] for each in rows}
    assert {None} < {each["model"] for each in rows}
    assert sum(t.input_tokens for t in totals) == sum(each["usage"]["prompt_tokens"] or 0 for each in rows)
    assert all(row(item, world.now)["name"] for item in items_of(world, Source.EXECUTIONS))


def test_bad_rows_come_beside_the_good_ones_and_outside_the_truth() -> None:
    clean, spoilt = aged(make_world()), struck(Fault.BAD_ROW)
    bad = [item.garbage for item in everything(spoilt) if item.is_garbage]
    objects = [each for each in bad if isinstance(each, dict)]

    assert spoilt.truth().totals == clean.truth().totals
    assert any(not isinstance(each, dict) for each in bad)
    assert any("id" not in each for each in objects)
    assert any(each.get("status") == "teleported" for each in objects)
    assert any(each["usage"]["credits_used"] == 10**400 for each in objects)
    times = [each.get("created", each.get("created_at")) for each in objects]
    assert {-1, None, "yesterday"} <= {time for time in times if not isinstance(time, list)}
    assert any(isinstance(time, float) and math.isnan(time) for time in times)


def test_timestamp_styles_all_mean_the_same_moment() -> None:
    world = struck(Fault.TIMESTAMP_STYLES)
    shown = [(item, row(item, world.now)["created_at"]) for item in items_of(world, Source.REQUESTS)]

    assert {text[-1:] == "Z" for _, text in shown} == {True, False}
    assert any(text.endswith("+05:30") for _, text in shown)
    for item, text in shown:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        assert round(moment.timestamp() * SECOND) == item.created


def test_hostile_labels_are_part_of_the_truth_as_they_are() -> None:
    keys = struck(Fault.HOSTILE_LABELS).truth().totals

    assert {key.skill for key in keys} >= set(HOSTILE_LABELS)
    assert {key.model for key in keys} >= set(HOSTILE_LABELS)
