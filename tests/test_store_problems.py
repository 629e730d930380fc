"""What is wrong with a ledger is said in one line, with commands that can be pasted into a shell."""

from __future__ import annotations

from pathlib import Path

from exporter.store import LedgerCorrupt, LedgerError, problems

PLAIN = Path("/data/ledger.db")
SPACED = Path("/my data/ledger $1.db")


def test_a_ledger_that_the_system_does_not_let_us_use_may_be_in_order() -> None:
    error = problems.unusable(PLAIN, OSError(5, "Input/output error"))
    assert type(error) is LedgerError and not isinstance(error, LedgerCorrupt)
    assert str(error) == (
        "the ledger /data/ledger.db cannot be used: [Errno 5] Input/output error"
        " (is its disk full, failing or read-only?)"
    )


def test_damage_is_said_in_one_line_with_the_ways_out() -> None:
    assert problems.corrupt(PLAIN, "row 1\n missing  from\tindex ") == (
        "the ledger /data/ledger.db is damaged (row 1 missing from index). It is not replaced by itself, because every"
        " counter would start again from 0. To recover: restore ledger.db from a backup, without a log of another time"
        " beside it (rm -f /data/ledger.db-wal first); or, to begin a new ledger, move it away"
        " (mv /data/ledger.db /data/ledger.db.damaged; rm -f /data/ledger.db-wal) and start again: counting then"
        " resumes from now, and the time since its last commit is reported in"
        ' vlmrun_exporter_coverage_gap_seconds{state="lost"}.'
    )


def test_names_are_quoted_for_the_shell() -> None:
    away = "mv '/my data/ledger $1.db' '/my data/ledger $1.db.old'; rm -f '/my data/ledger $1.db-wal'"
    assert problems.move_away(SPACED, "old") == away
    said = problems.corrupt(SPACED, "cut")
    assert "(rm -f '/my data/ledger $1.db-wal' first)" in said
    assert f"({away.replace('.old', '.damaged')})" in said
