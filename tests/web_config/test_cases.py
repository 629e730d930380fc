"""Good and bad files, exporter-toolkit's own and ours, with whole messages; and what promtool says of them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

from exporter.config import ClientAuth, ConfigError, RateLimit, load_web
from exporter.web.access import load_access
from tests.realservers import require
from tests.web_config.folder import CASES, Certificates, indented

STRICTER: Final = {
    "any-client-certificate.bad.yml": "RequireAnyClientCert takes any certificate, hence protects nothing",
    "tls_config_noAuth.requireanyclientcert.good.yml": "the same",
    "web_config_auth_clientCAs_missing.bad.yml": "without client_ca_file any public authority's certificates would do",
    "web_config_noAuth.good.blocking.yml": "the same",
    "empty-client-ca.bad.yml": "promtool does not look into client_ca_file",
    "no-certificate.bad.yml": "the toolkit takes it for plain HTTP",
    "old-versions.bad.yml": "TLS 1.0 and 1.1 are broken",
    "versions.bad.yml": "no version is left, which the toolkit notices connection by connection",
    "only-tls13-suites.bad.yml": "no suite is left, which the toolkit notices connection by connection",
    "web_config_noAuth_noHTTP2Cipher.bad.yml": "the toolkit notices when it starts",
}
"""What promtool takes and we refuse, and why."""

YOUNGER: Final = {
    "empty-sections.ok.yml": "rate_limit",
    "everything.ok.yml": "client_allowed_sans, rate_limit",
    "web_config_auth_client_san.bad.yaml": "client_allowed_sans",
    "web_config_auth_client_san.good.yaml": "client_allowed_sans",
    "web_config_rate_limiter_nonblocking.yaml": "rate_limit",
    "web_config_rate_limiter_one_second.yaml": "rate_limit",
}
"""Keys of exporter-toolkit 0.15 that Debian's promtool (2.42) does not know."""


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in the folder, so that messages name files as an operator would who stands in it."""
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_is_taken_or_refused_with_every_problem(case: Path, here: Path) -> None:
    expected = case.with_suffix(".txt")
    if not expected.exists():
        load_access(Path(case.name))
        return

    with pytest.raises(ConfigError) as raised:
        load_access(Path(case.name))

    assert f"{raised.value}\n" == expected.read_text("utf-8")
    assert "not-shown" not in str(raised.value)


def test_every_message_has_its_file() -> None:
    messages = {message for folder in {case.parent for case in CASES} for message in folder.glob("*.txt")}

    assert messages <= {case.with_suffix(".txt") for case in CASES}


def test_what_the_toolkit_calls_bad_is_refused_and_what_it_calls_good_is_taken() -> None:
    # Two of its names say what becomes of connections: its "bad" names of clients are for clients to be refused, and
    # "blocking" for files that nobody can use.
    surprises = {"web_config_auth_client_san.bad.yaml", *STRICTER}
    for case in CASES:
        if ".bad." in case.name or ".good." in case.name:
            refused = case.with_suffix(".txt").exists()
            assert (refused == (".bad." in case.name)) or case.name in surprises, case.name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_promtool_agrees_but_where_we_are_stricter(case: Path, here: Path) -> None:
    promtool = require("promtool")

    verdict = subprocess.run([promtool, "check", "web-config", case.name], capture_output=True, text=True, check=False)

    taken = not case.with_suffix(".txt").exists()
    if case.name in STRICTER:
        assert verdict.returncode == 0 and not taken
    elif case.name in YOUNGER:
        assert taken
    else:
        assert (verdict.returncode == 0) == taken, verdict.stderr


def test_what_a_whole_file_means(here: Path) -> None:
    config = load_web(Path("everything.ok.yml"))

    assert config.tls is not None
    assert config.tls.client_auth is ClientAuth.REQUIRE_AND_VERIFY
    assert config.tls.ciphers == ("ECDHE-RSA-AES128-GCM-SHA256",)
    assert config.tls.allowed_sans == frozenset(
        ("scraper.example", "192.0.2.7", "2001:db8::7", "ops@scraper.example", "spiffe://example/scraper")
    )
    assert config.headers == {
        "X-Frame-Options": "sameorigin",
        "X-Content-Type-Options": "nosniff",
        "X-XSS-Protection": "0",
    }
    assert set(config.users) == {"123", "ünal"}
    assert config.rate_limit == RateLimit(60.5, 20)


def test_paths_are_relative_to_the_file(folder: Path) -> None:
    config = load_web(folder / "web_config_noAuth.good.yml")

    assert config.tls is not None
    assert config.tls.files == (folder / "server.crt", folder / "server.key")
    assert config.tls.certificate.read().startswith(b"-----BEGIN CERTIFICATE-----")


def test_certificate_key_and_authority_may_stand_in_the_file(tmp_path: Path, certificates: Certificates) -> None:
    file = tmp_path / "web.yml"
    server, client = certificates.server, certificates.client
    file.write_text(
        "tls_server_config:\n"
        f"  cert: |{indented(server.cert_chain_pems[0].bytes())}\n"
        f"  key: |{indented(server.private_key_pem.bytes())}\n"
        "  client_auth_type: RequireAndVerifyClientCert\n"
        f"  client_ca: |{indented(client.cert_chain_pems[0].bytes())}\n"
    )

    access = load_access(file)

    assert access.context is not None
    assert access.config.tls is not None and access.config.tls.files == ()
    assert "PRIVATE" not in repr(access)


def test_a_missing_file_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_web(tmp_path / "somefile")

    assert str(raised.value) == (
        f"{tmp_path / 'somefile'}: can't be read: No such file or directory (allowed: a readable YAML file)"
    )


def test_no_hash_of_a_password_is_shown(folder: Path) -> None:
    assert "$2y$" not in repr(load_access(folder / "web_config_users.good.yml"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", None), ("''", None), ("0s", None), ("1.5s", 1.5), ("100ms", 0.1), ("1h2m3s", 3723.0), (".5us", 5e-7)],
)
def test_intervals_are_durations_of_go(text: str, seconds: float | None, tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"rate_limit: {{interval: {text}, burst: 1}}")

    limit = load_web(file).rate_limit

    assert (None if limit is None else limit.interval) == (seconds if seconds is None else pytest.approx(seconds))
