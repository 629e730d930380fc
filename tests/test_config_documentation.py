"""What is documented: the example and the documentation name every key, and what they show is valid."""

from __future__ import annotations

import re
from pathlib import Path

import certifi

from exporter.api.decode import Decoder
from exporter.config import SecretRef, load
from exporter.models import Status
from tests.configs import KEYS, write

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "config.example.yaml"
DOCUMENTATION = ROOT / "docs" / "configuration.md"


def test_the_example_is_the_defaults() -> None:
    assert load(EXAMPLE, {}) == load(None, {})


def test_the_example_has_every_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")

    assert [key for key in KEYS if not re.search(rf"^\s*(#?[ {{-]*|.*[{{,] ){key}:", text, re.MULTILINE)] == []


def test_the_optional_keys_and_examples_of_the_example_are_valid(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    optional = [re.sub(r"^(\s*)#(?=\S|  +- )", r"\1", line) for line in lines]
    keys = [re.match(r"\s*([a-z_]+):", line) for line in optional]
    # An optional key stands in for the default that it follows.
    replaced = {
        index
        for index, (line, key) in enumerate(zip(lines, keys, strict=True))
        if key
        and line == optional[index]
        and any(later and later[0] == key[0] and lines[at] != optional[at] for at, later in enumerate(keys))
    }
    text = "\n".join(line for index, line in enumerate(optional) if index not in replaced)

    config = load(write(tmp_path, text.replace("/etc/ssl/private-ca.pem", certifi.where())), {})

    assert config.accounts[0].api_key == SecretRef(file=Path("/run/secrets/vlmrun-api-key"))
    assert config.accounts[0].sources[0].interval == 120.0
    assert [budget.name for budget in config.budgets] == ["monthly", "daily"]
    assert len(config.slow_low_token_rules().overrides) == 2
    assert config.links.completion.endswith("/{id}")


def test_the_documentation_has_every_key() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")

    assert [key for key in KEYS if f"`{key}`" not in text] == []


def test_the_yaml_of_the_documentation_is_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", DOCUMENTATION.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    assert blocks
    for block in blocks:
        load(write(tmp_path, block), {})


def test_the_documented_list_of_another_shape_is_read_as_the_documentation_says(tmp_path: Path) -> None:
    section = DOCUMENTATION.read_text(encoding="utf-8").split("## A list with another shape")[1]
    blocks = dict(re.findall(r"^```(json|yaml)\n(.*?)^```", section, re.MULTILINE | re.DOTALL))
    source = load(write(tmp_path, blocks["yaml"]), {}).sources()[0]

    page = Decoder(source).decode(blocks["json"].encode(), 0)

    assert page.rejects == ()
    assert [(row.id, row.status, row.model, row.skill, row.output_tokens, row.credits) for row in page.rows] == [
        ("c_2", Status.SUCCESS, "vlmrun-orion-2:fast", "invoices", 96, 2_500_000),
        ("c_1", Status.ERROR, "vlmrun-orion-2:fast", None, 0, 0),
    ]
    assert (page.rows[0].duration, page.rows[0].time_to_first_token) == (2_140_000, 380_000)
