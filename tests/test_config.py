"""Configuration: tables of good and bad files with whole messages, secrets, round trips and arbitrary input."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import certifi
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.api.decode import Decoder
from exporter.config import Config, ConfigError, Period, SecretError, SecretRef, check_secrets, load
from exporter.config.document import dump
from exporter.config.schema import Section
from exporter.config.units import format_credits, format_duration, parse_credits, parse_duration
from exporter.models import SECOND, Field, Paging, SlowLowToken, Status

ROOT = Path(__file__).parent.parent
CASES = Path(__file__).parent / "config"
EXAMPLE = ROOT / "config.example.yaml"
DOCUMENTATION = ROOT / "docs" / "configuration.md"
KEYS = sorted(
    {key for section in Section.__subclasses__() for key in section.model_fields} | {field.value for field in Field}
)
CANARY = "sk-canary-4f1e9a"


def write(directory: Path, text: str) -> Path:
    path = directory / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        load(path, environ or {})
    return raised.value.problems


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that the examples of one hypothesis test may share."""
    return tmp_path_factory.mktemp("config")


# The tables.


@pytest.mark.parametrize("path", sorted(CASES.glob("*.ok.yml")), ids=lambda path: path.name)
def test_a_good_file_loads_and_its_public_form_loads_as_the_same(path: Path, tmp_path: Path) -> None:
    config = load(path, {})

    assert load(write(tmp_path, config.dump_public()), {}) == config


@pytest.mark.parametrize("path", sorted(CASES.glob("*.bad.yml")), ids=lambda path: path.name)
def test_a_bad_file_is_refused_with_every_problem(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)

    with pytest.raises(ConfigError) as raised:
        load(Path(path.name), {})

    assert f"{raised.value}\n" == path.with_suffix(".txt").read_text(encoding="utf-8")
    assert "not-shown" not in str(raised.value)


def test_every_bad_file_has_its_message_beside_it() -> None:
    files = {path.with_suffix(".txt").name for path in CASES.glob("*.bad.yml")}

    assert files == {path.name for path in CASES.glob("*.txt")}


# Defaults and what they resolve to.


@pytest.mark.parametrize("name", ["empty", "comments-only", "empty-sections"])
def test_a_file_without_values_means_the_defaults(name: str) -> None:
    assert load(CASES / f"{name}.ok.yml", {}) == load(None, {})


def test_the_default_is_one_account_with_all_three_lists() -> None:
    config = load(None, {})

    (account,) = config.accounts
    assert (account.name, account.base_url, account.api_key, account.ca_file) == (
        "default",
        "https://api.vlm.run/v1",
        SecretRef(env="VLMRUN_API_KEY"),
        None,
    )
    assert [(source.name, source.path, source.paging, source.missing_status) for source in config.sources()] == [
        ("completions", "/openai/chat/completions", Paging.CURSOR, Status.SUCCESS),
        ("executions", "/agent/executions", Paging.OFFSET, Status.PENDING),
        ("requests", "/predictions", Paging.OFFSET, Status.PENDING),
    ]
    assert {source.interval for source in config.sources()} == {60.0}
    assert {source.page_size for source in config.sources()} == {100}
    assert config.poll.start == 0.0
    assert config.ledger.path == Path("data/ledger.db")
    assert config.budgets == ()


def test_the_contract_differs_from_the_defaults_in_its_examples_only() -> None:
    config = load(CASES / "contract.ok.yml", {})
    default = load(None, {})

    assert dataclasses.replace(config, slow_low_token=default.slow_low_token, budgets=()) == default


def test_every_field_has_default_paths_in_every_source() -> None:
    for source in load(None, {}).sources():
        assert set(source.fields) == set(Field)
        assert all(source.fields.values())


def test_a_source_overrides_the_given_keys_and_keeps_the_rest() -> None:
    config = load(CASES / "everything.ok.yml", {})

    completions, requests = config.account("production").sources
    default = load(None, {}).sources()[0]
    assert (completions.path, completions.paging) == ("/v2/completions", Paging.OFFSET)
    assert (completions.interval, completions.page_size) == (90.0, 250)
    assert completions.fields == {
        **default.fields,
        Field.ID: ("uuid",),
        Field.SKILL: (),
        Field.DURATION: ("timing.total_ms", "spans.0.ms"),
    }
    assert completions.statuses["done"] is Status.SUCCESS
    assert completions.statuses["failed"] is Status.ERROR
    assert Status.PENDING not in completions.statuses.values()
    assert "completed" not in completions.statuses
    assert completions.missing_status is None
    assert (requests.interval, requests.page_size) == (0.5, 1000)
    assert [source.name for source in config.account("staging").sources] == ["executions"]
    with pytest.raises(KeyError):
        config.account("production ")


def test_an_address_has_no_trailing_slash() -> None:
    account = load(CASES / "everything.ok.yml", {}).account("production")

    assert account.base_url == "https://vlm.example.com:8443/v1"


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:8080", "api.localhost"])
def test_plain_http_to_this_machine_is_allowed(host: str, tmp_path: Path) -> None:
    config = load(write(tmp_path, f"accounts: [{{base_url: 'http://{host}/v1'}}]"), {})

    assert config.accounts[0].base_url == f"http://{host}/v1"


def test_a_ca_bundle_is_read_when_loading(tmp_path: Path) -> None:
    config = load(write(tmp_path, f"accounts: [{{ca_file: '{certifi.where()}'}}]"), {})

    assert config.accounts[0].ca_file == Path(certifi.where())
    assert load(write(tmp_path, config.dump_public()), {}) == config


def test_an_override_takes_what_it_leaves_out_from_the_default_rule() -> None:
    rules = load(CASES / "everything.ok.yml", {}).slow_low_token_rules()

    assert rules.default == SlowLowToken(max_output_tokens=0, min_duration=5400 * SECOND, alert_ratio=1.0)
    assert rules.resolve("no", "1e5x") == SlowLowToken(0, 5400 * SECOND, 0.5)
    assert rules.resolve("any", "invoices") == SlowLowToken(64, 5400 * SECOND, 1.0)
    assert rules.resolve("any", "other") == rules.default


def test_a_budget_is_kept_in_micro_credits() -> None:
    daily, weekly = load(CASES / "everything.ok.yml", {}).budgets

    assert (daily.name, daily.credits, daily.period, daily.timezone) == ("daily", 250_000, Period.DAY, "Europe/Berlin")
    assert daily.account == "production"
    assert (weekly.credits, weekly.period, weekly.timezone) == (10**12, Period.WEEK, "UTC")
    assert weekly.account is None


@pytest.mark.parametrize(("text", "seconds"), [("now", 0.0), ("0s", 0.0), ("0", 0.0), ("1h", 3600.0)])
def test_start_is_now_or_a_look_back(text: str, seconds: float, tmp_path: Path) -> None:
    assert load(write(tmp_path, f"poll: {{start: {text}}}"), {}).poll.start == seconds


def test_a_configuration_cannot_be_changed() -> None:
    config = load(None, {})

    with pytest.raises(ValueError, match="frozen"):
        config.poll.interval = 1.0
    with pytest.raises(TypeError):
        config.sources()[0].fields[Field.ID] = ("other",)  # type: ignore[index]


# Files that can't be read.


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing.yaml"

    assert problems(path) == (f"{path}: can't be read: No such file or directory (allowed: a readable YAML file)",)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path) == (f"{tmp_path}: can't be read: Is a directory (allowed: a readable YAML file)",)


def test_a_file_above_one_mebibyte_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path, "#" * (1024 * 1024 + 1))

    assert problems(path) == (f"{path}: is larger than 1 MiB (allowed: a configuration of at most 1 MiB)",)


def test_a_file_with_too_many_values_is_refused_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, f"a: [{'x,' * 20_000}]")

    assert problems(path) == (f"{path}:1: invalid YAML: more than 20000 keys and values",)


def test_text_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"poll:\n  start: caf\xe9\n")

    assert problems(path) == (f"{path}:2: is not UTF-8 text",)


def test_control_characters_are_refused_with_their_line(tmp_path: Path) -> None:
    path = write(tmp_path, "poll:\n  start: \x00\n")

    assert problems(path) == (f"{path}:2: invalid YAML: control characters are not allowed",)


def test_an_impossible_escape_is_invalid_yaml(tmp_path: Path) -> None:
    path = write(tmp_path, 'poll:\n  start: "\\UFFFFFFFF"\n')

    assert problems(path) == (f"{path}:2: invalid YAML: invalid number or escape",)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert load(write(tmp_path, "\ufeffpoll: {interval: 30s}"), {}).poll.interval == 30.0


# Secrets.


@pytest.mark.parametrize(
    "text",
    [
        f"accounts: [{{api_key: {CANARY}}}]",
        f"accounts: [{{api_key: '{CANARY}'}}]",
        f"accounts: [{{api_key: *{CANARY}}}]",
        f"accounts: [{{api_key: !{CANARY} x}}]",
        f"accounts: [{{api_key: [{CANARY}]}}]",
        f"accounts: [{{api_key: {{env: {CANARY}}}}}]",
        f"accounts: [{{api_key: {{key: {CANARY}}}}}]",
        f"accounts: [{{api_key: {{{CANARY}: env}}}}]",
        f"accounts: [{{api_key: {{env: A, file: {CANARY}}}}}]",
        f"accounts: [{{api_key: |\n  {CANARY}\n}}]",
        f"accounts: [{{apikey: {CANARY}}}]",
        f"accounts: [{CANARY}]",
        f"accounts: {CANARY}",
        f"accounts: [{{base_url: 'https://{CANARY}@api.vlm.run'}}]",
        f"accounts: [{{base_url: 'https://api.vlm.run?key={CANARY}'}}]",
        f"accounts: [{{sources: {{completions: {{path: '/list?key={CANARY}'}}}}}}]",
        f"links: {{completion: 'https://example.com/{{id}}/{{{CANARY}}}'}}",
        f"token: {CANARY}",
        CANARY,
    ],
)
def test_an_inline_key_is_refused_and_never_shown(text: str, tmp_path: Path) -> None:
    assert CANARY not in "\n".join(problems(write(tmp_path, text)))


@pytest.mark.parametrize(
    "text",
    [
        f"poll: {{start: {CANARY}}}",
        f"poll: {{start: {'x' * 55}{CANARY}}}",
        f"{CANARY}: 1",
        f"accounts: [{{name: 'the key {CANARY}'}}]",
        f"accounts: [{{name: a}}, {{name: a, sources: {{{CANARY}: }}}}]",
        f"budgets: [{{name: a, credits: 1, account: {CANARY}}}]",
    ],
)
def test_a_key_of_the_environment_is_not_shown_wherever_it_was_pasted(text: str, tmp_path: Path) -> None:
    told = "\n".join(problems(write(tmp_path, text), {"VLMRUN_API_KEY": CANARY}))

    assert CANARY not in told
    assert CANARY[:8] not in told


def test_a_secret_is_read_from_the_environment_at_the_time_of_the_call() -> None:
    reference = SecretRef(env="VLMRUN_API_KEY")

    assert reference.read({"VLMRUN_API_KEY": "first"}) == "first"
    assert reference.read({"VLMRUN_API_KEY": " second\n"}) == "second"


def test_a_secret_file_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "key"
    reference = SecretRef(file=file)

    file.write_text("first\n")
    assert reference.read({}) == "first"
    file.write_text("second\r\n")
    assert reference.read({}) == "second"


@pytest.mark.parametrize("value", ["", " \n", f"Bearer {CANARY}", f"{CANARY}\n{CANARY}", f"{CANARY}é", f"{CANARY}\x00"])
def test_an_unusable_secret_is_refused_without_showing_it(value: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(value, encoding="utf-8")

    for reference in (SecretRef(env="KEY"), SecretRef(file=file)):
        with pytest.raises(SecretError) as raised:
            reference.read({"KEY": value})
        assert str(raised.value).startswith(str(reference))
        assert CANARY not in repr(raised.value)
        assert raised.value.__cause__ is None


def test_an_absent_secret_names_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"^environment variable KEY is not set \(allowed: "):
        SecretRef(env="KEY").read({"OTHER": CANARY})
    with pytest.raises(SecretError, match=r"/missing can't be read: No such file or directory \(allowed: "):
        SecretRef(file=tmp_path / "missing").read({})
    with pytest.raises(SecretError, match=r" can't be read: Is a directory \(allowed: "):
        SecretRef(file=tmp_path).read({})


def test_a_secret_file_that_is_no_key_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"x" * (64 * 1024 + 1))

    with pytest.raises(SecretError, match="is larger than 64 KiB"):
        SecretRef(file=file).read({})


@pytest.mark.parametrize("arguments", [{}, {"env": "A", "file": Path("a")}])
def test_a_reference_names_exactly_one_place(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one of env and file"):
        SecretRef(**arguments)


def test_what_is_public_holds_references_and_no_secrets(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(CANARY)
    text = f"accounts: [{{name: a, api_key: {{env: A_KEY}}}}, {{name: b, api_key: {{file: '{file}'}}}}]"
    config = load(write(tmp_path, text), {"A_KEY": CANARY})
    assert [account.api_key.read({"A_KEY": CANARY}) for account in config.accounts] == [CANARY, CANARY]

    assert [account["api_key"] for account in config.public()["accounts"]] == [{"env": "A_KEY"}, {"file": str(file)}]
    assert CANARY not in config.dump_public()
    assert CANARY not in repr(config)


def test_missing_secrets_are_found_with_file_and_line(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "accounts:\n"
        "  - {name: a, api_key: {env: A_KEY}}\n"
        "  - {name: b, api_key: {env: B_KEY}}\n"
        "  - name: c\n"
        "    api_key: {file: /no/such/file}\n",
    )

    assert check_secrets(load(path, {}), {"A_KEY": "a"}) == (
        f"{path}:3: accounts[1].api_key: environment variable B_KEY is not set "
        "(allowed: a variable that holds the key)",
        f"{path}:5: accounts[2].api_key: secret file /no/such/file can't be read: No such file or directory "
        "(allowed: a readable file)",
    )


def test_a_missing_secret_of_the_built_in_configuration_is_found() -> None:
    assert check_secrets(load(None, {}), {}) == (
        "built-in configuration: accounts[0].api_key: environment variable VLMRUN_API_KEY is not set "
        "(allowed: a variable that holds the key)",
    )
    assert check_secrets(load(None, {}), {"VLMRUN_API_KEY": "k"}) == ()


# What is documented.


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


# Properties.


@given(st.integers(min_value=0, max_value=10 * 365 * 86_400_000))
def test_a_duration_reads_as_it_was_written(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("500ms", 0.5),
        ("30s", 30),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("90m", 5400),
    ],
)
def test_a_duration_is_written_as_in_prometheus(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " 1s", "1s ", "1", "s", "-1s", "1.5h", "30m1h", "1s1s", "1S", "1min", "\u0661s", "1s\n"]
)
def test_anything_else_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=10**15))
def test_credits_read_as_they_were_written(micro: int) -> None:
    assert parse_credits(format_credits(micro)) == micro


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
