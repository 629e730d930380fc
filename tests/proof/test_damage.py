"""A ledger that was damaged, wherever and however, is refused, or is exactly what it was, or is noticed as older."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from exporter.models import SECOND, Paging
from exporter.store import LedgerCorrupt, Store, digests, highwater, soundness
from exporter.store.highwater import HighWater
from tests import formerledgers
from tests.harness import Exporter
from tests.ledgers import ids_of
from tests.listing import Item, Listing
from tests.proof import damage
from tests.proof.conftest import Proven
from tests.proof.damage import LAYOUT, LISTS, MARK, Outcome, Sample, content, outcome
from tests.proof.figures import Figures


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    return damage.samples()


def test_no_damage_is_accepted_for_something_else(proven: Proven) -> None:
    figures = damage.run(stride=29, flip_count=200, seed=3)
    proven(figures)
    assert figures.store_faults > 250


def test_every_outcome_is_met(samples: dict[str, Sample]) -> None:
    """Else the test above proves less than it says."""
    random, figures = Random(5), Figures()
    killed = samples["killed"]
    flips = damage.try_all(killed, "ledger.db", damage.flips(killed, "ledger.db", 60, random), figures)
    cuts = damage.try_all(killed, "ledger.db-wal", list(damage.cuts(killed, "ledger.db-wal", random))[::20], figures)
    assert figures.good
    assert flips[Outcome.REFUSED] and flips[Outcome.AS_IT_WAS] and cuts[Outcome.OLDER]


def test_without_digests_damage_passes_for_the_truth(
    samples: dict[str, Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SQLite's own check finds is not enough: this is what the digests are for."""
    monkeypatch.setattr(digests, "differing", lambda db: [])
    closed, figures = samples["closed"], Figures()
    outcomes = damage.try_all(closed, "ledger.db", damage.flips(closed, "ledger.db", 100, Random(5)), figures)
    assert outcomes[Outcome.WRONG] > 20


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("segments", "UPDATE segments SET entries = CAST(entries || 'x' AS BLOB) WHERE id = 3"),
        ("segments", "UPDATE segments SET quarter = quarter + 1 WHERE id = 3"),
        ("segments", "UPDATE segments SET newest = newest - 1 WHERE id = 3"),
        ("segments", "DELETE FROM segments WHERE id = 3"),
        ("segments", "UPDATE segments SET source = source + 2"),
        ("vanished", "DELETE FROM vanished WHERE hash = (SELECT min(hash) FROM vanished)"),
        ("vanished", "UPDATE vanished SET hash = hash + 4294967296"),
        ("series", "UPDATE series SET released = released + 1 WHERE id = 1"),
        ("series", "UPDATE series SET model = 'other' WHERE id = 1"),
        ("sources", "UPDATE sources SET source = 'x' || source"),
        ("waiting", "DELETE FROM waiting WHERE hash = (SELECT max(hash) FROM waiting)"),
        ("counters", "UPDATE counters SET value = value + 1"),
        ("spend", "UPDATE spend SET quarter = quarter + 1000000"),
        ("offenders", "DELETE FROM offenders"),
        ("requests", "INSERT INTO requests VALUES ('acme', 1)"),
        ("meta", "UPDATE meta SET value = '1' WHERE key = 'commits'"),
        ("meta", "DELETE FROM meta"),
        ("meta", "UPDATE digests SET crcs = crcs + 1 WHERE name = 'meta'"),
        ("spend", "UPDATE digests SET name = 'other' WHERE name = 'spend'"),
        ("series", "UPDATE series SET slots = CAST(slots || slots AS BLOB)"),
    ],
)
def test_content_that_was_not_written_by_the_exporter_is_refused_and_the_table_named(
    samples: dict[str, Sample], tmp_path: Path, table: str, change: str
) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(samples["closed"].files["ledger.db"])
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(change)
        db.commit()
    with pytest.raises(LedgerCorrupt, match=rf"is damaged \(not what was written to it: .*\b{table}\b") as caught:
        Store(path, LAYOUT)
    assert "To recover: " in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE extra (x)",
        "DROP INDEX requests_by_account",
        "CREATE TRIGGER t AFTER INSERT ON requests BEGIN DELETE FROM requests; END",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = 1",
        "PRAGMA user_version = -1",
        "PRAGMA application_id = 1",
        "DROP TABLE digests",
    ],
)
def test_another_schema_than_that_of_the_version_is_refused(
    samples: dict[str, Sample], tmp_path: Path, change: str
) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(samples["closed"].files["ledger.db"])
    with closing(sqlite3.connect(path)) as db:
        db.execute(change)
    before = path.read_bytes()
    with pytest.raises(LedgerCorrupt, match=r"is damaged \(its schema is not that of a ledger\)"):
        Store(path, LAYOUT)
    assert path.read_bytes() == before


def test_two_pages_of_the_ids_changing_places_are_noticed(samples: dict[str, Sample], tmp_path: Path) -> None:
    """Every row may still be there; but one would not be found where it is looked for, or have the marks of others."""
    whole = samples["closed"].files["ledger.db"]
    random, figures = Random(1), Figures()
    path = tmp_path / "ledger.db"
    path.write_bytes(whole)
    with closing(sqlite3.connect(path)) as db:
        ids = [entries for (entries,) in db.execute("SELECT entries FROM segments")]
    pages = [at for at in range(4096, len(whole), 4096) if any(part[:64] in whole[at : at + 4096] for part in ids)]
    assert len(pages) > 5
    swaps = []
    for _ in range(30):
        one, other = random.sample(pages, 2)
        damaged = bytearray(whole)
        damaged[one : one + 4096], damaged[other : other + 4096] = whole[other : other + 4096], whole[one : one + 4096]
        swaps.append((f"pages at {one} and {other}", bytes(damaged)))
    outcomes = damage.try_all(samples["closed"], "ledger.db", swaps, figures)
    assert figures.good, figures.table()
    assert outcomes[Outcome.REFUSED] == 30


def test_a_schema_that_is_no_text_is_refused(samples: dict[str, Sample], tmp_path: Path) -> None:
    """SQLite's message quotes it, and `sqlite3` then fails to decode the message."""
    path = tmp_path / "ledger.db"
    whole = samples["closed"].files["ledger.db"]
    assert whole.count(b"source INTEGER") > 1
    path.write_bytes(whole.replace(b"source INTEGER", b"source I\xceTEGER"))
    with pytest.raises(LedgerCorrupt, match="To recover: "):
        Store(path, LAYOUT)


# A ledger of the first version


def of_the_first_version(path: Path, sample: Sample) -> None:
    """Write what a sample holds into a ledger as the first version made it."""
    ids = formerledgers.settled(ids_of(sample.last["vanished"], sample.last["segments"]))
    tables = {name: rows for name, rows in sample.last.items() if name not in ("segments", "vanished")}
    meta = [row for row in tables["meta"] if row[0] != "observed"]
    formerledgers.write(path, 1, {**tables, "meta": meta, "settled": ids})


def test_a_ledger_of_the_first_version_keeps_its_content_and_is_watched_from_then_on(
    samples: dict[str, Sample], tmp_path: Path
) -> None:
    path, sample = tmp_path / "ledger.db", samples["closed"]
    of_the_first_version(path, sample)
    with closing(Store(path, LAYOUT)) as store:
        contents = store.load()
        assert set(contents.coverage) == set(LISTS)
        migrated = content(store)
        migrated["meta"] = sorted([*migrated["meta"], *(row for row in sample.last["meta"] if row[0] == "observed")])
        assert {**migrated, "segments": []} == {**sample.last, "segments": []}
        for source, keys in sample.keys.items():
            assert set(store.marks(source, keys)) == set(keys)
        store.commit(damage.page(16, 60, LISTS[0]))
        after = content(store)
    with closing(Store(path, LAYOUT)) as store:
        assert content(store) == after
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE spend SET credits = credits + 1")
        db.commit()
    with pytest.raises(LedgerCorrupt, match="not what was written to it: spend"):
        Store(path, LAYOUT)


def test_a_damaged_ledger_of_the_first_version_is_not_migrated(samples: dict[str, Sample], tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    of_the_first_version(path, samples["closed"])
    whole = path.read_bytes()
    path.write_bytes(whole[:20480] + bytes(4096) + whole[24576:])
    before = path.read_bytes()
    with pytest.raises(LedgerCorrupt, match="is damaged"):
        Store(path, LAYOUT)
    assert path.read_bytes() == before


# The mark


def test_a_damaged_mark_takes_nothing_from_a_ledger(samples: dict[str, Sample]) -> None:
    """A ledger in order is never refused for its mark; at worst it is withheld until all is counted again."""
    closed, figures = samples["closed"], Figures()
    outcomes = damage.try_all(closed, MARK, list(damage.of_mark(closed))[::11], figures)
    assert figures.good, figures.table()
    assert outcomes[Outcome.AS_IT_WAS] and set(outcomes) <= {Outcome.AS_IT_WAS, Outcome.ALARM}


@pytest.mark.parametrize("changes", [{"epoch": "another"}, {"commits": 10**6}, {"commits": 10**6, "observed": 2**62}])
def test_a_false_alarm_ends_with_every_row_counted_once(tmp_path: Path, changes: dict[str, Any]) -> None:
    listing = Listing(Paging.OFFSET, Random(1))
    exporter = Exporter(tmp_path / "ledger.db", listing, max_lateness=60)
    exporter.cycle()
    for number in range(30):
        listing.now += 20 * SECOND
        listing.items.append(Item(f"row {number}", listing.now, listing.now, listing.now + number % 3 * 90 * SECOND))
        exporter.cycle()
    before = {key: list(values) for key, values in exporter.books.totals.items()}
    exporter.close()
    mark = highwater.read(highwater.mark_path(exporter.path))
    assert mark is not None
    highwater.write(highwater.mark_path(exporter.path), replace(mark, **changes))
    exporter.open()
    assert exporter.store.rolled_back and exporter.books.totals == before
    for _ in range(15):
        listing.now += 60 * SECOND
        exporter.cycle()
    assert exporter.intake.swept
    exporter.store.settle_rollback()
    exporter.kill()
    assert not exporter.store.rolled_back
    assert exporter.counted == 30
    totals = exporter.books.totals
    assert all(was <= now for key in before for was, now in zip(before[key], totals[key], strict=True))
    exporter.close()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("cut", {Outcome.OLDER, Outcome.ANEW, Outcome.AS_IT_WAS}),
        ("zeroed", {Outcome.OLDER, Outcome.AS_IT_WAS}),
        ("flipped", {Outcome.OLDER, Outcome.AS_IT_WAS}),
    ],
)
def test_the_gap_after_a_loss_is_known_at_worst_from_a_commit_before_or_that_of_a_first_start(
    tmp_path: Path, kind: str, expected: set[Outcome]
) -> None:
    path = tmp_path / MARK
    for write, number in ((highwater.write, 2), (highwater.advance, 3)):
        write(path, HighWater("e", number, {highwater.frontier_key(source): number * SECOND for source in LISTS}))
    sample, figures = Sample({MARK: path.read_bytes()}, {}), Figures()
    marks = [(name, mark) for name, mark in damage.of_mark(sample) if kind in name]
    outcomes = damage.lose_all(sample, marks[:: len(marks) // 60], figures)
    assert figures.good, figures.problems[:3]
    assert set(outcomes) == expected


def test_the_gap_after_a_loss_is_known_from_the_mark(samples: dict[str, Sample], tmp_path: Path) -> None:
    for sample in samples.values():
        assert damage.after_loss(sample, sample.files[MARK], tmp_path) == (Outcome.AS_IT_WAS, "")


# The way out


def test_the_commands_of_the_advice_work_for_any_path(tmp_path: Path) -> None:
    path = tmp_path / "it's; a $(test) folder" / "ledger.db"
    Store(path, LAYOUT).close()
    content = path.read_bytes()
    path.write_bytes(content[:5000])
    with pytest.raises(LedgerCorrupt) as caught:
        Store(path, LAYOUT)
    commands = str(caught.value).split("move it away (")[1].split(") and start again")[0]
    assert shlex.split(commands)[0] == "mv"
    subprocess.run(commands, shell=True, check=True)
    Store(path, LAYOUT).close()
    assert path.with_name("ledger.db.damaged").read_bytes() == content[:5000]


def test_a_newer_log_beside_a_restored_file_is_refused_and_said_to_lie_there(
    samples: dict[str, Sample], tmp_path: Path
) -> None:
    killed = samples["killed"].files
    older = damage.samples(rows=59)["closed"].files["ledger.db"]  # of another life: nothing of it fits the log
    sample = Sample({**killed, "ledger.db": older}, samples["killed"].held)
    folder = tmp_path / "ledger"
    folder.mkdir()
    result, said = outcome(sample, "ledger.db", older, folder)
    assert result is Outcome.REFUSED
    assert "the log ledger.db-wal lay beside it" in said
    assert f"(rm -f {folder}/ledger.db-wal first)" in said


def test_a_check_that_fails_once_is_no_verdict(
    samples: dict[str, Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's check puts a read that failed in the same words as damage."""
    path = tmp_path / "ledger.db"
    path.write_bytes(samples["closed"].files["ledger.db"])
    said = ["Tree 5 page 9: unable to get the page. error code=266", ""]
    monkeypatch.setattr(soundness, "_structure", lambda db: said.pop(0))
    Store(path, LAYOUT).close()
    assert said == []


def test_what_is_shown_was_copied_whole(samples: dict[str, Sample], tmp_path: Path) -> None:
    """The samples themselves are in order: undamaged, each is what it was."""
    for sample in samples.values():
        folder = tmp_path / "ledger"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        assert outcome(sample, "ledger.db", sample.files["ledger.db"], folder) == (Outcome.AS_IT_WAS, "")
