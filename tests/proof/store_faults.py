"""Every operation on a ledger's files fails once, in every way it can: nothing is lost, doubled or left half made."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.proof.diskfaults import FAULTS, FailingDisk, failing
from tests.proof.figures import Figures
from tests.proof.ledgerlife import Life, memory


def operations() -> list[str]:
    """The operations of a life in which nothing fails, in order."""
    with TemporaryDirectory(dir=memory()) as folder:
        disk = FailingDisk(Path(folder))
        life = Life(Path(folder))
        with failing(disk):
            life.live()
        life.judge()
    assert life.verdict.good and not life.failures, life.verdict
    return disk.done


def run(*, stride: int, seed: int) -> Figures:
    """Fail every ``stride``-th operation, from the ``seed``-th on, in every way that fits it; one life for each."""
    figures = Figures()
    for number, name in list(enumerate(operations()))[seed % stride :: stride]:
        for fault in FAULTS[name]:
            add(figures, one(number, fault))
    return figures


def one(number: int, fault: int) -> tuple[Life, str]:
    """A life in which an operation fails; and what failed."""
    with TemporaryDirectory(dir=memory()) as folder:
        disk = FailingDisk(Path(folder), number, fault)
        life = Life(Path(folder))
        _live(life, disk)
    return life, disk.struck


def full_for_a_while(*, stride: int, seed: int) -> Figures:
    """The disk is full from one step of a life to another some steps later, and polls go on meanwhile."""
    figures = Figures()
    for first in range(1 + seed % stride, 35, stride):
        with TemporaryDirectory(dir=memory()) as folder:
            disk = FailingDisk(Path(folder))
            life = Life(Path(folder))
            count = 0

            def after(disk: FailingDisk = disk, first: int = first) -> None:
                nonlocal count
                count += 1
                disk.full = first <= count < first + 5

            _live(life, disk, after)
            add(figures, (life, f"full from step {first} on" if disk.struck else ""))
    return figures


def _live(life: Life, disk: FailingDisk, after: Callable[[], None] = lambda: None) -> None:
    try:
        with failing(disk):
            life.live(after)
        life.judge()
    except Exception:  # whatever it is, it is a finding
        life.note(traceback.format_exc())


def add(figures: Figures, lived: tuple[Life, str]) -> None:
    """Add what came of a life in which something failed."""
    life, struck = lived
    verdict = life.verdict
    figures.store_faults += 1
    figures.store_faults_survived += verdict.good and bool(struck)
    figures.rows += verdict.rows
    figures.lost += verdict.lost
    figures.doubled += verdict.doubled
    figures.problems += [f"{struck}: {problem}" for problem in verdict.problems]
    if not struck:
        figures.problems.append("the fault did not strike")
