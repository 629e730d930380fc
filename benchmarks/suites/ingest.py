"""Page bytes to counted, committed and published rows, beside what a user would pick instead, on the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks import bodies, rows
from benchmarks.bodies import Sums
from benchmarks.peers import subjects as peers
from benchmarks.rounds import Played, interleave
from benchmarks.setting import Bench, worker
from benchmarks.subjects import Subject

EXPORTER = "exporter"
RENDERING = "exporter, with rendering"


def run(bench: Bench) -> None:
    """Measure rows of about 340 bytes, then rows with 8 KB of content; note seconds a row of wall time and of CPU."""
    _compare(bench, "small", bench.scale.rows, content=0)
    _compare(bench, "large", bench.scale.rows // 10, content=rows.LARGE_CONTENT)


def _compare(bench: Bench, kind: str, number: int, *, content: int) -> None:
    items = rows.items(number)
    folder = bench.scratch / f"pages-{kind}"
    size = bodies.write(folder, items, content=content)
    bench.results.facts[f"bytes of a row, {kind}"] = f"{size / number:,.0f}"
    # Rounds go on in one ledger, as an exporter does; one page more than is read, or old ids would be forgotten.
    pages = max(1, number // 1000)
    listed = rows.items((pages * (bench.rounds + 1) + 1) * 1000)
    told = ("--rows", len(listed), "--pages", pages, "--content", content, "--scratch", bench.scratch, "--ledger")
    subjects = [
        Subject(EXPORTER, worker("ingest", *told, bench.scratch / f"ingest-{kind}.db")),
        Subject(RENDERING, worker("ingest", *told, bench.scratch / f"ingest-{kind}-rendering.db", "--render")),
    ]
    parsers = {peer.name: peer for peer in peers.parsers(folder)}
    others = {**parsers, **{peer.name: peer for peer in peers.counters(folder)}}
    for name, peer in others.items():
        subjects.append(Subject(name, peer.argv, {"pages": peer.pages} if peer.pages else {}))
    for name, played in interleave(subjects, bench.rounds, bench.random).items():
        failed_tokens = name not in others or others[name].failed_tokens
        if name not in parsers and not all(each.get("check") for each in played.rounds):
            bench.results.problems[f"ingest/{kind}/{name}"] = played.problem or "did not say what it has counted"
            continue
        bench.results.facts.setdefault(f"version of {name}", str(played.ready.get("version", "absent")))
        counted = items if name in others else listed
        note(bench, f"ingest/{kind}/{name}", played, bodies.truth(counted, failed_tokens=failed_tokens))


def note(bench: Bench, name: str, played: Played, truth: Sequence[Sums]) -> None:
    """Note what a subject needed for a row, if it has counted right: ``truth`` of so many rows, newest first."""
    if problem := played.problem or _wrong([each for each in played.rounds if each.get("check")], truth):
        bench.results.problems[name] = problem
        return
    bench.results.note(name, played.per_unit())
    bench.results.note(f"cpu/{name}", played.per_unit("cpu"))


def _wrong(rounds: Sequence[Mapping[str, Any]], truth: Sequence[Sums]) -> str:
    """Say what is wrong with what was counted, anew in every round or on top of the one before."""
    before = 0
    for each in rounds:
        check, number = each["check"], int(each["check"]["completions"])
        if not 0 < number < len(truth):
            return f"counted {number} rows of {len(truth) - 1}"
        if check != asdict(truth[number]):
            return f"counted {check}, not {truth[number]}"
        if each["units"] > number or (before and each["units"] not in (number, number - before)):
            return f"claims {each['units']} rows, and has gone from {before} to {number}"
        before = number
    return ""
