"""What is measured: each module runs one comparison and notes its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.setting import Bench
from benchmarks.suites import daemon, growth, idle, ingest, ledger, publish, ready, scrape, stages

SUITES: Mapping[str, Callable[[Bench], None]] = {
    "idle": idle.run,
    "ingest": ingest.run,
    "stages": stages.run,
    "ledger": ledger.run,
    "publish": publish.run,
    "scrape": scrape.run,
    "daemon": daemon.run,
    "ready": ready.run,
    "growth": growth.run,
}
