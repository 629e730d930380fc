"""docs/web-configuration.md names every key, and what it shows is valid."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import bcrypt
import pytest

from exporter.config import ClientAuth
from exporter.config.webschema import WebConfigFile, WebSection
from exporter.config.webvalues import CURVES, HEADERS
from exporter.web.access import load_access
from tests.realservers import require
from tests.web_config.folder import Certificates, write_pair

DOCUMENT = (Path(__file__).parents[2] / "docs" / "web-configuration.md").read_text("utf-8")
EXAMPLE, SCRAPING = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def mounted(tmp_path: Path, certificates: Certificates) -> Path:
    """The example, and the files that it names."""
    write_pair(certificates.server, tmp_path / "tls.crt", tmp_path / "tls.key")
    certificates.authority.cert_pem.write_to_path(str(tmp_path / "scrapers-ca.crt"))
    (tmp_path / "web.yml").write_text(EXAMPLE)
    return tmp_path


def test_the_example_is_good_and_its_password_right(mounted: Path) -> None:
    access = load_access(mounted / "web.yml")

    assert access.config.tls is not None and access.config.tls.client_auth is ClientAuth.REQUIRE_AND_VERIFY
    assert bcrypt.checkpw(b"test", access.config.users["prometheus"].encode())


def test_prometheus_takes_the_scrape_configuration(tmp_path: Path, certificates: Certificates) -> None:
    write_pair(certificates.client, tmp_path / "prometheus.crt", tmp_path / "prometheus.key")
    certificates.authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    (tmp_path / "password").write_text("test")
    (tmp_path / "prometheus.yml").write_text(SCRAPING)

    checked = subprocess.run(
        [require("promtool"), "check", "config", "prometheus.yml"], cwd=tmp_path, capture_output=True, check=False
    )

    assert checked.returncode == 0, checked.stderr


def test_every_key_and_value_is_named() -> None:
    sections: list[type[WebSection]] = [WebConfigFile, *WebSection.__subclasses__()]
    names = {key for section in sections for key in section.model_fields} | {*HEADERS, *CURVES, *ClientAuth}

    assert [name for name in sorted(names) if name not in DOCUMENT] == []
