"""A ledger's files are cut, and bits, bytes and pages of them changed: it is refused, or it is what it was.

A log that is damaged takes its last commits with it; what is left is then an older ledger, and noticed as one. There
is no third way: never are numbers, ids, coverage or requests other than those that were written. A damaged mark is
taken for none, or at worst for that of a ledger that went further: then all is counted again before it is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from exporter.counting import layout as slots
from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.history import History
from exporter.counting.layout import Layout
from exporter.counting.ledger import VANISHED, RowKey
from exporter.models import MICRO, SECOND, Offender, SeriesKey, SourceKey
from exporter.store import Changes, LedgerCorrupt, LedgerError, Store, highwater
from exporter.store.highwater import HighWater
from tests.clocks import START
from tests.ledgers import ids_of
from tests.proof.figures import Figures
from tests.proof.ledgerlife import memory

LAYOUT = Layout.of(duration=[SECOND], time_to_first_token=[SECOND], output_length=[10], cost=[MICRO])
LISTS = (SourceKey("acme", "completions"), SourceKey("acme", "requests"))
PAGE = 4096
MARK = "ledger.db.mark"
SECONDS = START // SECOND

Files = dict[str, bytes]
Content = dict[str, list[tuple[object, ...]]]


class Outcome(Enum):
    """What opening a damaged ledger came to."""

    REFUSED = "refused"
    AS_IT_WAS = "accepted as it was"
    OLDER = "accepted as an older one, and noticed"
    ALARM = "accepted as it was, but taken for an older one: withheld until its lists are walked again"
    ANEW = "a first start: nothing is known of the ledger that was lost"
    WRONG = "accepted with other content"


@dataclass
class Sample:
    """A ledger as a process leaves it behind: its files, and what it held after each of its commits."""

    files: Files
    held: dict[int, Content]
    keys: dict[SourceKey, list[RowKey]] = field(default_factory=dict)

    @property
    def last(self) -> Content:
        return self.held[max(self.held)]


def content(store: Store) -> Content:
    """Every row of every table, but for the note that the ledger was rolled back."""
    tables = [name for (name,) in store._db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    rows = {table: sorted(store._db.execute(f"SELECT * FROM {table}").fetchall()) for table in tables}
    rows["meta"] = [row for row in rows["meta"] if row[0] != "rolled_back"]
    rows.pop("digests")  # of the same, and of that note
    return rows


def page(number: int, rows: int, source: SourceKey) -> Changes:
    """The ``number``-th page of a list: something in every table, and after some pages something to forget."""
    first = SECONDS + number * rows
    values = [0] * LAYOUT.size
    values[slots.COMPLETIONS] = (number + 1) * rows
    settled = {
        RowKey(second, hash((second, place)) % 2**64 - 2**63): VANISHED if second % 97 == 0 else 16 + second * 7 % 2**32
        for second in range(first, first + rows)
        for place in range(2)
    }
    walked = Coverage(
        origin=0,
        proven=first * SECOND,
        horizon=(first - 10 * rows) * SECOND,
        max_lateness=0,
        history=History(top=0, done=0),
    )
    return Changes(
        source,
        walked,
        settled=settled,
        waiting={number * 10 + place: Waiting(first * SECOND, first * SECOND) for place in range(5)},
        done_waiting={number * 10 - 7},
        series={
            SeriesKey(*source, f"model {place}", "skill", "success", "false"): values
            for place in range(number % 5, number % 5 + 2)
        },
        counters={("vlmrun_exporter_polls_total", tuple(source)): 1, ("other", ()): number},
        spend={first // 900 + place: MICRO for place in range(2)},
        offenders=(Offender(number, first, f"id-{number}", "error", *source, "model", "skill"),),
        observed=first * SECOND,
    )


def fill(store: Store, pages: Iterable[int], rows: int, held: dict[int, Content]) -> None:
    """Commit pages, and every other kind of commit, and note what the ledger holds after each."""
    for number in pages:
        for source in LISTS:
            store.commit(page(number, rows, source))
            held[store._commits] = content(store)
        store.record_request("acme", START + number * SECOND)
        held[store._commits] = content(store)
        store.commit_counters({("other", ("label",)): 1})
        held[store._commits] = content(store)
        store.release({SeriesKey(*LISTS[0], f"model {number % 5}", "skill", "success", "false"): 63})
        held[store._commits] = content(store)


def take(folder: Path, store: Store, held: dict[int, Content]) -> Sample:
    """Copy the ledger as it lies there."""
    sample = Sample({file.name: file.read_bytes() for file in folder.iterdir()}, held)
    ids = ids_of(sample.last["vanished"], sample.last["segments"])
    numbers: dict[Any, Any] = {row[1:3]: row[0] for row in sample.last["sources"]}
    for source in LISTS:
        sample.keys[source] = sorted(ids[numbers[source]])
    return sample


def samples(*, rows: int = 60) -> dict[str, Sample]:
    """A ledger that was closed, one that was killed, and one killed just after its log was folded into the file."""
    found: dict[str, Sample] = {}
    with TemporaryDirectory(dir=memory()) as place:
        folder = Path(place)
        path = folder / "ledger.db"
        held: dict[int, Content] = {}
        store = Store(path, LAYOUT)
        fill(store, range(16), rows, held)
        store.close()
        found["closed"] = take(folder, store, dict(held))
        store = Store(path, LAYOUT)
        store.load()
        fill(store, range(16, 20), rows, held)
        found["killed"] = take(folder, store, dict(held))
        store._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        found["folded"] = take(folder, store, dict(held))
        store.close()
    return found


# Damages


def cuts(sample: Sample, file: str, random: Random) -> Iterator[tuple[str, bytes]]:
    """The file cut at every page, and at some odd sizes."""
    whole = sample.files[file]
    sizes = {
        *range(0, len(whole), PAGE),
        *(random.randrange(len(whole)) for _ in range(20)),
        1,
        16,
        100,
        len(whole) - 1,
    }
    yield from ((f"cut to {size} bytes", whole[:size]) for size in sorted(sizes))


def pages(sample: Sample, file: str, random: Random) -> Iterator[tuple[str, bytes]]:
    """Every page zeroed, garbled, and changed for another."""
    whole = sample.files[file]
    last = len(whole) // PAGE
    for number in range(last):
        start, end = number * PAGE, (number + 1) * PAGE
        yield f"page {number} zeroed", whole[:start] + bytes(PAGE) + whole[end:]
        yield f"page {number} garbled", whole[:start] + random.randbytes(PAGE) + whole[end:]
        other = random.randrange(last)
        damaged = bytearray(whole)
        damaged[start:end], damaged[other * PAGE : (other + 1) * PAGE] = (
            whole[other * PAGE : (other + 1) * PAGE],
            whole[start:end],
        )
        yield f"pages {number} and {other} swapped", bytes(damaged)


def flips(sample: Sample, file: str, count: int, random: Random) -> Iterator[tuple[str, bytes]]:
    """Single bits, anywhere; a tenth of them in the first 200 bytes, which tell what the rest is."""
    whole = sample.files[file]
    for number in range(count):
        bit = random.randrange(1600 if number % 10 == 0 else len(whole) * 8)
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} flipped", bytes(damaged)


def of_mark(sample: Sample) -> Iterator[tuple[str, bytes]]:
    """The mark cut at every byte, with every byte zeroed, and with every bit flipped: of both in the file."""
    whole = sample.files[MARK]
    written = [at for at in range(len(whole)) if whole[at]]
    for at in written:
        yield f"cut to {at} bytes", whole[:at]
        yield f"byte {at} zeroed", whole[:at] + b"\0" + whole[at + 1 :]
    for bit in (at * 8 + bit for at in written for bit in range(8)):
        at = bit // 8
        yield f"bit {bit} flipped", whole[:at] + bytes([whole[at] ^ 1 << bit % 8]) + whole[at + 1 :]


# Verdicts


def outcome(sample: Sample, file: str, damaged: bytes, folder: Path) -> tuple[Outcome, str]:
    """Open a damaged ledger; what came of it, and what was said or is wrong."""
    for old in folder.iterdir():
        old.unlink()
    for name, data in {**sample.files, file: damaged}.items():
        (folder / name).write_bytes(data)
    path = folder / "ledger.db"
    try:
        store = Store(path, LAYOUT)
    except LedgerError as error:
        return _refused(sample, error, folder / file, damaged)
    try:
        store.load()
        return _accepted(sample, store, file)
    except LedgerError as error:
        return Outcome.WRONG, f"opened, but not loaded: {error}"
    finally:
        store.close()


def _refused(sample: Sample, error: LedgerError, path: Path, damaged: bytes) -> tuple[Outcome, str]:
    said = str(error)
    helpful = "To recover: " in said or "set ledger.path" in said or "run the newer version" in said
    if "\n" in said or not helpful:
        return Outcome.WRONG, f"refused without help: {said}"
    if "ledger.db-wal" not in sample.files and path.read_bytes() != damaged:
        return Outcome.WRONG, "refused, but changed"
    return Outcome.REFUSED, said if isinstance(error, LedgerCorrupt) else ""


def _accepted(sample: Sample, store: Store, file: str) -> tuple[Outcome, str]:
    commits = int(dict(store._db.execute("SELECT key, value FROM meta"))["commits"])
    now = content(store)
    alarm = store.rolled_back and file == MARK
    if store.rolled_back and not alarm:
        return (Outcome.OLDER, "") if now == sample.held.get(commits) else (Outcome.WRONG, "older, and never so")
    if now != sample.last:
        return (
            Outcome.WRONG,
            f"other content in {', '.join(table for table in now if now[table] != sample.last[table])}",
        )
    for source, keys in sample.keys.items():
        some = keys[:: max(1, len(keys) // 20)]
        if set(store.marks(source, keys[::-1])) != set(keys) or set(store.marks(source, some)) != set(some):
            return Outcome.WRONG, "a counted row is not known any more"
    return Outcome.ALARM if alarm else Outcome.AS_IT_WAS, ""


def after_loss(sample: Sample, mark: bytes, folder: Path) -> tuple[Outcome, str]:
    """Lose the ledger and damage its mark: the gap is known, at worst from a commit before, or nothing is."""
    for old in folder.iterdir():
        old.unlink()
    slots = (sample.files[MARK][: highwater.SLOT], sample.files[MARK][highwater.SLOT :])
    marks: list[HighWater] = []
    for slot in slots:
        (folder / MARK).write_bytes(slot)
        if (found := highwater.read(folder / MARK)) is not None:
            marks.append(found)
    marks.sort(key=lambda found: found.commits)
    (folder / MARK).write_bytes(mark)
    with closing(Store(folder / "ledger.db", LAYOUT)) as store:
        if store.rolled_back:
            return Outcome.WRONG, "a new ledger is taken for an older one"
        known = [store.lost_frontier(source) for source in LISTS]
    *before, true = ([found.proven[highwater.frontier_key(source)] for source in LISTS] for found in marks)
    if known == true:
        return Outcome.AS_IT_WAS, ""
    if known in before:
        return Outcome.OLDER, ""
    return (Outcome.ANEW, "") if known == [None, None] else (Outcome.WRONG, f"a gap since {known}, not since {true}")


def try_all(sample: Sample, file: str, damages: Iterable[tuple[str, bytes]], figures: Figures) -> Counter[Outcome]:
    """Open a ledger with each of these damages; the outcomes."""
    return _try_all(file, damages, figures, lambda damaged, folder: outcome(sample, file, damaged, folder))


def lose_all(sample: Sample, damages: Iterable[tuple[str, bytes]], figures: Figures) -> Counter[Outcome]:
    """Lose a ledger but for its mark, with each of these damages; the outcomes."""
    return _try_all(f"lost, {MARK}", damages, figures, lambda damaged, folder: after_loss(sample, damaged, folder))


def _try_all(
    file: str,
    damages: Iterable[tuple[str, bytes]],
    figures: Figures,
    judge: Callable[[bytes, Path], tuple[Outcome, str]],
) -> Counter[Outcome]:
    outcomes: Counter[Outcome] = Counter()
    with TemporaryDirectory(dir=memory()) as folder:
        for name, damaged in damages:
            try:
                result, said = judge(damaged, Path(folder))
            except Exception as error:
                result, said = Outcome.WRONG, repr(error)
            outcomes[result] += 1
            figures.store_faults += 1
            figures.store_faults_survived += result is not Outcome.WRONG
            if result is Outcome.WRONG:
                figures.problems.append(f"{file}, {name}: {said}")
    return outcomes


def run(*, stride: int, flip_count: int, seed: int) -> Figures:
    """Damage every file of every sample: every ``stride``-th cut and page, and so many flipped bits in all."""
    figures = Figures()
    random = Random(seed)
    found = samples()
    places = [(sample, file) for sample in found.values() for file in sorted(sample.files) if file != MARK]
    for sample, file in places:
        whole = [*cuts(sample, file, random), *pages(sample, file, random)]
        try_all(sample, file, whole[seed % stride :: stride], figures)
        try_all(sample, file, flips(sample, file, flip_count // len(places), random), figures)
    for sample in found.values():
        marks = list(of_mark(sample))[seed % stride :: stride]
        try_all(sample, MARK, marks, figures)
        lose_all(sample, marks, figures)
    return figures
