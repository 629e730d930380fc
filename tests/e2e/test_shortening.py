"""The transformation changes times, and nothing but times; PromQL's own parser says what they are."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests import realservers
from tests.e2e import shortening
from tests.e2e.alertpack import FACTOR, RULES
from tests.e2e.process import write

FILES = sorted(RULES.glob("*.rules.yml"))
ROUTING = RULES / "alertmanager.example.yml"
QUERY = re.compile(r'query ("(?:\\.|[^"\\])*")|printf ("(?:\\.|[^"\\])*")[^}]*\| query')
"""A query in an annotation, found otherwise than the transformation does."""


def load(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def rules(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (rule for group in document["groups"] for rule in group["rules"])


def queries(document: dict[str, Any]) -> Iterator[str]:
    """Every expression of a rule file, those of annotations included, with a value wherever one is put in."""
    for rule in rules(document):
        yield rule["expr"]
        for text in rule.get("annotations", {}).values():
            for called, printed in QUERY.findall(text):
                yield json.loads(called or printed).replace("%q", '"x"')


def nodes(expression: str) -> list[Any]:
    found: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), found.append)
    return found


def durations(node: Any) -> list[float]:
    """The range and the offset of a node of the syntax tree, in seconds."""
    if isinstance(node, promql_parser.MatrixSelector):
        return [node.range.total_seconds(), *durations(node.vector_selector)]
    offset = getattr(node, "offset", None)
    return [] if offset is None else [offset.total_seconds()]


def skeleton(expression: str) -> str:
    """The expression as the parser writes it, on one line, without numbers and durations."""
    text = re.sub(r"\s*([()])\s*", r"\1", " ".join(promql_parser.parse(expression).prettify().split()))
    return re.sub(r'("[^"]*")|\b\d[\w.]*', lambda found: found[1] or "#", text)


def numbers(expression: str) -> list[float]:
    return [node.val for node in nodes(expression) if isinstance(node, promql_parser.NumberLiteral)]


def test_there_are_rule_files() -> None:
    assert len(FILES) >= 4
    assert sum(1 for file in FILES for _ in queries(load(file))) > 150


def test_every_number_is_known_as_seconds_or_not_and_no_other_is() -> None:
    met = {number for file in FILES for query in queries(load(file)) for number in numbers(query)}
    assert met == {float(number) for number in shortening.SECONDS | shortening.KEPT}
    assert not shortening.SECONDS & shortening.KEPT


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_by_1_is_what_is_shipped(file: Path) -> None:
    assert shortening.rules(load(file), 1) == load(file)


def test_routes_by_1_are_what_is_shipped() -> None:
    assert shortening.routes(load(ROUTING), 1) == load(ROUTING)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_time_of_an_expression_is_divided_and_nothing_else_changes(file: Path) -> None:
    before, after = load(file), shortening.rules(load(file), FACTOR)
    divided = 0
    for old, new in zip(queries(before), queries(after), strict=True):
        assert skeleton(old) == skeleton(new)
        looked_back = [seconds for node in nodes(old) for seconds in durations(node)]
        assert [seconds for node in nodes(new) for seconds in durations(node)] == pytest.approx(
            [seconds / FACTOR for seconds in looked_back]
        )
        assert numbers(new) == pytest.approx(
            [number / FACTOR if Decimal(str(number)) in shortening.SECONDS else number for number in numbers(old)]
        )
        divided += len(looked_back)
    assert divided > 5


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_times_of_rules_and_groups_are_divided(file: Path) -> None:
    before, after = load(file), shortening.rules(load(file), FACTOR)
    old = [*timings(before["groups"], "interval"), *timings(rules(before), "for", "keep_firing_for")]
    new = [*timings(after["groups"], "interval"), *timings(rules(after), "for", "keep_firing_for")]
    assert len(old) > 3
    assert new == pytest.approx([seconds / FACTOR for seconds in old])


def test_the_times_of_routes_are_divided_and_nothing_else_changes() -> None:
    before, after = load(ROUTING), shortening.routes(load(ROUTING), FACTOR)
    old, new = list(routes(before["route"])), list(routes(after["route"]))
    assert timings(new, *shortening.TIMINGS) == pytest.approx(
        [seconds / FACTOR for seconds in timings(old, *shortening.TIMINGS)], abs=0.001
    )
    for document in (before, after):
        for route in routes(document["route"]):
            for key in shortening.TIMINGS:
                route.pop(key, None)
    assert before == after


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for child in route.get("routes", ()):
        yield from routes(child)


def timings(mappings: Iterable[dict[str, Any]], *keys: str) -> list[float]:
    texts = [mapping[key] for mapping in mappings for key in keys if key in mapping]
    # The parser knows no duration of 0.
    return [promql_parser.parse_duration(text).total_seconds() for text in texts if text != "0s"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_no_expression_stays_but_for_the_times_of_rules_and_groups(file: Path) -> None:
    before, after = load(file), shortening.rules(load(file), FACTOR)
    assert [group["name"] for group in before["groups"]] == [group["name"] for group in after["groups"]]
    for old, new in zip(rules(before), rules(after), strict=True):
        assert list(old) == list(new)
        for key in ("record", "alert", "labels"):
            assert old.get(key) == new.get(key)
        assert words(old) == words(new)


def words(rule: dict[str, Any]) -> dict[str, list[str]]:
    """The texts of annotations, without actions."""
    return {name: re.split(r"\{\{.*?\}\}", text, flags=re.DOTALL) for name, text in rule.get("annotations", {}).items()}


def test_promtool_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    files = [write(tmp_path / file.name, shortening.rules(load(file), FACTOR)) for file in FILES]
    checked = subprocess.run(
        [realservers.require("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "factor", "shortened"),
    [
        ("1d", 1, "1d"),
        ("24h", 1, "24h"),
        ("1h30m", 1, "90m"),
        ("1d", 24, "1h"),
        ("1h", 40, "90s"),
        ("30s", 40, "750ms"),
        ("10s", 30, "334ms"),
        ("0s", 30, "0s"),
    ],
)
def test_a_duration_keeps_its_unit_or_gets_a_smaller_one(text: str, factor: int, shortened: str) -> None:
    assert shortening.duration(text, factor) == shortened


@pytest.mark.parametrize("text", ["", "1", "h", "1h ", "1h-5m", "5 m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        shortening.duration(text, 2)


@pytest.mark.parametrize(
    ("expression", "shortened"),
    [
        ("rate(m_total[5m] offset 1h)", "rate(m_total[10s] offset 2m)"),
        ("max_over_time(a:m:rate1h[2h:1m])", "max_over_time(a:m:rate1h[4m:2s])"),
        ("a * 3600 > 0.5", "a * 120 > 0.5"),
        ('m{for="[5m]", n="3600"} * 180', 'm{for="[5m]", n="3600"} * 6'),
        ("m5m1h + p90_30m", "m5m1h + p90_30m"),
    ],
)
def test_expressions(expression: str, shortened: str) -> None:
    assert shortening.query(expression, 30) == shortened


@pytest.mark.parametrize("expression", ["m > 7", "m * 7200", "m offset 5m > 1e6"])
def test_a_number_that_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="are these seconds of a window or an age, or not"):
        shortening.query(expression, 30)


def test_an_annotation_keeps_its_words() -> None:
    text = 'Over 30m: {{ with printf "m{a=%q,b=\\"30m\\"}[30m] * 3600" $labels.a | query }}{{ . }}{{ end }} of 1h.'
    assert shortening.template(text, 30) == text.replace("[30m] * 3600", "[1m] * 120")


def test_an_annotation_whose_query_cannot_be_made_out_is_refused() -> None:
    with pytest.raises(ValueError, match="which string is the query"):
        shortening.template('{{ with printf "m[5m]%s" "[5m]" | query }}{{ end }}', 30)
