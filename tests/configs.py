"""Configuration files for tests: the tables of them, and short ways to write and to refuse one."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config import ConfigError, load
from exporter.config.schema import Section
from exporter.models import Field

CASES = Path(__file__).parent / "config"
KEYS = sorted(
    {key for section in Section.__subclasses__() for key in section.model_fields} | {field.value for field in Field}
)


def write(directory: Path, text: str) -> Path:
    path = directory / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        load(path, environ or {})
    return raised.value.problems
