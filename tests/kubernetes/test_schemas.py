"""Every object has the fields that its kind has; and the check that says so can fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes import __main__, schemas
from tests.kubernetes.manifests import EXAMPLES, KUBERNETES, Manifest, Rendered, example, kustomizations


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_object_of_an_example_is_good(name: str) -> None:
    assert [problem for each in example(name).objects for problem in __main__.problems(each)] == []


def test_everything_that_can_be_rendered_is_checked() -> None:
    checked = {folder.relative_to(KUBERNETES) for folder in kustomizations()}
    assert {Path("base"), Path("config"), *(Path("examples") / name for name in EXAMPLES)} == checked


def test_every_component_is_in_an_example() -> None:
    used = {
        Path(component).name
        for name in EXAMPLES
        for component in yaml.safe_load((KUBERNETES / "examples" / name / "kustomization.yaml").read_text())[
            "components"
        ]
    }
    assert used == {folder.name for folder in (KUBERNETES / "components").iterdir()}


def _unknown(field: str) -> Callable[[Any], None]:
    def add(thing: Any) -> None:
        thing[field] = "x"

    return add


@pytest.mark.parametrize(
    ("kind", "path", "change", "said"),
    [
        pytest.param("Deployment", "spec.template.spec", _unknown("oops"), "'oops' was unexpected", id="pod"),
        pytest.param("Service", "spec.ports.0", _unknown("oops"), "'oops' was unexpected", id="service"),
        pytest.param("NetworkPolicy", "spec.egress.0", _unknown("form"), "'form' was unexpected", id="policy"),
        pytest.param("Deployment", "spec", lambda each: each.update(replicas="1"), "'1' is not", id="type"),
        pytest.param("Service", "", lambda each: each.update(apiVersion="v2"), "Kubernetes 1.29", id="version"),
        pytest.param("ServiceMonitor", "spec.endpoints.0", _unknown("relabeling"), "'relabeling' was", id="endpoint"),
        pytest.param(
            "ServiceMonitor",
            "spec.endpoints.0.relabelings.0",
            lambda each: each.update(action="rename"),
            "'rename' is not one of",
            id="action",
        ),
        pytest.param(
            "ServiceMonitor",
            "spec.endpoints.0",
            lambda each: each.update(interval="30"),
            "'30' does not match",
            id="duration",
        ),
        pytest.param("ServiceMonitor", "spec", lambda each: each.pop("selector"), "'selector' is a", id="required"),
        pytest.param("PrometheusRule", "spec.groups.0.rules.0", _unknown("summary"), "'summary' was", id="rule"),
        pytest.param("PrometheusRule", "metadata", _unknown("lables"), "'lables' was", id="metadata"),
    ],
)
def test_a_wrong_object_is_found(kind: str, path: str, change: Callable[[Any], object], said: str) -> None:
    broken: Manifest = copy.deepcopy(example("single").all(kind)[0])
    assert schemas.problems(broken) == []
    place: Any = broken
    for step in path.split(".") if path else ():
        place = place[int(step) if step.isdigit() else step]
    change(place)
    assert said in "\n".join(schemas.problems(broken))


def test_a_custom_resource_may_say_what_its_schema_leaves_open() -> None:
    rule = copy.deepcopy(example("single").all("PrometheusRule")[0])
    rule["spec"]["groups"][0]["rules"][0]["expr"] = 1  # a number or text
    rule["metadata"]["annotations"] = {"any": "text"}
    assert schemas.problems(rule) == []


def test_no_two_objects_of_an_example_are_the_same() -> None:
    for name in EXAMPLES:
        rendered: Rendered = example(name)
        names = [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in rendered.objects]
        assert len(names) == len(set(names))


def test_a_pod_that_may_do_too_much_is_a_problem() -> None:
    broken = copy.deepcopy(example("single").workload())
    broken["spec"]["template"]["spec"]["hostNetwork"] = True
    assert list(__main__.problems(broken)) == ["Deployment vlmrun-exporter: Pod Security, Host Namespaces: hostNetwork"]


def test_problems_are_reported_with_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    broken = copy.deepcopy(example("single").one("Service"))
    broken["spec"]["type"] = 1
    assert __main__.report("somewhere", Rendered((broken,))) == len(schemas.VERSIONS)
    out, err = capsys.readouterr()
    assert out == "somewhere: 1 objects, 4 problems\n"
    assert err.startswith("somewhere: Service vlmrun-exporter: Kubernetes 1.29: spec.type: 1 is not")
