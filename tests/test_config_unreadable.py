"""Files that can't be read: refused with why, and with the line; only a byte order mark is borne."""

from __future__ import annotations

from pathlib import Path

from exporter.config import load
from tests.configs import problems, write


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
