"""What a scrape gets before the first publish, after another one, and after one that failed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from prometheus_client.core import Exemplar as WireExemplar
from prometheus_client.core import Metric

from exporter.metrics import completions
from exporter.metrics.completions import Snapshot
from exporter.metrics.exposition import Exposition
from tests.expositions import OPENMETRICS, body, collected, parse_openmetrics, parse_text, published, read, rich


@pytest.fixture(scope="module")
def exposition() -> Exposition:
    exposition = Exposition()
    exposition.publish(collected)
    return exposition


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
    exposition.publish(lambda: ())
    assert read(parse_text(body(exposition)), exemplars=False) == {}
    assert read(parse_openmetrics(body(exposition, OPENMETRICS)), exemplars=False) == {}


def test_a_publish_replaces_the_one_before(exposition: Exposition) -> None:
    mine = Exposition()
    mine.publish(collected)
    mine.publish(lambda: completions.collect(Snapshot(error_ratios={"acme": 0.5})))
    assert b"vlmrun_exporter_build_info" in body(exposition)
    assert b"vlmrun_exporter_build_info" not in body(mine)
    assert b'vlmrun_error_budget_ratio{account="acme"} 0.5\n' in body(mine)


def test_a_publish_that_fails_leaves_the_one_before(exposition: Exposition) -> None:
    def fails() -> Iterator[Metric]:
        yield from completions.collect(rich())
        raise RuntimeError("collecting failed")

    mine = Exposition()
    mine.publish(collected)
    with pytest.raises(RuntimeError, match="collecting failed"):
        mine.publish(fails)
    for accept in ("", OPENMETRICS):
        assert published(body(mine, accept)) == published(body(exposition, accept))


def test_a_publish_that_cannot_be_rendered_changes_neither_format() -> None:
    """OpenMetrics is stricter: what it refuses must not show in the text format alone."""

    def unfit() -> Iterator[Metric]:
        gauge = Metric("vlmrun_unfit", "A gauge may have no exemplar.", "gauge")
        gauge.add_sample("vlmrun_unfit", {}, 1, exemplar=WireExemplar({"completion_id": "x"}, 1, 1))
        yield gauge

    exposition = Exposition()
    exposition.publish(collected)
    before = [published(body(exposition, accept)) for accept in ("", OPENMETRICS)]
    with pytest.raises(ValueError, match="has exemplars"):
        exposition.publish(unfit)
    assert [published(body(exposition, accept)) for accept in ("", OPENMETRICS)] == before
