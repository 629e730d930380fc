"""What Grafana and its sidecar are given beside the dashboards: data source, provider, ConfigMaps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import yaml

from dashboards.source.files import FOLDER, generated
from dashboards.source.pages import PAGES

PROVISIONING: Final = FOLDER / "provisioning"
ROOT: Final = FOLDER.parent

LARGEST: Final = 256 * 1024
"""Bytes that `kubectl apply` may note of an object in its annotation: a limit of Kubernetes for all of them."""


def _provider() -> dict[str, Any]:
    document = yaml.safe_load((PROVISIONING / "dashboards" / "vlmrun.yaml").read_text("utf-8"))
    assert document["apiVersion"] == 1
    (provider,) = document["providers"]
    return dict(provider)


def _datasource(text: str) -> dict[str, Any]:
    document = yaml.safe_load(text)
    assert document["apiVersion"] == 1
    (datasource,) = document["datasources"]
    return dict(datasource)


def _datasource_file() -> str:
    return (PROVISIONING / "datasources" / "vlmrun.yaml").read_text("utf-8")


def test_the_provider_makes_folders_of_folders() -> None:
    provider = _provider()
    assert provider["type"] == "file"
    assert provider["options"]["foldersFromFilesStructure"] is True
    # Grafana refuses a provider that says both.
    assert "folder" not in provider
    assert "folderUid" not in provider
    assert Path(provider["options"]["path"]).is_absolute()
    # Read-only dashboards, and a browser that offers to save them, would not go together.
    assert provider["allowUiUpdates"] is False


def test_the_data_source_is_one_that_the_dashboards_offer() -> None:
    datasource = _datasource(_datasource_file())
    for file in FOLDER.glob("*.json"):
        variables = {each["name"]: each for each in json.loads(file.read_text("utf-8"))["templating"]["list"]}
        assert variables["datasource"]["query"] == datasource["type"]
    assert datasource["access"] == "proxy"
    # Grafana goes by the name, and would change a data source that has it already.
    assert datasource["name"] != "Prometheus"


def test_the_data_source_knows_the_scrape_interval_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    (interval,) = re.findall(r"scrape_interval: (\w+)", readme)
    assert _datasource(_datasource_file())["jsonData"]["timeInterval"] == interval


def test_where_exemplars_lead_is_ready_to_be_uncommented() -> None:
    text = re.sub(r"^( +)#(?=\S|  )(?! [A-Z])", r"\1", _datasource_file(), flags=re.MULTILINE)
    (destination,) = _datasource(text)["jsonData"]["exemplarTraceIdDestinations"]
    assert destination["name"] == "completion_id"
    # Grafana puts environment variables in place of a single $.
    assert destination["url"].endswith("/$${__value.raw}")


def test_a_config_map_holds_each_dashboard_as_it_is() -> None:
    text = (FOLDER / "kubernetes" / "dashboards.yaml").read_text("utf-8")
    maps = list(yaml.safe_load_all(text))
    held = {key: value for each in maps for key, value in each["data"].items()}
    files = {path: content for path, content in generated().items() if path.endswith(".json")}
    assert sorted(held.values()) == sorted(files.values())
    assert len(held) == len(maps) == len(PAGES)


def test_the_sidecar_finds_each_config_map_and_its_folder() -> None:
    for each in yaml.safe_load_all((FOLDER / "kubernetes" / "dashboards.yaml").read_text("utf-8")):
        assert (each["apiVersion"], each["kind"]) == ("v1", "ConfigMap")
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["annotations"]["k8s-sidecar-target-directory"] == "VLM Run"
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", each["metadata"]["name"])
        assert len(json.dumps(each, separators=(",", ":"))) < LARGEST
        # One file name of two dashboards would be one dashboard.
        ((name, content),) = each["data"].items()
        assert name == f"{json.loads(content)['uid']}.json"
