"""docs/kubernetes.md: what it shows can be applied, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.kubernetes import __main__
from tests.kubernetes.copies import copied
from tests.kubernetes.manifests import EXPORTER, KUBERNETES, ROOT, Rendered, render

TEXT: Final = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
BLOCKS: Final = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
"""Parts of a kustomization, each for an overlay of its own."""


def _overlay(block: str, scratch: Path) -> Rendered:
    """Render the example that speaks TLS with this on top."""
    overlay = copied(scratch, "tls").parent / "overlay"
    overlay.mkdir()
    kustomization = {"resources": ["../tls"], **yaml.safe_load(block)}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    (overlay / "config.yaml").write_text("accounts: [{name: mine}]\n", encoding="utf-8")
    return render(overlay)


@pytest.mark.parametrize("block", BLOCKS)
def test_what_it_shows_renders_to_good_objects(block: str, tmp_path: Path) -> None:
    assert [problem for each in _overlay(block, tmp_path).objects for problem in __main__.problems(each)] == []


def test_a_configuration_of_ones_own_is_what_the_pod_gets(tmp_path: Path) -> None:
    (block,) = [each for each in BLOCKS if "config.yaml" in each]
    rendered = _overlay(block, tmp_path)
    maps = {each["metadata"]["name"]: each["data"] for each in rendered.all("ConfigMap")}
    volumes = {each["name"]: each for each in rendered.template()["spec"]["volumes"]}
    assert maps[volumes["config"]["configMap"]["name"]] == {"config.yaml": "accounts: [{name: mine}]\n"}


def test_another_policy_lets_another_namespace_in(tmp_path: Path) -> None:
    (block,) = [each for each in BLOCKS if "NetworkPolicy" in each]
    spec = _overlay(block, tmp_path).one("NetworkPolicy")["spec"]
    (ingress,) = spec["ingress"]
    assert ingress["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}}]
    assert len(spec["egress"]) == 3


def test_with_users_the_exporter_asks_itself(tmp_path: Path) -> None:
    (block,) = [each for each in BLOCKS if "healthcheck" in each]
    rendered = _overlay(block, tmp_path)
    container = rendered.container()
    (flag,) = [each for each in container["args"] if each.startswith("--web.config.file=")]
    probes = {key: each for key, each in container.items() if key.endswith("Probe")}
    assert probes.keys() == {"startupProbe", "livenessProbe"}
    for probe in probes.values():
        assert probe["exec"] == {"command": [EXPORTER, "healthcheck", flag]}
        assert "httpGet" not in probe
    volumes = {each["name"]: each for each in rendered.template()["spec"]["volumes"]}
    assert volumes["web-config"] == {"name": "web-config", "secret": {"secretName": "vlmrun-exporter-web"}}


def test_it_has_every_component() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \|", TEXT, re.MULTILINE)
    assert sorted(rows) == sorted(folder.name for folder in (KUBERNETES / "components").iterdir())


def test_the_files_that_it_names_are_there() -> None:
    named = re.findall(r"\b(deploy/kubernetes/[\w/.]+\w)", TEXT)
    named += [f"docs/{link}" for link in re.findall(r"\]\(([^)#]+)[^)]*\)", TEXT) if not link.startswith("http")]
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
