"""The kill harness, run short, and checks that it would notice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from exporter.models import SECOND
from exporter.simulator.truth import Key
from tests.e2e.host import free_port
from tests.e2e.process import Exporter, configuration, write
from tests.e2e.scrape import Scrape
from tests.e2e.standin import LABELS, Standin, Sums, compare, expected, standin
from tests.e2e.watch import Decrease, Watch, counters
from tests.proof.conclusion import conclude
from tests.proof.conftest import Proven
from tests.proof.edges import EDGES, Edge, When, locate
from tests.proof.kills import LEAST, RANDOM, Campaign, behind, complaints, harass, killing_edges, oddities
from tests.proof.nursery import Ending, Life, Nursery

A = Key("completions", "a-model", "a-skill", "success")
B = A._replace(status="error")

TEXT = (
    "# HELP vlmrun_a_total Something.\n# TYPE vlmrun_a_total counter\n"
    'vlmrun_a_total{x="y z"} 5.0\nvlmrun_a_total{x="\\n# TYPE\u2028"} 1.0\n'
    "# TYPE vlmrun_b gauge\nvlmrun_b 9.0\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 3.0\n"
    '# TYPE vlmrun_c histogram\nvlmrun_c_bucket{le="+Inf"} 2.0\n'
)


@pytest.fixture(scope="module")
def calm() -> Iterator[Standin]:
    """Run a stand-in with a little ordinary traffic."""
    with standin(rate=0.05, history=60.0) as running:
        yield running


def test_nothing_is_lost_or_doubled_and_nothing_goes_back_through_kill_9_at_every_edge(
    tmp_path: Path, proven: Proven
) -> None:
    outcome = harass(tmp_path, kills=60, seed=7, rate=1.0, settle=False, catch_up=60.0)
    figures = outcome.figures
    proven(figures)
    assert figures.kills >= 60
    assert figures.rows > 400
    assert figures.faults > 100
    assert outcome.scrapes > 10
    assert set(killing_edges()) < set(outcome.kills)
    assert min(outcome.kills.values()) >= LEAST


@pytest.mark.parametrize("name", EDGES)
def test_every_edge_lies_in_a_function_that_exists(name: str) -> None:
    owner, attribute = locate(EDGES[name])
    assert callable(getattr(owner, attribute))


@pytest.mark.parametrize(
    "target",
    ["exporter.store.ledgerfile:Store.no_such_function", "exporter.store:NoSuchClass.commit", "exporter.no_such:f"],
)
def test_an_edge_that_is_not_there_any_more_is_an_error(target: str) -> None:
    with pytest.raises(LookupError, match="is no edge of the exporter any more"):
        locate(Edge(target, When.BEFORE))


class Undertaker(Nursery):
    """A nursery in which every life ends alike."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    def live(self, life: Life) -> Ending:
        (Path(life.folder) / "exporter.log").write_text("its last words", encoding="ascii")
        return self._ending


def test_an_edge_that_is_never_reached_is_a_problem(tmp_path: Path) -> None:
    nursery = Undertaker(Ending(-signal.SIGKILL, killed=True, seconds=3.0, peak_rss=1 << 20))
    campaign = Campaign(
        tmp_path, nursery, write(tmp_path / "config.yaml", {}), "127.0.0.1:9", Random(1), Watch("http://127.0.0.1:9")
    )
    campaign.kill(60)
    assert campaign.kills[RANDOM] >= 60
    assert campaign.problems == [f"{name!r} killed 0 times only" for name in killing_edges()]


def test_an_exporter_that_ends_by_itself_is_a_problem(tmp_path: Path) -> None:
    nursery = Undertaker(Ending(1, killed=False, seconds=1.0, peak_rss=1 << 20))
    campaign = Campaign(
        tmp_path, nursery, write(tmp_path / "config.yaml", {}), "127.0.0.1:9", Random(1), Watch("http://127.0.0.1:9")
    )
    campaign.kill(1)
    assert campaign.problems[0] == "an exporter ended by itself with 1: its last words"
    assert campaign.kills.total() == 0


def test_lives_die_as_told_and_leave_ledger_and_port_to_the_next(calm: Standin, tmp_path: Path) -> None:
    config = write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))
    arguments = [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{free_port()}"]
    log = tmp_path / "exporter.log"

    def live(nursery: Nursery, **how: Any) -> Ending:
        return nursery.live(Life(arguments=arguments, folder=str(tmp_path), log=str(log), **how))

    with Nursery() as nursery:
        late = live(nursery, seconds=30.0, edge="mark replaced, not renamed")
        assert (late.code, late.at_edge) == (-signal.SIGKILL, True)
        assert (tmp_path / "ledger.db.mark.new").exists()
        short = live(nursery, seconds=0.0)
        assert (short.code, short.killed, short.at_edge) == (-signal.SIGKILL, True, False)
        ended = live(nursery, seconds=60.0, edge="stopping, ledger open", hint=signal.SIGTERM)
        assert ended.at_edge
        stopped = live(nursery, seconds=60.0, hint=signal.SIGTERM, hint_at=0.5)
        assert (stopped.code, stopped.killed) == (0, False)
        arguments.append("--no-such-flag")
        assert live(nursery, seconds=60.0).code == 2
    said = log.read_text("utf-8")
    assert "already in use" not in said
    assert "in use by another process" not in said
    assert stopped.peak_rss > 10 << 20


def test_what_a_scrape_must_not_show_is_told() -> None:
    good = (
        'vlmrun_exporter_coverage_gap_seconds{state="lost"} 0\nvlmrun_exporter_coverage_gap_seconds{state="open"} 7\n'
        'vlmrun_exporter_ledger_rolled_back 0\nvlmrun_exporter_task_failures_total{task="poll"} 0\n'
    )
    assert not list(oddities(Scrape(good)))
    assert list(oddities(Scrape(good.replace('"lost"} 0', '"lost"} 3.5')))) == [
        "vlmrun_exporter_coverage_gap_seconds{'state': 'lost'} is [3.5]"
    ]
    assert len(list(oddities(Scrape("")))) == 3


class Told:
    """An exporter whose scrapes are made up; the last one holds from then on."""

    def __init__(self, *scrapes: Scrape) -> None:
        self._scrapes = list(scrapes)

    def scrape(self) -> Scrape:
        return self._scrapes.pop(0) if len(self._scrapes) > 1 else self._scrapes[0]


def shown(
    upstream: Standin, *, polls: int = 10, failures: int = 3, rows: int = 100_000, doubled: int = 0, proven: float = 0.0
) -> Scrape:
    """What an exporter shows that has counted everything up to ``proven`` (s), of one series ``doubled`` rows twice."""
    lines = []
    for key, sums in expected(upstream.truth()).items():
        labels = ",".join(f'{name}="{value}"' for name, value in zip(LABELS, key, strict=True))
        for name, value in (
            ("completions", sums.completions + doubled),
            ("completion_input_tokens", sums.input_tokens),
            ("completion_output_tokens", sums.output_tokens),
            ("completion_credits", sums.microcredits / 1e6),
        ):
            lines.append(f"vlmrun_{name}_total{{{labels}}} {value}")
        doubled = 0
    for source in ("completions", "executions", "requests"):
        lines.append(f'vlmrun_exporter_polls_total{{source="{source}"}} {polls}')
        lines.append(f'vlmrun_exporter_poll_failures_total{{source="{source}",reason="timeout"}} {failures}')
        lines.append(f'vlmrun_exporter_rows_total{{source="{source}",outcome="duplicate"}} {rows}')
        lines.append(f'vlmrun_exporter_watermark_timestamp_seconds{{source="{source}"}} {proven}')
    return Scrape("\n".join(lines) + "\n")


def test_a_row_that_is_doubled_after_everything_agreed_is_noticed() -> None:
    with standin(rate=0.5, history=120.0, seed=2) as upstream:
        upstream.clock.stop()
        agreed = shown(upstream)
        once_more = shown(upstream, polls=13, rows=200_000)
        verdict, last = conclude(upstream, cast(Exporter, Told(agreed, once_more)), settle=False, catch_up=9.0)
        assert verdict and verdict.rows > 50
        assert last is once_more
        doubled = Told(agreed, agreed, shown(upstream, polls=13, rows=200_000, doubled=1))
        verdict, _ = conclude(upstream, cast(Exporter, doubled), settle=False, catch_up=9.0)
        assert (verdict.doubled, verdict.lost) == (1, 0)


@pytest.mark.parametrize(
    "later",
    [{}, {"polls": 13, "rows": 100_001}, {"polls": 12, "rows": 200_000}, {"polls": 13, "failures": 4, "rows": 200_000}],
    ids=["nothing", "no sweep", "two polls", "a poll that failed"],
)
def test_that_everything_agrees_is_believed_only_once_every_list_was_read_again(later: dict[str, int]) -> None:
    with standin(rate=0.5, history=120.0, seed=2) as upstream:
        upstream.clock.stop()
        told = Told(shown(upstream), shown(upstream, **later))
        with pytest.raises(AssertionError, match="every list was read once more"):
            conclude(upstream, cast(Exporter, told), settle=False, catch_up=0.3)


@pytest.mark.parametrize(("before", "counted"), [(60.0, True), (-60.0, False)], ids=["up to the end", "beyond it"])
def test_an_exporter_that_proves_more_time_is_waited_for(before: float, counted: bool) -> None:
    with standin(rate=0.5, history=120.0, seed=2) as upstream:
        upstream.clock.stop()
        start = upstream.clock.now() / SECOND - before
        missing = [shown(upstream, doubled=-1, proven=start + number) for number in range(4)]
        told = Told(*missing, shown(upstream), shown(upstream, polls=13, rows=200_000))
        verdict, _ = conclude(upstream, cast(Exporter, told), settle=False, catch_up=0.9)
        assert bool(verdict) is counted
        assert verdict.lost == (0 if counted else 1)


def test_how_far_the_slowest_list_is_behind_is_read_from_a_scrape() -> None:
    now = time.time()
    mark = "vlmrun_exporter_watermark_timestamp_seconds"
    text = f'{mark}{{source="a"}} {now - 10:.3f}\n{mark}{{source="b"}} {now - 500:.3f}\n'
    assert behind(text) == pytest.approx(500, abs=5)
    assert behind("") == 0


def test_what_exporters_complain_of_is_told(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("level=info msg=x\nlevel=error msg=y\nTraceback (most\nlevel=warn", encoding="ascii")
    assert list(complaints(log)) == ["logged: level=error msg=y", "logged: Traceback (most"]


def test_a_row_lost_and_a_row_doubled_are_told_apart() -> None:
    verdict = compare({A: Sums(3, 30, 300, 7), B: Sums(1)}, {A: Sums(4, 30, 300, 7)})
    assert (verdict.rows, verdict.lost, verdict.doubled) == (4, 1, 1)
    assert not verdict
    assert verdict.differences[0].startswith("completions/a-model/a-skill/error: expected Sums(completions=1, ")


def test_a_value_that_differs_is_a_difference() -> None:
    verdict = compare({A: Sums(3, 30, 300, 7)}, {A: Sums(3, 30, 300, 8)})
    assert (verdict.lost, verdict.doubled, len(verdict.differences)) == (0, 0, 1)
    assert compare({A: Sums(3)}, {A: Sums(3)})


def test_the_scraper_notices_what_goes_back_and_what_is_gone() -> None:
    first = counters(TEXT)
    assert first == {
        'vlmrun_a_total{x="y z"}': 5,
        'vlmrun_a_total{x="\\n# TYPE\u2028"}': 1,
        'vlmrun_c_bucket{le="+Inf"}': 2,
    }
    watch = Watch("http://127.0.0.1:9/metrics")
    watch.check(first)
    watch.check({'vlmrun_a_total{x="y z"}': 4, 'vlmrun_a_total{x="\\n# TYPE\u2028"}': 1})
    assert watch.decreases == [Decrease('vlmrun_a_total{x="y z"}', 5, 4)]
    assert watch.gone == {'vlmrun_c_bucket{le="+Inf"}'}


def test_both_formats_are_scraped_alike() -> None:
    modern = (
        "# TYPE vlmrun_a counter\n"
        'vlmrun_a_total{x="a b # {"} 5.0 # {completion_id="req-1"} 1.0 1700000000.0\n'
        "# TYPE vlmrun_c histogram\n"
        'vlmrun_c_bucket{le="+Inf"} 2.0\nvlmrun_c_sum{x="\\"} y"} 1e+09\n# EOF\n'
    )
    assert counters(modern) == {
        'vlmrun_a_total{x="a b # {"}': 5,
        'vlmrun_c_bucket{le="+Inf"}': 2,
        'vlmrun_c_sum{x="\\"} y"}': 1e9,
    }
