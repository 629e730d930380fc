"""What a Prometheus makes of the monitors: the job that rules expect, and instances that outlive their pods."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.metrics import catalog
from tests.kubernetes.manifests import EXAMPLES, Manifest, example
from tests.realservers import require

OPERATOR = {"namespace", "service", "pod", "container", "endpoint", "job", "instance"}
"""Labels that the Prometheus Operator gives to what it scrapes, before a monitor's own relabelings."""


def _endpoint(name: str) -> Manifest:
    for kind, field in (("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")):
        for monitor in example(name).all(kind):
            (endpoint,) = monitor["spec"][field]
            return dict(endpoint)
    raise AssertionError(f"{name} has no monitor")


def _snake(rule: Manifest) -> Manifest:
    return {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key): value for key, value in rule.items()}


def scraped(name: str, discovered: dict[str, str], scratch: Path) -> dict[str, str]:
    """Return the labels that Prometheus gives a pod which Kubernetes describes so."""
    meta = {f"__meta_kubernetes_{key}": value for key, value in discovered.items()}
    given = {"pod": discovered["pod_name"], "job": "as-the-operator-says", **meta}
    (scratch / "targets.json").write_text(json.dumps([{"targets": ["10.1.2.3:9877"], "labels": given}]))
    job = {
        "job_name": "monitor",
        "relabel_configs": [_snake(rule) for rule in _endpoint(name)["relabelings"]],
        "file_sd_configs": [{"files": ["targets.json"]}],
    }
    (scratch / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    command: list[str | Path] = [
        require("promtool"),
        "check",
        "service-discovery",
        "--timeout=1s",
        "prometheus.yml",
        "monitor",
    ]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (target,) = json.loads(done.stdout)
    labels: dict[str, str] = target["labels"]
    return {key: value for key, value in labels.items() if not key.startswith("__")}


@pytest.mark.parametrize(
    ("name", "discovered", "instance"),
    [
        pytest.param(
            "single",
            {
                "service_name": "vlmrun-exporter",
                "pod_controller_kind": "ReplicaSet",
                "pod_name": "vlmrun-exporter-6d9-x",
            },
            "team/vlmrun-exporter",
            id="Deployment",
        ),
        pytest.param(
            "sharded",
            {"service_name": "vlmrun-exporter", "pod_controller_kind": "StatefulSet", "pod_name": "vlmrun-exporter-2"},
            "team/vlmrun-exporter-2",
            id="StatefulSet",
        ),
        pytest.param(
            "sidecar",
            {"pod_controller_name": "document-worker-6d9f7c8b5d", "pod_name": "document-worker-6d9f7c8b5d-abcde"},
            "team/document-worker",
            id="sidecar",
        ),
    ],
)
def test_an_instance_is_what_outlives_a_pod(
    name: str, discovered: dict[str, str], instance: str, tmp_path: Path
) -> None:
    labels = scraped(name, {"namespace": "team", **discovered}, tmp_path)
    assert labels == {"job": "vlmrun-exporter", "instance": instance}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_scrapes_as_the_documentation_says(name: str) -> None:
    assert _endpoint(name)["interval"] == "30s"
    # A relabeled `job` is of no use if what is scraped may say another.
    assert "honorLabels" not in _endpoint(name)


def test_no_metric_has_a_label_that_the_operator_gives() -> None:
    used: set[Any] = {label for family in catalog.FAMILIES for label in family.labels}
    assert used
    assert not used & OPERATOR


@pytest.mark.parametrize("name", [each for each in EXAMPLES if each != "sidecar"])
def test_the_service_monitor_selects_the_service(name: str) -> None:
    monitor, service = example(name).one("ServiceMonitor"), example(name).one("Service")
    selector = monitor["spec"]["selector"]["matchLabels"]
    assert selector.items() <= service["metadata"]["labels"].items()
    assert _endpoint(name)["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_the_pod_monitor_selects_the_pod() -> None:
    monitor = example("sidecar").one("PodMonitor")
    labels = example("sidecar").template()["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert _endpoint("sidecar")["port"] in {port["name"] for port in example("sidecar").container()["ports"]}


def test_with_tls_everybody_speaks_it() -> None:
    endpoint, container = _endpoint("tls"), example("tls").container()
    assert endpoint["scheme"] == "https"
    schemes = {each["httpGet"].get("scheme") for key, each in container.items() if key.endswith("Probe")}
    assert schemes == {"HTTPS"}
    secrets = {
        each["secret"]["secretName"] for each in example("tls").template()["spec"]["volumes"] if "secret" in each
    }
    assert endpoint["tlsConfig"]["ca"]["secret"]["name"] in secrets
