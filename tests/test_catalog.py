"""The catalogue against the contract: names, types, labels and buckets that operators rely on, copied by hand."""

from __future__ import annotations

import re

import pytest

from exporter.metrics import catalog
from exporter.metrics.catalog import Kind

SERIES = "account, source, model, skill, status, late"
LIST = "account, source"
BUDGET = "account, budget"
WORST = "reason, account, source, model, skill, completion_id, url"

SECONDS = "0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92 163.84 327.68 655.36"
FIRST_TOKEN = "0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 20 40 80 160"
TOKENS = "16 32 64 128 256 512 1024 2048 4096 8192 16384 65536"
CREDITS = "0.1 0.25 0.5 1 2 4 8 16 32 64 128 256 1024"

CONTRACT = [
    ("vlmrun_completions_total", "counter", SERIES, ""),
    ("vlmrun_completion_input_tokens_total", "counter", SERIES, ""),
    ("vlmrun_completion_output_tokens_total", "counter", SERIES, ""),
    ("vlmrun_completion_credits_total", "counter", SERIES, ""),
    ("vlmrun_completion_duration_seconds", "histogram", SERIES, SECONDS),
    ("vlmrun_completion_time_to_first_token_seconds", "histogram", SERIES, FIRST_TOKEN),
    ("vlmrun_completion_output_length_tokens", "histogram", SERIES, TOKENS),
    ("vlmrun_completion_cost_credits", "histogram", SERIES, CREDITS),
    ("vlmrun_low_token_completions_total", "counter", "account, source, model, skill, late", ""),
    ("vlmrun_slow_low_token_completions_total", "counter", "account, source, model, skill, late", ""),
    ("vlmrun_worst_completion_value", "gauge", WORST, ""),
    ("vlmrun_credit_budget_credits", "gauge", BUDGET, ""),
    ("vlmrun_credit_budget_spent_credits", "gauge", BUDGET, ""),
    ("vlmrun_credit_budget_start_timestamp_seconds", "gauge", BUDGET, ""),
    ("vlmrun_credit_budget_end_timestamp_seconds", "gauge", BUDGET, ""),
    ("vlmrun_credit_budget_complete", "gauge", BUDGET, ""),
    ("vlmrun_error_budget_ratio", "gauge", "account", ""),
    ("vlmrun_slow_low_token_threshold_ratio", "gauge", "account, model, skill", ""),
    ("vlmrun_exporter_build_info", "gauge", "version, revision, pythonversion", ""),
    ("vlmrun_exporter_source_up", "gauge", LIST, ""),
    ("vlmrun_exporter_auth_ok", "gauge", "account", ""),
    ("vlmrun_exporter_last_success_timestamp_seconds", "gauge", LIST, ""),
    ("vlmrun_exporter_watermark_timestamp_seconds", "gauge", LIST, ""),
    ("vlmrun_exporter_poll_interval_seconds", "gauge", LIST, ""),
    ("vlmrun_exporter_last_poll_duration_seconds", "gauge", LIST, ""),
    ("vlmrun_exporter_polls_total", "counter", LIST, ""),
    ("vlmrun_exporter_poll_failures_total", "counter", f"{LIST}, reason", ""),
    ("vlmrun_exporter_api_requests_total", "counter", f"{LIST}, code", ""),
    ("vlmrun_exporter_rows_total", "counter", f"{LIST}, outcome", ""),
    ("vlmrun_exporter_rejected_rows_total", "counter", f"{LIST}, reason", ""),
    ("vlmrun_exporter_missing_values_total", "counter", f"{LIST}, field", ""),
    ("vlmrun_exporter_catching_up", "gauge", LIST, ""),
    ("vlmrun_exporter_catch_up_eta_seconds", "gauge", LIST, ""),
    ("vlmrun_exporter_coverage_gap_seconds", "gauge", f"{LIST}, state", ""),
    ("vlmrun_exporter_unprovable_pages_total", "counter", LIST, ""),
    ("vlmrun_exporter_vanished_rows_total", "counter", LIST, ""),
    ("vlmrun_exporter_label_overflow_total", "counter", "account, label", ""),
    ("vlmrun_exporter_config_last_reload_successful", "gauge", "", ""),
    ("vlmrun_exporter_config_last_reload_success_timestamp_seconds", "gauge", "", ""),
    ("vlmrun_exporter_amended_rows_total", "counter", LIST, ""),  # named in the design of the counting
]

families = pytest.mark.parametrize("family", catalog.FAMILIES, ids=lambda family: family.name)


@pytest.mark.parametrize(("name", "kind", "labels", "buckets"), CONTRACT, ids=[entry[0] for entry in CONTRACT])
def test_what_the_contract_names_is_in_the_catalogue(name: str, kind: str, labels: str, buckets: str) -> None:
    (family,) = (family for family in catalog.FAMILIES if family.name == name)
    assert family.kind == kind
    assert ", ".join(family.labels) == labels
    assert family.buckets == tuple(float(bound) for bound in buckets.split())


def test_every_family_is_listed_once() -> None:
    defined = [value for value in vars(catalog).values() if isinstance(value, catalog.Family)]
    assert len(defined) == len(catalog.FAMILIES)
    assert {family.name for family in defined} == {family.name for family in catalog.FAMILIES}
    assert len({family.name for family in catalog.FAMILIES}) == len(catalog.FAMILIES)
    assert catalog.FAMILIES == catalog.COMPLETION_FAMILIES + catalog.EXPORTER_FAMILIES


def test_the_exporters_own_families_are_told_by_their_prefix() -> None:
    assert all(family.name.startswith("vlmrun_exporter_") for family in catalog.EXPORTER_FAMILIES)
    assert not any(family.name.startswith("vlmrun_exporter_") for family in catalog.COMPLETION_FAMILIES)


def test_no_family_takes_a_name_that_another_exposes() -> None:
    """A histogram also exposes ``_bucket``, ``_sum`` and ``_count``; OpenMetrics strips ``_total``."""
    exposed: list[str] = []
    for family in catalog.FAMILIES:
        stem = family.name.removesuffix("_total")
        suffixes = {Kind.HISTOGRAM: ("", "_bucket", "_sum", "_count"), Kind.COUNTER: ("", "_total", "_created")}
        exposed += [stem + suffix for suffix in suffixes.get(family.kind, ("",))]
    assert len(set(exposed)) == len(exposed)


@families
def test_a_name_follows_the_conventions(family: catalog.Family) -> None:
    assert re.fullmatch(r"vlmrun(_[a-z]+)+", family.name)
    assert family.name.endswith("_total") is (family.kind is Kind.COUNTER)
    assert not re.search(r"(milli|micro)seconds|minutes|percent", family.name)


@families
def test_a_help_text_is_one_line_of_sentences(family: catalog.Family) -> None:
    assert re.fullmatch(r"[A-Z0-9][^\n\r\\]{10,}\.", family.help)
    assert family.help == " ".join(family.help.split())


@families
def test_labels_are_names_and_never_reserved(family: catalog.Family) -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) for label in family.labels)
    assert len(set(family.labels)) == len(family.labels)
    assert not {"le", "quantile", "job", "instance"} & set(family.labels)


@families
def test_only_histograms_have_buckets_and_they_ascend(family: catalog.Family) -> None:
    assert bool(family.buckets) is (family.kind is Kind.HISTOGRAM)
    assert list(family.buckets) == sorted(set(family.buckets))
    assert all(0 < bound < float("inf") for bound in family.buckets)


@families
def test_a_help_text_names_only_families_that_exist(family: catalog.Family) -> None:
    named = set(re.findall(r"\bvlmrun_[a-z_]+", family.help))
    assert named <= {family.name for family in catalog.FAMILIES}
