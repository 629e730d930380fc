"""The audit of dependencies: clean, vulnerable, out of reach and broken are four things, and only one is silent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from release.audit import Outcome, Verdict, judge

ROOT = Path(__file__).parent.parent.parent
REPORTED = {"id": "PYSEC-2026-1", "summary": "It leaks", "modified": "2026-01-01T00:00:00Z"}
AFFECTED = {
    "package": {"name": "jinja2", "ecosystem": "PyPI"},
    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.6"}]}],
}
VULNERABLE = {"vulns": [{**REPORTED, "affected": [AFFECTED]}]}


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    """A lock file of two packages; no one asks an index for them."""
    path = tmp_path / "locked.txt"
    pins = ("idna==3.20", "jinja2==3.1.0")
    path.write_text("".join(f"{pin} --hash=sha256:{64 * '0'}\n" for pin in pins), encoding="utf-8")
    return path


@contextmanager
def database(status: int, known: dict[str, Any]) -> Iterator[str]:
    """A stand-in for OSV's API, which tells ``known`` by the name of the package; yields its address."""

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(known.get(asked["package"]["name"], {})).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def audit(lock_file: Path, address: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the audit with the real pip-audit, against a database at ``address``."""
    told = {
        "PIP_AUDIT_VULNERABILITY_SERVICE": "osv",
        "PIP_AUDIT_OSV_URL": address,
        "XDG_CACHE_HOME": str(lock_file.parent),
        "NO_PROXY": "*",
    }
    clean = {name: value for name, value in os.environ.items() if name != "REQUIRE_AUDIT"}
    command = [sys.executable, "-m", "release.audit", str(lock_file)]
    return subprocess.run(
        command, cwd=ROOT, env=clean | told | environ, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address at which nothing listens, for as long as the test runs: the port is taken, but not listened on."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1/query"


def test_nothing_known(lock_file: Path) -> None:
    with database(200, {}) as address:
        done = audit(lock_file, address, REQUIRE_AUDIT="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"audit: {lock_file}: no vulnerability is known in 2 packages\n"


def test_a_vulnerability_fails_the_check(lock_file: Path) -> None:
    with database(200, {"jinja2": VULNERABLE}) as address:
        done = audit(lock_file, address)
    assert (done.returncode, done.stdout) == (1, "")
    told = "known vulnerabilities: jinja2 3.1.0: PYSEC-2026-1 (fixed in 3.1.6)"
    assert done.stderr == f"audit: {lock_file}: {told}\n"


def test_a_database_out_of_reach_is_left_out_aloud(lock_file: Path, nowhere: str) -> None:
    done = audit(lock_file, nowhere)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"audit: {lock_file}: left out: the database of vulnerabilities does not answer: ")
    assert done.stderr.count("\n") == 1


def test_a_database_out_of_reach_fails_where_the_audit_is_required(lock_file: Path, nowhere: str) -> None:
    done = audit(lock_file, nowhere, REQUIRE_AUDIT="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "does not answer" in done.stderr


def test_absent_servers_are_another_matter(lock_file: Path, nowhere: str) -> None:
    """REQUIRE_REAL_SERVERS is about what can be installed; a machine cannot install a way to the database."""
    assert audit(lock_file, nowhere, REQUIRE_REAL_SERVERS="1").returncode == 0


@pytest.mark.parametrize("status", [403, 500])
def test_a_database_that_answers_with_an_error_fails_the_check(lock_file: Path, status: int) -> None:
    with database(status, {}) as address:
        done = audit(lock_file, address)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip-audit ended with 1, without a report" in done.stderr


def test_a_lock_file_without_hashes_fails_the_check(lock_file: Path) -> None:
    lock_file.write_text("idna==3.20\n", encoding="utf-8")
    with database(200, {}) as address:
        done = audit(lock_file, address)
    assert (done.returncode, done.stdout) == (1, "")
    assert "without a report" in done.stderr


def test_no_lock_file_fails_the_check(lock_file: Path, nowhere: str) -> None:
    lock_file.unlink()
    assert audit(lock_file, nowhere).returncode == 1


def unknown(name: str) -> dict[str, str]:
    """What pip-audit says of a package that PyPI's API answers with 404, as a mirror without it does."""
    return {"name": name, "skip_reason": f"Dependency not found on PyPI and could not be audited: {name} (1.0)"}


def report(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


def test_a_database_that_knows_no_package_is_none() -> None:
    assert judge(0, report(unknown("a"), unknown("b")), "No known vulnerabilities found\n") == Outcome(
        Verdict.LEFT_OUT, "the database of vulnerabilities knows none of 2 packages"
    )


def test_a_single_package_that_is_unknown_fails_the_check() -> None:
    outcome = judge(0, report({"name": "a", "version": "1.0", "vulns": []}, unknown("b")), "")
    assert outcome.verdict is Verdict.FAILED
    assert outcome.said.endswith("could not be audited: b (1.0)")


def test_a_vulnerability_counts_more_than_what_is_unknown() -> None:
    found = {"name": "a", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": []}]}
    outcome = judge(1, report(found, unknown("b")), "")
    assert outcome == Outcome(Verdict.FAILED, "known vulnerabilities: a 1.0: CVE-1 (fixed in no version yet)")


@pytest.mark.parametrize(
    ("code", "written", "errors"),
    [
        (0, "", ""),
        (0, report(), ""),
        (0, "", "requests.exceptions.ConnectionError: but it says all is well"),
        (2, report({"name": "a", "version": "1.0", "vulns": []}), ""),
        (-9, "", ""),
        (1, "", "No module named pip_audit"),
        (1, "", "requests.exceptions.SSLError: certificate verify failed"),
    ],
)
def test_whatever_else_happens_fails_the_check(code: int, written: str, errors: str) -> None:
    assert judge(code, written, errors).verdict is Verdict.FAILED
