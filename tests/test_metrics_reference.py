"""docs/metrics.md is what the catalogue says, and names every label value that the code can set."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.config.defaults import SOURCES
from exporter.counting.ledger import RowOutcome
from exporter.counting.totals import MEASURED
from exporter.counting.worst import REASONS
from exporter.metrics import catalog, reference
from exporter.models import FailureReason, RejectReason, Status
from exporter.runtime import KNOWN_CODES
from exporter.web.guard import Denial
from exporter.web.limits import Refusal

DOCUMENT = Path(__file__).parents[1] / "docs" / "metrics.md"


def test_the_document_is_as_generated() -> None:
    assert DOCUMENT.read_text("utf-8").split("\n") == reference.render().split("\n"), (
        "python -m exporter.metrics.reference > docs/metrics.md"
    )


def test_the_module_prints_the_document() -> None:
    printed = subprocess.run([sys.executable, "-m", "exporter.metrics.reference"], capture_output=True, check=True)
    assert printed.stdout.decode() == reference.render()


def test_the_reference_needs_nothing_but_the_catalogue() -> None:
    tree = ast.parse(Path(reference.__file__).read_text("utf-8"))
    ours = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert {module for module in ours if module.startswith("exporter")} == {
        "exporter.metrics",
        "exporter.metrics.catalog",
    }


def test_every_family_is_in_one_group() -> None:
    grouped = [family.name for group in reference.GROUPS for family in group.families]
    assert sorted(grouped) == sorted(family.name for family in catalog.FAMILIES)


@pytest.mark.parametrize("family", catalog.FAMILIES, ids=lambda family: family.name)
def test_a_family_has_a_row_with_all_there_is_to_know(family: catalog.Family) -> None:
    document = reference.render()
    (row,) = re.findall(rf"^\| `{family.name}` \| {family.kind} \| (.*?) \| (.*) \|$", document, re.MULTILINE)
    assert row[0].replace("`", "").replace("none", "").split(", ") == (list(family.labels) or [""])
    assert row[1].replace("`", "") == family.help
    bounds = re.findall(rf"^\| `{family.name}` \| ([0-9. ]+) \|$", document, re.MULTILINE)
    assert [tuple(float(bound) for bound in row.split()) for row in bounds] == (
        [family.buckets] if family.buckets else []
    )


@pytest.mark.parametrize(
    ("label", "family", "expected"),
    [
        ("source", None, set(SOURCES)),
        ("status", None, {Status.SUCCESS.value, Status.ERROR.value}),
        ("late", None, {"false", "true"}),
        ("reason", catalog.WORST, set(REASONS)),
        ("reason", catalog.POLL_FAILURES, {reason.value for reason in FailureReason}),
        ("code", catalog.API_REQUESTS, set(KNOWN_CODES)),
        ("outcome", catalog.ROWS, {outcome.value for outcome in RowOutcome}),
        ("reason", catalog.REJECTED_ROWS, {reason.value for reason in RejectReason}),
        ("field", catalog.MISSING_VALUES, {field.value for field in MEASURED}),
        ("state", catalog.COVERAGE_GAP, {"open", "lost"}),
        ("label", catalog.LABEL_OVERFLOW, {"model", "skill"}),
        ("task", catalog.TASK_FAILURES, {"poll", "publish", "web"}),
        ("reason", catalog.REFUSED_CONNECTIONS, {refusal.value for refusal in Refusal}),
        ("reason", catalog.REFUSED_REQUESTS, {denial.value for denial in Denial}),
    ],
)
def test_every_value_of_a_label_is_listed(label: str, family: catalog.Family | None, expected: set[str]) -> None:
    assert set(reference.ENUMERATED[label, family]) == expected


def test_every_label_is_either_enumerated_or_the_users() -> None:
    users = {"account", "budget", "model", "skill", "completion_id", "url", "version", "revision", "pythonversion"}
    users |= {"dashboards", "runbooks"}
    enumerated = {(label, family) for label, family in reference.ENUMERATED}
    for family in catalog.FAMILIES:
        for label in set(family.labels) - users:
            assert (label, None) in enumerated or (label, family) in enumerated, (family.name, label)


def test_prose_names_only_families_that_exist() -> None:
    names = {family.name for family in catalog.FAMILIES}
    assert set(re.findall(r"vlmrun_[a-z_]+[a-z]", reference.render())) <= names


def test_tables_have_as_many_cells_in_every_row() -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", reference.render(), re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1
