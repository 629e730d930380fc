"""Whatever fails below the ledger, at any operation: nothing is lost, nothing doubled, and it goes on by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.daemon import layout
from exporter.models import FailureReason, PollError
from exporter.store import LedgerCorrupt, LedgerError, Store, ledgerfile, opening
from tests.proof import powercut, sqlitevfs, store_faults
from tests.proof.conftest import Proven
from tests.proof.diskfaults import FAULTS, FailingDisk, failing
from tests.proof.ledgerlife import Life
from tests.realservers import need


@pytest.fixture
def below_sqlite() -> None:
    """A disk can be put below SQLite."""
    found = sqlitevfs.library() is not None
    need(found, "a SQLite that is a library of its own (this Python's is built in): nothing can be put below it")


watched = pytest.mark.usefixtures("below_sqlite")


@watched
def test_any_operation_on_the_files_may_fail_once(proven: Proven) -> None:
    figures = store_faults.run(stride=131, seed=5)
    proven(figures)
    assert figures.store_faults > 25 and figures.rows > 900


@watched
def test_every_kind_of_operation_happens_in_the_life_that_is_disturbed() -> None:
    assert set(store_faults.operations()) == set(FAULTS)


@watched
def test_a_disk_may_be_full_for_a_while(proven: Proven) -> None:
    figures = store_faults.full_for_a_while(stride=9, seed=3)
    proven(figures)
    assert figures.store_faults == 4


@watched
def test_the_power_may_fail_at_any_operation(proven: Proven) -> None:
    figures = powercut.run(stride=150, seed=11)
    proven(figures)
    assert figures.store_faults >= 9 * len(powercut.Left), "each of the ways, all through a life"


@watched
def test_a_ledger_that_does_not_wait_for_the_disk_loses_what_it_published(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = opening.prepare

    def hasty(db, path, layout, **options):
        prepare(db, path, layout, **options)
        db.execute("PRAGMA synchronous = OFF")

    monkeypatch.setattr(ledgerfile, "prepare", hasty)
    monkeypatch.setattr(powercut, "operations", lambda: 1500)
    figures = powercut.run(stride=400, seed=300)
    assert any("went back" in problem or "rollback" in problem for problem in figures.problems)


@watched
def test_counting_before_the_commit_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A mistake that only shows if a write fails: the page is taken for counted although it is not."""
    commit = Store.commit

    def hopeful(self, changes):
        with contextlib.suppress(PollError):
            commit(self, changes)

    monkeypatch.setattr(Store, "commit", hopeful)
    disk = FailingDisk(tmp_path)
    life = Life(tmp_path)
    count = 0

    def after() -> None:
        nonlocal count
        count += 1
        disk.full = count == 8

    with failing(disk):
        life.live(after)
    verdict = life.judge()
    assert verdict.lost or verdict.doubled, verdict


@watched
@pytest.mark.parametrize("fault", [266, 10])
def test_a_sector_that_cannot_be_read_is_not_called_damage(tmp_path: Path, fault: int) -> None:
    """Wherever a first read fails while the ledger is opened, it is told as what it is; and the next start works."""
    path = tmp_path / "ledger.db"
    Store(path, layout()).close()
    disk = FailingDisk(tmp_path)
    with failing(disk):
        Store(path, layout()).close()
    for number in [number for number, name in enumerate(disk.done) if name == "read"]:
        with failing(FailingDisk(tmp_path, number, fault)):
            try:
                Store(path, layout()).close()
            except LedgerError as error:
                assert not isinstance(error, LedgerCorrupt)
                assert f"the ledger {path} cannot be " in str(error) and "disk I/O error (" in str(error)
            Store(path, layout()).close()


@watched
def test_damage_met_while_running_fails_the_poll_and_counts_nothing(tmp_path: Path) -> None:
    life = Life(tmp_path, rounds=2)
    steps = life.steps()
    for _ in range(5):
        next(steps)()
    exporter = life.exporter
    assert exporter is not None
    before = exporter.counted

    class Garbler:
        """SQLITE_CORRUPT from any write, as from a page that makes no sense."""

        def operate(self, name, path, do, data, at):
            return 11 if name == "write" else do()

    exporter.close()
    with sqlitevfs.below(Garbler()):
        exporter.open()
        life._appear(1)
        with pytest.raises(PollError) as raised:
            exporter.head()
        assert raised.value.reason is FailureReason.LEDGER
        assert "malformed" in str(raised.value)
        assert exporter.counted == before
        exporter.close()
    exporter.open()
    exporter.cycle()
    assert exporter.counted == before + 5, "one of the six is pending"
    exporter.close()


# Real file systems


@pytest.fixture(scope="module")
def mountable() -> bool:
    """Whether this process may mount a file system."""
    if not shutil.which("mount") or os.geteuid() != 0:
        return False
    done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def may_mount(mountable: bool) -> None:
    """A file system can be mounted."""
    need(mountable, "the right to mount a file system (root, and a kernel that lets it)")


mounted = pytest.mark.usefixtures("may_mount")


@contextlib.contextmanager
def file_system(place: Path, size: str) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(place)], check=False, capture_output=True)
        subprocess.run(["umount", "-l", str(place)], check=True)


@mounted
def test_a_read_only_file_system_is_said_to_be_one(tmp_path: Path) -> None:
    with file_system(tmp_path, "4m"):
        path = tmp_path / "data" / "ledger.db"
        Store(path, layout()).close()
        before = path.read_bytes()
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        for ledger in (path, tmp_path / "new" / "ledger.db"):
            with pytest.raises(LedgerError) as raised:
                Store(ledger, layout())
            assert not isinstance(raised.value, LedgerCorrupt)
            assert "Read-only file system" in str(raised.value)
            assert "\n" not in str(raised.value)
        assert path.read_bytes() == before
        subprocess.run(["mount", "-o", "remount,rw", str(tmp_path)], check=True)
        Store(path, layout()).close()


@mounted
def test_a_file_system_that_fills_up_stops_counting_until_there_is_room(tmp_path: Path) -> None:
    with file_system(tmp_path, "8m"):
        life = Life(tmp_path)
        ballast = tmp_path / "ballast"
        count = 0

        def after() -> None:
            nonlocal count
            count += 1
            if count == 4:
                with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
            elif count == 14:
                ballast.unlink()

        life.live(after)
        assert life.failures > 3, "it was full"
        verdict = life.judge()
        assert verdict.good, verdict
        assert verdict.rows > 30
