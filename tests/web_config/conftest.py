"""What tests of the web configuration share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web_config.folder import Certificates


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture
def folder(certificates: Certificates, tmp_path: Path) -> Path:
    """A folder with every case and the files that they name."""
    return certificates.fill(tmp_path)
