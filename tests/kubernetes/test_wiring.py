"""What one object says of another is so: names, ports, labels, volumes, and what the exporter is told."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import pytest

from exporter.cli.flags import DEFAULT_ADDRESS
from exporter.version import __version__
from tests.kubernetes.manifests import EXAMPLES, EXPORTER, KUBERNETES, Manifest, Rendered, example

ALONE = [name for name in EXAMPLES if name != "sidecar"]
"""Examples in which the exporter has a pod of its own."""

PORT = int(DEFAULT_ADDRESS.removeprefix(":"))
SECRETS = {"vlmrun-api-key", "vlmrun-exporter-tls"}
"""Those that docs/kubernetes.md says how to make."""


def _selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def _pod_labels(rendered: Rendered) -> dict[str, str]:
    labels: dict[str, str] = rendered.template()["metadata"]["labels"]
    return labels


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_mount_has_a_volume_and_every_volume_what_it_holds(name: str) -> None:
    rendered = example(name)
    spec = rendered.template()["spec"]
    claims = {each["metadata"]["name"] for each in rendered.workload()["spec"].get("volumeClaimTemplates", ())}
    volumes = {each["name"]: each for each in spec["volumes"]}
    mounted = {each["name"] for container in spec["containers"] for each in container.get("volumeMounts", ())}
    assert mounted == volumes.keys() | claims

    config_maps = {each["metadata"]["name"] for each in rendered.all("ConfigMap")}
    assert {each["configMap"]["name"] for each in volumes.values() if "configMap" in each} <= config_maps
    assert {each["secret"]["secretName"] for each in volumes.values() if "secret" in each} <= SECRETS
    named = [each["persistentVolumeClaim"] for each in volumes.values() if "persistentVolumeClaim" in each]
    assert [each["claimName"] for each in named] == [
        each["metadata"]["name"] for each in rendered.all("PersistentVolumeClaim")
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_secret_is_in_the_tree(name: str) -> None:
    assert example(name).all("Secret") == []
    assert not re.search("secretGenerator|kind: Secret", "".join(f.read_text() for f in KUBERNETES.rglob("*.yaml")))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_workload_selects_its_own_pods(name: str) -> None:
    rendered = example(name)
    assert _selects(rendered.workload()["spec"]["selector"]["matchLabels"], _pod_labels(rendered))


@pytest.mark.parametrize("name", ALONE)
def test_the_service_leads_to_the_exporter_ready_or_not(name: str) -> None:
    rendered = example(name)
    service = rendered.one("Service")
    assert service["metadata"]["name"] == EXPORTER
    assert _selects(service["spec"]["selector"], _pod_labels(rendered))
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["clusterIP"] == "None"
    (port,) = service["spec"]["ports"]
    assert port["port"] == PORT
    assert port["targetPort"] in {each["name"] for each in rendered.container()["ports"]}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_container_and_its_probes_have_the_port_that_the_exporter_listens_on(name: str) -> None:
    container = example(name).container()
    (port,) = container["ports"]
    assert port["containerPort"] == PORT
    assert not any("listen-address" in argument for argument in container["args"])
    probes = {key: each["httpGet"] for key, each in container.items() if key.endswith("Probe")}
    assert {each["port"] for each in probes.values()} == {port["name"]}
    ready = {} if name == "sidecar" else {"readinessProbe": "/-/ready"}
    assert {key: each["path"] for key, each in probes.items()} == {
        "startupProbe": "/-/healthy",
        "livenessProbe": "/-/healthy",
        **ready,
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_exporter_is_of_this_version(name: str) -> None:
    rendered = example(name)
    assert rendered.container()["image"] == f"registry.example.com/vlmrun-exporter:{__version__}"
    versions = {each["metadata"].get("labels", {}).get("app.kubernetes.io/version") for each in rendered.objects}
    assert versions <= {None, __version__}


@pytest.mark.parametrize("name", ALONE)
def test_the_version_is_no_part_of_what_can_never_be_changed(name: str) -> None:
    workload = example(name).workload()
    assert workload["metadata"]["labels"]["app.kubernetes.io/version"] == __version__
    fixed = [workload["spec"]["selector"], *workload["spec"].get("volumeClaimTemplates", ())]
    assert "app.kubernetes.io/version" not in str(fixed)


@pytest.mark.parametrize("name", ALONE)
def test_what_is_deleted_by_label_is_everything_of_the_exporter(name: str) -> None:
    """docs/kubernetes.md removes it that way; dashboards have a name, and no instance."""
    for each in example(name).objects:
        assert each["metadata"]["labels"]["app.kubernetes.io/name"] == EXPORTER, each["kind"]


@pytest.mark.parametrize("name", ALONE)
def test_variables_of_the_service_are_not_taken_for_flags(name: str) -> None:
    assert example(name).template()["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("name", ALONE)
def test_the_pod_has_an_account_without_a_token(name: str) -> None:
    rendered = example(name)
    account = rendered.one("ServiceAccount")
    assert rendered.template()["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", ["single", "tls"])
def test_a_ledger_never_has_two_writers(name: str) -> None:
    spec = example(name).workload()["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    claim = example(name).one("PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


# What may be reached


def _policy(name: str) -> Any:
    policy: Manifest = example(name).one("NetworkPolicy")
    return policy["spec"]


@pytest.mark.parametrize("name", ALONE)
def test_the_policy_is_of_the_exporter_and_of_both_ways(name: str) -> None:
    assert _selects(_policy(name)["podSelector"]["matchLabels"], _pod_labels(example(name)))
    assert set(_policy(name)["policyTypes"]) == {"Ingress", "Egress"}


@pytest.mark.parametrize("name", ALONE)
def test_only_prometheus_may_ask_and_only_for_metrics(name: str) -> None:
    (rule,) = _policy(name)["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    (port,) = rule["ports"]
    assert port in [{"protocol": "TCP", "port": each["name"]} for each in example(name).container()["ports"]]


@pytest.mark.parametrize("name", ALONE)
def test_names_are_looked_up_in_the_cluster(name: str) -> None:
    dns, _ = _policy(name)["egress"]
    assert {(each["protocol"], each["port"]) for each in dns["ports"]} == {("UDP", 53), ("TCP", 53)}
    assert dns["to"] == [
        # Both in one element: kube-dns of kube-system, not either.
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        },
        {"ipBlock": {"cidr": "169.254.20.10/32"}},
    ]


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("1.1.1.1", True),
        ("172.15.0.1", True),
        ("2606:4700::1111", True),
        ("10.96.0.1", False),
        ("172.20.0.1", False),
        ("192.168.1.1", False),
        ("100.100.100.200", False),
        ("169.254.169.254", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
    ],
)
@pytest.mark.parametrize("name", ALONE)
def test_https_goes_to_the_internet_and_not_into_the_cluster(name: str, address: str, reached: bool) -> None:
    _, https = _policy(name)["egress"]
    assert https["ports"] == [{"protocol": "TCP", "port": 443}]
    to = ipaddress.ip_address(address)
    blocks = [peer["ipBlock"] for peer in https["to"]]
    allowed = [
        block
        for block in blocks
        if to in ipaddress.ip_network(block["cidr"])
        and not any(to in ipaddress.ip_network(each) for each in block["except"])
    ]
    assert bool(allowed) is reached
