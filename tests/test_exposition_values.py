"""Values and labels as they are written, and as the parsers read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics import catalog
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import SeriesView, Snapshot
from exporter.models import MICRO, SeriesKey
from tests.expositions import OPENMETRICS, body, everything, parse_openmetrics, parse_text


@pytest.fixture(scope="module")
def exposition() -> Exposition:
    return everything()


def one(view: SeriesView) -> Snapshot:
    key = SeriesKey("acme", "completions", "m", "s", "success", "false")
    return Snapshot(series={key: view})


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
    exposition.publish(Snapshot(series={key: SeriesView(completions=5)}))
    for rendered, parse in ((body(exposition), parse_text), (body(exposition, OPENMETRICS), parse_openmetrics)):
        found = [sample for metric in parse(rendered) for sample in metric.samples if sample.name.startswith("vlmrun")]
        assert [(sample.labels, sample.value) for sample in found] == [(key._asdict(), 5)]
