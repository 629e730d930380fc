"""The image as tests/tools/build-image leaves it in a folder: its files and its configuration."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent.parent
BUILD_IMAGE: Final = ROOT / "tests" / "tools" / "build-image"

CANNOT: Final = 3
"""The exit code of build-image where it cannot work."""


@dataclass(frozen=True)
class Entry:
    """A file or a folder of the image: its path from the root on, and what is known of it."""

    path: str
    status: os.stat_result

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)

    def has(self, bits: int) -> bool:
        """Tell whether any of the mode's ``bits`` is set."""
        return bool(self.status.st_mode & bits)


@dataclass(frozen=True)
class Image:
    """A built image."""

    folder: Path

    @property
    def rootfs(self) -> Path:
        return self.folder / "rootfs"

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The configuration in Docker's format."""
        config: dict[str, Any] = json.loads((self.folder / "config.json").read_text("utf-8"))["Docker"]["config"]
        return config

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment that a container has by itself."""
        return dict(variable.split("=", 1) for variable in self.config["Env"])

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Bytes of ``base`` and ``image``: unpacked, and as gzip."""
        lines = (self.folder / "sizes").read_text("utf-8").splitlines()
        return {name: (int(plain), int(packed)) for name, plain, packed in (line.split() for line in lines)}

    def entries(self, below: str = "") -> Iterator[Entry]:
        """Yield everything in the image ``below`` a path."""
        for folder, folders, files in os.walk(self.rootfs / below):
            for name in (*folders, *files):
                path = Path(folder, name)
                yield Entry(f"/{path.relative_to(self.rootfs)}", path.lstat())

    def command(self, arguments: Sequence[str]) -> list[str]:
        """What a container runs, given the ``arguments`` after the image's name."""
        return [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])]
