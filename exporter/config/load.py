"""From a file to the configuration in force, or to all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from exporter.config.checks import cross_check
from exporter.config.document import parse, read
from exporter.config.explain import explain
from exporter.config.problems import ConfigError, Places
from exporter.config.resolved import Config, resolve
from exporter.config.schema import ConfigFile

_SECRET_VARIABLE: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
_SECRET_LENGTH: Final = 8
"""Shorter values of such variables are words like "true", which messages need."""


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read and check a configuration; without a path return the built-in one.

    Secrets need not be there yet. ``environ`` serves to keep them out of messages: what a variable named like a secret
    holds is never repeated, wherever in the file it was pasted.

    Raises ConfigError with all problems found.
    """
    if path is None:
        return resolve(ConfigFile(), Places("built-in configuration"))
    data, lines, problems = parse(read(path))
    places = Places(str(path), lines, _hidden(environ))
    if problems and data is None:
        raise ConfigError(places.report(problems))
    file = None
    try:
        file = ConfigFile.model_validate(data)
    except ValidationError as error:
        problems.extend(explain(error, places))
    if isinstance(data, Mapping):
        problems.extend(cross_check(data))
    if problems or file is None:
        raise ConfigError(places.report(problems))
    return resolve(file, places)


def _hidden(environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        value for name, value in environ.items() if len(value) >= _SECRET_LENGTH and _SECRET_VARIABLE.search(name)
    )
