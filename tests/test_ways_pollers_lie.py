"""The 35 ways in which a poller like this one lies, each with a test named after it.

Where a way belongs to one layer (decoding, the client, the file), its details are in that layer's tests; here is what
it comes to in what is counted.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from exporter.api.budget import RequestBudget
from exporter.api.decode import Decoder
from exporter.config import load
from exporter.counting import coverage as cover
from exporter.counting.coverage import LONGEST_OPEN, TRIES_BEFORE_CONCEDING
from exporter.daemon import layout
from exporter.metrics import catalog
from exporter.models import SECOND, FailureReason, Page, Paging, PollError, RejectReason
from exporter.store import LedgerCorrupt, LedgerError, Store
from tests.harness import KEY, Exporter
from tests.ledgers import rows_held
from tests.listing import Item, Listing

MINUTE = 60 * SECOND

Start = Callable[..., Exporter]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an exporter over a listing; its first poll is done, counting begins now."""
    running: list[Exporter] = []

    def begin(listing: Listing, **options: int) -> Exporter:
        exporter = Exporter(tmp_path / "ledger.db", listing, **options)
        running.append(exporter)
        exporter.cycle()
        listing.now += SECOND
        return exporter

    yield begin
    for exporter in running:
        exporter.close()


both = pytest.mark.parametrize("paging", list(Paging))


def listing(paging: Paging) -> Listing:
    return Listing(paging, Random(7))


def add(target: Listing, count: int, *, step: int = SECOND, prefix: str = "r", **fields: object) -> None:
    """``count`` new rows, ``step`` µs apart, each visible at once."""
    for number in range(count):
        target.now += step
        options = {"created": target.now, "visible": target.now, "finished": target.now, **fields}
        target.items.append(Item(f"{prefix}{len(target.items)}-{number}", **options))  # type: ignore[arg-type]


def settle(exporter: Exporter, minutes: int = 40) -> None:
    """Poll every minute until everything that can be proven is."""
    for _ in range(minutes):
        exporter.listing.now += MINUTE
        exporter.cycle()


@both
def test_01_inserts_that_shift_offsets_in_mid_sweep_lose_and_double_nothing(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 100)
    exporter.head()
    while exporter.step():
        add(rows, 7, step=SECOND // 10)
        if len(rows.items) > 250:
            break
    settle(exporter)
    assert exporter.counted == len(rows.items)


@both
def test_02_deletes_that_shift_offsets_in_mid_sweep_lose_nothing(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 60)
    exporter.cycle()
    add(rows, 100)
    exporter.head()
    for item in rows.items[100:160]:  # the newest 60, which the head poll has seen but for 40
        if item in rows.items[140:]:
            item.deleted = rows.now
    while exporter.step():
        pass
    settle(exporter)
    assert exporter.counted == 160


@both
def test_03_a_known_row_on_top_does_not_hide_unknown_ones_below(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 30)
    exporter.cycle()
    rows.items.append(Item("late", rows.now - 25 * SECOND, rows.now + SECOND, rows.now))
    rows.now += SECOND
    add(rows, 1)
    exporter.cycle()
    assert exporter.counted == 32


@both
def test_04_ties_cut_at_a_page_boundary_are_all_counted(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    rows.shuffle_ties = True
    exporter = start(rows)
    for _ in range(15):
        rows.now += SECOND
        add(rows, 8, step=0)
    settle(exporter)
    assert exporter.counted == 120
    assert exporter.value(catalog.COVERAGE_GAP) == 0


@both
def test_05_more_ties_than_a_page_are_read_in_a_larger_page(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    rows.shuffle_ties = True
    exporter = start(rows)
    add(rows, 15)
    rows.now += SECOND
    add(rows, 90, step=0)
    add(rows, 15)
    settle(exporter)
    assert exporter.counted == 120
    assert exporter.unprovable > 0, "it is said"
    assert exporter.books.coverage[KEY].lost == 0, "a larger page proves it"


@both
def test_05_more_ties_than_the_server_shows_at_once_are_a_gap_that_is_said(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    rows.clamp = 20
    exporter = start(rows)
    add(rows, 15)
    rows.now += SECOND
    add(rows, 90, step=0)
    add(rows, 15)
    before = exporter.books.coverage[KEY].proven
    rows.now += 20 * MINUTE
    exporter.cycle()
    assert exporter.books.coverage[KEY].proven == before, "the frontier does not pass it silently"
    settle(exporter)
    assert exporter.counted == 120
    assert exporter.books.coverage[KEY].lost > 0, "given up aloud"
    assert exporter.books.coverage[KEY].proven > before


@both
def test_05_a_server_that_refuses_larger_pages_does_not_stop_the_sweep(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    rows.refuse_above = 20
    exporter = start(rows)
    add(rows, 15)
    rows.now += SECOND
    add(rows, 90, step=0)
    add(rows, 15)
    settle(exporter)
    assert exporter.counted == 120
    assert exporter.books.coverage[KEY].proven > rows.now - 20 * MINUTE


@both
def test_06_a_row_visible_late_within_the_bound_is_counted(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 50)
    rows.items.append(Item("late", rows.now, rows.now + 14 * MINUTE, rows.now))
    for _ in range(40):
        add(rows, 30)
        rows.now += 30 * SECOND
        exporter.cycle()
    settle(exporter)
    assert exporter.counted == len(rows.items)
    assert exporter.value(catalog.BEYOND_LATENESS) == 0


@both
def test_06_a_row_visible_beyond_the_bound_is_counted_if_met_and_said(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    rows.items.append(Item("late", rows.now, rows.now + 20 * MINUTE, rows.now))
    settle(exporter, 30)
    assert exporter.counted == 1
    assert exporter.value(catalog.BEYOND_LATENESS) == 1


@both
def test_07_a_list_in_the_wrong_order_is_said_and_read_in_full_but_proves_nothing(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    rows.ascending = True
    exporter = start(rows)
    add(rows, 150)
    before = exporter.books.coverage[KEY].proven
    rows.now += 20 * MINUTE
    exporter.cycle()
    assert exporter.counted == 150, "read in full"
    assert exporter.unprovable > 0
    assert exporter.books.coverage[KEY].proven == before


def test_08_a_deleted_cursor_anchor_costs_a_request_not_a_row(start: Start) -> None:
    rows = listing(Paging.CURSOR)
    exporter = start(rows)
    add(rows, 200)
    exporter.head()
    sweep = exporter.books.coverage[KEY].sweep
    assert sweep is not None
    anchor = sweep.position.anchors[0]
    next(item for item in rows.items if item.id == anchor).deleted = rows.now
    while exporter.step():
        pass
    assert exporter.counted == 200, "the anchor was on the page before it was deleted"


def test_09_an_ignored_cursor_ends_the_sweep_instead_of_repeating_for_ever(start: Start) -> None:
    rows = listing(Paging.CURSOR)
    rows.ignore_cursor = True
    exporter = start(rows)
    add(rows, 100)
    before = exporter.books.coverage[KEY].proven
    asked = rows.requests
    exporter.cycle()
    assert rows.requests - asked < 100
    assert exporter.unprovable > 0
    assert exporter.books.coverage[KEY].proven == before


@pytest.mark.parametrize("lie", [True, False])
def test_10_has_more_is_not_believed(start: Start, lie: bool) -> None:
    rows = listing(Paging.CURSOR)
    rows.has_more_lie = lie
    exporter = start(rows)
    add(rows, 130)
    exporter.cycle()
    assert exporter.counted == 130
    settle(exporter)
    assert exporter.books.coverage[KEY].proven > rows.now - 20 * MINUTE


@both
def test_10_a_limit_clamped_by_the_server_is_not_taken_for_the_end(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 130)
    rows.clamp = 12
    exporter.cycle()
    assert exporter.counted == 130


@both
def test_11_a_backfill_goes_on_where_it_was_killed(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 400)
    exporter.head()
    pages = 0
    while exporter.step():
        pages += 1
        exporter.kill()
    assert exporter.counted == 400
    assert pages < 30, "killed after every page, it has not begun again once"


def test_12_a_skip_beyond_the_servers_cap_is_an_open_gap_then_a_lost_one(start: Start) -> None:
    rows = listing(Paging.OFFSET)
    exporter = start(rows)
    rows.max_skip = 60
    add(rows, 200)
    rows.now += 20 * MINUTE
    exporter.cycle()
    assert 60 <= exporter.counted < 200
    assert cover.open_gap(exporter.books.coverage[KEY], rows.now) > 0
    assert exporter.unprovable > 0
    rows.now += LONGEST_OPEN
    for _ in range(TRIES_BEFORE_CONCEDING):
        add(rows, 100)
        exporter.cycle()
    assert exporter.books.coverage[KEY].lost > 0


@both
def test_13_a_row_that_one_listing_omits_is_counted_from_the_next(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    rows.omit = 0.3
    for _ in range(20):
        add(rows, 20)
        rows.now += 40 * SECOND
        exporter.cycle()
    rows.omit = 0.0
    settle(exporter)
    assert exporter.counted == len(rows.items)


@both
def test_14_a_pending_row_counts_once_when_it_finishes(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 1, finished=rows.now + 90 * MINUTE)
    add(rows, 40)
    settle(exporter, 30)
    assert exporter.counted == 40
    assert exporter.value(catalog.ROWS, "pending") > 0
    settle(exporter, 150)
    assert exporter.counted == 41


@both
def test_15_an_amendment_of_a_counted_row_is_reported_not_folded_in(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 5)
    exporter.cycle()
    before = dict(exporter.books.totals)
    rows.items[2].credits *= 3
    rows.now += MINUTE
    exporter.cycle()
    exporter.cycle()
    assert exporter.value(catalog.AMENDED_ROWS) == 1, "once, however often it is met"
    assert exporter.books.totals == before


@both
def test_16_a_deleted_pending_row_vanishes_and_lets_the_watermark_move(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 1, finished=rows.now + 1000 * MINUTE)
    add(rows, 20)
    settle(exporter, 20)
    created = rows.items[0].created
    assert cover.watermark(exporter.books.coverage[KEY], exporter.books.waiting[KEY]) < created, "it waits"
    rows.items[0].deleted = rows.now
    settle(exporter, 20)
    assert exporter.value(catalog.VANISHED_ROWS) == 1
    assert cover.watermark(exporter.books.coverage[KEY], exporter.books.waiting[KEY]) > created


def decoder(source: str = "completions") -> Decoder:
    return Decoder(next(found for found in load(None, {}).sources() if found.name == source))


def wire(**fields: object) -> dict[str, object]:
    return {"id": "c1", "created": 1_700_000_000, "status": "success", "model": "m", **fields}


def body(*rows: object) -> bytes:
    return json.dumps({"object": "list", "data": rows, "has_more": False}).encode()


@pytest.mark.parametrize("value", ["12", True, float("nan"), float("inf"), -1, 10**30, [1], {"a": 1}])
def test_17_a_number_that_is_none_rejects_its_row_and_null_or_missing_is_left_out(value: object) -> None:
    page = decoder().decode(body(wire(usage={"prompt_tokens": value}), wire(id="c2", usage={"prompt_tokens": None})), 0)
    assert [reject.reason for reject in page.rejects] == [RejectReason.BAD_VALUE]
    assert [(row.id, row.input_tokens) for row in page.rows] == [("c2", None)]


def test_18_one_poison_row_costs_one_row_and_an_unknown_status_is_said() -> None:
    good = [wire(id=f"c{number}") for number in range(98)]
    page = decoder().decode(body(*good, "poison", wire(id="odd", status="sublimated")), 0)
    assert len(page.rows) == 98
    assert {reject.reason for reject in page.rejects} == {RejectReason.NOT_AN_OBJECT, RejectReason.UNKNOWN_STATUS}


@pytest.mark.parametrize(
    "created", ["2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20", 1_700_000_000, 1.7e9]
)
def test_19_timestamps_naive_with_z_or_with_offset_mean_the_same_instant(created: object) -> None:
    assert decoder().decode(body(wire(created=created)), 0).rows[0].created == 1_700_000_000 * SECOND


@both
def test_19_a_server_clock_an_hour_off_changes_nothing(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    rows.now += 60 * MINUTE  # pages carry the server's time, and nothing else is looked at
    exporter = start(rows)
    add(rows, 50)
    settle(exporter)
    assert exporter.counted == 50
    late = sum(values[0] for key, values in exporter.books.totals.items() if key.late == "true")
    assert late == 0


def test_20_the_position_and_the_counts_are_one_transaction(start: Start) -> None:
    rows = listing(Paging.OFFSET)
    exporter = start(rows)
    add(rows, 100)
    exporter.head()
    before, counted = exporter.books.coverage[KEY], exporter.counted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter.store, "_forget", fail)  # the last step before the commit
        with pytest.raises(PollError):
            exporter.step()
    exporter.kill()
    assert (exporter.books.coverage[KEY], exporter.counted) == (before, counted)
    settle(exporter)
    assert exporter.counted == 100


def fail(*_: object) -> None:
    raise sqlite3.OperationalError("disk I/O error")


def test_21_a_torn_ledger_is_refused(start: Start, tmp_path: Path) -> None:
    rows = listing(Paging.OFFSET)
    exporter = start(rows)
    add(rows, 200)
    exporter.cycle()
    exporter.close()
    torn = tmp_path / "torn.db"
    torn.write_bytes((tmp_path / "ledger.db").read_bytes()[:20_000])
    with pytest.raises(LedgerError):
        Store(torn, layout())
    exporter.open()


def test_22_a_corrupt_ledger_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(LedgerCorrupt, match="To recover"):
        Store(path, layout())
    assert path.read_bytes() == b"not a database at all" * 500


def test_23_a_write_that_fails_changes_nothing_and_is_made_good_by_the_next_poll(start: Start) -> None:
    rows = listing(Paging.OFFSET)
    exporter = start(rows)
    add(rows, 30)
    exporter.store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(PollError) as raised:
        exporter.head()
    assert raised.value.reason is FailureReason.LEDGER
    assert exporter.counted == 0
    exporter.store._db.execute("PRAGMA query_only = OFF")
    exporter.cycle()
    assert exporter.counted == 30


def test_24_a_ledger_restored_from_an_older_copy_is_noticed(start: Start, tmp_path: Path) -> None:
    rows = listing(Paging.OFFSET)
    exporter = start(rows)
    add(rows, 10)
    exporter.cycle()
    exporter.close()
    shutil.copy(tmp_path / "ledger.db", tmp_path / "copy.db")
    exporter.open()
    assert not exporter.store.rolled_back
    add(rows, 10)
    exporter.cycle()
    exporter.close()
    shutil.copy(tmp_path / "copy.db", tmp_path / "ledger.db")
    exporter.open()
    assert exporter.store.rolled_back
    exporter.cycle()
    assert exporter.counted == 20, "what was lost is counted again"


def test_25_the_ledger_has_one_connection_and_lets_in_no_other(start: Start, tmp_path: Path) -> None:
    start(listing(Paging.OFFSET))
    other = sqlite3.connect(tmp_path / "ledger.db", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT * FROM meta").fetchall()
    other.close()


@both
def test_26_the_ledger_forgets_what_is_proven(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    most = 0
    for _ in range(120):
        add(rows, 10)
        rows.now += 50 * SECOND
        exporter.cycle()
        known = rows_held(exporter.store)
        most = max(most, known)
    assert exporter.counted == 1200
    assert most < 500, "bounded by twice the lateness, whatever the list's length"


def test_27_two_exporters_cannot_count_into_one_ledger(start: Start, tmp_path: Path) -> None:
    start(listing(Paging.OFFSET))
    with pytest.raises(LedgerError, match="in use by another process"):
        Store(tmp_path / "ledger.db", layout())


@both
def test_28_a_page_taken_twice_counts_once(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 10)
    for _ in range(3):
        exporter.head()
    assert exporter.counted == 10
    assert exporter.value(catalog.ROWS, "duplicate") == 20


@pytest.mark.parametrize(
    "wrong",
    [body(wire())[:-9], b"<html>Bad gateway</html>", b'{"error": {"message": "try later"}}', b"", b"17", b"[[]"],
)
def test_29_a_200_that_is_no_list_is_a_failed_poll(wrong: bytes) -> None:
    with pytest.raises(PollError) as raised:
        decoder().decode(wrong, 0)
    assert raised.value.reason is FailureReason.BAD_BODY


def test_30_the_request_budget_outlives_a_restart(start: Start) -> None:
    exporter = start(listing(Paging.OFFSET))
    for number in range(10):
        exporter.store.record_request("a", exporter.listing.now + number)
    exporter.kill()
    budget = RequestBudget(10, spent=exporter.store.requests("a"))
    assert budget.wait(exporter.listing.now + 10) > 59 * SECOND


def test_31_a_rotated_key_is_read_again(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("old\n")
    config = tmp_path / "config.yaml"
    config.write_text(f"accounts: [{{name: a, api_key: {{file: {key}}}}}]\n")
    reference = load(config, {}).account("a").api_key
    assert reference.read({}) == "old"
    key.write_text("new\n")
    assert reference.read({}) == "new"


@both
def test_32_counters_go_on_after_a_restart(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 25)
    exporter.cycle()
    totals, rows_counted = dict(exporter.books.totals), exporter.value(catalog.ROWS, "counted")
    exporter.kill()
    assert exporter.books.totals == totals
    assert exporter.value(catalog.ROWS, "counted") == rows_counted == 25


def test_33_an_idle_series_stays(start: Start) -> None:
    rows = listing(Paging.OFFSET)
    exporter = start(rows)
    add(rows, 3)
    exporter.cycle()
    series = set(exporter.books.totals)
    settle(exporter, 300)
    exporter.kill()
    assert set(exporter.books.totals) == series


def test_34_label_values_that_would_collide_or_break_the_format_do_neither() -> None:
    models = ['a"b', "a\nb", "a\\b", "a_b", "x" * 9000, "x" * 9001]
    page = decoder().decode(body(*(wire(id=str(number), model=model) for number, model in enumerate(models))), 0)
    names = [row.model or "" for row in page.rows]
    assert len(set(names)) == len(models)
    assert all(name.isprintable() and '"' not in name and "\\" not in name and len(name) <= 128 for name in names)


@both
def test_35_a_replayed_old_page_does_not_move_the_watermark(start: Start, paging: Paging) -> None:
    rows = listing(paging)
    exporter = start(rows)
    add(rows, 5)
    old = rows.get({"limit": 20, "order": "desc", "skip": 0} if paging is Paging.OFFSET else {"limit": 20})
    add(rows, 5)
    exporter.cycle()
    settle(exporter, 30)
    add(rows, 5)
    exporter.cycle()
    before = exporter.books.coverage[KEY].proven
    for _ in range(30):
        rows.now += MINUTE
        rows.frozen = Page(rows=old.rows, size=old.size, observed=rows.now, has_more=False)
        exporter.head()
    assert exporter.books.coverage[KEY].proven == before
    assert exporter.unprovable >= 30
    rows.frozen = None
    settle(exporter)
    assert exporter.counted == 15
    assert exporter.books.coverage[KEY].proven > before
