"""The ledger among processes: one at a time may count into it, and kill -9 at any moment leaves it whole."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sqlite3
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest

from exporter.store import LedgerError, Store, ledgerfile, opening
from tests.ledgers import LAYOUT, SERIES, opened, page, pages_held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


PROCESSES = multiprocessing.get_context("forkserver")
"""Every process begins clean, without this one's threads and open files."""

PROCESSES.set_forkserver_preload(["tests.test_store_processes"])


def try_to_open(path: Path, answer: Connection) -> None:
    """In a process of its own: open the ledger, and tell what came of it."""
    try:
        Store(path, LAYOUT).close()
    except LedgerError as error:
        answer.send(f"{type(error).__name__}: {error}")
    else:
        answer.send("opened")


def ask_second_process(path: Path) -> str:
    answer, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=try_to_open, args=(path, theirs))
    process.start()
    theirs.close()
    with answer:
        assert answer.poll(30)
        said = str(answer.recv())
    process.join()
    process.close()
    return said


def test_a_second_process_is_refused_until_the_first_has_closed_the_ledger(path: Path) -> None:
    with opened(path) as store:
        assert ask_second_process(path) == (
            f"LedgerError: the ledger {path} is in use by another process: only one exporter may count into it"
        )
        store.commit(page(0))
        assert pages_held(store) == 1
    assert ask_second_process(path) == "opened"


# kill -9


def commit_forever(path: Path, progress: Connection) -> None:
    """In a process of its own: commit page after page, and tell how many there are."""
    with opened(path) as store:
        for number in itertools.count(pages_held(store)):
            store.commit(page(number))
            progress.send(number + 1)


def test_kill_at_any_moment_loses_no_commit_and_leaves_no_half_of_one(path: Path) -> None:
    random = Random(9)
    told = 0
    for _ in range(20):
        progress, theirs = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=commit_forever, args=(path, theirs))
        process.start()
        theirs.close()
        for _ in range(random.randint(1, 25)):
            assert progress.poll(30)
            told = progress.recv()
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        process.close()
        progress.close()
        with opened(path) as store:
            assert pages_held(store) >= told
            assert not store.rolled_back


def start_until(path: Path, fatal: int) -> None:
    """In a process of its own: a first start and two commits, killed at the ``fatal``-th SQL statement."""
    number = itertools.count(1)

    def trace(sql: str) -> None:
        if next(number) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(path: Path) -> sqlite3.Connection:
        db = opening.connect(path)
        db.set_trace_callback(trace)
        return db

    pytest.MonkeyPatch().setattr(ledgerfile, "connect", connect)
    with opened(path) as store:
        store.commit(page(0))
        store.release({SERIES: 1})
        store.commit(page(1))


def test_kill_at_any_statement_of_a_first_start_leaves_a_ledger_that_works(tmp_path: Path) -> None:
    broken = {}
    for fatal in itertools.count(1):
        path = tmp_path / str(fatal) / "ledger.db"
        process = PROCESSES.Process(target=start_until, args=(path, fatal))
        process.start()
        process.join()
        exitcode = process.exitcode
        process.close()
        try:
            with opened(path) as store:
                assert pages_held(store) <= 2
                assert not store.rolled_back
                store.commit(page(pages_held(store)))
        except Exception as error:  # all of them are wanted, not the first
            broken[fatal] = error
        if exitcode == 0:
            break
        assert exitcode == -signal.SIGKILL
    assert fatal > 30
    assert broken == {}
