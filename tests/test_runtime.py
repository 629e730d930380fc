"""The pollers of one configuration, started and stopped at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from exporter.books import Books
from exporter.clock import SystemClock
from exporter.config import load
from exporter.daemon import layout
from exporter.metrics import catalog
from exporter.metrics.exposition import Exposition
from exporter.metrics.telemetry import Telemetry
from exporter.publisher import Publisher
from exporter.runtime import Runtime, terms
from exporter.store import Store

CONFIG = """
accounts:
  - name: default
    base_url: http://127.0.0.1:9/v1  # nobody answers there
    allow_insecure_http: true
    api_key: {env: KEY}
"""
ENVIRON = {"KEY": "key"}


@pytest.fixture
def telemetry(store: Store) -> Telemetry:
    return Telemetry(Books(store, layout()).counters)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "ledger.db", layout())
    yield store
    store.close()


@pytest.mark.parametrize("turns", range(12))
def test_a_stop_right_after_the_start_polls_nothing_any_more(
    turns: int, tmp_path: Path, store: Store, telemetry: Telemetry
) -> None:
    """A poll may be due, but not begun, in whatever turn of the event loop the stop comes."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    config = load(path, ENVIRON)
    clock, books = SystemClock(), Books(store, layout())
    publisher = Publisher(books=books, telemetry=telemetry, exposition=Exposition(), clock=clock, terms=terms(config))

    async def live() -> None:
        runtime = Runtime(
            config,
            books=books,
            telemetry=telemetry,
            publisher=publisher,
            clock=clock,
            random=Random(1),
            environ=ENVIRON,
            user_agent="test",
            on_secret=lambda key: None,
        )
        runtime.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        await runtime.stop()
        polled = telemetry.total(catalog.POLLS)
        for _ in range(12):
            await asyncio.sleep(0)
        assert telemetry.total(catalog.POLLS) == polled

    asyncio.run(live())
    assert telemetry.total(catalog.TASK_FAILURES) == 0
