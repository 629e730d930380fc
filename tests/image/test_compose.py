"""compose.yaml: is it as locked up as it says, and do the files that it mounts make servers work together?

No engine runs here. What Prometheus and Alertmanager mount is laid out in a folder, and real ones run on it, with the
flags of compose.yaml; only the services' names become loopback addresses.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.host import free_port
from tests.e2e.process import environment
from tests.e2e.prometheus import Prometheus
from tests.e2e.serving import serving
from tests.e2e.waiting import until
from tests.image.built import ROOT
from tests.image.composed import Service, document, services
from tests.realservers import require

EXPORTER, PROMETHEUS, ALERTMANAGER, GRAFANA = (
    services()[name] for name in ("exporter", "prometheus", "alertmanager", "grafana")
)
RULES = sorted((ROOT / "rules").glob("*.rules.yml"))

each_service = pytest.mark.parametrize("service", services().values(), ids=lambda service: service.name)


@each_service
def test_a_service_may_do_nothing_that_it_need_not(service: Service) -> None:
    settings = service.document
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["mem_limit"] and settings["pids_limit"]
    assert not {"privileged", "cap_add", "user", "network_mode", "pid", "ipc", "devices"} & settings.keys()
    assert all("ro" in bind.options for bind in service.binds)


@each_service
def test_a_service_is_reached_from_this_machine_only(service: Service) -> None:
    assert [re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in service.document["ports"]] != []
    assert all(port.startswith("127.0.0.1:") for port in service.document["ports"])


@each_service
def test_a_service_is_asked_for_its_health_without_a_shell(service: Service) -> None:
    assert service.document["healthcheck"]["test"][0] == "CMD"
    waits = service.document.get("depends_on", {}).values()
    assert all(each["condition"] == "service_healthy" for each in waits)


@each_service
def test_images_are_versions_and_what_is_mounted_is_there(service: Service) -> None:
    if "build" not in service.document:
        assert re.fullmatch(r"docker\.io/[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", service.document["image"])
    assert all(bind.source.exists() for bind in service.binds)
    assert set(service.volumes) <= document()["volumes"].keys()


def test_every_volume_is_used() -> None:
    assert set(document()["volumes"]) == {name for service in services().values() for name in service.volumes}


def test_the_exporter_keeps_its_ledger_where_the_image_has_its_volume() -> None:
    assert re.search(r'^VOLUME \["(.+)"\]$', (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert [str(path) for path in EXPORTER.volumes.values()] == ["/data"]


def test_laid_over_it_your_account_keeps_everything_locked_up() -> None:
    overlay = yaml.safe_load((ROOT / "deploy" / "compose" / "account.yaml").read_text("utf-8"))
    (name, settings), *others = overlay["services"].items()
    assert name == "exporter" and not others
    assert settings.keys() == {"command", "environment", "secrets", "volumes"}
    (bind,) = settings["volumes"]
    assert bind["read_only"] and not bind["bind"]["create_host_path"]
    assert settings["environment"] == {"VLMRUN_EXPORTER_CONFIG_FILE": bind["target"]}
    # The files that it names are the user's own: neither committed nor copied into the image.
    (secret,) = overlay["secrets"].values()
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {secret["file"].lstrip("."), bind["source"].lstrip(".")} <= set(ignored)


def test_grafana_gets_every_dashboard_where_its_provider_looks() -> None:
    targets = {bind.source: bind.target for bind in GRAFANA.binds}
    provider = targets[ROOT / "dashboards/provisioning/dashboards/vlmrun.yaml"]
    assert str(provider.parent) == "/etc/grafana/provisioning/dashboards"
    (settings,) = yaml.safe_load((ROOT / "dashboards/provisioning/dashboards/vlmrun.yaml").read_text("utf-8"))[
        "providers"
    ]
    for dashboard in (ROOT / "dashboards").glob("*.json"):
        assert str(targets[dashboard].parent) == f"{settings['options']['path']}/VLM Run"
    home = GRAFANA.document["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home in map(str, targets.values())


def test_grafana_has_the_data_source_that_we_document_at_composes_address() -> None:
    def read(file: str) -> dict[str, Any]:
        (source,) = yaml.safe_load((ROOT / file).read_text("utf-8"))["datasources"]
        return dict(source)

    ours = read("deploy/compose/grafana-datasource.yaml")
    assert ours == {
        **read("dashboards/provisioning/datasources/vlmrun.yaml"),
        "url": "http://prometheus:9090",
        "isDefault": True,
    }
    assert ROOT / "deploy/compose/grafana-datasource.yaml" in [bind.source for bind in GRAFANA.binds]


def test_promtool_takes_the_configuration_and_all_rules(tmp_path: Path) -> None:
    PROMETHEUS.lay_out(tmp_path)
    done = subprocess.run(
        [require("promtool"), "check", "config", tmp_path / "etc/prometheus/prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(RULES)} rule files found" in done.stdout


def test_amtool_takes_the_configuration(tmp_path: Path) -> None:
    ALERTMANAGER.lay_out(tmp_path)
    done = subprocess.run(
        [require("amtool"), "check-config", tmp_path / "etc/alertmanager/alertmanager.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """Run what the service `exporter` runs; yield its address once it is ready."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "exporter", *EXPORTER.document["command"]]
    with (folder / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address={address}"], env=environment(), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        with httpx.Client(base_url=f"http://{address}", trust_env=False) as http:

            def ready() -> bool:
                assert process.poll() is None, (folder / "demo.log").read_text("utf-8")
                try:
                    return http.get("/-/ready").status_code == 200
                except httpx.TransportError:
                    return False

            until(ready, 30, "the demo is ready")
        yield address
    finally:
        process.terminate()
        process.wait(20)


def test_its_prometheus_scrapes_the_demo_loads_the_rules_and_finds_its_alertmanager(tmp_path: Path) -> None:
    manager, server = require("alertmanager"), require("prometheus")
    for service in (PROMETHEUS, ALERTMANAGER):
        service.lay_out(tmp_path)
    alerting = f"127.0.0.1:{free_port()}"
    with (
        demo(tmp_path) as target,
        serving("alertmanager", (manager, *ALERTMANAGER.flags(tmp_path)), tmp_path, alerting) as notified,
    ):
        config = tmp_path / "etc/prometheus/prometheus.yml"
        text = config.read_text("utf-8")
        for name, address in {"exporter:9877": target, "alertmanager:9093": alerting}.items():
            assert text.count(f'"{name}"') == 1
            text = text.replace(name, address)
        config.write_text(text, "utf-8")
        address = f"127.0.0.1:{free_port()}"
        with serving("prometheus", (server, *PROMETHEUS.flags(tmp_path)), tmp_path, address) as http:
            prometheus = Prometheus(http)
            until(lambda: prometheus.value('up{job="vlmrun-exporter"}') == 1, 30, "the exporter is up")
            counted = 'sum(vlmrun_completions_total{job="vlmrun-exporter"})'
            until(lambda: (prometheus.value(counted) or 0) > 0, 60, "completions are counted")
            groups = {group["name"] for group in prometheus.get("rules")["groups"]}
            written = [group for file in RULES for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
            assert groups == {group["name"] for group in written}
            until(lambda: prometheus.get("alertmanagers")["activeAlertmanagers"], 30, "it finds Alertmanager")
            # As Prometheus would send it: what fires is listed, and nobody is told.
            alert = {"labels": {"alertname": "VLMRunTest", "account": "demo"}}
            notified.post("/api/v2/alerts", json=[alert]).raise_for_status()
            (group,) = until(lambda: notified.get("/api/v2/alerts/groups").json(), 30, "the alert is listed")
            assert group["receiver"]["name"] == "nobody"
            assert json.loads(notified.get("/api/v2/status").text)["cluster"]["status"] == "disabled"
