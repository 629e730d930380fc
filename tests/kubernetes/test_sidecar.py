"""The sidecar: onto one pod only, and the application stays what it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.kubernetes.copies import altered
from tests.kubernetes.manifests import EXPORTER, KUBERNETES, CannotRender, Manifest, example, render


def _application() -> Manifest:
    text = (KUBERNETES / "examples" / "sidecar" / "application.yaml").read_text(encoding="utf-8")
    application: Manifest = yaml.safe_load(text)
    return application


def test_the_application_is_as_it_was_and_comes_first() -> None:
    before, after = _application()["spec"]["template"], example("sidecar").template()
    assert after["spec"]["containers"][:-1] == before["spec"]["containers"]
    assert after["spec"]["containers"][-1]["name"] == EXPORTER
    assert after["spec"].keys() - before["spec"].keys() == {"volumes"}
    assert after["spec"]["securityContext"] == before["spec"]["securityContext"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"] | {"vlmrun-exporter/sidecar": "single-replica"}


def test_it_runs_as_it_does_alone() -> None:
    beside, alone = example("sidecar").container(), example("single").container()
    for key in ("args", "image", "resources"):
        assert beside[key] == alone[key]
    pod = example("single").template()["spec"]["securityContext"]
    of_pod = {key: pod[key] for key in ("runAsNonRoot", "runAsUser", "runAsGroup", "seccompProfile")}
    assert beside["securityContext"] == alone["securityContext"] | of_pod


def test_the_application_does_not_wait_for_it() -> None:
    assert "readinessProbe" not in example("sidecar").container()
    assert "initContainers" not in example("sidecar").template()["spec"]


def test_two_pods_never_have_the_ledger() -> None:
    assert example("sidecar").one("PersistentVolumeClaim")["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert example("sidecar").workload()["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("instead", ["replicas: 2", "revisionHistoryLimit: 1"])
def test_an_application_of_more_pods_is_refused(instead: str, tmp_path: Path) -> None:
    folder = altered(tmp_path, "sidecar", "application.yaml", "replicas: 1", instead)
    with pytest.raises(CannotRender, match="testing value /spec/replicas failed"):
        render(folder)


def test_a_pod_without_a_group_for_its_volumes_is_refused(tmp_path: Path) -> None:
    folder = altered(tmp_path, "sidecar", "application.yaml", "fsGroup: 1000", "runAsGroup: 1000")
    with pytest.raises(CannotRender, match="fsGroup: missing value"):
        render(folder)


def test_only_who_asks_for_it_gets_it(tmp_path: Path) -> None:
    asked = "vlmrun-exporter/sidecar: single-replica"
    folder = altered(tmp_path, "sidecar", "application.yaml", asked, "vlmrun-exporter/sidecar: please")
    assert [each["name"] for each in render(folder).template()["spec"]["containers"]] == ["document-worker"]


def test_a_rolling_update_of_the_application_becomes_a_replacement(tmp_path: Path) -> None:
    rolling = "replicas: 1\n  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}"
    folder = altered(tmp_path, "sidecar", "application.yaml", "replicas: 1", rolling)
    assert render(folder).workload()["spec"]["strategy"] == {"type": "Recreate"}
