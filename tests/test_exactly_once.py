"""Random histories of a list, with everything that coverage has to survive, against the truth."""

from __future__ import annotations

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from exporter.counting import layout as slots
from exporter.metrics import catalog
from exporter.models import SECOND, Paging, Status
from tests.harness import Exporter
from tests.listing import Item, Listing


def live(random: Random, listing: Listing, seconds: int, rate: float, serial: int, deletable: int) -> int:
    """Let ``seconds`` pass: rows appear (some late, some tied, some pending); some up to ``deletable`` are deleted."""
    for _ in range(seconds):
        listing.now += SECOND
        while random.random() < rate / (1 + rate):
            created = listing.now - (random.randrange(SECOND) if random.random() < 0.5 else listing.now % SECOND)
            late = random.randrange(600 * SECOND) if random.random() < 0.05 else random.randrange(5 * SECOND)
            created -= late  # it becomes visible now
            finished = listing.now + (random.randrange(400 * SECOND) if random.random() < 0.2 else 0)
            status = Status.ERROR if random.random() < 0.1 else Status.SUCCESS
            listing.items.append(Item(f"id-{serial}", created, listing.now, finished, status))
            serial += 1
        if deletable and random.random() < 0.02:
            victim = random.choice(listing.items)
            if victim.deleted is None and victim.created <= deletable and victim.finished < deletable:
                victim.deleted = listing.now
    return serial


@settings(deadline=None, max_examples=20, phases=[Phase.explicit, Phase.generate])
@given(
    seed=st.integers(0, 2**32),
    paging=st.sampled_from(Paging),
    starved=st.booleans(),
    faults=st.booleans(),
)
def test_every_row_is_counted_once_through_inserts_deletes_ties_lateness_and_kills(
    seed: int, paging: Paging, starved: bool, faults: bool
) -> None:
    random = Random(seed)
    listing = Listing(paging, random, shuffle_ties=faults, forget_anchors=0.1 if faults else 0.0)
    serial = live(random, listing, 300, 0.2, 0, 0)
    with TemporaryDirectory() as folder:
        exporter = Exporter(Path(folder) / "ledger.db", listing)
        exporter.head()
        origin = exporter.books.coverage[("a", "completions")].origin  # type: ignore[index]
        before = -1
        for _ in range(25):
            # A row that is deleted before it could be read cannot be known: delete only what is proven to be read.
            deletable = exporter.intake.coverage.proven if faults and exporter.intake.coverage else 0
            seconds, rate = random.choice((20, 60, 60, 300)), random.choice((0.1, 0.5, 1.0))
            serial = live(random, listing, seconds, rate, serial, deletable)
            exporter.cycle(pages=random.randrange(3) if starved else 1000)
            if random.random() < 0.3:
                exporter.kill()
            assert exporter.counted >= before, "a counter went back"
            before = exporter.counted
        listing.forget_anchors = 0.0
        for _ in range(25):  # quiet at last: everything finishes and is read
            listing.now += 60 * SECOND
            exporter.cycle()
        expected = [item for item in listing.items if item.created > origin]
        got = exporter.counted
        totals = exporter.books.totals
        assert got == len(expected)
        errors = sum(values[slots.COMPLETIONS] for key, values in totals.items() if key.status == "error")
        assert errors == sum(item.status is Status.ERROR for item in expected)
        assert sum(values[slots.CREDITS] for values in totals.values()) == sum(item.credits for item in expected)
        assert exporter.value(catalog.BEYOND_LATENESS) == 0
        assert exporter.books.coverage[("a", "completions")].lost == 0  # type: ignore[index]
        exporter.close()
