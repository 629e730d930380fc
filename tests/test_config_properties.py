"""Properties of any label, any data, any text and any bytes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.config import Config, ConfigError, load
from exporter.config.document import dump
from tests.configs import KEYS, write


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that the examples of one hypothesis test may share."""
    return tmp_path_factory.mktemp("config")


LABELS = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable() and "*" not in text)


@settings(deadline=None)
@given(LABELS, LABELS)
@example("no", "1e5")
@example("0o7", "08")
@example("~", "null")
@example("<<", "=")
@example("2020-01-01", "1:30")
def test_any_label_survives_the_round_trip(scratch: Path, model: str, skill: str) -> None:
    override = {"model": model, "skill": skill, "alert_ratio": 0.5}
    config = load(write(scratch, dump({"slow_low_token": {"overrides": [override]}})), {})

    (read,) = config.slow_low_token_rules().overrides
    assert (read.model, read.skill) == (model, skill)
    assert load(write(scratch, config.dump_public()), {}) == config


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["10s", "1h", "now", "UTC", "https://a/{id}", "month", "VLMRUN_API_KEY", "/a", "a.b", "*"])
)
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*KEYS, "completions", "requests", "env", "file"]) | st.text(max_size=4), inner
        )
    ),
    max_leaves=25,
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["accounts", "poll", "labels", "slow_low_token", "slo", "budgets", "ledger", "metrics", "links"]),
    DATA,
)


def load_or_none(path: Path) -> Config | None:
    """Load a file that may be wrong in any way; each problem must be one printable line about that file."""
    try:
        return load(path, {})
    except ConfigError as error:
        told = error.problems
    assert told
    assert [problem for problem in told if not problem.startswith(f"{path}:") or not problem.isprintable()] == []
    return None


@settings(deadline=None)
@given(DOCUMENTS | DATA)
def test_arbitrary_data_never_raises_anything_else(scratch: Path, data: object) -> None:
    config = load_or_none(write(scratch, yaml.safe_dump(data)))

    assert config is None or load(write(scratch, config.dump_public()), {}) == config


@settings(deadline=None)
@given(st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"%@#\\ \n\t0x?,.<", max_size=60))
def test_arbitrary_text_never_raises_anything_else(scratch: Path, text: str) -> None:
    load_or_none(write(scratch, re.sub("[\ud800-\udfff]", "", text)))


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_never_raise_anything_else(scratch: Path, content: bytes) -> None:
    path = scratch / "config.yaml"
    path.write_bytes(content)

    load_or_none(path)
