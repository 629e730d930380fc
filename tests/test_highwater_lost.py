"""The mark beside the ledger tells a lost ledger from a first start and an ordinary one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.models import SECOND, SourceKey
from exporter.store import LedgerCorrupt, LedgerError, Store, highwater, ledgerfile
from exporter.store.highwater import HighWater
from tests.clocks import START
from tests.ledgers import LAYOUT, LIST, OTHER_LIST, SERIES, opened
from tests.marks import counted, mark_of, page


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


# First start, and ordinary ones


def test_a_first_start_has_lost_nothing(path: Path) -> None:
    with opened(path) as store:
        assert store.empty
        assert not store.rolled_back
        assert store.lost_frontier(LIST) is None


def test_a_ledger_is_empty_until_its_first_commit(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(0))
        assert not store.empty
    with opened(path) as store:
        assert not store.empty


def test_an_ordinary_restart_has_lost_nothing(path: Path) -> None:
    for number in range(3):
        with opened(path) as store:
            assert not store.rolled_back
            assert store.lost_frontier(LIST) is None
            store.commit(page(number))
            store.commit_counters({("f", ()): 1})  # commits that the mark does not know of
            store.release({SERIES: 1})
            store.record_request("acme", START)


@pytest.mark.parametrize("content", [None, b"", b"{"], ids=["absent", "empty", "cut"])
def test_an_unreadable_mark_is_none(path: Path, content: bytes | None) -> None:
    with opened(path) as store:
        store.commit(page(0))
    mark = highwater.mark_path(path)
    if content is None:
        mark.unlink()
    else:
        mark.write_bytes(content)
    with opened(path) as store:
        assert not store.rolled_back
        assert counted(store) == 1
        store.commit(page(1))
    assert mark_of(path).proven == {"acme/completions": START + SECOND}
    path.unlink()
    mark.write_bytes(b"{")
    with opened(path) as store:
        assert store.lost_frontier(LIST) is None


# Lost


def lose(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(5))
        store.commit(page(7, OTHER_LIST))
    path.unlink()


def test_a_lost_ledger_is_told_from_a_first_start(path: Path) -> None:
    lose(path)
    with opened(path) as store:
        assert store.empty
        assert not store.rolled_back
        assert store.lost_frontier(LIST) == START + 5 * SECOND
        assert store.lost_frontier(OTHER_LIST) == START + 7 * SECOND
        assert store.lost_frontier(SourceKey("acme", "executions")) is None


def test_the_mark_of_a_lost_ledger_counts_no_commits_before_there_is_a_new_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(path)
    known = mark_of(path).proven

    def fail(path: Path) -> sqlite3.Connection:
        raise LedgerError("killed")

    monkeypatch.setattr(ledgerfile, "connect", fail)
    with pytest.raises(LedgerError, match="killed"):
        Store(path, LAYOUT)
    assert mark_of(path) == HighWater("", 0, known)


def test_a_ledger_left_empty_that_the_mark_counts_commits_of_is_damaged(path: Path) -> None:
    with opened(path) as store:
        store.commit(page(0))
        commits = mark_of(path).commits
    path.write_bytes(b"")
    with pytest.raises(LedgerCorrupt, match=rf"it is empty after {commits} commits"):
        Store(path, LAYOUT)


def restart(path: Path) -> None:
    with opened(path):
        pass


def restart_after_telemetry(path: Path) -> None:
    """A run whose polls all failed: only the exporter's own counters and requests were saved."""
    with opened(path) as store:
        store.record_request("acme", START)
        store.commit_counters({("vlmrun_exporter_polls_total", LIST): 1})


def restart_after_another_list(path: Path) -> None:
    """A run in which one list worked, and the other did not."""
    with opened(path) as store:
        store.commit(page(0, OTHER_LIST))


@pytest.mark.parametrize("between", [restart, restart_after_telemetry, restart_after_another_list])
def test_what_was_lost_is_not_forgotten_before_the_list_begins_anew(
    path: Path, between: Callable[[Path], None]
) -> None:
    lose(path)
    between(path)
    with opened(path) as store:
        assert not store.rolled_back
        assert store.lost_frontier(LIST) == START + 5 * SECOND


def test_a_lost_ledger_is_an_ordinary_one_once_every_list_has_begun_anew(path: Path) -> None:
    lose(path)
    with opened(path) as store:
        store.commit(page(8))
        store.commit(page(9, OTHER_LIST))
    with opened(path) as store:
        assert not store.rolled_back
    assert mark_of(path).proven == {"acme/completions": START + 8 * SECOND, "acme/requests": START + 9 * SECOND}


def test_a_ledger_lost_again_is_known_by_what_each_list_had_last_proven(path: Path) -> None:
    lose(path)
    restart_after_another_list(path)
    path.unlink()
    with opened(path) as store:
        assert not store.rolled_back
        assert store.lost_frontier(LIST) == START + 5 * SECOND
        assert store.lost_frontier(OTHER_LIST) == START
