"""The stateful model: every history of a list that an exporter may meet, step by step, held against the truth.

Hypothesis chooses the steps. After each one the invariants hold; at the end the world comes to rest and everything that
could be known has been counted, once.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exporter.models import SECOND, Paging
from tests.clocks import START, FakeClock
from tests.listing import NEVER, Listing
from tests.proof.subject import EDGES, INTERVAL, PAGE_SIZE, Subject
from tests.proof.truth import Truth
from tests.proof.world import World

AMPLE, STARVED = 60, 3
"""Requests a minute. A starved exporter has two pages a cycle beyond its head poll."""

HIDEABLE = 120 * SECOND
"""How long (µs) the server's lies hide a row at most: together with its own lateness (``world.LATEST``), ten seconds
less than is allowed for."""

REST = 200
"""Cycles in which everything must be counted once the world has come to rest, and again a day later: by then the oldest
of pending rows has been looked for again."""

DAY = 86_400

LIMITS = ("clamp", "refuse_above", "max_skip", "ignore_cursor", "cursor_by_time", "ascending", "by_change")
"""Ways in which a server may not let itself be read in full, or not in the order of creation."""

moderately = st.integers(1, 4)


class Machine(RuleBasedStateMachine):
    """A list, an exporter that reads it, and what is true."""

    @initialize(
        seed=st.integers(0, 2**32),
        paging=st.sampled_from(Paging),
        starved=st.booleans(),
        limit=st.sampled_from((None, None, None, None, None, *LIMITS)),
    )
    def begin(self, seed: int, paging: Paging, starved: bool, limit: str | None) -> None:
        # In memory if the system has such a file system: what is proven is logic, not the disk.
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="vlmrun-proof-", dir=memory if memory.is_dir() else None))
        random = Random(seed)
        self.clock = FakeClock()
        self.listing = Listing(paging, random, now=START)
        self.world = World(self.listing, self.clock, random)
        self.world.live(300, 0.2)
        self.subject = Subject(
            self.folder / "ledger.db",
            self.listing,
            clock=self.clock,
            random=random,
            requests_per_minute=STARVED if starved else AMPLE,
            meanwhile=self.world.meanwhile,
        )
        self.truth = Truth(self.world, self.listing, self.subject)
        self.sound = True
        self._cycle()
        if limit:
            self._limit(limit)

    def teardown(self) -> None:
        if not hasattr(self, "truth"):
            return
        try:
            if self.sound:
                self._come_to_rest()
        finally:
            self.subject.close()
            shutil.rmtree(self.folder)

    # The world goes on.

    @rule(seconds=st.sampled_from((5, 60, 300)), rate=st.sampled_from((0.05, 0.2, 0.6)))
    def rows_come(self, seconds: int, rate: float) -> None:
        self.world.live(seconds, rate)
        self._cycle()

    @rule(count=st.integers(2, 60))
    def many_rows_share_a_time(self, count: int) -> None:
        self.world.tie(count)
        self._cycle()
        self._cycle()

    @rule(count=moderately)
    def rows_come_too_late(self, count: int) -> None:
        self.world.too_late(count)

    @rule(count=moderately)
    def rows_are_deleted(self, count: int) -> None:
        self.world.delete(count)

    @rule(count=st.integers(5, 40))
    def many_rows_are_deleted_at_the_top(self, count: int) -> None:
        self.world.delete_newest(count)

    @rule()
    def anchors_are_deleted(self) -> None:
        coverage = self.subject.coverage
        walks = (coverage.sweep, coverage.search) if coverage else ()
        self.world.delete_ids({anchor for walk in walks if walk for anchor in walk.position.anchors[:2]})

    @rule(count=moderately)
    def rows_are_amended(self, count: int) -> None:
        self.world.amend(count)

    @rule(count=moderately)
    def pending_rows_are_deleted(self, count: int) -> None:
        self.world.delete_pending(count)

    @rule()
    def a_row_is_paused_for_ever(self) -> None:
        self.world.pause()

    @rule()
    def deleted_pending_rows_return(self) -> None:
        self.world.restore()

    @rule(size=st.sampled_from((2, 8, 25, 60)), restless=st.booleans())
    def rows_come_while_nobody_reads(self, size: int, restless: bool) -> None:
        """So that the first sweep that meets them is the last: what it misses is not seen again."""
        self._unread(size)
        self.world.restless = restless
        self._cycle()
        self._cycle()
        self.world.restless = False

    @rule(kind=st.sampled_from(LIMITS), size=st.sampled_from((5, 25)))
    def rows_cannot_be_read_for_days(self, kind: str, size: int) -> None:
        self._unread(size)
        self._limit(kind)
        for _ in range(6):
            self.world.pass_time(DAY / 4)
            self._cycle()

    @rule()
    def days_of_nothing(self) -> None:
        self.world.pass_time(2 * DAY)

    # The server lies, or fails, until it recovers.

    @rule(
        share=st.sampled_from((0.1, 0.4, 1.0)),
        kind=st.sampled_from(("shuffle_ties", "omit", "swap", "repeat", "forget_anchors", "failing", "wrong_dates")),
    )
    def the_server_lies_at_times(self, kind: str, share: float) -> None:
        match kind:
            case "shuffle_ties":
                self.listing.shuffle_ties = True
            case "omit":
                self.listing.omit, self.listing.omit_younger = min(share, 0.4), HIDEABLE
                self.truth.candid = False
            case "swap" | "repeat" | "forget_anchors":
                setattr(self.listing, kind, share)
                self.truth.provable &= kind == "repeat" or share < 1
            case "failing":
                self.subject.failing = share
            case _:  # the clock of one answer, not of the server
                self.subject.wrong_dates = min(share, 0.3)
        self._busy_minute()

    @rule(kind=st.sampled_from(LIMITS))
    def the_server_is_limited(self, kind: str) -> None:
        self._limit(kind)
        self._busy_minute()

    @rule(claim=st.booleans())
    def has_more_lies(self, claim: bool) -> None:
        self.listing.has_more_lie = claim
        self._busy_minute()

    @rule(age=st.integers(0, HIDEABLE // SECOND), cycles=moderately)
    def the_list_stands_still_for_a_while(self, age: int, cycles: int) -> None:
        """Then it follows, as a replica does that lags."""
        self.listing.longest_behind = HIDEABLE
        self._replay(self.listing.now - age * SECOND, cycles=cycles)
        self.listing.longest_behind = NEVER

    @precondition(lambda self: self.subject.coverage.sweep is None and self.subject.coverage.search is None)
    @rule(age=st.integers(300, 3000), cycles=st.integers(1, 50))
    def an_old_list_is_shown_again(self, age: int, cycles: int) -> None:
        """It lacks the newest row already seen, or else nobody could tell, and that for less than an hour on end."""
        then = self.listing.now - age * SECOND
        coverage = self.subject.coverage
        assert coverage is not None
        if coverage.newest > max(then, coverage.horizon) and not coverage.regressed_since:
            self._replay(then, cycles=cycles)

    @rule()
    def the_server_recovers(self) -> None:
        self._recover()

    # The exporter lives, and dies.

    @rule(cycles=moderately)
    def poll(self, cycles: int) -> None:
        for _ in range(cycles):
            self._cycle()

    @rule(edge=st.sampled_from(EDGES), passage=st.integers(1, 6))
    def die(self, edge: str, passage: int) -> None:
        self.subject.die_at(edge, passage)
        self._cycle()

    @rule(passage=st.integers(1, 3))
    def the_disk_fails_once(self, passage: int) -> None:
        self.subject.fail_at("inside", passage)
        self._cycle()

    @rule()
    def restart(self) -> None:
        self.subject.restart()

    @rule(seconds=st.sampled_from((-3600, -61, -5, 5, 61, 3600)))
    def our_clock_is_set(self, seconds: int) -> None:
        self.clock.step(seconds)

    # What always holds.

    @invariant()
    def everything_holds(self) -> None:
        if hasattr(self, "truth"):
            self.sound = False
            self.truth.check()
            self.sound = True

    def everything_listed_is_decided(self) -> None:
        """Though the server does not recover: once nothing new comes, each row is counted soon, or said to be lost."""
        self.world.quiet = True
        for _ in range(REST):
            self._cycle()
            if not self.truth.missing():
                break
        self.world.quiet = False
        assert not (missing := self.truth.missing()), f"{len(missing)} rows are neither counted nor said to be lost"

    def _cycle(self) -> None:
        self.world.pass_time(INTERVAL)
        self.subject.poll()
        self.truth.note()

    def _unread(self, size: int) -> None:
        """Eight pages of rows come, so many at a time, and become old enough for a sweep to seal them at once."""
        for _ in range(8 * PAGE_SIZE // size):
            self.world.tie(size)
            self.world.pass_time(20)
        self.world.pass_time(1200)

    def _limit(self, kind: str) -> None:
        match kind:
            case "clamp":
                self.listing.clamp = PAGE_SIZE - 8
            case "refuse_above":
                self.listing.refuse_above, self.listing.shuffle_ties = PAGE_SIZE, True
            case "cursor_by_time":
                self.listing.refuse_above, self.listing.cursor_by_time = PAGE_SIZE, True
                self.listing.shuffle_ties = True
            case "max_skip":
                self.listing.max_skip = PAGE_SIZE * 2
            case _:
                setattr(self.listing, kind, True)
        self.truth.provable = False

    def _busy_minute(self) -> None:
        """Go on with the lie that the server has just begun to tell."""
        self.world.live(60, 1.0)
        self._cycle()

    def _replay(self, then: int, cycles: int) -> None:
        self.truth.candid = False
        self.listing.as_of = then
        for _ in range(cycles):
            self._cycle()
        self.listing.as_of = None

    def _recover(self) -> None:
        self.listing.heal()
        self.subject.failing = self.subject.wrong_dates = 0.0

    def _come_to_rest(self) -> None:
        self._recover()
        self.world.quiet = True
        for days in range(2):
            self.world.pass_time(days * DAY)
            for _ in range(REST):
                self._cycle()
                if self.truth.at_rest():
                    break
        self.truth.check()
        self.truth.conclude()
