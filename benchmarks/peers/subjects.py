"""Every peer, and the command that starts it: from the repository's root, in the environment of `make peers`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exporter.metrics import catalog
from exporter.metrics.catalog import Family

HERE = Path(__file__).parent
GO = HERE / "go" / "bin"

FAMILIES: Final[dict[str, Family]] = {
    "completions": catalog.COMPLETIONS,
    "input_tokens": catalog.INPUT_TOKENS,
    "output_tokens": catalog.OUTPUT_TOKENS,
    "credits": catalog.CREDITS,
    "low_token": catalog.LOW_TOKEN,
    "slow_low_token": catalog.SLOW_LOW_TOKEN,
    "duration": catalog.DURATION,
    "time_to_first_token": catalog.TIME_TO_FIRST_TOKEN,
    "output_length": catalog.OUTPUT_LENGTH,
    "cost": catalog.COST,
}
"""What is counted, by the name that peers in other languages know it by."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A process to measure: one that counts rounds (see :mod:`benchmarks.peers.subject`), or serves /metrics."""

    name: str
    argv: tuple[str, ...]
    pages: int | None = None
    """How many pages a round should have at most, since it is slow; None: any number."""
    failed_tokens: bool = True
    """Whether it counts the tokens of failed completions too."""


def parsers(folder: Path) -> tuple[Subject, ...]:
    """The subjects that only parse the page bodies in ``folder``."""
    libraries = ("pydantic", "json", "orjson", "msgspec")
    return tuple(Subject(f"{library}, parsing only", _python("parse", folder, library)) for library in libraries)


def counters(folder: Path) -> tuple[Subject, ...]:
    """The subjects that count the page bodies in ``folder``."""
    described = json.dumps(
        [
            {"key": key, "name": family.name, "help": family.help, "labels": family.labels, "buckets": family.buckets}
            for key, family in FAMILIES.items()
        ]
    )
    local_prices = ("env", "LITELLM_LOCAL_MODEL_COST_MAP=True")
    node = ("node", "--expose-gc", str(HERE / "node" / "ingest.mjs"), str(folder), described)
    go = str(GO / "ingest")
    return (
        Subject("prometheus_client", _python("prom_loop", folder)),
        Subject("prometheus_client, cached children", _python("prom_loop", folder, "--cached")),
        Subject("OpenTelemetry SDK", _python("otel", folder)),
        Subject("LiteLLM's logger", local_prices + _python("litellm_logger", folder), pages=1, failed_tokens=False),
        Subject("prom-client (Node.js)", node),
        Subject("client_golang (Go)", (go, str(folder), described)),
        Subject("client_golang (Go), cached children", (go, "-cached", str(folder), described)),
        Subject("mtail (Go)", _python("mtail", folder)),
    )


def servers(exposition: Path) -> tuple[Subject, ...]:
    """The subjects that serve the series of a file in Prometheus's text format 0.0.4."""
    no_more_series = ("env", "PROMETHEUS_DISABLE_CREATED_SERIES=True")
    return (
        Subject("prometheus_client", no_more_series + _python("prom_server", exposition)),
        Subject("client_golang (Go)", (str(GO / "serve"), str(exposition))),
        Subject("Pushgateway (Go)", _python("pushgateway", exposition)),
    )


def _python(module: str, *arguments: str | Path) -> tuple[str, ...]:
    return (sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments))
