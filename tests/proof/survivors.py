"""The published list of mutants that no test catches, ``docs/survivors.md``: read, checked, and its table written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).parents[2]
PUBLISHED: Final = ROOT / "docs" / "survivors.md"

HEADING: Final = "| module | mutants | killed | timed out | survived | caught | measured |"
REASONS: Final = ("Equivalent: ", "Harmless: ")
"""How a reason begins: no test can tell the mutant from the original, or none needs to."""

_SQL = re.compile(
    r'''" ?\(?(?:SELECT|INSERT|UPDATE|DELETE|PRAGMA|BEGIN|COMMIT|ROLLBACK|ON CONFLICT|WHERE|RETURNING)\b[^"\\]*"'''
)
_LITERAL = re.compile(r"'[^']*'")
_SECTION = re.compile(r"^## `(?P<module>[\w.]+)`$(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_SURVIVOR = re.compile(
    r"^### `(?P<function>[\w.]+)`$\s+```diff\n(?P<diff>.*?)^```$(?P<reason>.*?)(?=^### |\Z)", re.M | re.S
)
_ROW = re.compile(r"^\| `([\w.]+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| ([\d.]+)% \| (\S+) \|$", re.MULTILINE)


@dataclass(frozen=True, order=True, slots=True)
class Mutant:
    """One change of one function; ``change`` is its diff without indentation: lines that begin with - or +."""

    module: str
    function: str
    change: tuple[str, ...]

    @classmethod
    def of(cls, module: str, function: str, diff: str) -> Self:
        lines = (line for line in diff.splitlines() if line.startswith(("-", "+")) and line[:3] not in ("---", "+++"))
        return cls(module, function, tuple(f"{line[0]} {line[1:].strip()}" for line in lines))

    @property
    def original(self) -> tuple[str, ...]:
        """The lines of the source that the change is about."""
        return tuple(line[2:] for line in self.change if line.startswith("-"))

    @property
    def same_sql(self) -> bool:
        """Whether only the case of an SQL statement differs, its literals aside: that is the same statement."""
        if [line[:1] for line in self.change] != ["-", "+"]:
            return False
        before, after = (line[2:] for line in self.change)
        sql = _SQL.search(before)
        if sql is None or len(before) != len(after):
            return False
        start, end = sql.span()
        old, new = before[start:end], after[start:end]
        return (
            (before[:start], before[end:]) == (after[:start], after[end:])
            and old.lower() == new.lower()
            and _LITERAL.findall(old[1:-1]) == _LITERAL.findall(new[1:-1])
        )

    @property
    def same_default(self) -> bool:
        """Whether it only spells out the default of an argument, which another mutant leaves out: the same program."""
        if [line[:1] for line in self.change] != ["-", "+"]:
            return False
        before, after = (line[2:] for line in self.change)
        return any(
            before != after == before.replace(f"{name}=True", f"{name}={default}")
            for name in ("strict", "deterministic")
            for default in (None, False)
        )

    def __str__(self) -> str:
        return "\n".join([f"{self.module}: {self.function}", *(f"  {line}" for line in self.change)])


@dataclass(frozen=True, slots=True)
class Survivor:
    mutant: Mutant
    reason: str

    @property
    def equivalent(self) -> bool:
        return self.reason.startswith(REASONS[0])


@dataclass(frozen=True, slots=True)
class Count:
    """What became of a module's mutants. ``measured`` is a day."""

    mutants: int
    killed: int
    timed_out: int
    survived: int
    measured: str

    @property
    def caught(self) -> str:
        """Per cent of all mutants, equivalent ones included, rounded down: 100.0 is all of them."""
        return f"{(self.killed + self.timed_out) * 1000 // self.mutants / 10:.1f}" if self.mutants else "100.0"

    def __add__(self, other: Count) -> Count:
        return Count(
            self.mutants + other.mutants,
            self.killed + other.killed,
            self.timed_out + other.timed_out,
            self.survived + other.survived,
            "",
        )


@dataclass(frozen=True, slots=True)
class Published:
    """What the list says."""

    counts: Mapping[str, Count]
    survivors: tuple[Survivor, ...]


def read(text: str) -> Published:
    """Read the list; what has not its form is not in it."""
    survivors = [
        Survivor(Mutant.of(section["module"], entry["function"], entry["diff"]), " ".join(entry["reason"].split()))
        for section in _SECTION.finditer(text)
        for entry in _SURVIVOR.finditer(section["body"])
    ]
    counts = {
        module: Count(int(mutants), int(killed), int(timed_out), int(survived), day)
        for module, mutants, killed, timed_out, survived, _, day in _ROW.findall(text)
    }
    return Published(counts, tuple(survivors))


def table(counts: Mapping[str, Count]) -> str:
    """Write the table of the list."""
    total = sum(counts.values(), Count(0, 0, 0, 0, ""))
    lines = [HEADING, "| --- | --: | --: | --: | --: | --: | --- |"]
    for name, count in [*((f"`{module}`", counts[module]) for module in sorted(counts)), ("all", total)]:
        numbers = f"{count.mutants} | {count.killed} | {count.timed_out} | {count.survived} | {count.caught}%"
        lines.append(f"| {name} | {numbers} | {count.measured} |".replace("|  |", "| |"))
    return "\n".join(lines)


def with_counts(text: str, counts: Mapping[str, Count]) -> str:
    """Put new counts into the list's table; those of other modules stay."""
    merged = {**read(text).counts, **counts}
    before, _, after = text.partition(HEADING)
    below = after.split("\n\n", 1)[1]
    return f"{before}{table(merged)}\n\n{below}"


def outdated(text: str, counts: Mapping[str, Count]) -> Iterator[str]:
    """What the list's table says otherwise than was counted now."""
    published = read(text).counts
    for module, now in counts.items():
        then = published.get(module)
        if then is None or (then.mutants, then.survived) != (now.mutants, now.survived):
            yield f"{module}: {now.survived} of {now.mutants} mutants survive, which the table does not say"


def dishonest(text: str) -> Iterator[str]:
    """What is wrong with the list as it stands, in words: against the source, and against itself."""
    published = read(text)
    if text.count("\n### ") != len(published.survivors):
        yield f"{text.count(chr(10) + '### ')} survivors are listed, {len(published.survivors)} can be read"
    for survivor in published.survivors:
        yield from _unfounded(survivor)
    for module, count in published.counts.items():
        listed = sum(survivor.mutant.module == module for survivor in published.survivors)
        if listed != count.survived:
            yield f"{module}: {count.survived} survived, {listed} are listed"
        if count.killed + count.timed_out + count.survived != count.mutants:
            yield f"{module}: the numbers do not add up"
    for survivor in published.survivors:
        if survivor.mutant.module not in published.counts:
            yield f"{survivor.mutant.module} has survivors, but no line in the table"
    if table(published.counts) not in text:
        yield "the table does not add up, or is not in order"


def _unfounded(survivor: Survivor) -> Iterator[str]:
    mutant = survivor.mutant
    if not survivor.reason.startswith(REASONS) or len(survivor.reason.split()) < 6:
        yield f"{mutant}\n  has no reason"
    source = functions(mutant.module).get(mutant.function)
    if source is None:
        yield f"{mutant}\n  there is no such function"
    elif not mutant.original or not set(mutant.original) <= source:
        yield f"{mutant}\n  is a change of lines that are not there"
    elif not any(line.startswith("+") for line in mutant.change):
        yield f"{mutant}\n  does not say what it becomes"


def functions(module: str) -> dict[str, set[str]]:
    """The lines, without indentation, of every function and method of a module of the exporter."""
    text = (ROOT / "exporter" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    lines = text.splitlines()

    def visit(body: Iterable[ast.stmt], prefix: str) -> Iterator[tuple[str, set[str]]]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{prefix}{node.name}", {line.strip() for line in lines[node.lineno - 1 : node.end_lineno]}

    return dict(visit(ast.parse(text).body, ""))
