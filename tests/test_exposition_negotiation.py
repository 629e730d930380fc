"""Which format a scrape gets, by what it says it accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.exposition import Exposition, prefers_openmetrics
from tests.expositions import everything


@pytest.fixture(scope="module")
def exposition() -> Exposition:
    return everything()


PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_42_PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_50 = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_UNDERSCORES = PROMETHEUS_3.replace("allow-utf-8", "underscores")
PROMETHEUS_3_PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
PROMETHEUS_3_TEXT_ONLY = "text/plain;version=0.0.4;q=0.6,*/*;q=0.5"
VMAGENT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PROMETHEUS_2_42, True),
        (PROMETHEUS_2_42_PROTOBUF, True),
        (PROMETHEUS_2_50, True),
        (PROMETHEUS_3, True),
        (PROMETHEUS_3_UNDERSCORES, True),
        (PROMETHEUS_3_PROTOBUF, True),
        (PROMETHEUS_3_TEXT_ONLY, False),
        (VMAGENT, False),
        (BROWSER, False),
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/*;q=0.5", False),
        ("application/json", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ("application/openmetrics-text;version=0.0.1", True),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", False),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.5", True),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nonsense", False),
        ("application/openmetrics-text;q=nan", False),
        (",;=,;;q", False),
    ],
)
def test_openmetrics_is_answered_to_whom_prefers_it(exposition: Exposition, accept: str, expected: bool) -> None:
    assert prefers_openmetrics(accept) is expected
    rendered = exposition.scrape(accept, packed=False)
    assert rendered.content_type == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
        if expected
        else "text/plain; version=0.0.4; charset=utf-8"
    )
    assert rendered.body.endswith(b"# EOF\n") is expected


@given(accept=st.text())
def test_any_header_is_answered(exposition: Exposition, accept: str) -> None:
    prefers_openmetrics(accept)
