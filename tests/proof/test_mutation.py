from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.proof import mutation, survivors
from tests.proof.conftest import Proven
from tests.proof.mutation import TESTS, Measured
from tests.proof.survivors import PUBLISHED, ROOT, Count, Mutant, Survivor

LIST = PUBLISHED.read_text(encoding="utf-8")

DIFF = """# exporter.counting.worst.x__stays__mutmut_4: survived
--- exporter/counting/worst.py
+++ exporter/counting/worst.py
@@ -7,7 +7,7 @@
     if len(latest) == KEEP:
-        if latest[0] >= time:
+        if latest[0] > time:
             return False
"""
MUTANT = Mutant("counting.worst", "_stays", ("- if latest[0] >= time:", "+ if latest[0] > time:"))
SOUND = """# Mutants that survive

| module | mutants | killed | timed out | survived | caught | measured |
| --- | --: | --: | --: | --: | --: | --- |
| `counting.labels` | 4 | 3 | 1 | 0 | 100.0% | 2026-01-02 |
| `counting.worst` | 48 | 46 | 1 | 1 | 97.9% | 2026-01-02 |
| all | 52 | 49 | 2 | 1 | 98.0% | |

## `counting.worst`

### `_stays`

```diff
- if latest[0] >= time:
+ if latest[0] > time:
```

Equivalent: for the sake of this test,
no two completions ever finish at once.
"""


# The published list


def test_the_published_list_is_honest() -> None:
    assert list(survivors.dishonest(LIST)) == []


def test_what_mutmut_leaves_alone_is_named() -> None:
    (named,) = re.findall(r"properties and context managers: (.+?)\.\n", LIST, re.DOTALL)
    assert sorted(re.findall(r"`(.+?)`", named)) == sorted(name for module in TESTS for name in decorated(module))


def decorated(module: str) -> Iterator[str]:
    """The functions and methods with a decorator; class methods aside, which are changed too."""
    source = (ROOT / "exporter" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for each in node.body if isinstance(node, ast.Module | ast.ClassDef) else ():
            if isinstance(each, ast.FunctionDef) and {ast.unparse(by) for by in each.decorator_list} - {"classmethod"}:
                yield f"{prefix}{each.name}"


def test_the_published_list_has_every_module_that_is_tested_and_no_other() -> None:
    assert survivors.read(LIST).counts.keys() == TESTS.keys()


def test_every_module_of_the_counting_core_is_tested() -> None:
    modules = {f"counting.{path.stem}" for path in (ROOT / "exporter" / "counting").glob("*.py")}
    assert modules - {"counting.__init__"} == {module for module in TESTS if module.startswith("counting.")}


def test_nothing_survives_but_what_no_test_can_tell_from_the_original() -> None:
    assert [str(each.mutant) for each in survivors.read(LIST).survivors if not each.equivalent] == []


# How the list is read and checked


def test_a_mutant_is_read_from_what_mutmut_shows() -> None:
    assert Mutant.of("counting.worst", "_stays", DIFF) == MUTANT


def test_a_list_is_read() -> None:
    published = survivors.read(SOUND)
    assert published.counts == {
        "counting.labels": Count(4, 3, 1, 0, "2026-01-02"),
        "counting.worst": Count(48, 46, 1, 1, "2026-01-02"),
    }
    reason = "Equivalent: for the sake of this test, no two completions ever finish at once."
    assert published.survivors == (Survivor(MUTANT, reason),)
    assert list(survivors.dishonest(SOUND)) == []


@pytest.mark.parametrize(
    ("said", "instead", "problem"),
    [
        pytest.param("### `_stays`", "### `_goes`", "no such function", id="a function that is gone"),
        pytest.param("- if latest[0] >=", "- if latest[0] ==", "lines that are not there", id="a line"),
        pytest.param("+ if latest[0] > time:\n", "", "what it becomes", id="half a change"),
        pytest.param("Equivalent: for", "For", "no reason", id="a reason of no kind"),
        pytest.param(
            "for the sake of this test,\nno two completions ever finish at once", "yes", "no reason", id="no reason"
        ),
        pytest.param(
            "### `_stays`\n", "### _stays\n", "1 survivors are listed, 0 can be read", id="one that is not read"
        ),
        pytest.param("| 46 | 1 | 1 |", "| 46 | 0 | 2 |", "2 survived, 1 are listed", id="one that is not listed"),
        pytest.param("| 48 | 46 |", "| 50 | 46 |", "do not add up", id="a module's numbers"),
        pytest.param("| 52 | 49 |", "| 53 | 50 |", "table does not add up", id="the totals"),
        pytest.param("97.9%", "98.9%", "table does not add up", id="a percentage"),
        pytest.param(
            "| `counting.worst` |", "| counting.worst |", "no line in the table", id="a module without a line"
        ),
    ],
)
def test_a_list_is_dishonest_that_gets_wrong(said: str, instead: str, problem: str) -> None:
    assert SOUND.count(said) == 1
    assert problem in "\n".join(survivors.dishonest(SOUND.replace(said, instead)))


def test_new_numbers_are_put_in_their_place_and_added_up_anew() -> None:
    text = survivors.with_counts(SOUND, {"counting.labels": Count(10, 9, 1, 0, "2026-03-04")})
    assert survivors.read(text).counts["counting.labels"] == Count(10, 9, 1, 0, "2026-03-04")
    assert "| all | 58 | 55 | 2 | 1 | 98.2% | |" in text
    assert text.partition("\n\n## ")[2] == SOUND.partition("\n\n## ")[2]
    assert list(survivors.dishonest(text)) == []


@pytest.mark.parametrize(
    ("module", "count", "outdated"),
    [
        pytest.param("counting.worst", Count(48, 47, 0, 1, "2026-03-04"), False, id="the same, one killed in time"),
        pytest.param("counting.worst", Count(49, 47, 1, 1, "2026-03-04"), True, id="more mutants"),
        pytest.param("counting.worst", Count(48, 47, 1, 0, "2026-03-04"), True, id="fewer survivors"),
        pytest.param("counting.walk", Count(48, 47, 1, 0, "2026-03-04"), True, id="a module that is not there"),
    ],
)
def test_a_table_that_says_otherwise_than_was_counted_is_outdated(module: str, count: Count, outdated: bool) -> None:
    assert bool(list(survivors.outdated(SOUND, {module: count}))) is outdated


# What mutmut says


def test_whatever_is_neither_killed_nor_timed_out_has_survived() -> None:
    fates = ("killed", "survived", "timeout", "killed", "no tests", "not checked", "segfault", "suspicious")
    listing = "".join(f"    exporter.counting.walk.x_take__mutmut_{n}: {fate}\n" for n, fate in enumerate(fates))
    escaped = [f"exporter.counting.walk.x_take__mutmut_{n}" for n in (1, 4, 5, 6, 7)]
    assert mutation.read_results(listing, date(2026, 1, 2)) == (Count(8, 2, 1, 5, "2026-01-02"), escaped)


def test_a_run_without_mutants_proves_nothing() -> None:
    with pytest.raises(RuntimeError, match="no mutants"):
        mutation.read_results("\n", date(2026, 1, 2))


def sql(before: str, after: str) -> Mutant:
    return Mutant("store.ledgerfile", "Store.commit", (f"- {before}", f"+ {after}"))


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ('db.execute("BEGIN")', 'db.execute("begin")', True),
        ('db.execute("PRAGMA journal_mode = WAL")', 'db.execute("pragma journal_mode = wal")', True),
        ('" WHERE account = ? AND source = ?",', '" WHERE ACCOUNT = ? AND SOURCE = ?",', True),
        ('" (SELECT id FROM segments LIMIT ?)",', '" (select id from segments limit ?)",', True),
        ('" RETURNING id",', '" returning id",', True),
        ('" WHERE account = ? AND source = ?",', '"XX WHERE account = ? AND source = ?XX",', False),
        ('" WHERE account = ? AND source = ?",', '" WHERE ACCOUNT = ? AND SOURCE < ?",', False),
        ("db.execute(\"DELETE FROM meta WHERE key = 'a'\")", "db.execute(\"delete from meta where key = 'a'\")", True),
        ("db.execute(\"DELETE FROM meta WHERE key = 'a'\")", "db.execute(\"DELETE FROM META WHERE KEY = 'A'\")", False),
        ('execute("BEGIN", name["a"])', 'execute("BEGIN", name["A"])', False),
        ('set_meta("observed", value)', 'set_meta("OBSERVED", value)', False),
        ('execute("COMMIT")', "execute(None)", False),
    ],
)
def test_sql_in_another_case_is_the_same_but_for_its_literals(before: str, after: str, same: bool) -> None:
    assert sql(before, after).same_sql is same


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("zip(a, b, strict=True)", "zip(a, b, strict=None)", True),
        ("zip(a, b, strict=True)", "zip(a, b, strict=False)", True),
        ("zip(a, b, strict=True)", "zip(a, b, )", False),
        ("zip(a, b, strict=True)", "zip(a, None, strict=True)", False),
        ("zip(a, b, strict=False)", "zip(a, b, strict=True)", False),
        ('create_function("f", 1, f, deterministic=True)', 'create_function("f", 1, f, deterministic=False)', True),
        ("execute(sql, done=True)", "execute(sql, done=False)", False),
    ],
)
def test_what_an_argument_is_without_being_given_is_the_same_given(before: str, after: str, same: bool) -> None:
    assert sql(before, after).same_default is same


def test_a_mutant_that_is_the_same_as_the_original_or_another_is_no_mutant() -> None:
    same, other = sql('"BEGIN"', '"begin"'), sql('"BEGIN"', '"XXBEGINXX"')
    again = sql("zip(a, strict=True)", "zip(a, strict=None)")
    measured = Measured("store.ledgerfile", Count(10, 6, 1, 3, "2026-01-02"), (same, other, again))
    expected = Measured("store.ledgerfile", Count(8, 6, 1, 1, "2026-01-02"), (other,))
    assert mutation.without_the_same(measured) == expected


# How a run is judged

LISTED = Survivor(MUTANT, "Equivalent: for the sake of this test.")
MEASURED = Measured("counting.worst", Count(48, 46, 1, 1, "2026-01-02"), (MUTANT,))


def test_a_survivor_that_is_explained_is_no_mistake_to_be_caught() -> None:
    figures = mutation.judge(MEASURED, [LISTED])
    assert (figures.mutants, figures.mutants_caught, figures.problems, figures.good) == (47, 47, [], True)


def test_a_survivor_that_is_not_equivalent_is_a_mistake_that_was_not_caught() -> None:
    figures = mutation.judge(MEASURED, [replace(LISTED, reason="Harmless: for the sake of this test.")])
    assert (figures.mutants, figures.mutants_caught, figures.problems, figures.good) == (48, 47, [], False)


def test_a_survivor_that_is_not_explained_is_a_problem() -> None:
    figures = mutation.judge(MEASURED, [])
    assert (figures.mutants, figures.mutants_caught) == (48, 47)
    assert figures.problems == [f"{MUTANT}\n  survived, which survivors.md does not explain"]


def test_the_same_change_at_two_places_of_a_function_is_explained_twice_or_not_at_all() -> None:
    twice = replace(MEASURED, count=Count(48, 45, 1, 2, "2026-01-02"), survivors=(MUTANT, MUTANT))
    assert len(mutation.judge(twice, [LISTED]).problems) == 1
    assert mutation.judge(twice, [LISTED, LISTED]).problems == []


def test_an_explained_survivor_that_is_now_caught_is_a_problem() -> None:
    figures = mutation.judge(Measured("counting.worst", Count(48, 47, 1, 0, "2026-01-02"), ()), [LISTED])
    assert (figures.mutants, figures.mutants_caught) == (48, 48)
    assert figures.problems == [f"{MUTANT}\n  is caught or gone, but survivors.md explains it"]


def test_what_is_explained_of_other_modules_is_no_concern_of_this_one() -> None:
    nothing = Measured("counting.labels", Count(4, 4, 0, 0, "2026-01-02"), ())
    assert mutation.judge(nothing, [LISTED]).good


# The real thing, on a small module


def test_every_mutant_of_a_module_is_caught_by_its_tests(tmp_path: Path, proven: Proven) -> None:
    figures = mutation.run(modules=["counting.labels"], place=tmp_path)
    proven(figures)
    assert figures.mutants >= 40
