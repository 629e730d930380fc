"""Secrets: read from where the configuration says, missed with file and line, and never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exporter.config import SecretError, SecretRef, check_secrets, load
from tests.configs import problems, write

CANARY = "sk-canary-4f1e9a"


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

    config = load(path, {})
    assert check_secrets(config, {}, ["b"]) == (check_secrets(config, {"A_KEY": "a"}, ["a", "b"]))
    assert check_secrets(config, {"A_KEY": "a"}, ["a", "b", "c"]) == (
        f"{path}:3: accounts[1].api_key: environment variable B_KEY is not set "
        "(allowed: a variable that holds the key)",
        f"{path}:5: accounts[2].api_key: secret file /no/such/file can't be read: No such file or directory "
        "(allowed: a readable file)",
    )


def test_a_missing_secret_of_the_built_in_configuration_is_found() -> None:
    assert check_secrets(load(None, {}), {}, ["default"]) == (
        "built-in configuration: accounts[0].api_key: environment variable VLMRUN_API_KEY is not set "
        "(allowed: a variable that holds the key)",
    )
    assert check_secrets(load(None, {}), {"VLMRUN_API_KEY": "k"}, ["default"]) == ()
