"""The daemon that the tests of this package attack, one after the other: each has to leave it as it was."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.abuse.subject import Subject, subject


@pytest.fixture(scope="module", autouse=True)
def linux() -> None:
    """Leave out what needs a second loopback address and the number of open files."""
    if sys.platform != "linux":
        pytest.skip("127.0.0.2 and process_open_fds are there on Linux")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """Run a daemon for all tests of a module."""
    with subject(tmp_path_factory.mktemp("abuse"), history=60.0) as running:
        yield running


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """Run one that speaks TLS and asks for a password."""
    with subject(tmp_path_factory.mktemp("secured"), secure=True, history=60.0) as running:
        yield running
