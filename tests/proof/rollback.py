"""A ledger is restored from an older copy: it is noticed, and no series comes back lower than it was published.

Rows are ordinary here: they appear within seconds, are polled for every minute, and are not deleted while they matter.
Some take longer than the list may be late, so that the copy waits for them below its frontier.
"""

from __future__ import annotations

import shutil
import traceback
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from exporter.counting import layout as slots
from exporter.models import SECOND, Paging, SeriesKey, Status
from exporter.store import LedgerCorrupt
from tests.harness import Exporter
from tests.listing import Listing
from tests.proof.figures import Figures
from tests.proof.ledgerlife import MODELS, Told, Verdict, memory


class Copy(Enum):
    """What is restored, and what of the newer ledger stays beside it."""

    FILE = "the file of a ledger that was closed; the newer mark stays"
    WITH_LOG = "the file and the log of a running ledger; the newer mark stays"
    BESIDE_LOG = "the file of a ledger that was closed; the newer mark and the newer log stay"
    WITHOUT_MARK = "the file; the mark is gone"
    FOLDER = "everything, the older mark too"

    @property
    def noticeable(self) -> bool:
        """Whether anything is left that could tell: an older mark agrees with the older ledger."""
        return self not in (Copy.WITHOUT_MARK, Copy.FOLDER)


class Restored:
    """A ledger's life from its first poll over the copy and the restoration until it is made good."""

    def __init__(self, folder: Path, copy: Copy, random: Random) -> None:
        self._live_folder = folder / "live"
        self._copy_folder = folder / "copy"
        self._copy = copy
        self._random = random
        self._listing = Listing(random.choice(list(Paging)), random)
        self._exporter = Exporter(
            self._live_folder / "ledger.db", self._listing, page_size=5, max_lateness=300, least_capacity=5
        )
        self.verdict = Verdict()

    def live(self) -> None:
        """Live through all of it, and judge."""
        self._exporter.head()
        self._listing.now += 5 * SECOND
        for _ in range(self._random.randrange(4, 40)):
            self._minute()
        self._back_up()
        for _ in range(self._random.choice((1, 1, 5, 12))):
            self._minute()
        self._exporter.cycle()
        published = {key: list(values) for key, values in self._exporter.books.totals.items()}
        if not self._restore():
            return
        for _ in range(self._random.choice((0, 0, 15))):  # minutes in which nothing runs
            self._appear()
        self._exporter.open()
        self._check(self._exporter.store.rolled_back == self._copy.noticeable, "noticed or not, against expectation")
        if self._copy.noticeable:
            self._recover(published)
        self._end()

    def close(self) -> None:
        self._exporter.close()

    def _check(self, holds: bool, problem: str) -> None:
        if not holds:
            self.verdict.problems.append(problem)

    def _minute(self) -> None:
        self._appear()
        self._exporter.cycle()

    def _appear(self) -> None:
        """A minute in which some rows appear."""
        end = self._listing.now + 60 * SECOND
        for _ in range(self._random.randrange(8)):
            self._listing.now += self._random.randrange(7 * SECOND)
            now = self._listing.now
            takes = self._random.choice((0, 0, 20, 200, 900, 3000)) * SECOND
            status = Status.ERROR if self._random.random() < 0.2 else Status.SUCCESS
            serial = len(self._listing.items)
            created = now - self._random.randrange(3 * SECOND)
            self._listing.items.append(Told(str(serial), created, now, now + takes, status, credits=serial + 1))
        self._listing.now = end

    def _back_up(self) -> None:
        """Copy the ledger, in the middle of a sweep or after one."""
        self._appear()
        self._exporter.cycle(pages=self._random.choice((0, 1, 1000)))
        if self._copy is not Copy.WITH_LOG:
            self._exporter.close()
        shutil.copytree(self._live_folder, self._copy_folder)
        if self._copy is not Copy.WITH_LOG:
            self._exporter.open()

    def _restore(self) -> bool:
        """Put the copy in the ledger's place; False if that leads to nothing that could go on."""
        live, copy = self._live_folder, self._copy_folder
        log = (live / "ledger.db-wal").read_bytes()
        self._exporter.close()
        shutil.copy(copy / "ledger.db", live)
        if self._copy is Copy.WITH_LOG:
            shutil.copy(copy / "ledger.db-wal", live)
        elif self._copy is Copy.WITHOUT_MARK:
            (live / "ledger.db.mark").unlink()
        elif self._copy is Copy.FOLDER:
            shutil.copy(copy / "ledger.db.mark", live)
        elif self._copy is Copy.BESIDE_LOG:
            (live / "ledger.db-wal").write_bytes(log)
            return self._open_beside_log(log)
        return True

    def _open_beside_log(self, log: bytes) -> bool:
        """A log of later commits onto an older file: together they are the newest ledger, or they do not fit."""
        before = {key: list(values) for key, values in self._exporter.books.totals.items()}
        try:
            self._exporter.open()
        except LedgerCorrupt as error:
            self._check("ledger.db-wal lay beside it" in str(error), f"no word of the log: {error}")
            shutil.copy(self._copy_folder / "ledger.db", self._live_folder)
            (self._live_folder / "ledger.db-wal").unlink(missing_ok=True)  # as the message says
            return True
        self._check(not self._exporter.store.rolled_back, "rolled back, although the log held everything")
        self._check(self._exporter.books.totals == before, "what the log held is not what was published")
        self._exporter.close()
        return False

    def _recover(self, published: dict[SeriesKey, list[int]]) -> None:
        """Poll until every list has been walked, as the daemon does; restart now and then."""
        for _ in range(200):
            if self._exporter.intake.swept:
                break
            self._appear()
            self._exporter.cycle(pages=self._random.choice((1, 3, 1000)))
            if self._random.random() < 0.2:
                self._exporter.kill()
                self._check(self._exporter.store.rolled_back, "a restart forgets that it is rolled back")
        self._check(self._exporter.intake.swept, "never made good")
        self._exporter.store.settle_rollback()
        totals = self._exporter.books.totals
        lower = [
            key
            for key, values in published.items()
            if key not in totals or any(now < was for was, now in zip(values, totals[key], strict=True))
        ]
        self._check(not lower, f"{len(lower)} series are lower than they were published, such as {lower[:1]}")
        self._exporter.kill()
        self._check(not self._exporter.store.rolled_back, "still rolled back after it was made good")

    def _end(self) -> None:
        """Poll until all is quiet: each row is counted once."""
        for _ in range(90):
            self._listing.now += 60 * SECOND
            self._exporter.cycle()
        counted: Counter[str] = Counter()
        for key, values in self._exporter.books.totals.items():
            counted[str(int(key.model[1:]) + MODELS * int(key.skill[1:]))] += values[slots.COMPLETIONS]
        self.verdict.rows = len(self._listing.items)
        self.verdict.lost = sum(counted[item.id] < 1 for item in self._listing.items)
        self.verdict.doubled = sum(count > 1 for count in counted.values())


def run(*, histories: int, seed: int, copies: Iterable[Copy] = Copy) -> Figures:
    """So many histories with each kind of copy."""
    figures = Figures()
    for number in range(seed, seed + histories):
        for copy in copies:
            with TemporaryDirectory(dir=memory()) as folder:
                restored = Restored(Path(folder), copy, Random(f"{number} {copy.name}"))
                try:
                    restored.live()
                except Exception:
                    restored.verdict.problems.append(traceback.format_exc())
                restored.close()
            verdict = restored.verdict
            figures.store_faults += 1
            figures.store_faults_survived += verdict.good
            figures.rows += verdict.rows
            figures.lost += verdict.lost
            figures.doubled += verdict.doubled
            figures.problems += [f"history {number}, {copy.name}: {problem}" for problem in verdict.problems]
    return figures
