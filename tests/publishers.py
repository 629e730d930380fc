"""The part of an exporter that publishes, rows to commit to its ledger, and what a scrape shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.core import Metric

from exporter.books import Books
from exporter.counting.columns import Columns
from exporter.counting.coverage import Coverage
from exporter.counting.history import History
from exporter.counting.labels import LabelCaps
from exporter.counting.ledger import Entries
from exporter.counting.totals import Tally
from exporter.daemon import layout
from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.spelling import Values
from exporter.metrics.telemetry import Telemetry
from exporter.models import MICRO, SECOND, Completion, SlowLowToken, SlowLowTokenRules, SourceKey, Status
from exporter.publisher import Publisher, Terms
from exporter.store import Store
from tests import reference_metrics
from tests.clocks import START, FakeClock

LIST = SourceKey("acme", "completions")
OTHER_LIST = SourceKey("acme", "requests")
HOLD = 60
DAY = 86_400

DEFAULT_RULE = SlowLowToken(max_output_tokens=128, min_duration=10 * SECOND, alert_ratio=0.2)
TERMS = Terms(
    sources=frozenset({LIST, OTHER_LIST}),
    rules=SlowLowTokenRules(DEFAULT_RULE),
    budgets=(),
    error_ratio=0.01,
    link="",
    birth_hold=HOLD * SECOND,
)

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]

COMPLETIONS = catalog.COMPLETIONS.name
SUCCESS = {"status": "success", "late": "false"}

GAUGES = {family.name for family in catalog.COMPLETION_FAMILIES if family.kind is catalog.Kind.GAUGE}


class Recorder(Exposition):
    """Keeps what is published as metrics, which need not be parsed, and renders it only if asked to."""

    families: tuple[Metric, ...] = ()
    renders = False

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.takes = 0.0
        """Seconds that a rendering takes."""

    def publish(self, snapshot: Snapshot, own: Iterable[tuple[Family, Values]] = ()) -> None:
        own = tuple(own)
        self.families = (*reference_metrics.collect(snapshot), *reference_metrics.own(own))
        self._clock.advance(self.takes)
        if self.renders:
            super().publish(snapshot, own)


def samples_of(families: Iterable[Metric]) -> Samples:
    samples: Samples = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, "shown twice"
            samples[key] = sample.value
    return samples


class Exporter:
    """The part of an exporter that publishes, on a real ledger; ``restart`` is a kill -9."""

    def __init__(self, path: Path, clock: FakeClock, terms: Terms = TERMS) -> None:
        self.path = path
        self.clock = clock
        self.terms = terms
        self.open()

    def open(self) -> None:
        self.store = Store(self.path, layout())
        self.store._db.execute("PRAGMA synchronous = OFF")  # no power fails here
        self.books = Books(self.store, layout())
        self.telemetry = Telemetry(self.books.counters)
        self.exposition = Recorder(self.clock)
        self.publisher = Publisher(
            books=self.books,
            telemetry=self.telemetry,
            exposition=self.exposition,
            clock=self.clock,
            terms=self.terms,
        )

    def restart(self) -> None:
        self.store.close()
        self.open()

    def count(self, *rows: Completion, source: SourceKey = LIST, coverage: Coverage | None = None) -> None:
        """Commit a page of new rows. Raises PollError."""
        now = self.clock.now()
        tally = Tally(source, layout=layout(), rules=self.terms.rules, caps=LabelCaps(99, 99), late_after=600 * SECOND)
        entries = Entries()
        for row in rows:
            tally.count(entries.delta, Columns.of([row]), now)
        covers = coverage or Coverage(origin=0, proven=now, horizon=0, max_lateness=0, history=History(0, 0))
        self.books.record(source, covers, entries, {}, now=now)

    def publish(self) -> Samples:
        self.publisher.publish()
        return self.scrape()

    def scrape(self) -> Samples:
        """Every sample of the completion families, and of the exporter's, as last published."""
        return samples_of(self.exposition.families)

    @contextmanager
    def ledger_fails(self) -> Iterator[None]:
        self.store._db.execute("PRAGMA query_only = ON")
        try:
            yield
        finally:
            self.store._db.execute("PRAGMA query_only = OFF")


def row(id_: str = "a", at: int = START, **values: object) -> Completion:
    fields = {
        "created": at,
        "status": Status.SUCCESS,
        "model": "m",
        "skill": "s",
        "finished": at,
        "input_tokens": 10,
        "output_tokens": 200,
        "credits": 3 * MICRO,
        "duration": 2 * SECOND,
    }
    return Completion(id=id_, **{**fields, **values})  # type: ignore[arg-type]


def only(samples: Samples, name: str, **labels: str) -> list[float]:
    """Values of the samples called ``name`` with at least these labels."""
    return [
        value for (found, pairs), value in samples.items() if found == name and labels.items() <= dict(pairs).items()
    ]


def counters(samples: Samples) -> Samples:
    return {key: value for key, value in samples.items() if key[0] not in GAUGES and "_exporter_" not in key[0]}


def changed(before: Samples, after: Samples) -> set[str]:
    """Names of the families with a sample that came, went or changed."""
    return {
        name for name, labels in before.keys() | after.keys() if before.get((name, labels)) != after.get((name, labels))
    }
