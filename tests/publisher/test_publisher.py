"""What a scrape sees of the committed books, and when time alone changes it."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics import catalog
from exporter.models import MICRO, SECOND, Status
from tests.clocks import START, FakeClock
from tests.publishers import HOLD, TERMS, Exporter, changed, only, row, samples_of


def test_a_scrape_reads_what_is_published(exporter: Exporter, clock: FakeClock) -> None:
    exporter.exposition.renders = True
    exporter.count(row("a"), row("b", model="other"))
    for _ in range(2):
        published = exporter.publish()
        text = exporter.exposition.scrape("text/plain", packed=False).body.decode()
        scraped = samples_of(text_string_to_metric_families(text))
        ours = {key: value for key, value in scraped.items() if key[0].startswith("vlmrun_")}
        assert changed(published, ours) == set()
        clock.advance(HOLD)


# How often


def counted(exporter: Exporter) -> list[float]:
    return only(exporter.scrape(), catalog.COMPLETIONS.name, status="success", late="false")


def test_what_is_rendered_quickly_is_published_at_once(exporter: Exporter, clock: FakeClock) -> None:
    exporter.publisher.adopt(replace(TERMS, birth_hold=0))
    exporter.exposition.takes = 0.5
    for number in range(1, 4):
        exporter.count(row(f"row {number}"))
        exporter.publisher.publish_soon()
        assert counted(exporter) == [number]
        assert not exporter.publisher.due()


def test_rendering_that_takes_long_takes_a_quarter_of_the_time_at_most(exporter: Exporter, clock: FakeClock) -> None:
    exporter.publisher.adopt(replace(TERMS, birth_hold=0))
    exporter.exposition.takes = 2.0
    exporter.count(row("a"))
    exporter.publisher.publish_soon()
    assert counted(exporter) == [1]
    clock.advance(5.75)
    assert not exporter.publisher.due(), "nothing has been put off"
    exporter.count(row("b"))
    exporter.publisher.publish_soon()
    assert counted(exporter) == [1]
    assert not exporter.publisher.due()
    clock.advance(0.25)
    assert exporter.publisher.due()
    exporter.publish()
    assert counted(exporter) == [2]
    clock.advance(6)
    assert not exporter.publisher.due(), "what was put off has been published"
    exporter.count(row("c"))
    exporter.publisher.publish_soon()
    assert counted(exporter) == [3]


def test_the_rest_is_bounded_should_the_process_have_been_held_up(exporter: Exporter, clock: FakeClock) -> None:
    exporter.publisher.adopt(replace(TERMS, birth_hold=0))
    exporter.exposition.takes = 3600.0
    exporter.publish()
    exporter.count(row("a"))
    clock.advance(29.75)
    exporter.publisher.publish_soon()
    assert counted(exporter) == []
    clock.advance(0.25)
    assert exporter.publisher.due()


def test_what_must_be_shown_at_once_is_published_however_long_rendering_takes(exporter: Exporter) -> None:
    exporter.publisher.adopt(replace(TERMS, birth_hold=0))
    exporter.exposition.takes = 2.0
    exporter.publish()
    exporter.count(row("a"))
    exporter.publish()
    assert counted(exporter) == [1]


# What time alone changes


def test_a_birth_is_due_when_its_hold_is_over(exporter: Exporter, clock: FakeClock) -> None:
    exporter.publish()
    assert not exporter.publisher.due()
    exporter.count(row("a", credits=None))
    exporter.publish()
    assert not exporter.publisher.due()
    clock.advance(HOLD - 1)
    assert not exporter.publisher.due()
    clock.advance(1)
    assert exporter.publisher.due()
    exporter.publish()
    assert not exporter.publisher.due()


def test_one_of_the_worst_leaves_after_half_an_hour_with_time_alone(exporter: Exporter, clock: FakeClock) -> None:
    exporter.publisher.adopt(replace(TERMS, birth_hold=0, link="https://example.com/{id}"))
    exporter.count(row("slow/1", output_tokens=5, duration=30 * SECOND, credits=None))
    exporter.count(row("bad", status=Status.ERROR, credits=None, at=START + SECOND))
    worst = catalog.WORST.name
    samples = exporter.publish()
    assert only(
        samples,
        worst,
        reason="slow_low_token",
        account="acme",
        source="completions",
        model="m",
        skill="s",
        completion_id="slow/1",
        url="https://example.com/slow%2F1",
    ) == [30]
    assert only(samples, worst, reason="error", completion_id="bad") == [START / SECOND + 1]
    clock.advance(1799)
    assert not exporter.publisher.due()
    clock.advance(1)
    assert exporter.publisher.due()
    assert [dict(labels)["completion_id"] for name, labels in exporter.publish() if name == worst] == ["bad"]
    assert not exporter.publisher.due()
    clock.advance(1)
    assert exporter.publisher.due()
    assert only(exporter.publish(), worst) == []
    assert not exporter.publisher.due()


def test_the_third_worst_gives_way_to_a_worse_one_and_returns_when_that_leaves(
    exporter: Exporter, clock: FakeClock
) -> None:
    def shown() -> list[str]:
        return [dict(labels)["completion_id"] for name, labels in exporter.publish() if name == catalog.WORST.name]

    exporter.count(*(row(f"old-{credits}", credits=credits * MICRO) for credits in (7, 8, 9)))
    clock.advance(600)
    exporter.count(row("new", credits=5 * MICRO, at=clock.now()))
    assert shown() == ["old-9", "old-8", "old-7"]
    clock.advance(1200)
    assert exporter.publisher.due()
    assert shown() == ["new"]
