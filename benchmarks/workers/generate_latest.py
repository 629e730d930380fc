"""Subject: prometheus_client renders a registry that holds the series of an exposition, in the text format.

It renders everything, whatever has changed, and does not compress.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.peers import prom_server
from benchmarks.workers import protocol
from benchmarks.workers.protocol import Stopwatch


def main() -> None:
    """Answer the driver's rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exposition", type=Path, help="in the text format 0.0.4")
    text = parser.parse_args().exposition.read_text(encoding="utf-8")
    registry = prom_server.build([family for family in text_string_to_metric_families(text) if family.samples])
    protocol.answer(lambda told: _render(registry))


def _render(registry: CollectorRegistry) -> Mapping[str, Any]:
    watch = Stopwatch()
    with watch.running():
        generate_latest(registry)
    return {"seconds": watch.seconds, "cpu": watch.cpu, "units": 1}


if __name__ == "__main__":
    main()
