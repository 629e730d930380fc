"""The power fails at any operation of a ledger's life: what was written but not synced is gone, or some of it.

What was published before is in the ledger that is found afterwards, and it goes on as if nothing had been.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from exporter.models import PollError
from exporter.store import LedgerError, highwater
from exporter.store.highwater import HighWater
from tests.proof.figures import Figures
from tests.proof.ledgerlife import Life, Patient, memory
from tests.proof.sqlitevfs import below

OFF = 10
"""SQLITE_IOERR: what a disk without power says."""


class Left(Enum):
    """What is left of the writes that no sync had followed."""

    NOTHING = auto()
    SOME = auto()
    TORN = auto()
    """All, but half of the last."""


@dataclass
class _File:
    durable: bytearray
    new: bool
    """Whether its name is not known to be on the disk: SQLite syncs the folder with the first sync of a new file."""
    since: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes (where, what) and truncations (to what, None) since the last sync."""

    def apply(self, changes: list[tuple[int, bytes | None]]) -> bytes:
        content = bytearray(self.durable)
        for at, data in changes:
            if data is None:
                del content[at:]
                continue
            content.extend(bytes(max(0, at - len(content))))
            content[at : at + len(data)] = data
        return bytes(content)


class MortalDisk:
    """Keeps apart what is synced and what is not; at its ``fatal``-th operation the power fails."""

    def __init__(self, folder: Path, fatal: int) -> None:
        self._folder = folder
        self._fatal = fatal
        self._files: dict[str, _File] = {}
        self._unlinked: dict[str, bytes] = {}
        self.operations = 0
        self.dead = False
        self.marks: list[HighWater] = []

    def operate(self, name: str, path: str, do: Callable[..., int], data: bytes | int | None, at: int) -> int:
        if not path.startswith(str(self._folder)):
            return do()
        self.operations += 1
        if self.operations == self._fatal:
            self.dead = True
            if isinstance(data, bytes):
                self._files[path].since.append((at, data))
        if self.dead:
            if name in ("close", "unlock"):
                do()
            return OFF
        if name == "open" and path not in self._files:
            there = Path(path).exists()
            self._files[path] = _File(bytearray(Path(path).read_bytes() if there else b""), new=not there)
        elif name == "delete" and path in self._files:
            self._unlinked[path] = bytes(self._files.pop(path).durable)
        file = self._files.get(path)
        if file is not None:
            if isinstance(data, bytes):
                file.since.append((at, data))
            elif isinstance(data, int):
                file.since.append((data, None))
            elif name == "sync":
                file.durable = bytearray(file.apply(file.since))
                file.since.clear()
                if file.new:
                    self._unlinked.clear()
                    file.new = False
        return do()

    def restore(self, left: Left, random: Random) -> None:
        """Leave in the folder what is found after the power is back."""
        for path, file in self._files.items():
            Path(path).write_bytes(file.apply(_kept(file.since, left, random)))
            if file.new and left is Left.NOTHING:
                Path(path).unlink()
        for path, content in self._unlinked.items():
            if left is Left.NOTHING or random.random() < 0.5:  # the folder had not been synced since
                Path(path).write_bytes(content)

    def with_power(self, write: Callable[[Path, HighWater], None]) -> Callable[[Path, HighWater], None]:
        """What stands in for a way to write the mark: without power nothing is written."""

        def write_mark(path: Path, mark: HighWater) -> None:
            if self.dead:
                raise OSError(OFF, "no power")
            self.marks.append(mark)
            write(path, mark)

        return write_mark

    def restore_mark(self, path: Path, random: Random) -> None:
        """The mark is not synced: any that was ever written may be found, or an empty file, or none."""
        path.unlink(missing_ok=True)
        found = random.choice([None, b"", *self.marks[-1:], *self.marks[-1:], *self.marks])
        if isinstance(found, HighWater):
            highwater.write(path, found)
        elif found is not None:
            path.write_bytes(found)


def _kept(changes: list[tuple[int, bytes | None]], left: Left, random: Random) -> list[tuple[int, bytes | None]]:
    if left is Left.NOTHING or not changes:
        return []
    if left is Left.SOME:
        return [change for change in changes if random.random() < 0.5]
    at, data = changes[-1]
    return [*changes[:-1], (at, data[: len(data) // 2] if data else data)]


class Mortal(Life):
    """A life that ends at a power failure, and then goes on in the next process."""

    def __init__(self, folder: Path, fatal: int, left: Left, random: Random) -> None:
        super().__init__(folder)
        self.disk = MortalDisk(folder, fatal)
        self._left = left
        self._random = random

    def endure(self) -> None:
        """Live, die, and live on."""
        steps = list(self.steps())
        with pytest.MonkeyPatch.context() as patch, below(self.disk):
            for way in (highwater.write, highwater.advance):
                patch.setattr(highwater, way.__name__, self.disk.with_power(way))
            patch.setattr(Patient, "tries", 1)
            while steps and not self.disk.dead:
                try:
                    steps[0]()
                except (PollError, LedgerError, AssertionError):
                    if not self.disk.dead:
                        raise
                if self.exporter is not None:
                    self._never_back()
                if not self.disk.dead:
                    steps.pop(0)
            if self.exporter is not None:
                self.exporter.close()
        if self.disk.dead:
            self._wake()
            for step in steps:
                step()
                self._never_back()
            self._running.close()
        self.judge()

    def _wake(self) -> None:
        self.disk.restore(self._left, self._random)
        self.disk.restore_mark(highwater.mark_path(self.path), self._random)
        if self.exporter is None:  # the power failed before the first poll: there is nothing to go on from
            return
        self._running.open()
        if self._running.store.rolled_back:
            self.note("a power failure is taken for a rollback")
        self._never_back()
        self.agree()


def operations() -> int:
    """How many operations a life has."""
    with TemporaryDirectory(dir=memory()) as folder:
        life = Mortal(Path(folder), -1, Left.NOTHING, Random(0))
        life.endure()
    assert life.verdict.good, life.verdict
    return life.disk.operations


def run(*, stride: int, seed: int) -> Figures:
    """Cut the power at every ``stride``-th operation, with each way in which unsynced writes may end."""
    figures = Figures()
    for fatal in range(1 + seed % stride, operations() + 1, stride):
        for left in Left:
            with TemporaryDirectory(dir=memory()) as folder:
                life = Mortal(Path(folder), fatal, left, Random(f"{seed} {fatal} {left}"))
                try:
                    life.endure()
                except Exception:
                    life.note(traceback.format_exc())
            verdict = life.verdict
            figures.store_faults += 1
            figures.store_faults_survived += verdict.good and life.disk.dead
            figures.rows += verdict.rows
            figures.lost += verdict.lost
            figures.doubled += verdict.doubled
            place = f"seed {seed}, power cut at operation {fatal}, {left.name.lower()} of the unsynced left"
            figures.problems += [f"{place}: {problem}" for problem in verdict.problems]
    return figures
