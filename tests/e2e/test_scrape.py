"""How /metrics is served: methods, formats, compression."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.metrics import catalog
from exporter.metrics.catalog import Kind
from tests.e2e.process import Exporter, configuration, write
from tests.e2e.scrape import OPENMETRICS, TEXT, Scrape
from tests.e2e.standin import Standin
from tests.e2e.waiting import until


def test_a_live_scrape_in_every_form(calm: Standin, tmp_path: Path) -> None:
    document = configuration(calm.url, tmp_path, budgets=[{"name": "daily", "credits": 1000, "period": "day"}])
    with Exporter(write(tmp_path / "config.yaml", document)) as exporter:
        exporter.ready()
        until(lambda: exporter.scrape().sum("vlmrun_completions_total") > 20, 60.0, "something is counted")

        plain = exporter.get("/metrics", accept=TEXT, accept_encoding="identity")
        assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "content-encoding" not in plain.headers

        head = exporter.http.head(exporter.url + "/metrics", headers={"accept-encoding": "identity"})
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 10_000

        modern = exporter.get("/metrics", accept=OPENMETRICS)
        assert modern.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert modern.text.endswith("# EOF\n")
        scrape = exporter.scrape(OPENMETRICS)
        assert any(sample.exemplar for sample in scrape.samples("vlmrun_completion_duration_seconds_bucket"))

        types = exporter.scrape().types
        for family in catalog.FAMILIES:
            name = family.name.removesuffix("_total") if family.kind is Kind.COUNTER else family.name
            assert types[name] == family.kind


@pytest.mark.parametrize("accept", [TEXT, OPENMETRICS])
def test_a_packed_scrape_is_whole_for_a_client_that_reads_one_gzip_member(
    accept: str, calm: Standin, tmp_path: Path
) -> None:
    with Exporter(write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))) as exporter:
        exporter.ready()
        packed = exporter.get("/metrics", accept=accept, accept_encoding="gzip")
        assert packed.headers["content-encoding"] == "gzip"
        names = Scrape(packed.text, packed.headers["content-type"]).names
        assert names >= {"vlmrun_exporter_build_info", "process_cpu_seconds_total", "python_info"}
