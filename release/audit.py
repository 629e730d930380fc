"""Known vulnerabilities in what lock files pin, told by pip-audit: ``python -m release.audit requirements.txt …``.

Exits 0 if none is known, and 1 if one is, or if it cannot be told. Where the database is out of reach, the audit is
left out, says so on standard error and exits 0; with ``REQUIRE_AUDIT=1``, as in the workflows, it exits 1.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import msgspec

_UNREACHABLE: Final = re.compile(
    r"requests\.exceptions\.(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError)\b|Could not connect to"
)
"""How pip-audit ends when its database does not answer: with a traceback, or with a line of its own."""


class Verdict(Enum):
    """What became of an audit."""

    CLEAN = auto()
    LEFT_OUT = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, and in plain words what it rests on."""

    verdict: Verdict
    said: str


class _Vulnerability(msgspec.Struct):
    id: str
    fix_versions: list[str] = []


class _Dependency(msgspec.Struct):
    name: str
    version: str = ""
    vulns: list[_Vulnerability] = []
    skip_reason: str | None = None


class _Report(msgspec.Struct):
    dependencies: list[_Dependency]


def judge(code: int, report: str, errors: str) -> Outcome:
    """Judge a run of pip-audit by its exit code and what it wrote to standard output (JSON) and standard error."""
    try:
        dependencies = msgspec.json.decode(report, type=_Report).dependencies
    except msgspec.DecodeError:
        last = errors.strip().rpartition("\n")[2] or "without a word"
        if code and _UNREACHABLE.search(errors):
            return Outcome(Verdict.LEFT_OUT, f"the database of vulnerabilities does not answer: {last}")
        return Outcome(Verdict.FAILED, f"pip-audit ended with {code}, without a report: {last}")
    vulnerable = [_told(dependency) for dependency in dependencies if dependency.vulns]
    skipped = [dependency for dependency in dependencies if dependency.skip_reason]
    if vulnerable:
        return Outcome(Verdict.FAILED, "known vulnerabilities: " + "; ".join(vulnerable))
    # A package index that is a mirror has packages but no database: it knows none of them. One alone is another matter.
    if dependencies and len(skipped) == len(dependencies):
        return Outcome(Verdict.LEFT_OUT, f"the database of vulnerabilities knows none of {len(dependencies)} packages")
    if skipped:
        reasons = "; ".join(str(dependency.skip_reason) for dependency in skipped)
        return Outcome(Verdict.FAILED, f"not every package could be audited: {reasons}")
    if code or not dependencies:
        return Outcome(Verdict.FAILED, f"pip-audit ended with {code} and a report on {len(dependencies)} packages")
    return Outcome(Verdict.CLEAN, f"no vulnerability is known in {len(dependencies)} packages")


def _told(dependency: _Dependency) -> str:
    found = (
        f"{vulnerability.id} (fixed in {', '.join(vulnerability.fix_versions) or 'no version yet'})"
        for vulnerability in dependency.vulns
    )
    return f"{dependency.name} {dependency.version}: {', '.join(found)}"


def audit(lock_file: str) -> Outcome:
    """Have pip-audit look up what a lock file pins, by its hashes and without resolving or installing anything."""
    arguments = ["--format=json", "--progress-spinner=off", "--require-hashes", "--disable-pip"]
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", *arguments, "--requirement", lock_file],
        capture_output=True,
        text=True,
        check=False,
    )
    return judge(done.returncode, done.stdout, done.stderr)


def main(lock_files: Sequence[str]) -> int:
    """Audit every lock file, say what became of each, and return the exit code."""
    required = os.environ.get("REQUIRE_AUDIT") == "1"
    code = 0
    for lock_file in lock_files:
        outcome = audit(lock_file)
        match outcome.verdict:
            case Verdict.CLEAN:
                print(f"audit: {lock_file}: {outcome.said}")
            case Verdict.LEFT_OUT if not required:
                print(f"audit: {lock_file}: left out: {outcome.said}", file=sys.stderr)
            case _:
                print(f"audit: {lock_file}: {outcome.said}", file=sys.stderr)
                code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
