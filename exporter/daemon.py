"""The composition root: opens the ledger, starts pollers and web server, reloads, and drains on a signal."""

from __future__ import annotations

import asyncio
import platform
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom

import structlog

from exporter.backend import DaemonBackend
from exporter.books import Books
from exporter.config import Config, ConfigError, Shard, load
from exporter.counting.layout import Layout
from exporter.logs import Redactor
from exporter.metrics import catalog
from exporter.metrics.exposition import Exposition
from exporter.metrics.telemetry import Telemetry
from exporter.models import MICRO, SECOND, Clock, PollError
from exporter.publisher import Publisher
from exporter.reloads import Reloads
from exporter.runtime import Runtime, terms
from exporter.store import LedgerError, Store
from exporter.version import __version__
from exporter.web.access import AccessFile
from exporter.web.admission import admitting_server
from exporter.web.app import create_app
from exporter.web.guard import Denial
from exporter.web.limits import Limits, Refusal
from exporter.web.server import WebServer

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 3.0
"""How long scrapes under way may take to finish after SIGTERM."""


class CannotRun(Exception):
    """The daemon cannot run, for a reason outside its configuration: the message says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    config_file: Path | None
    listen_addresses: tuple[str, ...]
    telemetry_path: str
    lifecycle: bool
    environ: Mapping[str, str]
    shard: Shard
    web_config_file: Path | None


def layout() -> Layout:
    """The layout of a series for the catalogue's buckets."""
    return Layout.of(
        duration=[round(bound * SECOND) for bound in catalog.DURATION.buckets],
        time_to_first_token=[round(bound * SECOND) for bound in catalog.TIME_TO_FIRST_TOKEN.buckets],
        output_length=[round(bound) for bound in catalog.OUTPUT_LENGTH.buckets],
        cost=[round(bound * MICRO) for bound in catalog.COST.buckets],
    )


class Daemon:
    """A running exporter."""

    def __init__(self, options: Options, *, clock: Clock, redactor: Redactor) -> None:
        """Load the configuration and open the ledger. Raises ConfigError, ValueError, CannotRun."""
        self._options = options
        self._clock = clock
        self._redactor = redactor
        self._reload_problem: str | None = None
        self._stopping = False
        self._reloads = Reloads(self._reload)
        config = self._load()
        self._web = self._serve()  # before the ledger: a bad flag creates none
        try:
            self._store = Store(config.ledger.path, layout())
        except LedgerError as error:
            raise CannotRun(str(error)) from None
        try:
            self._compose(config)
        except LedgerError as error:
            self._store.close()
            raise CannotRun(str(error)) from None
        except BaseException:
            self._store.close()
            raise

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports listened on, once running."""
        return self._web.ports

    @property
    def scheme(self) -> str:
        """``https``, or ``http`` without TLS."""
        return self._web.scheme

    async def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM or SIGINT, or until cancelled. Raises CannotRun if an address cannot be bound."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.set_exception_handler(self._unhandled)
        try:
            async with self._reloads.turn:  # a reload that starts pollers, before these have started, would double them
                try:
                    await self._web.start()
                except OSError as error:
                    raise CannotRun(str(error)) from None
                self._runtime.start()
            # Ignored until now: the configuration was just read.
            loop.add_signal_handler(signal.SIGHUP, self._reloads.soon)
            self._describe_shard()
            self._describe_ledger()
            log.info(
                "listening",
                addresses=list(self._options.listen_addresses),
                ports=list(self._web.ports),
                scheme=self._web.scheme,
            )
            started()
            await stop.wait()
            log.info("stopping")
        finally:
            self._stopping = True
            async with self._reloads.turn:  # a reload under way has replaced the runtime by then
                await self._runtime.stop()
            await self._web.stop(DRAIN_SECONDS)
            with suppress(PollError):  # they are only the exporter's own; the ledger's state is saved page by page
                self._store.commit_counters(self._telemetry.take())
            self._store.close()

    async def reload(self) -> str | None:
        """Put the configuration file in force; all or nothing. Returns what is wrong with it, or None."""
        return await asyncio.shield(self._reloads.soon())

    def _load(self) -> Config:
        """Read this shard's part of the configuration. Raises ConfigError."""
        return self._options.shard.part_of(load(self._options.config_file, self._options.environ))

    def _serve(self) -> WebServer:
        """Prepare the web side, which asks for everything else when it is asked itself.

        Raises ConfigError, ValueError.
        """
        self._exposition = Exposition()
        backend = DaemonBackend(
            runtime=lambda: self._runtime,
            reload=self.reload,
            reload_problem=self._what_is_wrong,
            store=lambda: self._store,
            telemetry=lambda: self._telemetry,
            exposition=self._exposition,
            clock=self._clock,
            version=__version__,
            revision=_revision(self._options.environ),
        )
        options = self._options
        app = create_app(backend, telemetry_path=options.telemetry_path, lifecycle=options.lifecycle)
        if options.web_config_file is None:
            self._access = None
            return WebServer(app, options.listen_addresses, Limits(), self._refused)
        self._access = AccessFile(options.web_config_file, self._web_reloaded, monotonic=self._clock.monotonic)
        return admitting_server(
            app,
            self._access,
            options.listen_addresses,
            Limits(),
            monotonic=self._clock.monotonic,
            on_refused=self._refused,
            on_denied=lambda reason: self._telemetry.count(catalog.REFUSED_REQUESTS, reason),
        )

    def _compose(self, config: Config) -> None:
        books = Books(self._store, layout())
        self._books = books
        self._telemetry = Telemetry(books.counters)
        self._publisher = Publisher(
            books=books,
            telemetry=self._telemetry,
            exposition=self._exposition,
            clock=self._clock,
            terms=terms(config),
        )
        self._runtime = self._build(config)
        self._describe()
        self._note_reload(True)

    def _build(self, config: Config) -> Runtime:
        return Runtime(
            config,
            books=self._books,
            telemetry=self._telemetry,
            publisher=self._publisher,
            clock=self._clock,
            random=SystemRandom(),
            environ=self._options.environ,
            user_agent=f"vlmrun-exporter/{__version__}",
            on_secret=self._redactor.add,
        )

    def _describe_shard(self) -> None:
        """Log which accounts are this exporter's, if it shares them with others."""
        shard = self._options.shard
        if shard.count > 1:
            accounts = [account.name for account in self._runtime.config.accounts]
            log.info("one of several shards", index=shard.index, count=shard.count, accounts=accounts)

    def _describe_ledger(self) -> None:
        """Log where counters begin, unless they simply go on."""
        store, ledger = self._store, str(self._store.path)
        frontiers = [store.lost_frontier(source.key) for source in self._runtime.config.sources()]
        lost = [frontier for frontier in frontiers if frontier is not None]
        if store.rolled_back:
            log.error(
                "the ledger is older than what was published: restored from a copy? completion metrics are withheld"
                " until every list has been walked again",
                ledger=ledger,
            )
        elif store.empty and lost:
            log.error(
                "the ledger is gone: counters begin at 0, and the time since it was complete is reported as lost",
                ledger=ledger,
                complete_until=datetime.fromtimestamp(min(lost) / SECOND, UTC).isoformat(timespec="seconds"),
            )
        elif store.empty:
            log.info("a new ledger: counters begin at 0", ledger=ledger)

    def _what_is_wrong(self) -> str | None:
        """Say which files were not taken over."""
        web = self._access.problem if self._access is not None else None
        return "\n".join(filter(None, (self._reload_problem, web))) or None

    async def _reload(self) -> str | None:
        if self._stopping:
            return "the exporter is stopping"
        if self._access is not None and (problem := self._access.reload()) is not None:
            return problem  # it has said so itself, and says when it is mended, which needs no reload
        self._reload_problem = await self._replace_runtime()
        ok = self._reload_problem is None
        self._note_reload(ok)
        if ok:
            log.info("configuration reloaded")
            self._describe_shard()
        else:
            log.error("configuration not reloaded, the old one stays in force", problem=self._reload_problem)
        self._publisher.publish()
        return self._reload_problem

    async def _replace_runtime(self) -> str | None:
        try:
            config = self._load()
            if config.ledger.path != self._runtime.config.ledger.path:
                return "ledger.path cannot be changed by a reload: restart the exporter"
            if self._runtime.is_of(config):
                return None  # polls under way go on: whoever may ask for reloads cannot keep them from ending
            fresh = self._build(config)
        except (ConfigError, LedgerError, ValueError) as error:
            return str(error)
        previous, self._runtime = self._runtime, fresh
        try:
            await previous.stop()
        finally:
            fresh.inherit(previous)
            self._telemetry.reset_gauges()
            self._describe()
            self._publisher.adopt(terms(config))
            fresh.start()
        return None

    def _describe(self) -> None:
        version = (__version__, _revision(self._options.environ) or "unknown", platform.python_version())
        self._telemetry.set(catalog.BUILD_INFO, *version, value=1)
        for reason in Refusal:
            self._telemetry.declare(catalog.REFUSED_CONNECTIONS, reason.value)
        for denial in Denial:
            self._telemetry.declare(catalog.REFUSED_REQUESTS, denial.value)
        self._note_web_reload(self._access is None or self._access.problem is None)

    def _note_reload(self, ok: bool) -> None:
        self._telemetry.set(catalog.RELOAD_OK, value=float(ok))
        if ok:
            self._reloaded = self._clock.now() / SECOND
        self._telemetry.set(catalog.RELOAD_TIME, value=self._reloaded)

    def _web_reloaded(self, ok: bool) -> None:
        if self._telemetry.value(catalog.WEB_CONFIG_OK) != ok:
            self._note_web_reload(ok)
            self._publisher.publish()

    def _note_web_reload(self, ok: bool) -> None:
        self._telemetry.set(catalog.WEB_CONFIG_OK, value=float(ok))

    def _refused(self, reason: str) -> None:
        self._telemetry.count(catalog.REFUSED_CONNECTIONS, reason)

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """An exception that nobody awaited: in the log and in a metric, never lost."""
        log.error("unexpected error", said=context.get("message"), exc_info=context.get("exception"))
        self._telemetry.count(catalog.TASK_FAILURES, "web")


def _revision(environ: Mapping[str, str]) -> str:
    """The commit that an image was built from, as its build sets it; empty if unknown."""
    return environ.get("VLMRUN_EXPORTER_REVISION", "")
