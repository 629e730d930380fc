"""The named mistakes: what pollers like this one get wrong, each built into the real code, one at a time.

A proof that does not notice them proves nothing.
"""

from __future__ import annotations

from types import ModuleType

from exporter import books, intake
from exporter.api import pages, serverclock
from exporter.counting import coverage, ledger, walk
from exporter.store import ledgerfile, segments
from tests.proof.leads import (
    AMENDED,
    BY_CHANGE,
    CUT,
    DISORDER,
    FORGOTTEN_TIES,
    HIDDEN_TIES,
    KILLED,
    LATE,
    NO_MORE,
    OLD_LIST,
    TIES,
    TOO_DEEP,
    UPWARDS,
    VANISHED,
    WRONG_DATES,
    YOUNG_TIES,
    Lead,
)
from tests.proof.mistake import Edit, Mutant


def _mutant(name: str, *edits: tuple[ModuleType, str, str, str], lead: Lead | None = None) -> Mutant:
    return Mutant(name, tuple(Edit(*edit) for edit in edits), lead)


NO_JOIN = (walk, "take", "if not (at_top or reach.newest - blur > walk.lo or walk.leapt):", "if False:")
NO_GAP = (walk, "take", "gap = 0 if at_top else max(0, walk.lo - reach.newest)", "gap = 0")

MUTANTS = (
    _mutant(
        "stops at the first row it knows, and takes everything below for known",
        (
            intake,
            "Intake._sweep",
            "    self._conclude(page, entries, sealed)",
            "    if entries.outcomes['duplicate'] and sealed.coverage.sweep:\n"
            "        known = replace(sealed.coverage, sweep=None)\n"
            "        sealed = Sealed(cover._seal(known, sealed.coverage.sweep))\n"
            "    self._conclude(page, entries, sealed)",
        ),
    ),
    _mutant(
        "looks back five minutes, and takes everything older for counted",
        (
            coverage,
            "_sweep",
            "bottom = coverage.horizon if coverage.deep else coverage.proven",
            "bottom = walk.started - 300 * SECOND",
        ),
    ),
    _mutant(
        "lets pages join that share one time only (>= for >)",
        (walk, "take", "reach.newest - blur > walk.lo", "reach.newest - blur >= walk.lo"),
        lead=UPWARDS,
    ),
    _mutant(
        "asks for the next offset without overlap, and trusts that nothing has moved",
        NO_JOIN,
        NO_GAP,
        (
            pages,
            "OffsetPaginator.advance",
            "return Position(skip=position.skip + step)",
            "return Position(skip=position.skip + page.size)",
        ),
        (pages, "CursorPaginator.advance", "for index in (overlap - 1, overlap // 2, 0)", "for index in (-1,)"),
        lead=UPWARDS,
    ),
    _mutant("trusts that pages join", NO_JOIN, NO_GAP, lead=UPWARDS),
    _mutant(
        "seals up to now, without waiting for rows that are listed late",
        (coverage, "_target", "started - coverage.max_lateness - CLOCK_MARGIN", "started - CLOCK_MARGIN"),
        lead=LATE,
    ),
    _mutant(
        "forgets ids above the watermark",
        (ledgerfile, "Store._forget", "coverage.horizon // SECOND", "coverage.proven // SECOND + 300"),
    ),
    _mutant(
        "counts what lies below the watermark and is not remembered",
        (ledger, "_apply_each", "row.created <= coverage.horizon", "row.created <= coverage.origin"),
    ),
    _mutant(
        "writes the ids in one transaction and the counters in another",
        (
            ledgerfile,
            "Store.commit",
            '        self._db.executemany(\n            "DELETE FROM waiting',
            '        self._db.execute("COMMIT")\n        self._db.execute("BEGIN IMMEDIATE")\n'
            '        self._db.executemany(\n            "DELETE FROM waiting',
        ),
        lead=KILLED,
    ),
    _mutant(
        "publishes before the commit",
        (
            books,
            "Books.record",
            "    self.store.commit(changes)\n    self._adopt(changes)\n",
            "    self._adopt(changes)\n    self.store.commit(changes)\n",
        ),
    ),
    _mutant(
        "waits with the watermark for a pending row, for ever",
        (coverage, "_sweep", "if not proves:", "if not proves or pending:"),
    ),
    _mutant(
        "shows a watermark above rows that are still pending",
        (coverage, "watermark", "return min(coverage.proven, oldest - 1)", "return coverage.proven"),
    ),
    _mutant(
        "takes a pending row for gone that the walk has shown",
        (coverage, "_vanished", "row.seen < walk.started", "True"),
    ),
    _mutant(
        "takes a pending row for gone that was passed among the newest ones, which need no proof yet",
        (coverage, "_vanished", "and not walk.ceiling < row.created <= walk.started", ""),
        lead=YOUNG_TIES,
    ),
    _mutant(
        "takes a page for the end of the list that is empty since what it was asked for after is forgotten",
        (
            walk,
            "_unreadable",
            "    return _retreat(walk, paginator)",
            "    if walk.leapt:\n"
            "        ended = replace(walk, ended=True, unproven=walk.unproven + walk.leapt, leapt=0)\n"
            "        return Outcome(Step.DONE, ended, joined=True, unprovable=True)\n"
            "    return _retreat(walk, paginator)",
        ),
        lead=FORGOTTEN_TIES,
    ),
    _mutant(
        "believes has_more",
        (
            walk,
            "take",
            "short = _has_room(walk, page) and (reach.oldest == walk.edge or page.has_more is not True)",
            "short = page.has_more is False or _has_room(walk, page)",
        ),
        lead=NO_MORE,
    ),
    _mutant(
        "takes a page that the server cut short for the last one",
        (walk, "take", "_has_room(walk, page)", "page.size < walk.limit"),
        lead=CUT,
    ),
    _mutant(
        "counts pending rows",
        (ledger, "_apply_each", "elif row.status is Status.PENDING:", "elif row.id == '':"),
    ),
    _mutant(
        "counts a row again after it was pending",
        (
            ledger,
            "_settle",
            "    entries.settled[key] = fingerprint",
            "    if not is_waiting:\n        entries.settled[key] = fingerprint",
        ),
    ),
    _mutant(
        "counts a row that was amended a second time",
        (
            ledger,
            "_apply_each",
            "            _amend(entries, key, mark, fingerprint)",
            "            _amend(entries, key, mark, fingerprint)\n"
            "            if fingerprint != mark:\n"
            "                tally.count(entries.delta, Columns.of([row]), page.observed)",
        ),
        lead=AMENDED,
    ),
    _mutant(
        "folds an amendment into what was counted",
        (
            ledger,
            "_apply_each",
            "            _amend(entries, key, mark, fingerprint)",
            "            _amend(entries, key, mark, fingerprint)\n"
            "            if fingerprint != mark and row.credits and coverage.origin < row.created:\n"
            "                from exporter.counting.layout import CREDITS\n"
            "                known = set(entries.delta.series)\n"
            "                tally.count(entries.delta, Columns.of([row]), page.observed)\n"
            "                for series, values in entries.delta.series.items():\n"
            "                    if series not in known:\n"
            "                        values[:] = [row.credits // 2 * (slot == CREDITS) for slot in range(len(values))]",
        ),
        lead=AMENDED,
    ),
    _mutant(
        "counts a row again that was reopened",
        (
            ledger,
            "_apply_each",
            "if mark is not None and mark >= FIRST_FINGERPRINT:",
            "if mark is not None and mark >= FIRST_FINGERPRINT and not (is_waiting or row.status is Status.PENDING):",
        ),
        lead=AMENDED,
    ),
    _mutant(
        "remembers for ever which rows have vanished",
        (segments, "forget", "horizon - VANISHED_KEPT", "0"),
        lead=VANISHED,
    ),
    _mutant(
        "counts a row twice that a page shows twice",
        (ledger, "_apply_each", "mark = entries.settled.get(key) or marks.get(key)", "mark = marks.get(key)"),
    ),
    _mutant(
        "takes rows that a page shows twice for ordinary ones",
        (ledger, "apply", "if len({key.hash for key in keys}) < len(keys):", "if False:"),
    ),
    _mutant(
        "takes rows that it has counted for ordinary ones",
        (ledger, "apply", "and key not in marks", ""),
    ),
    _mutant(
        "knows rows by too short a hash",
        (ledger, "row_keys", ".digest()", ".digest()[:1] * 8"),
    ),
    _mutant(
        "goes by its own clock instead of the server's",
        (serverclock, "ServerClock.settle", "return observed - (skew - min(self._skews))", "return observed - skew"),
    ),
    _mutant(
        "believes a single wrong Date",
        (serverclock, "ServerClock.settle", "return observed - (skew - min(self._skews))", "return observed"),
        lead=WRONG_DATES,
    ),
    _mutant(
        "takes an old page that is shown again for the newest",
        (coverage, "look", "if newest >= known or known <= coverage.horizon:", "if True:"),
        lead=OLD_LIST,
    ),
    _mutant(
        "trusts that rows come newest first",
        (walk, "take", "if reach.disorder > TOLERATED_DISORDER or walk.disordered >= DISORDER_TRIES:", "if False:"),
        (walk, "take", "blur = reach.disorder", "blur = 0"),
        lead=BY_CHANGE,
    ),
    _mutant(
        "passes more ties than a page in silence",
        (walk, "take", "        unproven += walk.leapt", "        unproven += 0"),
        lead=TIES,
    ),
    _mutant(
        "gives up a stretch in silence",
        (coverage, "_seal", "lost=coverage.lost + lost, lost_until=target", "lost=coverage.lost"),
        lead=HIDDEN_TIES,
    ),
    _mutant(
        "gives up a depth in silence",
        (coverage, "_give_up", "lost=lost, lost_until=oldest", "lost=coverage.lost"),
        lead=TOO_DEEP,
    ),
    _mutant(
        "says that a second at most is lost of a stretch that it gives up",
        (coverage, "_seal", "lost=coverage.lost + lost, ", "lost=coverage.lost + min(lost, SECOND), "),
        lead=HIDDEN_TIES,
    ),
    _mutant(
        "says that next to nothing is lost of a depth that it gives up",
        (coverage, "_give_up", "lost = coverage.lost + oldest - coverage.proven", "lost = coverage.lost + 1"),
        lead=TOO_DEEP,
    ),
    _mutant(
        "begins its sweep again at the newest row after a kill",
        (
            books,
            "Books.__init__",
            "= contents.coverage",
            "= {\n"
            "        key: type(known)(**{n: getattr(known, n) for n in known.__struct_fields__ if n != 'sweep'})\n"
            "        for key, known in contents.coverage.items()\n"
            "    }",
        ),
    ),
    _mutant(
        "begins its sweep anew at every page that proves nothing",
        (
            intake,
            "Intake.head",
            "outcome.walk.lo - known if outcome.joined and not reaches else 0",
            "0 if reaches else outcome.walk.lo - known",
        ),
        lead=DISORDER,
    ),
    _mutant(
        "counts what was there before the first start",
        (coverage, "start", "origin = now - look_back", "origin = now - look_back - 3600 * SECOND"),
    ),
)
