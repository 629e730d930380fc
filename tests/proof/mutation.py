"""mutmut over the counting core and the ledger: every small mistake in a module must fail that module's own unit tests.

    python -m tests.proof.mutation [--write] [--children N] [module ...]

runs it over all modules, or those named (``counting.walk``), each in a copy of the tree of its own below
``build/mutation/``, against the published list of survivors, ``docs/survivors.md``. A survivor that is not in the list
is a problem, and so is one of the list that is now caught. ``--write`` puts the numbers into the list's table.

A copy, because mutmut writes a folder of mutants beside the code, and must not see it change under its hands. To look
at a mutant: ``cd build/mutation/counting.walk && ../../../.venv/bin/mutmut show NAME`` (``browse`` shows all).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from tests.proof import survivors
from tests.proof.figures import Figures
from tests.proof.survivors import PUBLISHED, ROOT, Count, Mutant, Survivor

_TOTALS = ("test_totals", "test_totals_labels", "test_totals_low_and_slow", "test_totals_properties")
_STORE = ("test_store", "test_store_opening", "test_store_rows", "test_store_damage", "test_store_migrations")
_MARK = ("test_highwater", "test_highwater_lost", "test_highwater_rolled_back")

TESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "counting.births": ("test_births",),
    "counting.budgets": ("test_budgets",),
    "counting.columns": ("test_columns",),
    "counting.coverage": ("test_coverage", "test_sealing"),
    "counting.examples": ("test_examples",),
    "counting.history": ("test_history",),
    "counting.labels": ("test_labels",),
    "counting.layout": _TOTALS,
    "counting.ledger": ("test_ledger", "test_ledger_pages", "test_ledger_identity"),
    "counting.sheet": ("test_sheet",),
    "counting.totals": _TOTALS,
    "counting.walk": (
        "test_walk",
        "test_walk_end",
        "test_walk_ties",
        "test_walk_unquiet",
        "test_walk_order",
        "test_walk_patience",
    ),
    "counting.worst": ("test_worst",),
    "store.digests": ("test_store_digests",),
    "store.former": ("test_store_migrations",),
    "store.highwater": _MARK,
    "store.ledgerfile": (*_STORE, *_MARK),
    "store.opening": (*_STORE, *_MARK),
    "store.problems": ("test_store_problems",),
    "store.reading": _STORE,
    "store.segments": ("test_store_segments", "test_store_rows", "test_store_migrations"),
    "store.soundness": ("test_store_soundness",),
}
"""The tests that must catch a module's mutants: its own, and no others, for what breaks must be said where it broke."""

SETTINGS: Final = """[mutmut]
source_paths = exporter
only_mutate = {source}
pytest_add_cli_args =
  -p
  tests.proof.mutation_profile
  --hypothesis-profile=mutation
  -p
  no:xdist
  -p
  no:cacheprovider
pytest_add_cli_args_test_selection =
{tests}
# A mutant may take this many times as long as its tests did, and a second more, on a machine with other work to do.
timeout_multiplier = 10
timeout_constant = 1
use_git_change_detection = false
"""

_RESULT = re.compile(r"^\s+(?P<name>exporter\.\S+): (?P<status>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of the mutants of one module."""

    module: str
    count: Count
    survivors: tuple[Mutant, ...]


def run(*, modules: Sequence[str], place: Path = ROOT / "build" / "mutation", children: int = 1) -> Figures:
    """Test the mutants of ``modules`` against the published list. Equivalent mutants are not counted as mistakes."""
    text = PUBLISHED.read_text(encoding="utf-8")
    figures = Figures()
    for module in modules:
        figures += judge(measure(module, place / module, children), survivors.read(text).survivors)
    return figures


def judge(measured: Measured, published: Sequence[Survivor]) -> Figures:
    """Compare what became of a module's mutants with what is published of it."""
    here = [survivor for survivor in published if survivor.mutant.module == measured.module]
    listed, found = Counter(survivor.mutant for survivor in here), Counter(measured.survivors)
    equivalent = sum((Counter(survivor.mutant for survivor in here if survivor.equivalent) & found).values())
    return Figures(
        mutants=measured.count.mutants - equivalent,
        mutants_caught=measured.count.killed + measured.count.timed_out,
        problems=[
            *(
                f"{mutant}\n  survived, which {PUBLISHED.name} does not explain"
                for mutant in (found - listed).elements()
            ),
            *(
                f"{mutant}\n  is caught or gone, but {PUBLISHED.name} explains it"
                for mutant in (listed - found).elements()
            ),
        ],
    )


def measure(module: str, place: Path, children: int = 1) -> Measured:
    """Run mutmut over one module, in a copy of the tree at ``place``; what was there is removed."""
    _copy(module, place)
    done = _mutmut(place, "run", "--max-children", str(children))
    if done.returncode:
        raise RuntimeError(f"mutmut cannot run over {module}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    count, escaped = read_results(_output(place, "results", "--all", "True"), datetime.now(UTC).date())
    mutants = [Mutant.of(module, _function(name), _output(place, "show", name)) for name in escaped]
    return without_the_same(Measured(module, count, tuple(mutants)))


def without_the_same(measured: Measured) -> Measured:
    """Leave out survivors that are the same as the original, in another case of SQL, or the same as another mutant."""
    survivors = tuple(mutant for mutant in measured.survivors if not (mutant.same_sql or mutant.same_default))
    same = len(measured.survivors) - len(survivors)
    count = replace(measured.count, mutants=measured.count.mutants - same, survived=measured.count.survived - same)
    return Measured(measured.module, count, survivors)


def read_results(listing: str, today: date) -> tuple[Count, list[str]]:
    """Count what mutmut lists, and name the mutants that no test caught.

    Raises RuntimeError if nothing is listed: to have found no survivor among no mutants proves nothing.
    """
    fate = {match["name"]: match["status"] for match in _RESULT.finditer(listing)}
    if not fate:
        raise RuntimeError(f"mutmut lists no mutants:\n{listing}")
    times = Counter(fate.values())
    # Whatever else became of a mutant (no test calls it, its process crashed), no test has said that it is wrong.
    escaped = [name for name, status in fate.items() if status not in ("killed", "timeout")]
    return Count(len(fate), times["killed"], times["timeout"], len(escaped), today.isoformat()), escaped


def _copy(module: str, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    for folder in ("exporter", "tests"):
        shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    tests = "\n".join(f"  tests/{name}.py" for name in TESTS[module])
    settings = SETTINGS.format(source=f"exporter/{module.replace('.', '/')}.py", tests=tests)
    (place / "setup.cfg").write_text(settings, encoding="utf-8")


def _mutmut(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The order of tests is that of a set: it hangs on the seed. What a pytest around this one has set is not for them.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    return subprocess.run(
        command, cwd=place, env=environment | {"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False
    )


def _output(place: Path, *arguments: str) -> str:
    done = _mutmut(place, *arguments)
    done.check_returncode()
    return done.stdout


def _function(name: str) -> str:
    """Name of the function that mutmut's ``name`` is a mutant of: ``exporter.counting.walk.x_take__mutmut_7``."""
    mangled = name.rpartition("__mutmut_")[0].rpartition(".")[2]
    return ".".join(mangled.split("ǁ")[1:]) if "ǁ" in mangled else mangled.removeprefix("x_")


def main(arguments: Sequence[str]) -> int:
    """Print the table, and what is wrong; return 1 if anything is."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.proof.mutation", description="Run mutmut over the counting core and the ledger."
    )
    parser.add_argument("modules", nargs="*", metavar="module", help="such as counting.walk (default: all)")
    parser.add_argument("--write", action="store_true", help=f"put the numbers into docs/{PUBLISHED.name}")
    parser.add_argument("--children", type=int, default=1, metavar="N", help="mutants tested at a time (default: 1)")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.modules) - set(TESTS):
        parser.error(f"no such module: {', '.join(sorted(unknown))}; there are {', '.join(TESTS)}")

    text = PUBLISHED.read_text(encoding="utf-8")
    figures, counts = Figures(), {}
    for module in chosen.modules or TESTS:
        measured = measure(module, ROOT / "build" / "mutation" / module, chosen.children)
        figures += judge(measured, survivors.read(text).survivors)
        counts[module] = measured.count
        print(f"{module}: {measured.count.survived} of {measured.count.mutants} mutants survived", flush=True)
    if chosen.write:
        text = survivors.with_counts(text, counts)
        PUBLISHED.write_text(text, encoding="utf-8")
    wrong = [*figures.problems, *survivors.outdated(text, counts), *survivors.dishonest(text)]
    print("", survivors.table(counts), "", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
