"""The Dockerfile as a list of instructions, for what can be said of an image before it is built."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any

from tests.image.built import ROOT


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name in upper case, and all that follows on one line."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """What follows, split at spaces, without flags."""
        return [word for word in self.text.split() if not word.startswith("--")]

    @property
    def flags(self) -> dict[str, str]:
        """The instruction's own flags: ``--from=build``."""
        return dict(re.findall(r"(?:^|(?<=\s))--([a-z-]+)=(\S+)", self.text.partition("CMD")[0]))

    @property
    def executed(self) -> list[str]:
        """The words of an exec form, which is JSON. Raises ValueError for the shell form."""
        words: Any = json.loads(self.text[self.text.index("[") :])
        return list(words)


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage; its FROM comes first. Those before the first stage are left out."""
    found: list[list[Instruction]] = []
    for each in instructions():
        if each.name == "FROM":
            found.append([])
        if found:
            found[-1].append(each)
    return found


def instructions() -> list[Instruction]:
    """Return every instruction, in order."""
    lines = [line for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [Instruction(*line.split(" ", 1)) for line in joined.splitlines() if line]


def last(of: Sequence[Instruction], name: str) -> Instruction:
    """Return the instruction that is in force: the last one. Raises IndexError if there is none."""
    return [each for each in of if each.name == name][-1]


def ignored(path: str) -> bool:
    """Tell whether .dockerignore keeps a file out of the build: the last pattern that fits it, or a folder of it."""
    out = False
    folders = [path, *map(str, PurePosixPath(path).parents)]
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!").removeprefix("**/")
        names = [PurePosixPath(each).name for each in folders] if "**/" in line else folders
        if any(fnmatch(name, pattern) for name in names):
            out = not line.startswith("!")
    return out
