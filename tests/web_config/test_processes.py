"""The exporter as a process with a web configuration: its flag, its log, reloads, and a Prometheus that scrapes it."""

from __future__ import annotations

import signal
from pathlib import Path

import bcrypt
import httpx
import pytest
import yaml

from tests.e2e.host import free_port
from tests.e2e.process import Exporter, configuration, run, write
from tests.e2e.serving import serving
from tests.e2e.waiting import until
from tests.realservers import require
from tests.web_config.folder import Certificates, write_pair
from tests.web_config.trials import trusting

USER, PASSWORD = "prometheus", "scrape-me-3d1f"
NOBODY = "http://127.0.0.1:9/v1"
"""An API that nobody serves: the exporter has to say so, but serves what it knows."""


def protected(folder: Path, **http: object) -> Path:
    """Write a web configuration that asks for everything, and return it."""
    document = {
        "tls_server_config": {
            "cert_file": "server.crt",
            "key_file": "server.key",
            "client_auth_type": "RequireAndVerifyClientCert",
            "client_ca_file": "client_selfsigned.pem",
            "client_allowed_sans": ["client.example"],
        },
        "http_server_config": http,
        "basic_auth_users": {USER: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()},
    }
    return write(folder / "web.yml", document)


def start(folder: Path, *flags: str) -> Exporter:
    config = write(folder / "config.yaml", configuration(NOBODY, folder))
    return Exporter(config, f"--web.config.file={folder / 'web.yml'}", *flags)


def test_a_real_prometheus_scrapes_over_tls_with_certificate_and_password(folder: Path) -> None:
    binary = require("prometheus")
    protected(folder)
    with start(folder) as exporter:
        scheme = {
            "scheme": "https",
            "basic_auth": {"username": USER, "password": PASSWORD},
            "tls_config": {
                "ca_file": "tls-ca-chain.pem",
                "cert_file": "client_selfsigned.pem",
                "key_file": "client_selfsigned.key",
            },
            "static_configs": [{"targets": [f"localhost:{exporter.ports[0]}"]}],
        }
        jobs = [
            {"job_name": "good", **scheme},
            {"job_name": "wrong-password", **scheme, "basic_auth": {"username": USER, "password": "guess"}},
            {"job_name": "no-certificate", **scheme, "tls_config": {"ca_file": "tls-ca-chain.pem"}},
            {"job_name": "plain", "static_configs": scheme["static_configs"]},
        ]
        document = {"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"}, "scrape_configs": jobs}
        file = write(folder / "prometheus.yml", document)
        command = (binary, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}")
        with serving("prometheus", command, folder, f"127.0.0.1:{free_port()}") as prometheus:

            def errors() -> dict[str, str] | None:
                targets = prometheus.get("/api/v1/targets").json()["data"]["activeTargets"]
                if any(target["health"] == "unknown" for target in targets):
                    return None
                return {target["labels"]["job"]: target["lastError"] for target in targets}

            found = until(errors, 20, "every target was scraped")
            assert found["good"] == ""
            assert "401" in found["wrong-password"] or "429" in found["wrong-password"]
            assert "certificate" in found["no-certificate"]
            assert "400 Bad Request" in found["plain"]
    assert PASSWORD not in exporter.logs and "$2b$" not in exporter.logs


def test_certificates_are_rotated_and_a_bad_file_is_reported(folder: Path, certificates: Certificates) -> None:
    file = protected(folder)
    client = trusting(certificates.authority, certificates.client)
    with start(folder, "--web.enable-lifecycle") as exporter:
        url = f"https://localhost:{exporter.ports[0]}"
        with httpx.Client(base_url=url, verify=client, auth=(USER, PASSWORD), trust_env=False) as http:
            assert http.get("/-/healthy").status_code == 200
            write_pair(certificates.authority.issue_cert("localhost"), folder / "server.crt", folder / "server.key")
            assert http.post("/-/reload").status_code == 200
            file.write_text("basic_auth_users: {prometheus: not-shown}")
            reload = http.post("/-/reload")
            assert reload.status_code == 500
            assert "web.yml:1: basic_auth_users.prometheus: is not a bcrypt hash" in reload.text
            metrics = http.get("/metrics").text
            assert "is not a bcrypt hash" in http.get("/").text
            protected(folder)  # mended: nobody has to ask for another reload
            assert "is not a bcrypt hash" not in http.get("/").text
            assert "\nvlmrun_exporter_web_config_last_reload_successful 1\n" in http.get("/metrics").text
        assert "\nvlmrun_exporter_web_config_last_reload_successful 0\n" in metrics
        assert "\nvlmrun_exporter_config_last_reload_successful 1\n" in metrics
        assert 'vlmrun_exporter_refused_requests_total{reason="bad_credentials"} 0' in metrics
        assert exporter.logs.count("last good one stays in force") == 1
        assert "not-shown" not in exporter.logs
        assert exporter.stop(signal.SIGTERM).code == 0


def test_a_hash_under_way_does_not_delay_the_end(folder: Path) -> None:
    write(
        folder / "web.yml",
        {"basic_auth_users": {"bob": "$2y$18$4VeFDzXIoPHKnKTU3O3GH.N.vZu06CVqczYZ8WvfzrddFU6tGqjR."}},
    )
    with start(folder) as exporter:
        with pytest.raises(httpx.TimeoutException):
            exporter.http.get(exporter.url + "/metrics", auth=("bob", "x"), timeout=0.5)
        assert exporter.http.get(exporter.url + "/metrics").status_code == 401  # answered meanwhile
        end = exporter.stop(signal.SIGTERM)
    assert end.code == 0
    assert end.seconds < 5
    assert "passwords cross the network unencrypted" in exporter.logs


def test_a_bad_file_ends_the_start_and_the_check_with_the_same_lines(folder: Path) -> None:
    config = write(folder / "config.yaml", configuration(NOBODY, folder))
    write(folder / "web.yml", {"tls_server_config": {"cert_file": "server.crt", "key_file": "client_selfsigned.key"}})
    flags = (f"--config.file={config}", "--web.config.file=web.yml")

    started, checked = run(*flags, cwd=folder), run(*flags, "--config.check", cwd=folder)

    assert started.returncode == checked.returncode == 2
    assert (
        started.stderr
        == checked.stderr
        == (
            "web.yml:3: tls_server_config.key_file: 'client_selfsigned.key' does not belong to the certificate"
            " (allowed: the certificate's own key)\n"
        )
    )
    assert not (folder / "ledger.db").exists()


def test_a_good_file_passes_the_check(folder: Path) -> None:
    config = write(folder / "config.yaml", configuration(NOBODY, folder))

    checked = run(f"--config.file={config}", f"--web.config.file={protected(folder)}", "--config.check", cwd=folder)

    assert (checked.returncode, checked.stdout) == (0, "the configuration is good\n"), checked.stderr


def test_a_refusal_by_the_protocol_has_the_headers_too(folder: Path) -> None:
    document = {"http_server_config": {"headers": {"X-Frame-Options": "deny"}}}
    (folder / "web.yml").write_text(yaml.safe_dump(document))
    with start(folder) as exporter:
        answer = exporter.http.get(exporter.url + "/", headers={"x": "y" * 20_000})
    assert (answer.status_code, answer.headers["x-frame-options"]) == (431, "deny")
