"""The PrometheusRules that are committed are those that rules/ makes."""

from __future__ import annotations

from typing import Final

import pytest
import yaml

from deploy.source.prometheusrules import FOLDER, ROOT, generated
from tests.kubernetes.manifests import example

FILES: Final = generated()


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_as_generated(name: str) -> None:
    assert (FOLDER / name).read_bytes().decode("utf-8") == FILES[name], "make kubernetes"


def test_the_component_has_every_generated_file_and_no_other() -> None:
    component = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    assert component["resources"] == list(FILES)
    assert {file.name for file in FOLDER.iterdir()} == {"kustomization.yaml", *FILES}


def test_what_is_applied_are_the_rules_as_prometheus_would_load_them() -> None:
    files = (ROOT / "rules").glob("*.rules.yml")
    rules = {f"vlmrun-{file.name.split('.')[0]}": yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}
    assert {each["metadata"]["name"]: each["spec"] for each in example("single").all("PrometheusRule")} == rules
