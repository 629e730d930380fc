"""Damage to the ledger's file, and files that are not this ledger: refused with the way out, and left alone."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.counting.layout import Layout
from exporter.models import MICRO, SECOND
from exporter.store import Changes, LedgerCorrupt, LedgerError, Store, segments
from exporter.store.schema import MIGRATIONS, VERSION
from tests.clocks import START
from tests.ledgers import FIRST_SECOND, LAYOUT, LIST, SERIES, coverage, mode, opened, page, pages_held, settled

DAMAGED = (
    "the ledger {path} is damaged ({problem}). It is not replaced by itself, because every counter would start again"
    " from 0. To recover: restore ledger.db from a backup, without a log of another time beside it (rm -f {path}-wal"
    " first); or, to begin a new ledger, move it away (mv {path} {path}.damaged; rm -f {path}-wal) and start again:"
    " counting then resumes from now, and the time since its last commit is reported in"
    ' vlmrun_exporter_coverage_gap_seconds{{state="lost"}}.'
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


@pytest.fixture(scope="module")
def healthy() -> bytes:
    """A ledger's file of a good many pages."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        with opened(path) as store:
            store.commit(page(0))
            store.commit(Changes(LIST, coverage(), settled=settled(range(FIRST_SECOND, FIRST_SECOND + 5000))))
        content = path.read_bytes()
    assert len(content) > 30 * PAGE_SIZE
    return content


PAGE_SIZE = 4096

NOT_SQLITE = "file is not a database"
MALFORMED = "database disk image is malformed"
FOUND_BY_CHECK = r"(?s).*btreeInitPage\(\) returns error code 11.*|" + MALFORMED


def overwrite(content: bytes, at: int, with_: bytes) -> bytes:
    return content[:at] + with_ + content[at + len(with_) :]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(lambda good: overwrite(good, 0, b"sqlite"), NOT_SQLITE, id="magic"),
        pytest.param(lambda good: overwrite(good, 16, b"\x13\x37"), f"{NOT_SQLITE}|{MALFORMED}", id="page size"),
        pytest.param(lambda good: overwrite(good, 100, b"\xff" * 8), MALFORMED, id="schema page"),
        pytest.param(
            lambda good: overwrite(good, len(good) // 2 // PAGE_SIZE * PAGE_SIZE, b"\xff" * PAGE_SIZE),
            FOUND_BY_CHECK,
            id="page in the middle",
        ),
        pytest.param(lambda good: overwrite(good, len(good) - PAGE_SIZE, bytes(PAGE_SIZE)), FOUND_BY_CHECK, id="last"),
        pytest.param(lambda good: good[:1], r"(?s).+", id="truncated to 1 byte"),
        pytest.param(lambda good: good[:16], NOT_SQLITE, id="truncated to the magic"),
        pytest.param(lambda good: good[:100], MALFORMED, id="truncated to the header"),
        pytest.param(lambda good: good[:1000], MALFORMED, id="truncated in the first page"),
        pytest.param(lambda good: good[:PAGE_SIZE], MALFORMED, id="truncated to the first page"),
        pytest.param(lambda good: good[: len(good) // 2], MALFORMED, id="truncated to half"),
        pytest.param(lambda good: good[:-PAGE_SIZE], MALFORMED, id="truncated by a page"),
        pytest.param(lambda good: good[:-1000], r"(?s).+", id="truncated in the last page"),
        pytest.param(lambda good: good[:-1], r"(?s).+", id="truncated by a byte"),
        pytest.param(lambda good: b"accounts:\n  - name: default\n" * 500, NOT_SQLITE, id="text"),
        pytest.param(lambda good: b"hello", NOT_SQLITE, id="short text"),
        pytest.param(lambda good: bytes(len(good)), NOT_SQLITE, id="zeros"),
    ],
)
def test_damage_is_refused_with_the_way_out_and_the_file_left_alone(
    path: Path, healthy: bytes, damage: Callable[[bytes], bytes], problem: str
) -> None:
    path.parent.mkdir()
    damaged = damage(healthy)
    path.write_bytes(damaged)
    with pytest.raises(LedgerCorrupt) as caught:
        Store(path, LAYOUT)
    said = re.search(r"is damaged \((.*)\)\. It is not", str(caught.value), re.DOTALL)
    assert said and re.fullmatch(problem, said[1])
    assert str(caught.value) == DAMAGED.format(path=path, problem=said[1])
    assert path.read_bytes() == damaged
    assert [file.name for file in path.parent.iterdir()] == ["ledger.db"]


def test_damage_where_nothing_is_read_at_start_is_found_by_a_check(path: Path, healthy: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(overwrite(healthy, 20 * PAGE_SIZE, b"\xff" * PAGE_SIZE))
    with closing(sqlite3.connect(path)) as db:  # all that load() reads is in order
        assert db.execute("SELECT count(*) FROM sources").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM series").fetchone() == (1,)
    with pytest.raises(LedgerCorrupt, match=r"is damaged \("):
        Store(path, LAYOUT)


@pytest.mark.parametrize(
    ("log", "problem"),
    [
        (None, "its last page is cut"),
        (b"", "its last page is cut"),
        (b"x", r".*; the log ledger\.db-wal lay beside it"),  # what was cut may have been there
    ],
    ids=["none", "empty", "of a byte"],
)
def test_a_last_page_that_is_cut_is_damage_unless_the_log_completes_it(
    path: Path, healthy: bytes, log: bytes | None, problem: str
) -> None:
    path.parent.mkdir()
    path.write_bytes(healthy[:-1000])
    if log is not None:
        path.with_name("ledger.db-wal").write_bytes(log)
    with pytest.raises(LedgerCorrupt) as caught:
        Store(path, LAYOUT)
    said = re.search(r"is damaged \((.*)\)\. It is not", str(caught.value))
    assert said and re.fullmatch(problem, said[1])
    assert str(caught.value) == DAMAGED.format(path=path, problem=said[1])


def test_a_last_page_that_the_log_completes_is_no_damage(path: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed" / "ledger.db"
    killed.parent.mkdir()
    with opened(path):
        pass
    with opened(path) as store:
        store.commit(page(0))
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{killed}{suffix}")
    with killed.open("ab") as file:  # it was being folded in when the process was killed
        file.write(bytes(1000))
    with opened(killed) as store:
        assert pages_held(store) == 1


@pytest.mark.parametrize(
    "made",
    [f"PRAGMA user_version = {VERSION}", "".join(MIGRATIONS)],
    ids=["its version", "its tables"],
)
def test_what_has_but_a_part_of_a_ledger_is_damaged(path: Path, made: str) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        segments.provide(db)
        db.executescript(made)
    before = path.read_bytes()
    with pytest.raises(LedgerCorrupt) as caught:
        Store(path, LAYOUT)
    assert str(caught.value) == DAMAGED.format(path=path, problem="its schema is not that of a ledger")
    assert path.read_bytes() == before


def test_damage_beside_a_log_of_commits_is_refused_and_what_the_log_held_kept(path: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed" / "ledger.db"
    killed.parent.mkdir()
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled=settled(range(FIRST_SECOND, FIRST_SECOND + 5000))))
    with opened(path) as store:  # what a process killed here leaves behind: the file, and its log
        store.commit(page(0))
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{killed}{suffix}")
    killed.write_bytes(overwrite(killed.read_bytes(), 12 * PAGE_SIZE, b"\xff" * PAGE_SIZE))
    for log in ("; the log ledger.db-wal lay beside it", ""):  # folded in as the file is closed
        with pytest.raises(LedgerCorrupt) as caught:
            Store(killed, LAYOUT)
        assert str(caught.value) == DAMAGED.format(path=killed, problem=f"database disk image is malformed{log}")
    with closing(sqlite3.connect(killed)) as db:
        assert db.execute("SELECT account, source, model, skill, status, late FROM series").fetchall() == [SERIES]


@pytest.mark.parametrize("values", [bytes(8), bytes(3)], ids=["too few", "half a value"])
def test_totals_of_another_size_are_refused(path: Path, values: bytes) -> None:
    with opened(path) as store:
        store.commit(page(0))
        store._db.execute("UPDATE series SET slots = ?", (values,))
        with pytest.raises(LedgerCorrupt, match=re.escape(f"the ledger {path} is damaged (")):
            store.load()


@pytest.mark.parametrize(
    ("key", "value"), [("lost", "[1]"), ("lost", '{"acme/completions":"x"}'), ("rolled_back", "1")]
)
def test_what_the_ledger_says_of_itself_in_another_form_is_refused(path: Path, key: str, value: str) -> None:
    with opened(path) as store:
        store._set_meta(key, value)
    with pytest.raises(LedgerCorrupt, match=re.escape(f"the ledger {path} is damaged (")):
        Store(path, LAYOUT)


def test_labels_of_a_counter_in_another_form_are_refused(path: Path) -> None:
    with opened(path) as store:
        store._db.execute("INSERT INTO counters VALUES ('polls', '[1]', 1)")
        with pytest.raises(LedgerCorrupt, match=re.escape(f"the ledger {path} is damaged (")):
            store.load()


def test_the_way_out_of_damage_leads_to_a_new_ledger_that_knows_what_was_lost(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(3))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(LedgerCorrupt) as caught:
        Store(path, LAYOUT)
    advice = re.search(r"move it away \((mv .*?; rm .*?)\)", str(caught.value))
    assert advice
    subprocess.run(advice[1], shell=True, check=True)
    with opened(path) as store:
        assert store.lost_frontier(LIST) == START + 3
        assert not store.rolled_back
        assert pages_held(store) == 0
    assert Path(f"{path}.damaged").read_bytes() == content[: len(content) // 2]


def test_an_empty_file_is_a_first_start_if_nothing_was_counted_into_it(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with opened(path) as store:
        assert store.lost_frontier(LIST) is None
        store.commit(page(0))
    with opened(path) as store:
        assert pages_held(store) == 1


def test_an_empty_file_that_was_counted_into_is_damage(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(0))
    path.write_bytes(b"")
    with pytest.raises(LedgerCorrupt, match=re.escape(f"the ledger {path} is damaged (")):
        Store(path, LAYOUT)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_another_applications_database_is_refused_and_left_alone(path: Path, journal: str) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
        db.execute("CREATE TABLE invoices (number)")
        db.commit()
    path.chmod(0o640)
    before = path.read_bytes()
    with pytest.raises(LedgerError) as caught:
        Store(path, LAYOUT)
    assert str(caught.value).startswith(f"{path} is an SQLite file, but not a ledger of vlmrun-exporter")
    assert "ledger.path" in str(caught.value), "says what to do"
    assert path.read_bytes() == before
    assert mode(path) == 0o640


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    with opened(path) as store:
        store._db.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(LedgerError) as caught:
        Store(path, LAYOUT)
    assert not isinstance(caught.value, LedgerCorrupt)
    assert str(caught.value) == (
        f"the ledger {path} has schema version {VERSION + 1}, made by a newer vlmrun-exporter; this one knows up to"
        f" {VERSION}: run the newer version"
    )
    assert path.read_bytes() == before


def test_a_ledger_of_other_buckets_is_refused_and_left_alone(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(0))
    before = path.read_bytes()
    with pytest.raises(LedgerError) as caught:
        Store(path, Layout.of(duration=[2 * SECOND], time_to_first_token=[SECOND], output_length=[10], cost=[MICRO]))
    assert not isinstance(caught.value, LedgerCorrupt)
    assert str(caught.value) == (
        f"the ledger {path} has other histogram buckets than this version of the exporter: run the version that made"
        f" it, or move it away (mv {path} {path}.old; rm -f {path}-wal) to begin a new one"
    )
    assert path.read_bytes() == before
    with opened(path) as store:
        assert pages_held(store) == 1
