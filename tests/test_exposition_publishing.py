"""What a scrape gets before the first publish, after another one, and after one that failed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from exporter.metrics import catalog
from exporter.metrics.catalog import Family
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import SeriesView, Snapshot
from exporter.metrics.spelling import Values
from exporter.models import SeriesKey
from tests.expositions import (
    OPENMETRICS,
    body,
    everything,
    parse_openmetrics,
    parse_text,
    published,
    read,
    rich,
    telemetry,
)


@pytest.fixture(scope="module")
def exposition() -> Exposition:
    return everything()


def test_before_the_first_publish_a_scrape_is_valid() -> None:
    exposition = Exposition()
    for packed in (False, True):
        text, structured = (exposition.scrape(accept, packed=packed).body for accept in ("", OPENMETRICS))
        if packed:
            text, structured = gzip.decompress(text), gzip.decompress(structured)
        assert published(text) in (b"", text)
        assert read(parse_text(text), exemplars=False) == {}
        assert read(parse_openmetrics(structured), exemplars=False) == {}
        assert structured.endswith(b"# EOF\n")


def test_publishing_nothing_is_valid() -> None:
    exposition = Exposition()
    exposition.publish(Snapshot())
    for families in (parse_text(body(exposition)), parse_openmetrics(body(exposition, OPENMETRICS))):
        shown = read(families, exemplars=False)
        assert len(shown) == len(catalog.COMPLETION_FAMILIES)
        assert [samples for _, _, samples in shown.values() if samples] == []


def test_a_publish_replaces_the_one_before(exposition: Exposition) -> None:
    mine = everything()
    mine.publish(Snapshot(error_ratios={"acme": 0.5}))
    assert b"vlmrun_exporter_build_info" in body(exposition)
    assert b"vlmrun_exporter_build_info" not in body(mine)
    assert b'vlmrun_error_budget_ratio{account="acme"} 0.5\n' in body(mine)


def test_a_publish_that_fails_leaves_the_one_before(exposition: Exposition) -> None:
    def fails() -> Iterator[tuple[Family, Values]]:
        yield from telemetry().collect()
        raise RuntimeError("collecting failed")

    mine = everything()
    with pytest.raises(RuntimeError, match="collecting failed"):
        mine.publish(Snapshot(error_ratios={"acme": 0.5}), fails())
    for accept in ("", OPENMETRICS):
        assert published(body(mine, accept)) == published(body(exposition, accept))


def test_what_cannot_be_written_changes_nothing_and_does_not_stay(exposition: Exposition) -> None:
    unfit = SeriesKey("acme", "completions", "\ud800", "s", "success", "false")
    mine = everything()
    with pytest.raises(UnicodeEncodeError):
        mine.publish(Snapshot(series={**rich().series, unfit: SeriesView(completions=1)}))
    for accept in ("", OPENMETRICS):
        assert published(body(mine, accept)) == published(body(exposition, accept))
    mine.publish(rich(), telemetry().collect())
    for accept in ("", OPENMETRICS):
        assert published(body(mine, accept)) == published(body(exposition, accept))


def test_plain_answers_are_those_of_the_last_publish(exposition: Exposition) -> None:
    """They are unpacked once, and kept."""
    mine = everything()
    assert published(body(mine)) == published(body(mine)) == published(body(exposition))
    mine.publish(Snapshot(error_ratios={"acme": 0.5}))
    assert b"vlmrun_exporter_build_info" not in body(mine)
