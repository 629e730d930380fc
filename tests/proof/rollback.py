"""A ledger is restored from an older copy, good or bad: nothing that was not written is taken for the truth.

Every combination of a file, a log and a mark is put together, each of an earlier or a later moment, or left out. Each
has to come to one of the outcomes below, and only where that is what the documentation says.

Rows are ordinary here: they appear within seconds, are polled for every minute, and are not deleted while they matter.
Some take longer than the list may be late, so that the copy waits for them below its frontier.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from exporter.counting import layout as slots
from exporter.models import SECOND, Paging, SeriesKey, Status
from exporter.store import Changes, LedgerCorrupt, Store, highwater
from tests.harness import KEY, Exporter
from tests.listing import Listing
from tests.proof.copies import COPIES, Copy, File, Log, Mark, Moment, Outcome
from tests.proof.damage import PAGE, content
from tests.proof.figures import Figures
from tests.proof.ledgerlife import MODELS, Told, Verdict, memory


class Remembering(Exporter):
    """Remembers what its ledger held after every commit, while it is of interest."""

    def __init__(self, path: Path, listing: Listing) -> None:
        self.held: dict[int, int] = {}
        self.remembers = True
        super().__init__(path, listing, page_size=5, max_lateness=300, least_capacity=5)

    def open(self) -> None:
        super().open()
        commit: Callable[[Changes], None] = self.store.commit

        def remembered(changes: Changes) -> None:
            commit(changes)
            self.held[self.store._commits] = digest(self.store)

        if self.remembers:
            self.store.commit = remembered  # type: ignore[method-assign]


def digest(store: Store) -> int:
    """Tells one content of a ledger from another; not by what the ledger says of itself."""
    return hash(tuple((table, tuple(rows)) for table, rows in sorted(content(store).items())))


class Restored:
    """A ledger's life from its first poll over the copy and the restoration until it is made good."""

    def __init__(self, folder: Path, copy: Copy, random: Random, longest: int) -> None:
        self._path = folder / "ledger.db"
        self._copy = copy
        self._random = random
        self._longest = longest
        self._listing = Listing(random.choice(list(Paging)), random)
        self._exporter = Remembering(self._path, self._listing)
        self._epoch = self._exporter.store._epoch
        self.verdict = Verdict()
        self.outcomes: set[Outcome] = set()

    def live(self) -> None:
        """Live through all of it, and judge."""
        self._exporter.head()
        self._listing.now += 5 * SECOND
        for _ in range(self._random.randrange(4, self._longest)):
            self._minute()
        then = self._back_up()
        for _ in range(self._random.choice((1, 1, 5, 12))):
            self._minute()
        self._exporter.cycle()
        newest = self._moment()
        self._exporter.close()
        self._exporter.remembers = False
        self._restore(self._copy, then, newest)
        for _ in range(self._random.choice((0, 0, 15))):  # minutes in which nothing runs
            self._appear()
        copy = self._copy
        try:
            self._exporter.open()
        except LedgerCorrupt as error:
            self._refused(str(error))
            copy = copy.recovered
            self._restore(copy, then, newest)
            self._exporter.open()
        outcome = self._opened(copy, then, newest)
        self.outcomes.add(outcome)
        if outcome in (Outcome.ANEW, Outcome.LOST):
            self._end_anew(outcome, copy, then, newest)
            return
        # An older mark tells of what was published until then. Without any, or if that was all, the ledger goes on from
        # where it was, and series do go back, there being nothing left to tell it by: a documented limit. Each row is
        # counted once in it nevertheless.
        published: dict[SeriesKey, list[int]] = {}
        if outcome is Outcome.EXACT:
            published = newest.published
        elif outcome is Outcome.NOTICED:
            published = then.published if copy.mark is Mark.OLDER else newest.published
            self._recover()
        self._never_lower(published)
        self._end()
        self._never_lower(published)

    def close(self) -> None:
        self._exporter.close()

    def _check(self, holds: bool, problem: str) -> None:
        if not holds:
            self.verdict.problems.append(problem)

    # The life before

    def _minute(self) -> None:
        self._appear()
        if self._random.random() < 0.1:
            self._exporter.kill()
        elif self._random.random() < 0.15:
            self._fold()
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

    def _fold(self) -> None:
        """Fold the log into the file, as SQLite does by itself when the log is long: the next commit begins it anew."""
        self._exporter.store._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _moment(self) -> Moment:
        log, mark = self._path.with_name("ledger.db-wal"), highwater.mark_path(self._path)
        return Moment(
            file=self._path.read_bytes(),
            log=log.read_bytes() if log.exists() else b"",
            mark=mark.read_bytes(),
            commits=self._exporter.store._commits,
            published={key: list(values) for key, values in self._exporter.books.totals.items()},
        )

    def _back_up(self) -> Moment:
        """Copy the ledger, in the middle of a sweep or after one."""
        self._appear()
        self._exporter.cycle(pages=self._random.choice((0, 1, 1000)))
        if self._copy.file is File.CLOSED:
            self._exporter.close()
            moment = self._moment()
            self._exporter.open()
            return moment
        moment = self._moment()
        if self._random.random() < 0.5:
            self._fold()
            moment = Moment(self._torn(moment.file), moment.log, moment.mark, moment.commits, moment.published)
        return moment

    def _torn(self, before: bytes) -> bytes:
        """The file as copied while the log is being folded into it: some pages before, some after."""
        after = self._path.read_bytes()
        pages = [
            self._random.choice((before[at : at + PAGE] or after[at : at + PAGE], after[at : at + PAGE]))
            for at in range(0, len(after), PAGE)
        ]
        return b"".join(pages)[: self._random.choice((len(before), len(after)))]

    # The restoration

    def _restore(self, copy: Copy, then: Moment, newest: Moment) -> None:
        """Put the copy in the ledger's place."""
        parts = {
            self._path: None if copy.file is File.GONE else then.file,
            self._path.with_name("ledger.db-wal"): {Log.OF_THEN: then.log, Log.NEWER: newest.log}.get(copy.log),
            highwater.mark_path(self._path): {Mark.OLDER: then.mark, Mark.NEWER: newest.mark}.get(copy.mark),
        }
        for path, data in parts.items():
            path.unlink(missing_ok=True)
            if data is not None:
                path.write_bytes(data)

    def _refused(self, said: str) -> None:
        self.outcomes.add(Outcome.REFUSED)
        self._check(not self._copy.sound and self._copy.file is not File.GONE, f"a sound copy is refused: {said}")
        self._check("To recover: " in said, f"refused without help: {said}")
        if self._copy.log is not Log.NONE:
            self._check("ledger.db-wal lay beside it" in said, f"no word of the log: {said}")

    def _opened(self, copy: Copy, then: Moment, newest: Moment) -> Outcome:
        """Which outcome it is, and whether it may be that one."""
        store = self._exporter.store
        if store._epoch != self._epoch:
            bare = copy.file is File.RUNNING and copy.log is Log.NONE and copy.mark is Mark.NONE
            self._check(copy.file is File.GONE or bare, "begun anew, although there is a ledger")
            self._check(not store.rolled_back, "a new ledger is taken for one that was rolled back")
            return Outcome.ANEW if copy.mark is Mark.NONE else Outcome.LOST
        commits = store._commits
        self._check(
            digest(store) == self._exporter.held.get(commits), f"at commit {commits} it never held what it holds"
        )
        if copy.log is Log.NEWER:
            self._check(commits == newest.commits, f"the log leads to commit {newest.commits}, not to {commits}")
        elif copy.sound:
            self._check(commits == then.commits, f"it was copied at commit {then.commits}, not at {commits}")
        else:
            self._check(commits <= then.commits, f"commit {commits} is of after the copy at {then.commits}")
        told = {Mark.NONE: 0, Mark.OLDER: then.commits, Mark.NEWER: newest.commits}[copy.mark]
        self._check(store.rolled_back == (told > commits), f"noticed or not, at {commits} with a mark of {told}")
        if commits == newest.commits:
            self._check(self._exporter.books.totals == newest.published, "not what was published")
            return Outcome.EXACT
        return Outcome.NOTICED if store.rolled_back else Outcome.AS_OF_THEN

    # What follows

    def _recover(self) -> None:
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
        published = {key: list(values) for key, values in self._exporter.books.totals.items()}
        self._exporter.kill()
        self._check(not self._exporter.store.rolled_back, "still rolled back after it was made good")
        self._check(self._exporter.books.totals == published, "a restart after it was made good changes totals")

    def _never_lower(self, published: dict[SeriesKey, list[int]]) -> None:
        totals = self._exporter.books.totals
        lower = [
            key
            for key, values in published.items()
            if key not in totals or any(now < was for was, now in zip(values, totals[key], strict=True))
        ]
        self._check(not lower, f"{len(lower)} series are lower than they were published, such as {lower[:1]}")

    def _end(self) -> None:
        """Poll until all is quiet: each row is counted once."""
        counted = self._quiet()
        self.verdict.rows = len(self._listing.items)
        self.verdict.lost = sum(counted[item.id] < 1 for item in self._listing.items)
        self.verdict.doubled = sum(count > 1 for count in counted.values())

    def _end_anew(self, outcome: Outcome, copy: Copy, then: Moment, newest: Moment) -> None:
        """Rows since the new start are counted once, none before it; the time in between is a gap, if it is known."""
        self._exporter.kill()
        proven = self._exporter.store.lost_frontier(KEY)
        if outcome is Outcome.LOST:
            mark = then.mark if copy.mark is Mark.OLDER else newest.mark
            highwater.mark_path(self._path).with_name("given").write_bytes(mark)
            given = highwater.read(self._path.with_name("given"))
            assert given is not None
            self._check(proven == given.proven[highwater.frontier_key(KEY)], "what the mark had proven is forgotten")
        self._exporter.cycle()
        counted = self._quiet()
        coverage = self._exporter.intake.coverage
        assert coverage is not None
        self._check(coverage.lost == (0 if proven is None else coverage.origin - proven), "not the gap there is")
        wanted = {item.id for item in self._listing.items if item.created > coverage.origin}
        self.verdict.rows = len(wanted)
        self.verdict.lost = sum(counted[id_] < 1 for id_ in wanted)
        self.verdict.doubled = sum(count > (id_ in wanted) for id_, count in counted.items())

    def _quiet(self) -> Counter[str]:
        """Poll on until nothing is pending; how often each row is counted then."""
        for _ in range(5):
            self._appear()
            self._exporter.cycle()
        for _ in range(30):
            self._listing.now += 180 * SECOND
            self._exporter.cycle()
        counted: Counter[str] = Counter()
        for key, values in self._exporter.books.totals.items():
            counted[str(int(key.model[1:]) + MODELS * int(key.skill[1:]))] += values[slots.COMPLETIONS]
        return counted


def run(*, histories: int, seed: int, copies: Iterable[Copy] = COPIES) -> Figures:
    """So many histories with each kind of copy."""
    figures = Figures()
    try_all(histories=histories, seed=seed, copies=copies, figures=figures)
    return figures


def try_all(
    *, histories: int, seed: int, copies: Iterable[Copy], figures: Figures, longest: int = 40
) -> Counter[tuple[File, Log, Mark, Outcome]]:
    """So many histories, up to ``longest`` minutes before the copy, with each kind; how often each came to what."""
    outcomes: Counter[tuple[File, Log, Mark, Outcome]] = Counter()
    for number in range(seed, seed + histories):
        for copy in copies:
            with TemporaryDirectory(dir=memory()) as folder:
                restored = Restored(Path(folder), copy, Random(f"{number} {copy.name}"), longest)
                try:
                    restored.live()
                except Exception:
                    restored.verdict.problems.append(traceback.format_exc())
                restored.close()
            verdict = restored.verdict
            outcomes.update((copy.file, copy.log, copy.mark, outcome) for outcome in restored.outcomes)
            figures.store_faults += 1
            figures.store_faults_survived += verdict.good
            figures.rows += verdict.rows
            figures.lost += verdict.lost
            figures.doubled += verdict.doubled
            figures.problems += [f"history {number}, {copy.name}: {problem}" for problem in verdict.problems]
    return outcomes
