"""/metrics as bytes: golden files of both formats, the official parsers, negotiation and compression.

``UPDATE_GOLDEN=1 pytest tests/test_exposition.py`` writes the golden files anew; read the difference before it is
committed, as an operator would.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import Exemplar as WireExemplar
from prometheus_client.core import Metric
from prometheus_client.core import Sample as WireSample
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics import catalog, completions
from exporter.metrics.catalog import Kind
from exporter.metrics.completions import HistogramView, SeriesView, Snapshot
from exporter.metrics.exposition import Exposition, prefers_openmetrics
from exporter.metrics.telemetry import Telemetry
from exporter.models import MICRO, SECOND, BudgetState, Exemplar, Offender, SeriesKey
from tests.clocks import START
from tests.realservers import require

GOLDEN = Path(__file__).with_name("golden")
OPENMETRICS = "application/openmetrics-text;version=1.0.0"

HOSTILE = 'quo"te back\\slash new\nline {brace="} tab\t Ünïcødé 漢字 🦉 #'


def counts(family: catalog.Family, *filled: int) -> list[int]:
    """One observation in each of these buckets."""
    return [filled.count(bucket) for bucket in range(len(family.buckets) + 1)]


def rich() -> Snapshot:
    """A bit of everything that can be published."""
    plain = SeriesKey("acme", "completions", "vlmrun-orion-2:pro", "invoice", "success", "false")
    full = SeriesView(
        completions=3,
        input_tokens=2**53 - 1,
        output_tokens=2**53,
        credits=1_234_567_890_123,
        low_token=2,
        slow_low_token=1,
        duration=HistogramView(
            1_012_345_678,
            counts(catalog.DURATION, 0, 3, 15),
            {0: Exemplar("cmpl-1", 40_000, START), 15: Exemplar("x" * 115, 1_000 * SECOND, START + 1)},
        ),
        time_to_first_token=HistogramView(300_000, counts(catalog.TIME_TO_FIRST_TOKEN, 1, 2)),
        output_length=HistogramView(9, counts(catalog.OUTPUT_LENGTH, 0, 0, 0)),
        cost=HistogramView(2_500_000, counts(catalog.COST, 5), {5: Exemplar("cmpl-2", 2_500_000, START)}),
        slow_exemplar=Exemplar("cmpl-3", 12 * SECOND, START),
    )
    failing = SeriesView(completions=1, error_exemplar=Exemplar("cmpl-4", 1, START))
    hostile = SeriesView(completions=1, error_exemplar=Exemplar(HOSTILE, 1, START))
    return Snapshot(
        series={
            plain: full,
            plain._replace(status="error"): failing,
            plain._replace(late="true"): SeriesView(completions=0),
            SeriesKey("acme", "requests", HOSTILE, "s" * 128, "error", "true"): hostile,
        },
        worst=[
            Offender(
                12_500_000, START, "cmpl-3", "slow_low_token", "acme", "completions", "vlmrun-orion-2:pro", "invoice"
            ),
            Offender(START, START, HOSTILE, "error", "acme", "requests", HOSTILE, "s" * 128),
            Offender(2_500_000, START, "i" * 1000, "credits", "acme", "completions", "vlmrun-orion-2:pro", "invoice"),
        ],
        budgets=[BudgetState("acme", "monthly", 100_000 * MICRO, 4_500_000, START, START + 744 * 3600 * SECOND, True)],
        error_ratios={"acme": 0.01},
        slow_ratios={("acme", "vlmrun-orion-2:pro", "invoice"): 0.2, ("acme", HOSTILE, "s" * 128): 0.05},
        link="https://example.com/{source}/{id}",
    )


def telemetry() -> Telemetry:
    """Every family of the exporter, once."""
    values = Telemetry({})
    for number, family in enumerate(catalog.EXPORTER_FAMILIES):
        labels = [f"some-{label}" for label in family.labels]
        if family.kind is Kind.COUNTER:
            values.count(family, *labels, by=number)
        else:
            values.set(family, *labels, value=number / 4)
    values.take()
    values.committed()
    values.set(catalog.CATCH_UP_ETA, "acme", "completions", value=float("inf"))
    return values


def collected() -> Iterator[Metric]:
    return chain(completions.collect(rich()), telemetry().collect())


def body(exposition: Exposition, accept: str = "") -> bytes:
    return exposition.scrape(accept, packed=False).body


def published(rendered: bytes) -> bytes:
    """The part that is rendered once per publish: the process's own metrics follow it, and never stand still."""
    return re.split(rb"^# HELP (?:process|python)_", rendered, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.fixture(scope="module")
def exposition() -> Exposition:
    exposition = Exposition()
    exposition.publish(collected)
    return exposition


# Golden files


@pytest.mark.parametrize(("accept", "name"), [("", "rich.txt"), (OPENMETRICS, "rich.openmetrics.txt")])
def test_the_published_part_is_as_it_was(exposition: Exposition, accept: str, name: str) -> None:
    rendered = published(body(exposition, accept))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_bytes(rendered)
    assert rendered.decode().split("\n") == (GOLDEN / name).read_bytes().decode().split("\n")


# The official parsers


def parse_text(rendered: bytes) -> Iterable[Metric]:
    return text_string_to_metric_families(rendered.decode())


def parse_openmetrics(rendered: bytes) -> Iterable[Metric]:
    return openmetrics.text_string_to_metric_families(rendered.decode())  # type: ignore[no-any-return]


Sample = tuple[str, frozenset[tuple[str, str]], float, tuple[object, ...] | None]


def exemplar_of(sample: WireSample) -> tuple[object, ...] | None:
    if sample.exemplar is None:
        return None
    assert sample.exemplar.timestamp is not None
    return (*sample.exemplar.labels.items(), sample.exemplar.value, float(sample.exemplar.timestamp))


def read(metrics: Iterable[Metric], *, exemplars: bool) -> dict[str, tuple[str, str, set[Sample]]]:
    """Ours of what was read, by family: type, help, samples. Fails on a sample that comes twice."""
    found = {}
    for metric in metrics:
        if not metric.name.startswith("vlmrun_"):
            continue
        samples = [
            (
                sample.name,
                frozenset(sample.labels.items()),
                float(sample.value),
                exemplar_of(sample) if exemplars else None,
            )
            for sample in metric.samples
        ]
        assert len(set(samples)) == len(samples)
        assert all(sample.timestamp is None for sample in metric.samples)
        found[metric.name] = (metric.type, metric.documentation, set(samples))
    return found


@pytest.mark.parametrize(
    ("accept", "parse", "exemplars"),
    [("", parse_text, False), (OPENMETRICS, parse_openmetrics, True)],
    ids=["text", "openmetrics"],
)
def test_a_parser_reads_what_was_published(
    exposition: Exposition, accept: str, parse: Callable[[bytes], Iterable[Metric]], exemplars: bool
) -> None:
    expected = read(collected(), exemplars=exemplars)
    assert len(expected) == len(catalog.FAMILIES)
    # A counter's name has lost its _total in OpenMetrics, and in the client library's own families.
    assert read(parse(body(exposition, accept)), exemplars=exemplars) == expected


def test_every_family_of_the_catalogue_is_in_the_rich_snapshot(exposition: Exposition) -> None:
    names = {
        re.sub(r"_(bucket|sum|count)$", "", sample.name)
        for metric in parse_text(body(exposition))
        for sample in metric.samples
    }
    assert {family.name for family in catalog.FAMILIES} <= names


def test_promtool_finds_nothing_to_object_to(exposition: Exposition) -> None:
    promtool = require("promtool")
    checked = subprocess.run([promtool, "check", "metrics"], input=body(exposition), capture_output=True)
    assert (checked.returncode, checked.stdout.decode(), checked.stderr.decode()) == (0, "", "")


def test_openmetrics_ends_once(exposition: Exposition) -> None:
    rendered = body(exposition, OPENMETRICS)
    assert rendered.endswith(b"\n# EOF\n")
    assert rendered.count(b"# EOF") == 1
    assert b"# EOF" not in body(exposition)


def test_no_sample_carries_a_timestamp(exposition: Exposition) -> None:
    for line in published(body(exposition)).decode().splitlines():
        if not line.startswith("#"):
            value = line.rsplit("} ", 1)[-1] if "}" in line else line.split(" ", 1)[1]
            assert " " not in value, line


# Before the first publish, and after one that failed


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


# Compression


@pytest.mark.parametrize("accept", ["", OPENMETRICS], ids=["text", "openmetrics"])
def test_the_compressed_form_is_the_same(exposition: Exposition, accept: str) -> None:
    packed = exposition.scrape(accept, packed=True)
    plain = exposition.scrape(accept, packed=False)
    assert (packed.content_encoding, plain.content_encoding) == ("gzip", None)
    assert packed.content_type == plain.content_type
    unpacked = gzip.decompress(packed.body)
    assert published(unpacked) == published(plain.body)
    assert unpacked.removeprefix(published(unpacked)).startswith(b"# HELP p")
    assert unpacked.endswith(plain.body[-6:])
    assert len(packed.body) < len(plain.body) / 3


def test_another_decoder_reads_every_member_too(exposition: Exposition) -> None:
    packed = exposition.scrape("", packed=True).body
    unpacked = subprocess.run(["gzip", "-dc"], input=packed, capture_output=True, check=True).stdout
    assert unpacked.startswith(published(body(exposition)))
    assert read(parse_text(unpacked), exemplars=False) == read(collected(), exemplars=False)


# Values


def one(view: SeriesView) -> Callable[[], Iterator[Metric]]:
    key = SeriesKey("acme", "completions", "m", "s", "success", "false")
    return lambda: completions.collect(Snapshot(series={key: view}))


@given(number=st.integers(0, 2**53), other=st.integers(0, 2**53))
def test_integers_are_exact(number: int, other: int) -> None:
    exposition = Exposition()
    exposition.publish(one(SeriesView(completions=number, input_tokens=other)))
    for rendered, parse in ((body(exposition), parse_text), (body(exposition, OPENMETRICS), parse_openmetrics)):
        values = {sample.name: sample.value for metric in parse(rendered) for sample in metric.samples}
        assert values[catalog.COMPLETIONS.name] == number
        assert values[catalog.INPUT_TOKENS.name] == other


@given(first=st.integers(0, 2**60), more=st.integers(0, 2**60))
def test_credits_are_the_nearest_number_and_never_go_back(first: int, more: int) -> None:
    exposition = Exposition()
    shown = []
    for amount in (first, first + more):
        exposition.publish(one(SeriesView(completions=1, credits=amount)))
        samples = [sample for metric in parse_text(body(exposition)) for sample in metric.samples]
        (value,) = (sample.value for sample in samples if sample.name == catalog.CREDITS.name)
        assert value == amount / MICRO
        shown.append(value)
    assert shown == sorted(shown)


def test_infinity_is_written_as_both_formats_want_it(exposition: Exposition) -> None:
    wanted = b'\nvlmrun_exporter_catch_up_eta_seconds{account="acme",source="completions"} +Inf\n'
    assert wanted in body(exposition)
    assert wanted in body(exposition, OPENMETRICS)


def test_hostile_labels_are_escaped(exposition: Exposition) -> None:
    assert (
        'model="quo\\"te back\\\\slash new\\nline {brace=\\"} tab\t Ünïcødé 漢字 🦉 #",skill="' + "s" * 128 + '"'
    ).encode() in body(exposition)


labels = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(model=labels, skill=labels)
def test_any_label_comes_back_from_the_parsers(model: str, skill: str) -> None:
    key = SeriesKey("acme", "completions", model, skill, "success", "false")
    exposition = Exposition()
    exposition.publish(lambda: completions.collect(Snapshot(series={key: SeriesView(completions=5)})))
    for rendered, parse in ((body(exposition), parse_text), (body(exposition, OPENMETRICS), parse_openmetrics)):
        found = [sample for metric in parse(rendered) for sample in metric.samples if sample.name.startswith("vlmrun")]
        assert [(sample.labels, sample.value) for sample in found] == [(key._asdict(), 5)]


# Negotiation

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


def test_the_packed_answer_is_a_single_gzip_member_as_some_clients_read_no_second_one() -> None:
    exposition = Exposition()
    exposition.publish(list)
    body = exposition.scrape("application/openmetrics-text", packed=True).body
    member = zlib.decompressobj(16 + zlib.MAX_WBITS)
    text = member.decompress(body)
    assert member.eof
    assert not member.unused_data
    assert text.endswith(b"# EOF\n")
