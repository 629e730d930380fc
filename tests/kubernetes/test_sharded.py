"""Shards: each account is polled by one pod, and how many there are is said once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from exporter.config import Shard
from tests.kubernetes.copies import altered
from tests.kubernetes.manifests import CannotRender, example, render

COUNT = "VLMRUN_EXPORTER_SHARD_COUNT"
INDEX = "VLMRUN_EXPORTER_SHARD_INDEX"


def _count(rendered_env: list[dict[str, str]]) -> str:
    (count,) = [each["value"] for each in rendered_env if each["name"] == COUNT]
    return count


def test_there_are_as_many_pods_as_shards() -> None:
    rendered = example("sharded")
    assert _count(rendered.container()["env"]) == "3"
    assert rendered.workload()["spec"]["replicas"] == 3


def test_the_overlay_gives_the_number_for_both(tmp_path: Path) -> None:
    folder = altered(tmp_path, "sharded", "kustomization.yaml", "count=3", "count=7")
    rendered = render(folder)
    assert _count(rendered.container()["env"]) == "7"
    assert rendered.workload()["spec"]["replicas"] == 7


def test_without_a_number_it_does_not_render(tmp_path: Path) -> None:
    folder = altered(tmp_path, "sharded", "kustomization.yaml", "name: vlmrun-exporter-shards", "name: other")
    with pytest.raises(CannotRender, match=r"nothing selected by ConfigMap.*vlmrun-exporter-shards"):
        render(folder)


def test_the_number_is_not_applied() -> None:
    assert "vlmrun-exporter-shards" not in {each["metadata"]["name"] for each in example("sharded").objects}


def test_each_pod_knows_its_own_index() -> None:
    (index,) = [each for each in example("sharded").container()["env"] if each["name"] == INDEX]
    assert index["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}


def test_every_account_of_the_example_is_polled_by_one_pod_and_no_pod_is_idle() -> None:
    rendered = example("sharded")
    (text,) = [each["data"]["config.yaml"] for each in rendered.all("ConfigMap") if "config.yaml" in each["data"]]
    accounts = [each["name"] for each in yaml.safe_load(text)["accounts"]]
    pods = rendered.workload()["spec"]["replicas"]
    owners = {account: [index for index in range(pods) if Shard(index, pods).owns(account)] for account in accounts}
    assert all(len(shards) == 1 for shards in owners.values()), owners
    assert {shard for shards in owners.values() for shard in shards} == set(range(pods))


def test_each_pod_has_a_ledger_of_its_own_that_outlives_it() -> None:
    rendered = example("sharded")
    spec = rendered.workload()["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "ledger"
    assert claim["spec"] == example("single").one("PersistentVolumeClaim")["spec"]
    assert "ledger" not in {each["name"] for each in rendered.template()["spec"]["volumes"]}
    assert rendered.all("PersistentVolumeClaim") == []
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}


def test_it_takes_the_place_of_the_deployment() -> None:
    rendered = example("sharded")
    assert rendered.all("Deployment") == []
    spec = rendered.workload()["spec"]
    assert "strategy" not in spec
    assert spec["serviceName"] == rendered.one("Service")["metadata"]["name"]
    assert spec["podManagementPolicy"] == "Parallel"


def test_its_pod_is_that_of_the_base_but_for_the_shard() -> None:
    sharded, single = example("sharded").container(), example("single").container()
    del sharded["env"]
    assert sharded == single
