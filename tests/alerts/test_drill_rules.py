"""How a drill reads rule files: what is recorded before what, durations, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from exporter.alerts.drill.rules import Record, RulesError, load, shipped_rules

ROOT = Path(__file__).parents[2]


def rule_file(folder: Path, *rules: dict, interval: str | None = "30s") -> Path:
    path = folder / "some.rules.yml"
    group = {"name": "some", "rules": list(rules)} | ({"interval": interval} if interval else {})
    path.write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
    return path


def record(name: str, expr: str) -> dict:
    return {"record": name, "expr": expr}


def names(records: tuple[Record, ...]) -> list[str]:
    return [each.name for each in records]


def test_in_a_checkout_the_shipped_rules_are_those_of_the_repository() -> None:
    assert shipped_rules() == tuple(sorted((ROOT / "rules").glob("*.rules.yml")))


def test_every_shipped_rule_is_read() -> None:
    rules = load(shipped_rules())
    written = [
        rule
        for path in (ROOT / "rules").glob("*.rules.yml")
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]
    assert sorted(names(rules.records)) == sorted(rule["record"] for rule in written if "record" in rule)
    assert sorted(alert.name for alert in rules.alerts) == sorted(rule["alert"] for rule in written if "alert" in rule)


def test_a_record_comes_after_what_it_needs_in_whatever_file() -> None:
    records = load(shipped_rules()).records
    for place, each in enumerate(records):
        assert not each.needs & set(names(records[place:]))


def test_what_a_history_must_have_is_what_nobody_records(tmp_path: Path) -> None:
    path = rule_file(
        tmp_path, record("b", "a + 1"), record("c", "b + d"), {"alert": "A", "expr": "c > e"}, record("f", "1")
    )
    assert load([path]).metrics() == {"a", "d", "e"}


def test_records_in_a_circle_are_refused_by_name(tmp_path: Path) -> None:
    path = rule_file(tmp_path, record("a", "b"), record("b", "c"), record("c", "a"))
    with pytest.raises(RulesError, match=r"in a circle cannot be replayed: (a|b|c) -> "):
        load([path])


def test_times_of_an_alert_are_read(tmp_path: Path) -> None:
    alert = {"alert": "A", "expr": "a", "for": "1h30m", "keep_firing_for": "1d", "labels": {"severity": "x", "b": 1}}
    (found,) = load([rule_file(tmp_path, alert, interval="2m")]).alerts
    assert (found.interval, found.hold, found.keep) == (120_000, 5_400_000, 86_400_000)
    assert found.labels == (("b", "1"), ("severity", "x"))


@pytest.mark.parametrize(
    ("interval", "milliseconds"), [(None, 60_000), ("500ms", 500), ("1m30s", 90_000), ("1w", 604_800_000)]
)
def test_an_interval_is_a_minute_unless_the_group_says_otherwise(
    tmp_path: Path, interval: str | None, milliseconds: int
) -> None:
    (found,) = load([rule_file(tmp_path, record("a", "b"), interval=interval)]).records
    assert found.interval == milliseconds


def test_a_step_makes_intervals_longer_never_shorter(tmp_path: Path) -> None:
    rules = load([rule_file(tmp_path, record("a", "b"), {"alert": "A", "expr": "a"}, interval="1m")])
    assert [each.interval for each in rules.at_least_every(120_000).records] == [120_000]
    assert [each.interval for each in rules.at_least_every(120_000).alerts] == [120_000]
    assert rules.at_least_every(30_000) == rules


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("groups: [", "is no rule file"),
        ("just text", "is no rule file"),
        ("groups: 7", "is no rule file"),
        ("groups: [{name: a}]", "is no rule file"),
        ("groups: [{name: a, rules: [{record: a}]}]", "is no rule file"),
        ("groups: [{name: a, interval: soon, rules: []}]", "'soon' is no duration"),
        ("groups: [{name: a, rules: [{alert: A, expr: a, for: 5}]}]", "5 is a duration without a unit"),
        ("", "is no rule file"),
    ],
)
def test_what_is_no_rule_file_is_refused_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "bad.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RulesError) as caught:
        load([path])
    assert why in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_rule_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"none\.yml: No such file"):
        load([tmp_path / "none.yml"])
