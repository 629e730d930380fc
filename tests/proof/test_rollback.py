"""A ledger restored from an older copy is noticed, and shown again only when nothing of it is lower than before."""

from __future__ import annotations

import multiprocessing
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest

from exporter.counting.totals import Recount
from exporter.daemon import layout
from exporter.intake import Intake
from exporter.models import SECOND, Completion, Paging, Status
from exporter.store import LedgerCorrupt, LedgerError, Store, highwater, ledgerfile, opening, soundness
from exporter.store.highwater import HighWater
from tests.harness import KEY, Exporter
from tests.listing import Item, Listing
from tests.proof import rollback
from tests.proof.conftest import Proven
from tests.proof.copies import COPIES, Copy, File, Log, Mark, Outcome
from tests.proof.figures import Figures

MINUTE = 60 * SECOND


CLOSED = Copy(File.CLOSED, Log.NONE, Mark.NEWER)
WITH_LOG = Copy(File.RUNNING, Log.OF_THEN, Mark.NEWER)


def test_every_combination_of_files_comes_to_what_is_documented(proven: Proven) -> None:
    figures = Figures()
    outcomes = rollback.try_all(histories=1, seed=41, copies=COPIES, figures=figures, longest=16)
    proven(figures)
    assert figures.store_faults == len(COPIES) == 21 and figures.rows > 1000
    met = {outcome for *_, outcome in outcomes}
    assert met >= set(Outcome) - {Outcome.ANEW}, "else this proves less than it says"


def test_a_running_file_alone_may_hold_nothing_yet(tmp_path: Path) -> None:
    """Everything is in the log, and nothing is left that tells of it: like a first start, but only without a mark."""
    listing = Listing(Paging.OFFSET, Random(1))
    exporter = Exporter(tmp_path / "ledger.db", listing)
    exporter.cycle()
    bare = exporter.path.read_bytes()
    exporter.close()
    exporter.path.write_bytes(bare)
    with pytest.raises(LedgerCorrupt, match="is empty after 1 commits"):
        exporter.open()
    highwater.mark_path(exporter.path).unlink()
    exporter.path.write_bytes(bare)
    exporter.open()
    assert exporter.counted == 0 and not exporter.store.rolled_back
    exporter.close()


@pytest.mark.parametrize("commits", [0, 1], ids=["no commit", "a request"])
def test_a_copy_from_before_a_list_was_polled_has_a_gap(tmp_path: Path, commits: int) -> None:
    listing = Listing(Paging.OFFSET, Random(1))
    path = tmp_path / "ledger.db"
    with closing(Store(path, layout())) as store:
        for _ in range(commits):
            store.record_request("a", 1)
    shutil.copy(path, tmp_path / "copy.db")
    exporter = Exporter(path, listing)
    exporter.cycle()
    for number in range(5):
        listing.now += MINUTE
        listing.items.append(Item(f"row {number}", listing.now, listing.now, listing.now))
        exporter.cycle()
    exporter.close()
    shutil.copy(tmp_path / "copy.db", path)
    exporter.open()
    noticed = exporter.store.rolled_back
    exporter.cycle()
    coverage = exporter.intake.coverage
    exporter.close()
    assert noticed
    assert coverage is not None and coverage.lost > 5 * MINUTE


@pytest.mark.parametrize("copy", [c for c in COPIES if c.mark is Mark.NEWER and c.sound], ids=lambda copy: copy.name)
def test_a_rollback_that_goes_unnoticed_is_found_out(monkeypatch: pytest.MonkeyPatch, copy: Copy) -> None:
    monkeypatch.setattr(Store, "_notice_rollback", lambda self, meta, mark: None)
    figures = rollback.run(histories=1, seed=0, copies=[copy])
    assert any("noticed or not" in problem for problem in figures.problems)


def test_refusing_a_sound_copy_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """To refuse whatever has a log beside it would be the easy way out."""
    prepare = opening.prepare

    def strict(db, path, layout, **options):
        log = path.with_name("ledger.db-wal")
        if log.exists() and log.stat().st_size:
            raise LedgerCorrupt("To recover: the log ledger.db-wal lay beside it")
        prepare(db, path, layout, **options)

    monkeypatch.setattr(ledgerfile, "prepare", strict)
    figures = rollback.run(histories=1, seed=0, copies=[WITH_LOG])
    assert any("a sound copy is refused" in problem for problem in figures.problems)


def test_believing_a_torn_copy_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundness, "problem", lambda *_: None)
    figures = rollback.run(histories=2, seed=0, copies=[Copy(File.RUNNING, Log.NONE, Mark.NEWER)])
    assert any("it never held what it holds" in problem for problem in figures.problems)


def test_forgetting_what_a_lost_ledger_had_proven_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "lost_frontier", lambda self, source: None)
    figures = rollback.run(histories=1, seed=0, copies=[Copy(File.GONE, Log.NONE, Mark.NEWER)])
    assert any("what the mark had proven is forgotten" in problem for problem in figures.problems)


def test_counting_again_without_the_mark_s_time_lowers_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recount, "counted", lambda self, ended, now: now)
    figures = rollback.run(histories=1, seed=0, copies=[CLOSED])
    assert any("lower than they were published" in problem for problem in figures.problems)


def test_trusting_a_sweep_that_the_copy_had_begun_lowers_series(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Intake._sweep

    def trusting(self, coverage, page):
        self._thorough = True
        sweep(self, coverage, page)

    monkeypatch.setattr(Intake, "_sweep", trusting)
    figures = rollback.run(histories=3, seed=12, copies=[WITH_LOG])
    assert any("lower than they were published" in problem for problem in figures.problems)


@pytest.mark.parametrize(
    ("ended", "counted"),
    [(40, 100), (100, 100), (150, 150), (200, 200), (201, 5000)],
    ids=["before the copy", "as it was made", "after it", "as the mark was written", "after that"],
)
def test_a_row_is_as_late_as_it_was_when_it_was_counted_first(ended: int, counted: int) -> None:
    assert Recount(since=100, until=200).counted(ended, 5000) == counted


# The same, told once


@contextmanager
def restored(tmp_path: Path, outage: int) -> Iterator[Exporter]:
    """An exporter whose ledger knows the first of two rows, and whose mark knows both; ``outage`` µs have passed."""
    listing = Listing(Paging.OFFSET, Random(1))
    exporter = Exporter(tmp_path / "ledger.db", listing)
    exporter.cycle()
    for number in range(2):
        listing.now += MINUTE
        listing.items.append(Item(f"row {number}", listing.now, listing.now, listing.now))
        exporter.cycle()
        exporter.close()
        if number == 0:
            shutil.copy(exporter.path, tmp_path / "copy.db")
        exporter.open()
    exporter.close()
    shutil.copy(tmp_path / "copy.db", exporter.path)
    listing.now += outage
    exporter.open()
    yield exporter
    exporter.close()


def late(exporter: Exporter) -> Counter[str]:
    counted: Counter[str] = Counter()
    for key, values in exporter.books.totals.items():
        counted[key.late] += values[0]
    return counted


def test_a_row_counted_again_after_an_hour_is_no_more_late_than_at_first(tmp_path: Path) -> None:
    with restored(tmp_path, 60 * MINUTE) as exporter:
        exporter.listing.items.append(
            Item("missed", exporter.listing.now - 30 * MINUTE, exporter.listing.now, exporter.listing.now - 30 * MINUTE)
        )
        exporter.cycle()
        assert late(exporter) == {"false": 2, "true": 1}, "only what ended after the mark was written is late"


@pytest.mark.parametrize("lost_mark", [False, True], ids=["the mark stays", "the mark gets lost"])
def test_a_restart_before_it_is_made_good_forgets_nothing(tmp_path: Path, lost_mark: bool) -> None:
    with restored(tmp_path, 60 * MINUTE) as exporter:
        before = exporter.store.recount
        if lost_mark:
            highwater.mark_path(exporter.path).unlink()
        exporter.kill()
        assert exporter.store.recount == before and before is not None
        exporter.cycle()
        assert late(exporter) == {"false": 2, "true": 0}


def test_a_mark_of_the_first_version_forgives_nothing(tmp_path: Path) -> None:
    with restored(tmp_path, 60 * MINUTE) as exporter:
        assert exporter.store.recount is not None
        exporter.close()
        mark = highwater.read(highwater.mark_path(exporter.path))
        assert mark is not None
        shutil.copy(tmp_path / "copy.db", exporter.path)
        highwater.write(highwater.mark_path(exporter.path), HighWater(mark.epoch, mark.commits, mark.proven))
        exporter.open()
        assert exporter.store.rolled_back
        exporter.cycle()
        assert late(exporter) == {"false": 1, "true": 1}


def test_what_was_copied_before_it_was_made_good_is_noticed_for_ever(tmp_path: Path) -> None:
    """A newer copy of the branch that was given up knows of more commits than the mark; its epoch tells it apart."""
    with restored(tmp_path, MINUTE) as exporter:
        exporter.close()
        given_up = tmp_path / "given up.db"
        shutil.copy(tmp_path / "copy.db", given_up)
        path = given_up
        highwater.mark_path(path).unlink(missing_ok=True)
        with closing(Store(path, layout())) as store:
            for _ in range(100):
                store.record_request("a", 1)
        exporter.open()
        for _ in range(40):
            exporter.listing.now += MINUTE
            exporter.cycle()
        assert exporter.intake.swept
        exporter.store.settle_rollback()
        exporter.close()
        shutil.copy(given_up, exporter.path)
        exporter.open()
        assert exporter.store.rolled_back


@pytest.mark.parametrize("commit", ["counters", "release", "request"])
def test_every_commit_is_known_to_the_mark(tmp_path: Path, commit: str) -> None:
    """Else a log that lost its last commits would go unnoticed if they were of another kind than a page."""
    path = tmp_path / "ledger.db"
    with closing(Store(path, layout())) as store:
        store.load()
        before = highwater.read(highwater.mark_path(path))
        if commit == "counters":
            store.commit_counters({("f", ()): 1})
        elif commit == "release":
            store.release({})
        else:
            store.record_request("a", 1)
        after = highwater.read(highwater.mark_path(path))
    assert before and after and after.commits == before.commits + 1


def test_a_lost_ledger_whose_new_file_was_left_empty_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    listing = Listing(Paging.OFFSET, Random(1))
    exporter = Exporter(path, listing)
    exporter.cycle()
    exporter.close()
    path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporter.store.ledgerfile.prepare", fail)
        with pytest.raises(LedgerError):
            Store(path, layout())
    assert path.stat().st_size == 0
    with closing(Store(path, layout())) as store:
        assert store.lost_frontier(KEY) is not None, "what it had proven is still known"
        assert not store.rolled_back


def fail(*_: object, **__: object) -> None:
    raise OSError(5, "Input/output error")


def test_a_mark_that_cannot_be_read_is_no_first_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    Store(path, layout()).close()
    path.unlink()
    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(LedgerError, match=r"cannot be used: .*Input/output error"):
        Store(path, layout())
    assert not path.exists()


def test_a_row_of_a_copy_is_told_by_its_end_not_by_its_start() -> None:
    row = Completion("r", created=10, status=Status.SUCCESS, finished=150)
    assert Recount(since=100, until=200).counted(row.event_time, 900) == 150


# Several processes at once on a new ledger

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.proof.test_rollback"])


def contend(path: Path, start: object, answer: Connection, done: object) -> None:
    """In a process of its own: open the ledger when told, say what came of it, and hold it until told."""
    start.wait(60)  # type: ignore[attr-defined]
    try:
        store = Store(path, layout())
        store.record_request("a", 1)
    except LedgerError as error:
        answer.send(f"{type(error).__name__}: {error}")
    else:
        answer.send("opened")
        done.wait(60)  # type: ignore[attr-defined]
        store.close()


@pytest.mark.parametrize("processes", [2, 5])
def test_of_several_processes_on_a_new_ledger_one_gets_it(tmp_path: Path, processes: int) -> None:
    path = tmp_path / "new" / "ledger.db"
    start, done = PROCESSES.Event(), PROCESSES.Event()
    running, answers = [], []
    for _ in range(processes):
        ours, theirs = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=contend, args=(path, start, theirs, done))
        process.start()
        theirs.close()
        running.append(process)
        answers.append(ours)
    start.set()
    said = []
    for answer in answers:
        assert answer.poll(60)
        said.append(answer.recv())
    done.set()
    for process in running:
        process.join(60)
        assert process.exitcode == 0
    refused = f"LedgerError: the ledger {path} is in use by another process: only one exporter may count into it"
    assert sorted(said) == sorted(["opened", *[refused] * (processes - 1)])
    with closing(Store(path, layout())) as store:
        assert store.requests("a") == [1]
        assert not store.rolled_back
