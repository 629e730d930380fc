"""Time enters through the Clock protocol: nothing in the exporter reads a clock or sleeps by itself.

Timeouts of protocols (``loop.call_later``, ``asyncio.timeout``) are not readings and are allowed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "exporter"

READINGS = {
    *(
        f"time.{name}{unit}"
        for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
        for unit in ("", "_ns")
    ),
    "time.sleep",
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
    "datetime.date.today",
    "asyncio.sleep",
    "anyio.sleep",
    "anyio.current_time",
}


def clock_readings(source: str) -> list[str]:
    """Return ``line: name`` of every use in ``source`` of something that reads a clock or sleeps."""
    tree = ast.parse(source)
    imported = dict(_imported(tree))
    giving_way = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_zero(node.args)}
    return [
        f"{node.lineno}: {name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and (name := _qualified(node, imported)) in READINGS and node not in giving_way
    ]


def _is_zero(arguments: list[ast.expr]) -> bool:
    """Tell whether a call has the one argument 0: ``asyncio.sleep(0)`` gives way to other tasks, it doesn't wait."""
    return len(arguments) == 1 and isinstance(arguments[0], ast.Constant) and arguments[0].value == 0


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each name that ``tree`` imports, and what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, alias.name
                else:
                    top = alias.name.partition(".")[0]
                    yield top, top
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _qualified(node: ast.expr, imported: dict[str, str]) -> str | None:
    """Return the dotted name that a name or an attribute stands for, if it starts at an import."""
    if isinstance(node, ast.Name):
        return imported.get(node.id)
    if isinstance(node, ast.Attribute) and (owner := _qualified(node.value, imported)):
        return f"{owner}.{node.attr}"
    return None


def modules() -> list[Path]:
    """Return every module but the one that implements Clock."""
    return sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "clock.py"})


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_module_reads_no_clock(module: Path) -> None:
    readings = clock_readings(module.read_text(encoding="utf-8"))
    assert not readings, (
        f"{module.relative_to(PACKAGE.parent)}: take a Clock (exporter/models.py) instead of {readings}"
    )


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time\ntime.time()", ["2: time.time"]),
        ("import time as t\nt.monotonic_ns()", ["2: time.monotonic_ns"]),
        ("from time import perf_counter as tick\nstart = tick()", ["2: time.perf_counter"]),
        ("import time\nprobe(clock=time.time)", ["2: time.time"]),
        ("import datetime\ndatetime.datetime.now(datetime.UTC)", ["2: datetime.datetime.now"]),
        ("from datetime import datetime, UTC\ndatetime.now(UTC)", ["2: datetime.datetime.now"]),
        ("from datetime import date\ndate.today()", ["2: datetime.date.today"]),
        ("import asyncio\nasync def f():\n    await asyncio.sleep(1)", ["3: asyncio.sleep"]),
        ("import asyncio.events\nasyncio.sleep", ["2: asyncio.sleep"]),
        ("import asyncio\nasync def f():\n    await asyncio.sleep(0)", []),
        ("from datetime import datetime\ndatetime.fromtimestamp(0)", []),
        ("import asyncio\nasyncio.get_running_loop().call_later(5, f)\nasyncio.timeout(5)", []),
        ("async def f(clock):\n    await clock.sleep(clock.now())", []),
    ],
)
def test_every_way_of_reading_a_clock_is_found(source: str, found: list[str]) -> None:
    assert clock_readings(source) == found
