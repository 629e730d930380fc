"""Every pod keeps to the restricted profile, and the check of each of its controls can fail."""

from __future__ import annotations

import pytest
import yaml

from tests.kubernetes.manifests import EXAMPLES, KUBERNETES, example
from tests.kubernetes.podsecurity import CHECKS, violations
from tests.kubernetes.podvariants import ALLOWED, FORBIDDEN, changed


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_pod_keeps_to_the_profile(name: str, check: str) -> None:
    assert list(CHECKS[check](example(name).template())) == []


@pytest.mark.parametrize(("check", "path", "value"), FORBIDDEN)
def test_what_the_profile_forbids_is_found(check: str, path: str, value: object) -> None:
    assert check in violations(changed(example("single").template(), path, value))


@pytest.mark.parametrize("kind", ["initContainers", "ephemeralContainers"])
def test_every_kind_of_container_is_looked_at(kind: str) -> None:
    template = changed(example("single").template(), f"spec.{kind}", [{"name": "other", "image": "other"}])
    assert violations(template) == {
        "Privilege Escalation": [f"{kind}[other]: allowPrivilegeEscalation"],
        "Capabilities (restricted)": [f"{kind}[other]: capabilities.drop"],
    }


@pytest.mark.parametrize(("path", "value"), ALLOWED)
def test_what_the_profile_allows_is_allowed(path: str, value: object) -> None:
    assert violations(changed(example("single").template(), path, value)) == {}


def test_every_control_is_shown_to_object() -> None:
    assert {check for check, _, _ in FORBIDDEN} == set(CHECKS)


def test_the_namespace_holds_its_pods_to_the_profile() -> None:
    namespace = yaml.safe_load((KUBERNETES / "namespace.yaml").read_text(encoding="utf-8"))
    prefix = "pod-security.kubernetes.io/"
    labels = {key.removeprefix(prefix): value for key, value in namespace["metadata"]["labels"].items()}
    assert labels == {
        f"{mode}{what}": value
        for mode in ("enforce", "audit", "warn")
        for what, value in (("", "restricted"), ("-version", "latest"))
    }
    spaces = {each["metadata"]["namespace"] for name in EXAMPLES for each in example(name).objects}
    assert spaces == {namespace["metadata"]["name"]}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_exporter_is_given_less_than_the_profile_allows(name: str) -> None:
    """What no profile asks for: no token, nothing to write but the ledger, one user, memory that is there."""
    spec, container = example(name).template()["spec"], example(name).container()
    pod, own = spec["securityContext"], container["securityContext"]
    assert spec["automountServiceAccountToken"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert {key: own.get(key, pod.get(key)) for key in ("runAsUser", "runAsGroup")} == {
        "runAsUser": 65532,
        "runAsGroup": 65532,
    }
    assert own.get("runAsNonRoot", pod["runAsNonRoot"]) is True
    assert pod["fsGroupChangePolicy"] == "OnRootMismatch"
    assert [each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")] == ["/data"]
    resources = container["resources"]
    assert resources["limits"] == {"memory": resources["requests"]["memory"]}
    assert "cpu" in resources["requests"]
