"""compose.yaml as a document, and what its services find where they mount it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from tests.image.built import ROOT


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the tree that a service sees at ``target``."""

    source: Path
    target: PurePosixPath
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class Service:
    """One service, as it is written."""

    name: str
    document: Mapping[str, Any]

    @property
    def mounts(self) -> list[list[str]]:
        """Source, target and options of everything that it mounts, in the short form."""
        return [mount.split(":") for mount in self.document.get("volumes", [])]

    @property
    def volumes(self) -> dict[str, PurePosixPath]:
        """Where it has named volumes."""
        return {mount[0]: PurePosixPath(mount[1]) for mount in self.mounts if not mount[0].startswith(".")}

    @property
    def binds(self) -> list[Bind]:
        """What it sees of the tree."""
        return [
            Bind(ROOT / source, PurePosixPath(target), frozenset(options))
            for source, target, *options in self.mounts
            if source.startswith(".")
        ]

    def lay_out(self, folder: Path) -> None:
        """Copy what it sees to the same places below ``folder``, and make its volumes there."""
        for bind in self.binds:
            place = folder / bind.target.relative_to("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if bind.source.is_dir() else shutil.copy)(bind.source, place)
        for target in self.volumes.values():
            (folder / target.relative_to("/")).mkdir(parents=True, exist_ok=True)

    def flags(self, folder: Path) -> Iterator[str]:
        """Yield the flags of its command, with every path in them below ``folder``."""
        for flag in self.document["command"]:
            name, _, value = flag.partition("=")
            yield f"{name}={folder}{value}" if value.startswith("/") else flag


def document() -> dict[str, Any]:
    """Return the whole file."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return loaded


def services() -> dict[str, Service]:
    """Return every service by its name."""
    return {name: Service(name, each) for name, each in document()["services"].items()}
