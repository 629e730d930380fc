"""The manifests of deploy/kubernetes, as `kubectl kustomize` renders them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

ROOT: Final = Path(__file__).parent.parent.parent
KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
EXAMPLES: Final = tuple(sorted(folder.name for folder in (KUBERNETES / "examples").iterdir()))

EXPORTER: Final = "vlmrun-exporter"
"""Name of the exporter's container, and of most objects."""

WORKLOADS: Final = ("Deployment", "StatefulSet")

Manifest: TypeAlias = dict[str, Any]


class CannotRender(Exception):
    """What kustomize says is wrong with a folder."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """All objects of one kustomization."""

    objects: tuple[Manifest, ...]

    def all(self, kind: str) -> list[Manifest]:
        """The objects of that kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str) -> Manifest:
        """The only object of that kind. Raises ValueError if there is none, or another."""
        (found,) = self.all(kind)
        return found

    def workload(self) -> Manifest:
        """The Deployment or StatefulSet that the exporter runs in."""
        (found,) = [each for each in self.objects if each["kind"] in WORKLOADS]
        return found

    def template(self) -> Manifest:
        """The template of its pods."""
        template: Manifest = self.workload()["spec"]["template"]
        return template

    def container(self) -> Manifest:
        """The exporter's container in it."""
        (found,) = [each for each in self.template()["spec"]["containers"] if each["name"] == EXPORTER]
        return dict(found)

    def text(self) -> str:
        """All objects as YAML."""
        return yaml.safe_dump_all(self.objects)


@cache
def example(name: str) -> Rendered:
    """Render one of EXAMPLES."""
    return render(KUBERNETES / "examples" / name)


def render(folder: Path) -> Rendered:
    """Render the kustomization in ``folder``. Raises CannotRender."""
    documents = yaml.load_all(_kubectl(("kustomize", str(folder))), yaml.CSafeLoader)  # dashboards are long
    return Rendered(tuple(documents))


def kustomizations() -> Iterator[Path]:
    """Every folder with something to render."""
    for file in sorted(KUBERNETES.rglob("kustomization.yaml")):
        if yaml.safe_load(file.read_text(encoding="utf-8"))["kind"] == "Kustomization":
            yield file.parent


def _kubectl(arguments: Sequence[str]) -> str:
    """Run the kubectl of the development tools, which needs no cluster for this."""
    done = subprocess.run([Path(sys.prefix) / "bin" / "kubectl", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise CannotRender(done.stderr.strip())
    return done.stdout
