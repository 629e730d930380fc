"""The exporter itself takes what its container is told: flags, variables, configuration, files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from tests.kubernetes.manifests import EXAMPLES, Rendered, example

SECRET = {"vlmrun-api-key": ("api-key", "claims", "invoices", "research", "support")}


def _exporter(arguments: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exporter", *arguments]
    return subprocess.run(command, env={"PATH": os.defpath, **environ}, capture_output=True, text=True, timeout=60)


def mounted(rendered: Rendered, root: Path) -> None:
    """Write below ``root`` what the kubelet would mount into the exporter's container."""
    volumes = {each["name"]: each for each in rendered.template()["spec"]["volumes"]}
    maps = {each["metadata"]["name"]: each["data"] for each in rendered.all("ConfigMap")}
    for mount in rendered.container()["volumeMounts"]:
        folder = root / mount["mountPath"].lstrip("/")
        folder.mkdir(parents=True)
        volume = volumes.get(mount["name"], {})
        if "configMap" in volume:
            for name, text in maps[volume["configMap"]["name"]].items():
                (folder / name).write_text(text.replace(": /", f": {root}/"), encoding="utf-8")
        elif "secret" in volume and volume["secret"]["secretName"] == "vlmrun-exporter-tls":
            certificate = trustme.CA().issue_cert("vlmrun-exporter")
            certificate.private_key_pem.write_to_path(folder / "tls.key")
            for blob in certificate.cert_chain_pems:
                blob.write_to_path(folder / "tls.crt", append=True)
        elif "secret" in volume:
            for key in SECRET[volume["secret"]["secretName"]]:
                (folder / key).write_text(f"key-of-{key}", encoding="utf-8")


def arguments(rendered: Rendered, root: Path) -> list[str]:
    """The container's arguments, with files found below ``root``."""
    return [each.replace("=/", f"={root}/") for each in rendered.container()["args"]]


def environment(rendered: Rendered, index: int) -> dict[str, str]:
    """The container's variables in the pod of that index."""
    values: list[dict[str, Any]] = rendered.container().get("env", [])
    return {each["name"]: each.get("value", str(index)) for each in values}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_configuration_is_good(name: str, tmp_path: Path) -> None:
    rendered = example(name)
    mounted(rendered, tmp_path)
    for index in range(rendered.workload()["spec"]["replicas"]):
        given = [*arguments(rendered, tmp_path), "--config.check"]
        done = _exporter(given, environment(rendered, index))
        assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_the_configuration_refers_to_is_mounted(name: str, tmp_path: Path) -> None:
    """Without what the kubelet mounts, the same check fails: it is these files that are read."""
    rendered = example(name)
    mounted(rendered, tmp_path)
    for key in tmp_path.joinpath("run/secrets/vlmrun").iterdir():
        key.unlink()
    done = _exporter([*arguments(rendered, tmp_path), "--config.check"], environment(rendered, 0))
    assert done.returncode == 2
    assert "run/secrets/vlmrun" in done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_variable_is_one_of_the_exporter(name: str) -> None:
    known = _exporter(["--help"], {"COLUMNS": "1000"}).stdout
    for variable in example(name).container().get("env", []):
        assert f"; {variable['name']})" in known


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_ledger_is_on_the_volume(name: str) -> None:
    rendered = example(name)
    (claim,) = [each for each in rendered.container()["volumeMounts"] if not each.get("readOnly")]
    configurations = [
        each["data"]["config.yaml"] for each in rendered.all("ConfigMap") if "config.yaml" in each["data"]
    ]
    for text in configurations:
        assert Path(yaml.safe_load(text)["ledger"]["path"]).parent == Path(claim["mountPath"])
    assert len(configurations) == 1
