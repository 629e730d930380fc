"""What Grafana does to a text before it is used: variables are replaced by what they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_VARIABLE: Final = re.compile(r"\$(?P<plain>\w+)|\$\{(?P<braced>\w+)[^}]*\}|\[\[(?P<old>\w+)[^\]]*\]\]")


def used(text: str) -> frozenset[str]:
    """Return the names of the variables in a text, but for those of Grafana itself, which begin with __."""
    names = {match[match.lastgroup or 0] for match in _VARIABLE.finditer(text)}
    return frozenset(name for name in names if not name.startswith("__"))


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Return a text with values in place of variables; one that is not among them stays as it is, as in Grafana."""
    return _VARIABLE.sub(lambda match: values.get(match[match.lastgroup or 0], match[0]), text)
