"""Configuration: tables of good and bad files with whole messages, the defaults, and what values resolve to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import certifi
import pytest

from exporter.config import ConfigError, Period, SecretRef, load
from exporter.models import SECOND, Field, Paging, SlowLowToken, Status
from tests.configs import CASES, write

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
