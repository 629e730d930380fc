"""The real exporter in compressed time, with what it publishes there to be scraped."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, Final

from prometheus_client.core import Metric

from exporter.config import load
from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.spelling import Values
from exporter.models import SECOND
from exporter.version import __version__
from exporter.web.limits import Refusal
from tests import reference_metrics
from tests.proof.timelapse import Timelapse, TimelapseClock
from tests.proof.timelapse_api import TimelapseApi

LINK: Final = "https://vlm.example.com/completions/{id}"
DASHBOARDS: Final = "https://grafana.example.com"
RUNBOOKS: Final = "https://git.example.com/vlmrun-exporter"


class Published(Exposition):
    """What is published is kept as it is, and made into families by who scrapes it.

    So the exporter's own counters may be newer than the publish, by what one request has added.
    """

    def __init__(self) -> None:
        self.published: Callable[[], Iterable[Metric]] = tuple

    def publish(self, snapshot: Snapshot, own: Iterable[tuple[Family, Values]] = ()) -> None:
        families = tuple(own)
        self.published = lambda: chain(reference_metrics.collect(snapshot), reference_metrics.own(families))


class CompressedExporter(Timelapse):
    """An exporter that is configured, started and killed as one likes, and scraped in between."""

    def __init__(self, folder: Path, api: TimelapseApi, clock: TimelapseClock, random: Random) -> None:
        super().__init__(folder, api, clock, random)
        self.exposition: Published = Published()
        self.running = False
        self.started = 0.0
        """When the process was started last, in seconds since the epoch."""
        self.asked = 0
        """Requests to the API that came before that start."""

    def adopt(self, page_sizes: Mapping[str, int], **sections: Any) -> None:
        """Write the configuration for the next :meth:`start`; ``sections`` stand beside the account."""
        self.folder.joinpath("key").write_text("key-1")
        account = {
            "name": "default",
            "base_url": f"{self.api.url}/v1",
            "api_key": {"file": str(self.folder / "key")},
            "sources": {name: {"page_size": size} for name, size in page_sizes.items()},
        }
        document: Mapping[str, Any] = {
            "accounts": [account],
            "ledger": {"path": str(self.folder / "ledger.db")},
            "links": {"completion": LINK, "dashboards": DASHBOARDS, "runbooks": RUNBOOKS},
            **sections,
        }
        config_file = self.folder / "config.yaml"
        config_file.write_text(json.dumps(document))
        self._config = load(config_file, {})

    def start(self) -> None:
        """Start from what is in the ledger, as the daemon does, but for web server and timers."""
        super().start()
        self._describe()
        self.publisher.publish()
        self.running, self.started, self.asked = True, self.clock.now() / SECOND, len(self.api.sent)

    async def kill(self) -> None:
        """End the process where it stands; without one, nothing happens."""
        if self.running:
            self.running = False
            await super().kill()

    async def run(self, seconds: float) -> bool:
        """Let ``seconds`` pass, whether the process runs or not."""
        if self.running:
            return await super().run(seconds)
        self.clock.advance(seconds)
        return True

    @property
    def holds(self) -> bool:
        """Whether something that was read may not be shown yet: in mid-poll, or of new series, which begin at 0."""
        polls = any(not cycle.done() for cycle in self._cycles.values())
        return polls or self.publisher._births.next_due() is not None

    def tick(self) -> None:
        """Publish what is due by time alone, as the real exporter looks for it every second."""
        if self.publisher.due():
            self.publisher.publish()

    def _describe(self) -> None:
        """Set what the daemon sets at its start."""
        self.runtime._declare()
        self.telemetry.set(catalog.BUILD_INFO, __version__, "unknown", platform.python_version(), value=1)
        for reason in Refusal:
            self.telemetry.declare(catalog.REFUSED_CONNECTIONS, reason.value)
        self.telemetry.set(catalog.RELOAD_OK, value=1.0)
        self.telemetry.set(catalog.RELOAD_TIME, value=self.clock.now() / SECOND)
