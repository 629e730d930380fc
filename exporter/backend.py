"""Answers the questions of the web side from the running daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from exporter.metrics import catalog
from exporter.metrics.exposition import Exposition
from exporter.metrics.telemetry import Telemetry
from exporter.models import Clock, PollError
from exporter.poller import SourcePoller
from exporter.runtime import Runtime
from exporter.store import Store
from exporter.web.state import ExporterState, Scrape, SourceState


class DaemonBackend:
    """The daemon, as the landing page, the health checks and the scrapes see it."""

    def __init__(
        self,
        *,
        runtime: Callable[[], Runtime],
        reload: Callable[[], Awaitable[str | None]],
        reload_problem: Callable[[], str | None],
        store: Callable[[], Store],
        telemetry: Callable[[], Telemetry],
        exposition: Exposition,
        clock: Clock,
        version: str,
        revision: str,
    ) -> None:
        """``runtime`` returns the one in force; ``reload`` and ``reload_problem`` return what is wrong, or None.

        Neither ``store`` nor ``telemetry`` is asked for before the first request.
        """
        self._runtime = runtime
        self._reload = reload
        self._reload_problem = reload_problem
        self._store = store
        self._telemetry = telemetry
        self._exposition = exposition
        self._clock = clock
        self._version = version
        self._revision = revision
        self._started = clock.now()

    def state(self) -> ExporterState:
        """Describe the exporter for the landing page."""
        problem = self._reload_problem()
        return ExporterState(
            version=self._version,
            revision=self._revision,
            started=self._started,
            now=self._clock.now(),
            sources=tuple(self._source(poller) for poller in self._runtime().pollers),
            config_reload_ok=problem is None,
            config_reload_message=problem,
            ledger_path=str(self._store().path),
        )

    def ready(self) -> str | None:
        """Say which lists have not been polled yet; None once all have, well or badly."""
        waiting = ["/".join(poller.key) for poller in self._runtime().pollers if poller.status.last_poll is None]
        return f"waiting for the first poll of {', '.join(waiting)}" if waiting else None

    async def healthy(self) -> str | None:
        """Prove that the ledger answers; that anything answers proves that the event loop turns."""
        try:
            self._store().check()
        except PollError as error:
            return str(error)
        return None

    async def reload(self) -> str | None:
        """Put the configuration file in force, or say what is wrong with it."""
        return await self._reload()

    def config_text(self) -> str:
        """The configuration in force, secrets as references."""
        return self._runtime().config.dump_public()

    def scrape(self, accept: str, gzip: bool) -> Scrape:
        """The exposition, as last published."""
        rendered = self._exposition.scrape(accept, packed=gzip)
        return Scrape(rendered.parts, rendered.content_type, rendered.content_encoding)

    def _source(self, poller: SourcePoller) -> SourceState:
        runtime, telemetry = self._runtime(), self._telemetry()
        status, key = poller.status, poller.key
        budget = runtime.budgets[key.account]
        open_gap, lost_gap = poller.gaps()
        failure = status.failure
        return SourceState(
            account=key.account,
            source=key.source,
            up=status.up,
            last_poll=status.last_poll,
            last_success=status.last_success,
            failure_reason=failure.reason.value if failure else None,
            failure_message=str(failure) if failure else None,
            failing_since=status.failing_since,
            watermark=poller.watermark(),
            rows_counted=int(telemetry.value(catalog.ROWS, *key, "counted")),
            rows_rejected=int(telemetry.total(catalog.REJECTED_ROWS, *key)),
            requests_used=budget.used(self._clock.now()),
            requests_limit=budget.limit,
            catching_up=poller.catching_up(),
            eta_seconds=poller.eta(),
            next_poll=runtime.next_poll(key),
            gap_open_seconds=open_gap,
            gap_lost_seconds=lost_gap,
            unprovable=int(telemetry.value(catalog.UNPROVABLE_PAGES, *key)),
            interval=poller.source.interval,
        )
