"""What one configuration runs: clients, request budgets and pollers, on timers. Replaced whole by a reload."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from ssl import SSLContext

import structlog

from exporter.allotment import Allotment
from exporter.api.budget import RequestBudget
from exporter.api.client import ApiClient, trust_of
from exporter.api.decode import Decoder
from exporter.api.pages import paginator
from exporter.api.serverclock import ServerClock
from exporter.books import Books
from exporter.config import Account, Config, SecretError
from exporter.counting.budgets import Budget
from exporter.counting.labels import LabelCaps
from exporter.counting.ledger import RowOutcome
from exporter.counting.totals import MEASURED, Tally
from exporter.intake import Intake, Lateness
from exporter.metrics import catalog
from exporter.metrics.telemetry import Telemetry
from exporter.models import SECOND, Clock, FailureReason, RejectReason, Source, SourceKey
from exporter.poller import SourcePoller
from exporter.publisher import Publisher, Terms
from exporter.timer import Timer

log = structlog.get_logger(__name__)

JITTER = 0.1
"""Polls are moved by up to this share of their interval, so that many exporters do not ask at once."""

KNOWN_CODES = ("200", "401", "429", "500", "503", "error")


class RequestCounter:
    """Counts the requests for one list."""

    def __init__(self, telemetry: Telemetry, source: SourceKey) -> None:
        self._telemetry = telemetry
        self._source = source

    def request(self, account: str, code: str) -> None:
        """Count a request that was sent."""
        self._telemetry.count(catalog.API_REQUESTS, *self._source, code)


class Runtime:
    """The pollers of one configuration."""

    def __init__(
        self,
        config: Config,
        *,
        books: Books,
        telemetry: Telemetry,
        publisher: Publisher,
        clock: Clock,
        random: Random,
        environ: Mapping[str, str],
        user_agent: str,
        on_secret: Callable[[str], None],
    ) -> None:
        """Build everything that ``config`` needs; nothing runs yet. ``on_secret`` is told every key that is read.

        Raises ValueError if a CA file cannot be used, LedgerError if the ledger cannot be read.
        """
        self.config = config
        self.budgets: dict[str, RequestBudget] = {}
        self.pollers: list[SourcePoller] = []
        self._books = books
        self._telemetry = telemetry
        self._publisher = publisher
        self._clock = clock
        self._random = random
        self._environ = environ
        self._user_agent = user_agent
        self._on_secret = on_secret
        self._clients: list[ApiClient] = []
        self._trusted: dict[Path | None, SSLContext] = {}
        self._authorities: dict[Path, bytes] = {}
        self._timers: dict[SourceKey, Timer] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._caps = LabelCaps(config.labels.max_models, config.labels.max_skills, books.totals)
        self._budgets = credit_budgets(config)
        for account in config.accounts:
            self._add(account)

    def is_of(self, config: Config) -> bool:
        """Tell whether one built of ``config`` now would be the same; API keys are read for each request anyway."""
        return config == self.config and all(_content(file) == was for file, was in self._authorities.items())

    def start(self) -> None:
        """Start polling: every list at once, then on its timer."""
        self._declare()
        self._timers = {
            poller.key: self._timer("poll", partial(self._poll, poller), poller.source.interval, JITTER)
            for poller in self.pollers
        }
        tick = self._timer("publish", self._tick, 1.0, 0.0)
        self._tasks = [asyncio.create_task(timer.run()) for timer in (*self._timers.values(), tick)]
        self._publisher.publish()

    async def stop(self) -> None:
        """Stop polling. A transaction is never interrupted: it has no await in it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients:
            await client.aclose()

    def inherit(self, previous: Runtime) -> None:
        """Go on with what is known of the lists that ``previous`` polled too."""
        known = {poller.key: poller for poller in previous.pollers}
        for poller in self.pollers:
            if poller.key in known:
                poller.inherit(known[poller.key])

    def next_poll(self, source: SourceKey) -> int | None:
        """When ``source`` is polled next (µs)."""
        timer = self._timers.get(source)
        return timer.due() if timer is not None else None

    def _add(self, account: Account) -> None:
        limit = self.config.poll.requests_per_minute
        budget = RequestBudget(limit, spent=self._books.store.requests(account.name))
        self.budgets[account.name] = budget
        allotment = Allotment(limit, {source.key: source.interval for source in account.sources})
        server_clock = ServerClock()
        pollers: list[SourcePoller] = []

        def read_key() -> str:
            key = account.api_key.read(self._environ)
            self._on_secret(key)
            return key

        with suppress(SecretError):  # a poll says so
            read_key()  # so that it is kept out of the log from the start, not from the first request on

        def active() -> list[SourceKey]:
            return [poller.key for poller in pollers if poller.walking]

        for source in account.sources:
            client = ApiClient(
                account=account.name,
                base_url=account.base_url,
                read_key=read_key,
                budget=budget,
                journal=self._books.store,
                observer=RequestCounter(self._telemetry, source.key),
                clock=self._clock,
                timeout=self.config.poll.timeout,
                user_agent=self._user_agent,
                random=self._random,
                trust=self._trust(account.ca_file),
            )
            self._clients.append(client)
            poller = SourcePoller(
                client=client,
                decoder=Decoder(source),
                intake=self._intake(source),
                budget=budget,
                allotment=allotment,
                active=active,
                telemetry=self._telemetry,
                publisher=self._publisher,
                clock=self._clock,
                server_clock=server_clock,
            )
            pollers.append(poller)
        self.pollers.extend(pollers)

    def _trust(self, ca_file: Path | None) -> SSLContext:
        """Read the certificate authorities once for all lists that trust them: it takes tens of milliseconds."""
        if ca_file not in self._trusted:
            if ca_file is not None:
                self._authorities[ca_file] = _content(ca_file)
            self._trusted[ca_file] = trust_of(ca_file)
        return self._trusted[ca_file]

    def _intake(self, source: Source) -> Intake:
        poll = self.config.poll
        budgets = [budget for budget in self._budgets if budget.account == source.account]

        def history_since(now: int) -> int | None:
            return min((budget.bounds(now)[0] for budget in budgets), default=None)

        return Intake(
            source,
            books=self._books,
            telemetry=self._telemetry,
            tally=Tally(
                source.key,
                layout=self._books.layout,
                rules=self.config.slow_low_token_rules(),
                caps=self._caps,
                late_after=int(poll.late_after * SECOND),
            ),
            paginator=paginator(source.paging),
            lateness=Lateness(max_lateness=int(poll.max_lateness * SECOND), look_back=int(poll.start * SECOND)),
            history_since=history_since,
        )

    def _declare(self) -> None:
        """Let every series of the exporter's own metrics exist from the start."""
        telemetry = self._telemetry
        telemetry.set(catalog.LINKS, self.config.links.dashboards, self.config.links.runbooks, value=1.0)
        for account in self.config.accounts:
            telemetry.set(catalog.AUTH_OK, account.name, value=1.0)
            telemetry.set(catalog.REQUEST_LIMIT, account.name, value=self.config.poll.requests_per_minute)
            for label in ("model", "skill"):
                telemetry.declare(catalog.LABEL_OVERFLOW, account.name, label)
        for poller in self.pollers:
            key = poller.key
            for family in (
                catalog.POLLS,
                catalog.AMENDED_ROWS,
                catalog.VANISHED_ROWS,
                catalog.BEYOND_LATENESS,
                catalog.UNPROVABLE_PAGES,
            ):
                telemetry.declare(family, *key)
            enumerated = (
                (catalog.POLL_FAILURES, FailureReason),
                (catalog.API_REQUESTS, KNOWN_CODES),
                (catalog.ROWS, RowOutcome),
                (catalog.REJECTED_ROWS, RejectReason),
                (catalog.MISSING_VALUES, MEASURED),
            )
            for family, values in enumerated:
                for value in values:
                    telemetry.declare(family, *key, str(value))
            poller.show()
        for task in ("poll", "publish", "web"):
            telemetry.declare(catalog.TASK_FAILURES, task)

    def _timer(self, task: str, act: Callable[[], Awaitable[None]], interval: float, jitter: float) -> Timer:
        return Timer(
            act,
            interval=interval,
            jitter=jitter,
            clock=self._clock,
            random=self._random,
            failed=partial(self._task_failed, task),
        )

    async def _poll(self, poller: SourcePoller) -> None:
        await poller.poll()
        self._settle_rollback()

    async def _tick(self) -> None:
        if self._publisher.due():
            self._publisher.publish()

    def _settle_rollback(self) -> None:
        """After the ledger was restored from an older copy: publish again once every list has been swept."""
        if self._books.store.rolled_back and all(poller.intake.swept for poller in self.pollers):
            self._books.store.settle_rollback()
            log.warning("every list has been walked since the ledger was rolled back: publishing again")
            self._publisher.resume()

    def _task_failed(self, task: str, error: Exception) -> None:
        log.error("background task failed", task=task, exc_info=error)
        self._telemetry.count(catalog.TASK_FAILURES, task)


def _content(file: Path) -> bytes:
    """What a file holds, nothing if it cannot be read: whoever needs it says so."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def credit_budgets(config: Config) -> tuple[Budget, ...]:
    """The configured budgets, one for each account they apply to."""
    return tuple(
        Budget(account.name, budget.name, budget.credits, budget.period.value, budget.timezone)
        for account in config.accounts
        for budget in config.budgets
        if budget.account in (None, account.name)
    )


def terms(config: Config) -> Terms:
    """What the configuration says about publishing."""
    return Terms(
        sources=frozenset(source.key for source in config.sources()),
        rules=config.slow_low_token_rules(),
        budgets=credit_budgets(config),
        error_ratio=config.slo.error_ratio,
        link=config.links.completion,
        birth_hold=int(config.metrics.birth_hold * SECOND),
    )
