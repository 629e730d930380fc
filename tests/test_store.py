"""The ledger file: what is committed survives kill -9 whole, what fails leaves no trace, and damage is refused."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import re
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.counting import layout as slots
from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.history import History
from exporter.counting.layout import Layout
from exporter.counting.ledger import VANISHED, RowKey
from exporter.counting.walk import Walk
from exporter.models import (
    MICRO,
    SECOND,
    CounterKey,
    FailureReason,
    Offender,
    PollError,
    Position,
    SeriesKey,
    SourceKey,
)
from exporter.store import Changes, Contents, LedgerCorrupt, LedgerError, Store, ledgerfile, opening
from exporter.store.schema import APPLICATION_ID, VERSION
from tests.clocks import START

LAYOUT = Layout.of(duration=[SECOND], time_to_first_token=[SECOND], output_length=[10], cost=[MICRO])
LIST = SourceKey("acme", "completions")
OTHER_LIST = SourceKey("acme", "requests")
SERIES = SeriesKey("acme", "completions", "m", "s", "success", "false")
POLLS: CounterKey = ("vlmrun_exporter_polls_total", ("acme", "completions"))
FIRST_SECOND = START // SECOND
QUARTER = START // (900 * SECOND)
PAGE_ROWS = 5

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


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    with closing(Store(path, LAYOUT)) as store:
        store.load()
        yield store


def coverage(*, proven: int = START, horizon: int = 0) -> Coverage:
    return Coverage(origin=0, proven=proven, horizon=horizon, max_lateness=0, history=History(top=0, done=0))


def settled(seconds: range) -> dict[RowKey, int]:
    """One counted row at each of these seconds."""
    return {RowKey(second, second * 7919): 16 + second for second in seconds}


def page(number: int) -> Changes:
    """The ``number``-th page of a list, from 0: five new rows, of 10 credits each."""
    first = FIRST_SECOND + number * PAGE_ROWS
    values = [0] * LAYOUT.size
    values[slots.COMPLETIONS] = (number + 1) * PAGE_ROWS
    return Changes(
        LIST,
        coverage(proven=START + number),
        settled=settled(range(first, first + PAGE_ROWS)),
        series={SERIES: values},
        counters={POLLS: 1},
        spend={QUARTER: PAGE_ROWS * 10 * MICRO},
    )


def rows_held(store: Store) -> int:
    return int(store._db.execute("SELECT count(*) FROM settled").fetchone()[0])


def pages_held(store: Store) -> int:
    """How many pages the ledger holds; fails if it holds a part of one."""
    contents = store.load()
    number = contents.counters.get(POLLS, 0)
    assert rows_held(store) == number * PAGE_ROWS
    assert contents.totals.get(SERIES, [0])[slots.COMPLETIONS] == number * PAGE_ROWS
    assert sum(contents.spend.get(LIST, {}).values()) == number * PAGE_ROWS * 10 * MICRO
    if number:
        assert contents.coverage[LIST].proven == START + number - 1
    return number


# Files, and who may open them


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_only_the_owner_can_read_the_files(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with opened(path) as store:
            store.commit(page(0))
            files = sorted(path.parent.iterdir())
            assert [file.name for file in files] == ["ledger.db", "ledger.db-wal", "ledger.db.mark"]
            assert [mode(file) for file in files] == [0o600] * 3
    finally:
        os.umask(before)
    assert mode(path.parent) == 0o700


def test_a_ledger_that_others_could_read_is_closed_to_them(path: Path) -> None:
    with opened(path):
        pass
    path.chmod(0o644)
    with opened(path):
        assert mode(path) == 0o600


PROCESSES = multiprocessing.get_context("forkserver")
"""Every process begins clean, without this one's threads and open files."""

PROCESSES.set_forkserver_preload(["tests.test_store"])


def try_to_open(path: Path, answer: Connection) -> None:
    """In a process of its own: open the ledger, and tell what came of it."""
    try:
        Store(path, LAYOUT).close()
    except LedgerError as error:
        answer.send(f"{type(error).__name__}: {error}")
    else:
        answer.send("opened")


def ask_second_process(path: Path) -> str:
    answer, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=try_to_open, args=(path, theirs))
    process.start()
    theirs.close()
    with answer:
        assert answer.poll(30)
        said = str(answer.recv())
    process.join()
    process.close()
    return said


def test_a_second_process_is_refused_until_the_first_has_closed_the_ledger(path: Path) -> None:
    with opened(path) as store:
        assert ask_second_process(path) == (
            f"LedgerError: the ledger {path} is in use by another process: only one exporter may count into it"
        )
        store.commit(page(0))
        assert pages_held(store) == 1
    assert ask_second_process(path) == "opened"


def test_a_ledger_that_cannot_be_created_says_where_it_may_be(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(LedgerError) as caught:
        Store(blocked / "ledger.db", LAYOUT)
    assert str(caught.value) == (
        f"the ledger {blocked}/ledger.db cannot be opened for writing: [Errno 17] File exists: '{blocked}'"
        " (ledger.path must be on a writable local disk)"
    )
    with pytest.raises(LedgerError) as caught:
        Store(tmp_path, LAYOUT)
    assert str(caught.value) == (
        f"the ledger {tmp_path} cannot be opened for writing: [Errno 21] Is a directory: '{tmp_path}'"
        " (ledger.path must be on a writable local disk)"
    )


# Damage


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


def test_damage_beside_a_log_of_commits_is_refused_and_what_the_log_held_kept(path: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed" / "ledger.db"
    killed.parent.mkdir()
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled=settled(range(FIRST_SECOND, FIRST_SECOND + 5000))))
    with opened(path) as store:  # what a process killed here leaves behind: the file, and its log
        store.commit(page(0))
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{killed}{suffix}")
    killed.write_bytes(overwrite(killed.read_bytes(), 20 * PAGE_SIZE, b"\xff" * PAGE_SIZE))
    for _ in range(2):
        with pytest.raises(LedgerCorrupt, match=r"is damaged \("):
            Store(killed, LAYOUT)
    with closing(sqlite3.connect(killed)) as db:
        assert db.execute("SELECT account, source, model, skill, status, late FROM series").fetchall() == [SERIES]


@pytest.mark.parametrize("values", [bytes(8), bytes(3)], ids=["too few", "half a value"])
def test_totals_of_another_size_are_refused(path: Path, values: bytes) -> None:
    with opened(path) as store:
        store.commit(page(0))
        store._db.execute("UPDATE series SET slots = ?", (values,))
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
    assert str(caught.value).startswith(
        f"the ledger {path} has other histogram buckets than this version of the exporter"
    )
    assert "run the version" in str(caught.value), "says what to do"
    assert path.read_bytes() == before
    with opened(path) as store:
        assert pages_held(store) == 1


# Schema


def test_a_database_without_tables_becomes_a_ledger(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:  # as left by a process killed before it made the tables
        db.execute("PRAGMA journal_mode = WAL")
        assert db.execute("PRAGMA user_version").fetchone() == (0,)
    assert path.stat().st_size > 0
    with opened(path) as store:
        store.commit(page(0))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_every_table_is_strict_about_types(path: Path) -> None:
    with opened(path) as store:
        tables = {
            name: strict
            for _, name, kind, _, _, strict in store._db.execute("PRAGMA main.table_list")
            if kind == "table" and not name.startswith("sqlite_")
        }
        assert tables and set(tables.values()) == {1}
        with pytest.raises(sqlite3.IntegrityError):
            store._db.execute("INSERT INTO requests VALUES ('acme', 'yesterday')")


# Commits


def test_a_page_is_held_whole_after_a_restart(path: Path) -> None:
    with opened(path) as store:
        for number in range(3):
            store.commit(page(number))
    with opened(path) as store:
        assert pages_held(store) == 3


@contextmanager
def full(store: Store) -> Iterator[None]:
    """The database may not grow: SQLITE_FULL."""
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        store._db.execute("PRAGMA max_page_count = 1073741823")


@contextmanager
def read_only(store: Store) -> Iterator[None]:
    """The database may not be written: SQLITE_READONLY."""
    store._db.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        store._db.execute("PRAGMA query_only = OFF")


@contextmanager
def disk_fails(store: Store) -> Iterator[None]:
    """The system refuses to write what a COMMIT appends to the log: SQLITE_IOERR_WRITE."""
    log = Path(f"{store.path}-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FAILURES = [
    pytest.param(full, "database or disk is full", id="full"),
    pytest.param(read_only, "attempt to write a readonly database", id="read-only"),
    pytest.param(disk_fails, "disk I/O error", id="disk fails"),
]
Failure = Callable[[Store], AbstractContextManager[None]]


@pytest.mark.parametrize(("failure", "problem"), FAILURES)
@pytest.mark.parametrize("source", [LIST, OTHER_LIST], ids=["known list", "new list"])
def test_a_commit_that_fails_changes_nothing_and_the_next_one_works(
    path: Path, failure: Failure, problem: str, source: SourceKey
) -> None:
    large = Changes(source, coverage(), settled=settled(range(5000)), counters={POLLS: 1})
    with opened(path) as store:
        store.commit(page(0))
        before = store.load()
        with failure(store), pytest.raises(PollError) as caught:
            store.commit(large)
        assert caught.value.reason is FailureReason.LEDGER
        assert str(caught.value) == f"the ledger could not be used: {problem}"
        assert store.load() == before
        assert pages_held(store) == 1
        store.commit(large)
        assert rows_held(store) == PAGE_ROWS + 5000
    with opened(path) as store:
        assert store.load().coverage == {LIST: page(0).coverage, source: large.coverage}
        assert store.marks(source, [RowKey(1, 7919)]) == {RowKey(1, 7919): 17}
        assert rows_held(store) == PAGE_ROWS + 5000


@pytest.mark.parametrize(("failure", "problem"), FAILURES)
def test_a_new_list_whose_first_page_failed_is_not_mixed_up_with_the_next_new_list(
    path: Path, failure: Failure, problem: str
) -> None:
    with opened(path) as store:
        with failure(store), pytest.raises(PollError, match=problem):
            store.commit(replace(page(0), source=OTHER_LIST, settled=settled(range(5000))))
        store.commit(page(0))
        store.commit(Changes(OTHER_LIST, coverage(), settled=settled(range(3))))
    with opened(path) as store:
        assert set(store.load().coverage) == {LIST, OTHER_LIST}
        assert store.marks(OTHER_LIST, [*page(0).settled]) == {}
        assert store.marks(LIST, [*page(0).settled]) == page(0).settled


@pytest.mark.parametrize(("failure", "problem"), [FAILURES[1], FAILURES[2]])
def test_other_writes_that_fail_change_nothing_either(path: Path, failure: Failure, problem: str) -> None:
    with opened(path) as store:
        store.commit(page(0))
        store.record_request("acme", START)
        before = store.load()
        writes: list[Callable[[], None]] = [
            lambda: store.commit_counters({POLLS: 1}),
            lambda: store.release({SERIES: 3}),
            lambda: store.record_request("acme", START + SECOND),
        ]
        for write in writes:
            with failure(store), pytest.raises(PollError, match=problem) as caught:
                write()
            assert caught.value.reason is FailureReason.LEDGER
        assert store.load() == before
        assert store.requests("acme") == [START]
        for write in writes:
            write()
        after = store.load()
        assert (after.counters[POLLS], after.released[SERIES]) == (2, 3)
        assert store.requests("acme") == [START, START + SECOND]


def test_a_ledger_that_is_gone_fails_the_check(path: Path) -> None:
    store = Store(path, LAYOUT)
    store.check()
    store.close()
    with pytest.raises(PollError, match="the ledger could not be used") as caught:
        store.check()
    assert caught.value.reason is FailureReason.LEDGER


# kill -9


def commit_forever(path: Path, progress: Connection) -> None:
    """In a process of its own: commit page after page, and tell how many there are."""
    with opened(path) as store:
        for number in itertools.count(pages_held(store)):
            store.commit(page(number))
            progress.send(number + 1)


def test_kill_at_any_moment_loses_no_commit_and_leaves_no_half_of_one(path: Path) -> None:
    random = Random(9)
    told = 0
    for _ in range(20):
        progress, theirs = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=commit_forever, args=(path, theirs))
        process.start()
        theirs.close()
        for _ in range(random.randint(1, 25)):
            assert progress.poll(30)
            told = progress.recv()
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        process.close()
        progress.close()
        with opened(path) as store:
            assert pages_held(store) >= told
            assert not store.rolled_back


def start_until(path: Path, fatal: int) -> None:
    """In a process of its own: a first start and two commits, killed at the ``fatal``-th SQL statement."""
    number = itertools.count(1)

    def trace(sql: str) -> None:
        if next(number) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(path: Path) -> sqlite3.Connection:
        db = opening.connect(path)
        db.set_trace_callback(trace)
        return db

    pytest.MonkeyPatch().setattr(ledgerfile, "connect", connect)
    with opened(path) as store:
        store.commit(page(0))
        store.release({SERIES: 1})
        store.commit(page(1))


def test_kill_at_any_statement_of_a_first_start_leaves_a_ledger_that_works(tmp_path: Path) -> None:
    broken = {}
    for fatal in itertools.count(1):
        path = tmp_path / str(fatal) / "ledger.db"
        process = PROCESSES.Process(target=start_until, args=(path, fatal))
        process.start()
        process.join()
        exitcode = process.exitcode
        process.close()
        try:
            with opened(path) as store:
                assert pages_held(store) <= 2
                assert not store.rolled_back
                store.commit(page(pages_held(store)))
        except Exception as error:  # all of them are wanted, not the first
            broken[fatal] = error
        if exitcode == 0:
            break
        assert exitcode == -signal.SIGKILL
    assert fatal > 30
    assert broken == {}


# Request journal


def test_requests_are_remembered_in_order_by_account_and_over_restarts(path: Path) -> None:
    with opened(path) as store:
        for at in (3, 1, 2):
            store.record_request("acme", START + at)
        store.record_request("globex", START)
        assert store.requests("acme") == [START + 1, START + 2, START + 3]
    with opened(path) as store:
        assert store.requests("acme") == [START + 1, START + 2, START + 3]
        assert store.requests("globex") == [START]
        assert store.requests("initech") == []


def test_requests_older_than_two_minutes_are_forgotten(path: Path) -> None:
    with opened(path) as store:
        for second in range(0, 600, 30):
            store.record_request("acme", START + second * SECOND)
        assert store.requests("acme") == [START + second * SECOND for second in range(450, 600, 30)]


# What is held of rows


def test_marks_are_of_the_rows_asked_for_whatever_their_order(path: Path) -> None:
    held = settled(range(FIRST_SECOND, FIRST_SECOND + 100))
    newest_first = sorted(held, reverse=True)
    absent = RowKey(FIRST_SECOND + 50, 1)
    same_second = RowKey(FIRST_SECOND + 50, 2)
    with opened(path) as store:
        assert store.marks(LIST, newest_first) == {}
        store.commit(Changes(LIST, coverage(), settled={**held, same_second: 1}))
        store.commit(Changes(OTHER_LIST, coverage(), settled={absent: 99}))
        for keys in (newest_first, newest_first[::-1], [*newest_first[50:], absent, *newest_first[:50]]):
            assert store.marks(LIST, keys) == held
        assert store.marks(LIST, newest_first[:1]) == {newest_first[0]: held[newest_first[0]]}
        assert store.marks(LIST, [same_second]) == {same_second: 1}
        assert store.marks(LIST, []) == {}


def test_the_mark_of_an_amended_row_replaces_the_first(path: Path) -> None:
    key = RowKey(FIRST_SECOND, -(2**63))
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled={key: 16}))
        store.commit(Changes(LIST, coverage(), settled={key: 17}))
    with opened(path) as store:
        assert store.marks(LIST, [key]) == {key: 17}
        assert rows_held(store) == 1


def test_rows_before_the_horizon_are_forgotten_in_bounded_steps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgerfile, "PRUNE_ROWS", 10)
    rows = settled(range(FIRST_SECOND, FIRST_SECOND + 50))
    horizon = (FIRST_SECOND + 35) * SECOND
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled=rows))
        store.commit(Changes(OTHER_LIST, coverage(), settled=rows))
        left = []
        for _ in range(5):
            store.commit(Changes(LIST, coverage(horizon=horizon)))
            left.append(rows_held(store) - 50)
        assert left == [40, 30, 20, 15, 15]
        kept = {key: mark for key, mark in rows.items() if key.second * SECOND >= horizon}
        assert store.marks(LIST, sorted(rows, reverse=True)) == kept
        assert store.marks(OTHER_LIST, sorted(rows, reverse=True)) == rows


def test_more_rows_in_one_second_than_a_step_forgets_are_forgotten_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgerfile, "PRUNE_ROWS", 10)
    rows = {RowKey(FIRST_SECOND, hash_): 16 for hash_ in range(35)}
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), settled=rows))
        for _ in range(10):
            store.commit(Changes(LIST, coverage(horizon=START + 60 * SECOND)))
        assert rows_held(store) == 0


def test_a_vanished_row_is_remembered_for_a_week_longer(path: Path) -> None:
    keys = [RowKey(FIRST_SECOND + day * 86_400, 0) for day in range(12)]
    with opened(path) as store:
        for mark in (VANISHED, 16):
            store.commit(Changes(LIST, coverage(), settled=dict.fromkeys(keys, mark)))
            store.commit(Changes(LIST, coverage(horizon=START + 10 * 86_400 * SECOND)))
            kept = 3 if mark == VANISHED else 10
            assert store.marks(LIST, keys[::-1]) == dict.fromkeys(keys[kept:], mark)


def test_credit_sums_are_forgotten_after_two_months_of_any_length(path: Path) -> None:
    day = 86_400 * SECOND
    quarters = {(START - days * day) // (900 * SECOND): days + 1 for days in (0, 31, 62, 69, 71, 100)}
    with opened(path) as store:
        store.commit(Changes(LIST, coverage(), spend=quarters))
        assert store.load().spend[LIST] == {q: amount for q, amount in quarters.items() if amount <= 70}


# load() is what was committed

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
times = st.integers(0, 2**62)
amounts = st.integers(0, 2**62)
hashes = st.integers(-(2**63), 2**63 - 1)
sources = st.builds(SourceKey, st.sampled_from(["acme", "globex"]), st.sampled_from(["completions", "requests"]))
series_keys = st.builds(SeriesKey, names, names, names, names, names, names)
by_type: dict[object, st.SearchStrategy] = {int: times, bool: st.booleans(), tuple[str, ...]: st.just(("a", "é\n"))}


def any_of(struct: type[msgspec.Struct], **known: object) -> st.SearchStrategy:
    """Draw a value for every field there is, by its type, but for what is ``known``."""
    fields = {field.name: by_type[field.type] for field in msgspec.structs.fields(struct) if field.name not in known}
    return st.builds(struct, **fields, **{name: st.just(value) for name, value in known.items()})


by_type[Position] = any_of(Position)
by_type[Walk | None] = st.none() | any_of(Walk)
by_type[History] = any_of(History)
coverages = any_of(Coverage, proven=0, horizon=0)  # by which nothing is forgotten, neither ids nor credit sums
offenders = st.lists(st.builds(Offender, amounts, times, names, names, names, names, names, names), max_size=4)
changes = st.builds(
    Changes,
    source=sources,
    coverage=coverages,
    settled=st.dictionaries(st.builds(RowKey, st.integers(0, 2**40), hashes), st.integers(0, 2**33), max_size=5),
    waiting=st.dictionaries(hashes, st.builds(Waiting, times, times), max_size=4),
    done_waiting=st.sets(hashes, max_size=4),
    series=st.dictionaries(series_keys, st.lists(amounts, min_size=LAYOUT.size, max_size=LAYOUT.size), max_size=3),
    counters=st.dictionaries(st.tuples(names, st.lists(names, max_size=3).map(tuple)), st.integers(0, 2**40)),
    spend=st.dictionaries(st.integers(0, 2**40), st.integers(0, 2**50), max_size=3),
    offenders=st.none() | offenders.map(tuple),
)


def hasty(path: Path) -> Store:
    """A ledger that does not wait for the disk: no power fails here."""
    store = Store(path, LAYOUT)
    store._db.execute("PRAGMA synchronous = OFF")
    store.load()
    return store


@settings(max_examples=50)
@given(pages=st.lists(changes, max_size=6), data=st.data())
def test_what_is_loaded_is_what_was_committed(pages: list[Changes], data: st.DataObject) -> None:
    expected = Contents({}, {}, {}, {}, {}, {}, ())
    marks: dict[SourceKey, dict[RowKey, int]] = {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        store = hasty(path)
        for change in pages:
            waiting = expected.waiting.setdefault(change.source, {})
            if waiting:
                change.done_waiting = data.draw(st.sets(st.sampled_from(sorted(waiting))))
            store.commit(change)
            expected.coverage[change.source] = change.coverage
            for hash_ in change.done_waiting:
                waiting.pop(hash_, None)
            waiting |= change.waiting
            expected.totals |= {key: list(values) for key, values in change.series.items()}
            expected.released |= {key: expected.released.get(key, 0) for key in change.series}
            for counter, value in change.counters.items():
                expected.counters[counter] = expected.counters.get(counter, 0) + value
            spend = expected.spend.setdefault(change.source, {})
            for quarter, amount in change.spend.items():
                spend[quarter] = spend.get(quarter, 0) + amount
            if change.offenders is not None:
                expected.offenders = change.offenders
            marks.setdefault(change.source, {}).update(change.settled)
            if data.draw(st.booleans()):
                store.close()
                store = hasty(path)
        if expected.totals:
            masks = data.draw(st.dictionaries(st.sampled_from(sorted(expected.totals)), st.integers(0, 63)))
            store.release(masks)
            expected.released |= masks
        assert store.load() == expected
        store.close()
        with opened(path) as store:
            assert store.load() == expected
            for source, held in marks.items():
                assert store.marks(source, sorted(held, reverse=True)) == held
