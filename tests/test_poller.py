"""Cycles of the real poller, client and ledger against a real server; only the clock is ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from prometheus_client.core import Metric

from exporter.books import Books
from exporter.config import load
from exporter.counting import coverage as cover
from exporter.daemon import layout
from exporter.metrics import catalog
from exporter.metrics.exposition import Exposition
from exporter.metrics.telemetry import Telemetry
from exporter.models import SECOND, SourceKey
from exporter.poller import SourcePoller
from exporter.publisher import Publisher
from exporter.runtime import Runtime, terms
from exporter.store import Store
from tests.clocks import FakeClock
from tests.servers import Request, answer, http_server

Reply = Callable[[Request], bytes]


@dataclass
class Api:
    """A list of completions whose rows and answers a test changes as it goes."""

    clock: FakeClock
    rows: list[dict[str, object]] = field(default_factory=list)
    override: Reply | None = None
    requests: list[Request] = field(default_factory=list)
    skew: int = 0

    def add(self, count: int, **fields: object) -> None:
        for _ in range(count):
            self.clock.advance(1)
            created = self.clock.now() // SECOND + self.skew
            self.rows.insert(0, {"id": f"c{len(self.rows)}", "created": created, "status": "success", **fields})

    def page(self, request: Request) -> bytes:
        start, ids = 0, [row["id"] for row in self.rows]
        if "after" in request.params:
            start = ids.index(request.params["after"]) + 1
        shown = self.rows[start : start + int(request.params["limit"])]
        return self.reply(200, {"object": "list", "data": shown, "has_more": False})

    def reply(self, status: int, body: object, **headers: str) -> bytes:
        seconds = self.clock.now() // SECOND + self.skew
        return answer(status, json.dumps(body).encode(), date=_http_date(seconds), **headers)

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        if not request.path.endswith("/openai/chat/completions"):
            writer.write(self.reply(200, []))
        else:
            writer.write(self.override(request) if self.override else self.page(request))


def _http_date(seconds: int) -> str:

    return formatdate(seconds, usegmt=True)


@dataclass
class Rig:
    """A runtime that is polled by hand."""

    api: Api
    clock: FakeClock
    runtime: Runtime
    telemetry: Telemetry
    exposition: Exposition
    key_file: Path
    rebuilt: Callable[[], Runtime]
    """Builds what a reload would put into its place."""

    @property
    def poller(self) -> SourcePoller:
        return self.runtime.pollers[0]

    async def poll(self, seconds: float = 60.0) -> None:
        self.clock.advance(seconds)
        await self.poller.poll()

    def value(self, family: catalog.Family, *labels: str) -> float:
        return self.telemetry.value(family, *self.poller.key, *labels)

    def text(self) -> str:
        return self.exposition.scrape("", packed=False).body.decode()


@asynccontextmanager
async def rig(folder: Path, **poll: object) -> AsyncIterator[Rig]:
    clock = FakeClock()
    api = Api(clock)
    async with http_server(api) as server:
        key_file = folder / "key"
        key_file.write_text("key-1")
        config_file = folder / "config.yaml"
        document = {
            "accounts": [{"name": "a", "base_url": f"{server.url}/v1", "api_key": {"file": str(key_file)}}],
            "poll": {"page_size": 20, "requests_per_minute": 60, **poll},
            "ledger": {"path": str(folder / "ledger.db")},
            "metrics": {"birth_hold": "0s"},
        }
        config_file.write_text(json.dumps(document))
        config = load(config_file, {})
        store = Store(config.ledger.path, layout())
        books = Books(store, layout())
        telemetry, exposition = Telemetry(books.counters), Exposition()
        publisher = Publisher(books=books, telemetry=telemetry, exposition=exposition, clock=clock, terms=terms(config))

        def build() -> Runtime:
            return Runtime(
                config,
                books=books,
                telemetry=telemetry,
                publisher=publisher,
                clock=clock,
                random=Random(1),
                environ={},
                user_agent="test",
                on_secret=lambda secret: None,
            )

        runtime = build()
        try:
            yield Rig(api, clock, runtime, telemetry, exposition, key_file, build)
        finally:
            await runtime.stop()
            store.close()


def test_a_cycle_counts_publishes_and_proves(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            await it.poll()
            it.api.add(50, model="m", usage={"completion_tokens": 3, "credits_used": 0.5})
            for _ in range(20):
                await it.poll()
            assert it.poller.status.up is True
            assert (
                'vlmrun_completions_total{account="a",late="false",model="m",skill="none",source="completions",'
                'status="success"} 50.0' in it.text()
            )
            watermark = it.poller.watermark()
            assert watermark is not None
            assert it.clock.now() - watermark < 20 * 60 * SECOND
            assert it.value(catalog.LAST_SUCCESS) == it.clock.now() / SECOND
            assert not it.poller.catching_up()

    asyncio.run(run())


def test_a_failure_is_said_everywhere_and_the_next_poll_makes_it_good(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            await it.poll()
            worked = it.value(catalog.LAST_SUCCESS)
            it.api.override = lambda request: it.api.reply(500, {"detail": "the database is down"})
            await it.poll()
            status = it.poller.status
            assert status.up is False
            assert status.failure is not None
            assert "the database is down" in str(status.failure)
            assert it.value(catalog.SOURCE_UP) == 0
            assert it.value(catalog.POLL_FAILURES, "server_error") == 1
            assert it.value(catalog.LAST_SUCCESS) == worked
            it.api.override = None
            it.api.add(3)
            await it.poll()
            assert it.poller.status.failing_since is None
            assert it.value(catalog.ROWS, "counted") == 3

    asyncio.run(run())


def test_a_sweep_that_fails_does_not_make_the_newest_rows_stale(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            await it.poll()
            it.api.add(60)
            deep = lambda request: "after" in request.params  # noqa: E731
            it.api.override = lambda request: it.api.reply(500, {}) if deep(request) else it.api.page(request)
            await it.poll()
            assert it.value(catalog.SOURCE_UP) == 0
            assert it.value(catalog.LAST_SUCCESS) > 0
            assert it.value(catalog.ROWS, "counted") == 20
            assert it.poller.catching_up()
            it.api.override = None
            await it.poll()
            assert it.value(catalog.ROWS, "counted") == 60
            assert not it.poller.catching_up()

    asyncio.run(run())


def too_large(api: Api, limit: int) -> Reply:
    """Refuse nothing, but answer with more than can be read whenever more than ``limit`` rows of old are asked for."""

    def reply(request: Request) -> bytes:
        if "after" in request.params and int(request.params["limit"]) > limit:
            return api.reply(200, {"object": "list", "data": [{}] * 10_001})
        return api.page(request)

    return reply


def test_a_sweep_that_meets_too_large_an_answer_goes_on_once_page_size_is_lowered(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            await it.poll()
            it.api.add(100)
            it.api.override = too_large(it.api, 5)
            await it.poll()
            assert it.value(catalog.POLL_FAILURES, "too_large") == 1
            assert it.value(catalog.ROWS, "counted") == 20, "the newest page"
            rows, now = it.api.rows, it.clock.now()
        async with rig(tmp_path, page_size=5) as it:
            it.clock.advance(now / SECOND - it.clock.now() / SECOND)
            it.api.rows = rows
            it.api.override = too_large(it.api, 5)
            await it.poll()
            await it.poll()
            assert it.value(catalog.ROWS, "counted") == 100
            assert it.value(catalog.POLL_FAILURES, "too_large") == 1

    asyncio.run(run())


def test_a_sweep_that_asked_for_more_because_of_ties_goes_back_to_what_can_be_read(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            await it.poll()
            it.api.add(30)
            it.clock.advance(1)
            created = it.clock.now() // SECOND
            tied = [{"id": f"tied-{number}", "created": created, "status": "success"} for number in range(30)]
            it.api.rows = [*tied, *it.api.rows]
            it.api.add(30)
            it.api.override = too_large(it.api, 20)
            await it.poll()
            assert it.value(catalog.ROWS, "counted") == 90
            assert it.value(catalog.POLL_FAILURES, "too_large") == 0
            assert any(int(request.params["limit"]) == 40 for request in it.api.requests)

    asyncio.run(run())


def test_retry_after_is_heeded_by_all_lists_of_the_account_if_it_is_about_its_rate(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            it.api.override = lambda request: it.api.reply(429, {"error": {"message": "slow down"}}, retry_after="600")
            await it.poll()
            assert it.value(catalog.POLL_FAILURES, "rate_limited") == 1
            asked = len(it.api.requests)
            for poller in it.runtime.pollers:
                await poller.poll()
            assert len(it.api.requests) == asked
            it.api.override = None
            it.clock.advance(600)
            for poller in it.runtime.pollers:
                await poller.poll()
            assert len(it.api.requests) == asked + 3

    asyncio.run(run())


def test_counting_begins_when_the_list_was_first_asked_for_although_the_api_was_down_then(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            it.api.override = lambda request: it.api.reply(503, {"detail": "maintenance"})
            it.api.add(2)
            await it.poll()
            it.api.add(30)
            await it.poll()
            it.api.override = None
            for _ in range(3):
                await it.poll()
            assert it.value(catalog.ROWS, "counted") == 30

    asyncio.run(run())


def test_a_refused_key_is_said_and_a_rotated_one_works_without_restart(tmp_path: Path) -> None:
    def guard(it: Rig) -> Reply:
        def reply(request: Request) -> bytes:
            good = request.headers["authorization"] == "Bearer key-2"
            return it.api.page(request) if good else it.api.reply(401, {"detail": "Invalid API key"})

        return reply

    async def run() -> None:
        async with rig(tmp_path) as it:
            it.api.override = guard(it)
            await it.poll()
            assert it.telemetry.value(catalog.AUTH_OK, "a") == 0
            it.key_file.write_text("key-2")
            await it.poll()
            assert it.telemetry.value(catalog.AUTH_OK, "a") == 1
            assert it.poller.status.up is True

    asyncio.run(run())


def test_one_wrong_date_header_does_not_seal_the_future(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            for _ in range(3):
                await it.poll()
            it.api.skew = 86_400
            await it.poll()
            it.api.skew = 0
            it.api.add(5)
            await it.poll()
            assert it.value(catalog.ROWS, "counted") == 5
            watermark = it.poller.watermark()
            assert watermark is not None
            assert watermark < it.clock.now()

    asyncio.run(run())


def test_a_starved_budget_goes_to_head_polls_first_and_says_that_arrivals_outrun_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=3) as it:
            for _ in range(10):
                it.api.add(100)
                for poller in it.runtime.pollers:
                    await poller.poll()
            assert it.poller.catching_up()
            assert it.poller.eta() == float("inf")
            assert it.value(catalog.POLL_FAILURES, "rate_limited") == 0
            sent = [request for request in it.api.requests if request.path.endswith("completions")]
            assert len(sent) >= 10, "every poll read the newest rows"

    asyncio.run(run())


def spend_six(it: Rig) -> None:
    """Spend a budget of six requests a minute one by one, every five seconds."""
    for _ in range(6):
        it.clock.advance(5)
        it.runtime.budgets["a"].take(it.clock.now())


def test_a_sweep_waits_for_places_in_the_budget_that_become_free_in_its_interval(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=6, start="2h") as it:
            it.api.add(1000)
            spend_six(it)
            await it.poll(25)  # ten seconds before the first place is free
            assert len(it.api.requests) == 1 + 3, "the newest page, and all that this list was granted of the rest"
            assert it.value(catalog.ROWS, "counted") > 70

    asyncio.run(run())


def test_a_sweep_that_waits_ends_before_the_next_poll(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=6, start="2h") as it:
            it.api.add(1000)
            spend_six(it)
            began = it.clock.monotonic()
            await it.poll(0)
            assert len(it.api.requests) == 1 + 1, "the next place is free after four fifths of the interval"
            assert it.clock.monotonic() - began <= 0.8 * 60

    asyncio.run(run())


def test_a_sweep_ends_before_the_next_poll_however_much_of_the_budget_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=600, start="2h") as it:
            it.api.add(2000)

            def slow(request: Request) -> bytes:
                it.clock.advance(1)
                return it.api.page(request)

            it.api.override = slow
            published: list[float] = []
            publish = it.exposition.publish

            def noted(collect: Callable[[], Iterable[Metric]]) -> None:
                published.append(it.clock.monotonic())
                publish(collect)

            monkeypatch.setattr(it.exposition, "publish", noted)
            began = it.clock.monotonic()
            await it.poll(0)
            assert 48 <= it.clock.monotonic() - began <= 50
            waits = [later - earlier for earlier, later in pairwise(published)]
            assert len(published) >= 5 and max(waits) <= 12, "what was read is shown meanwhile"
            for _ in range(2):
                await it.poll(10)
            assert it.value(catalog.ROWS, "counted") == 2000

    asyncio.run(run())


def test_a_sweep_goes_on_page_by_page_where_the_newest_rows_alone_take_longer_than_the_interval(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=600, start="2h", timeout="100s") as it:
            it.api.add(200)

            def slow(request: Request) -> bytes:
                it.clock.advance(70)
                return it.api.page(request)

            it.api.override = slow
            it.clock.advance(100)  # an answer is as of before it was asked for: no row is younger than that
            for cycle in range(1, 6):
                await it.poll(0)
                assert len(it.api.requests) == 2 * cycle, "the newest page, and one more"

    asyncio.run(run())


def test_newest_rows_are_read_however_long_the_first_page_had_to_wait(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=20, start="2h") as it:
            it.api.add(1000)
            await it.poll()
            before = it.value(catalog.ROWS, "counted")
            assert it.poller.walking, "a sweep that these rows have to go before"
            it.api.add(45)
            for _ in range(20):
                it.runtime.budgets["a"].take(it.clock.now())
            began = it.clock.monotonic()
            await it.poll(0)
            assert it.clock.monotonic() - began > 0.8 * 60
            assert it.value(catalog.ROWS, "counted") - before >= 45

    asyncio.run(run())


def test_newest_rows_that_could_not_all_be_read_are_a_backlog(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=10, start="2h") as it:
            it.api.add(1000)
            await it.poll()
            before = it.poller.intake.coverage
            assert before is not None and before.sweep is not None
            it.api.add(200)  # less than the sweep has left to prove
            it.api.override = lambda request: (
                it.api.reply(503, {}) if "after" in request.params else it.api.page(request)
            )
            await it.poll()
            assert it.value(catalog.POLL_FAILURES, "server_error") == 1
            after = it.poller.intake.coverage
            assert after is not None and after.backlog_from > before.backlog_from, "another sweep has to follow"

    asyncio.run(run())


def test_a_rejected_row_is_reported_once_over_reloads(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            it.api.add(1, created="not a time")
            await it.poll()
            fresh = it.rebuilt()
            fresh.inherit(it.runtime)
            await fresh.pollers[0].poll()
            assert it.value(catalog.REJECTED_ROWS, "bad_timestamp") == 1

    asyncio.run(run())


def test_an_exporter_is_ready_once_the_newest_rows_are_in_however_long_the_sweep_waits(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=6, start="2h") as it:
            it.api.add(1000)
            for _ in range(5):
                it.runtime.budgets["a"].take(it.clock.now() + 20 * SECOND)
            ready: list[bool] = []
            plain = it.clock.sleep

            async def sleep(seconds: float) -> None:
                ready.append(it.poller.status.last_poll is not None and it.poller.status.up is True)
                await plain(seconds)

            it.clock.sleep = sleep  # type: ignore[method-assign]
            await it.poll(40)
            assert ready and all(ready)

    asyncio.run(run())


def test_a_full_budget_alone_does_not_mean_that_arrivals_outrun_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, requests_per_minute=6) as it:
            await it.poll()
            it.api.add(30)  # a page and a half: the newest rows take a second request
            for _ in range(5):
                it.runtime.budgets["a"].take(it.clock.now())
            await it.poll(20)
            assert it.value(catalog.ROWS, "counted") == 30
            assert it.poller.eta() is None

    asyncio.run(run())


def test_a_catch_up_is_labelled_late_and_ends(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, start="2h") as it:
            it.api.add(500)
            it.clock.advance(3600)
            it.api.add(10)
            for _ in range(30):
                await it.poll()
            totals = {key.late: values[0] for key, values in it.runtime._books.totals.items() if values[0]}
            assert totals == {"true": 500, "false": 10}
            assert not it.poller.catching_up()

    asyncio.run(run())


def test_an_unexpected_error_ends_in_the_log_and_a_metric_not_in_silence(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            it.poller.intake.head = None  # type: ignore[method-assign,assignment]
            await it.poll()
            assert it.telemetry.value(catalog.TASK_FAILURES, "poll") == 1
            assert it.poller.status.up is False

    asyncio.run(run())


def test_the_credit_budget_is_filled_back_to_the_start_of_its_period(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path) as it:
            it.clock.advance(6 * 3600)
            it.api.add(300, usage={"credits_used": 2})
            budgeted = it.poller.intake
            midnight = it.clock.now() - 7 * 3600 * SECOND
            budgeted._history_since = lambda now: midnight
            for _ in range(30):
                await it.poll()
            key = SourceKey("a", "completions")
            coverage = it.runtime._books.coverage[key]
            assert it.value(catalog.ROWS, "counted") == 0, "history feeds the budget, not the counters"
            assert sum(it.runtime._books.spend[key].values()) == 600_000_000
            assert coverage.history is not None
            assert coverage.history.reaches(midnight)
            assert cover.open_gap(coverage, it.clock.now()) < 120 * SECOND

    asyncio.run(run())
