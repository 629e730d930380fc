"""The real things that tests run against: there, or the test is left out and the run says so.

Programs are found on PATH; what else a test may need, it says itself. With ``REQUIRE_REAL_SERVERS=1`` (as CI sets it)
what is absent fails the test instead.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import pytest


@dataclass(frozen=True, slots=True)
class RealServer:
    """One program: the names it goes by (Debian's first), the Debian package, and what is tested with it."""

    names: tuple[str, ...]
    package: str
    purpose: str


# Keep in step with tests/tools/install-servers.
SERVERS: Final = {
    "promtool": RealServer(("promtool",), "prometheus", "lint of /metrics, rule files and rule tests"),
    "prometheus": RealServer(("prometheus",), "prometheus", "scrapes by a real Prometheus"),
    "amtool": RealServer(("amtool",), "prometheus-alertmanager", "Alertmanager's example: lint, routes, templates"),
    "alertmanager": RealServer(
        ("prometheus-alertmanager", "alertmanager"), "prometheus-alertmanager", "notifications by a real Alertmanager"
    ),
    "chromium": RealServer(("chromium", "chromium-browser", "google-chrome"), "chromium", "pages in a real browser"),
    "wrk": RealServer(("wrk",), "wrk", "scrapes under load"),
}

LEFT_OUT: Final = "real server absent: "
"""How the reason of every test left out for want of a program begins."""

LACKING: Final = "left out: "
"""How the reason of every test left out for want of anything else begins."""


def find(name: str) -> Path | None:
    """Return where the program called ``name`` in SERVERS is, or None. Raises KeyError on any other name."""
    for binary in SERVERS[name].names:
        if path := shutil.which(binary):
            return Path(path)
    return None


def required() -> bool:
    """Tell whether an absent program fails its tests instead of leaving them out."""
    return os.environ.get("REQUIRE_REAL_SERVERS") == "1"


def require(name: str) -> Path:
    """Return where the program is; if absent, skip the running test, or fail it under ``REQUIRE_REAL_SERVERS=1``."""
    if path := find(name):
        return path
    server = SERVERS[name]
    leave_out(f"{LEFT_OUT}{name} (none of {', '.join(server.names)} on PATH; Debian package {server.package})")


def need(there: bool, lacking: str) -> None:
    """Go on only if what the running test rests on is ``there``; else leave it out for ``lacking`` that, or fail it.

    For what is no program: a library, a right, a kernel that lets it.
    """
    if not there:
        leave_out(f"{LACKING}{lacking}")


def leave_out(reason: str) -> NoReturn:
    """Skip the running test for a reason that the run lists; under ``REQUIRE_REAL_SERVERS=1``, fail it."""
    if required():
        pytest.fail(f"{reason}; REQUIRE_REAL_SERVERS=1 forbids leaving the test out", pytrace=False)
    pytest.skip(reason)
