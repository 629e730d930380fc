"""/metrics as bytes: golden files of both formats, and what the official parsers read.

``UPDATE_GOLDEN=1 pytest tests/test_exposition.py`` writes the golden files anew; read the difference before it is
committed, as an operator would.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from exporter.metrics import catalog
from exporter.metrics.exposition import Exposition
from tests.expositions import OPENMETRICS, body, everything, expected, parse_openmetrics, parse_text, published, read
from tests.realservers import require

GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture(scope="module")
def exposition() -> Exposition:
    return everything()


# Golden files


@pytest.mark.parametrize(("accept", "name"), [("", "rich.txt"), (OPENMETRICS, "rich.openmetrics.txt")])
def test_the_published_part_is_as_it_was(exposition: Exposition, accept: str, name: str) -> None:
    rendered = published(body(exposition, accept))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_bytes(rendered)
    assert rendered.decode().split("\n") == (GOLDEN / name).read_bytes().decode().split("\n")


# The official parsers


@pytest.mark.parametrize(
    ("accept", "parse", "exemplars"),
    [("", parse_text, False), (OPENMETRICS, parse_openmetrics, True)],
    ids=["text", "openmetrics"],
)
def test_a_parser_reads_what_was_published(
    exposition: Exposition, accept: str, parse: Callable[[bytes], Iterable[Metric]], exemplars: bool
) -> None:
    wanted = read(expected(), exemplars=exemplars)
    assert len(wanted) == len(catalog.FAMILIES)
    # A counter's name has lost its _total in OpenMetrics, and in the client library's own families.
    assert read(parse(body(exposition, accept)), exemplars=exemplars) == wanted


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
