"""What the Dockerfile promises, read from it: `make image-test` builds the image and tries it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from exporter.cli.flags import DEFAULT_ADDRESS
from exporter.cli.healthcheck import run as healthcheck
from exporter.config.schema import Ledger
from tests.image.built import ROOT
from tests.image.dockerfile import ignored, instructions, last, stages

BUILD, FINAL = stages()


def test_both_stages_stand_on_one_base_of_a_supported_python() -> None:
    (base,) = [each.text for each in instructions() if each.text.startswith("BASE=")]
    assert {stage[0].words[0] for stage in stages()} == {"${BASE}"}
    python = re.fullmatch(r"BASE=docker\.io/library/python:(3\.\d+)-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    assert python, base
    assert f"Python :: {python[1]}" in (ROOT / "pyproject.toml").read_text("utf-8")


def test_everything_installed_is_locked_or_our_own() -> None:
    installs = [
        command
        for each in instructions()
        if each.name == "RUN"
        for command in each.text.split("&&")
        if re.search(r"\b(install|wheel|download)\b.*(--requirement|--wheel-dir|vlmrun)", command)
    ]
    assert len(installs) == 4
    for command in installs:
        locked = "--require-hashes" in command and "--only-binary=:all:" in command
        own = "--no-deps" in command and ("--no-index" in command or "--no-build-isolation" in command)
        assert locked or own, command


def test_nothing_in_it_needs_buildkit_or_fetches_a_url() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert not re.search(r"^# *syntax=|--mount|<<|^ADD|https?://", text, re.MULTILINE)


def test_it_runs_without_root_and_without_a_shell() -> None:
    uid, gid = last(FINAL, "USER").text.split(":")
    assert int(uid) == int(gid) == 65532
    assert last(FINAL, "ENTRYPOINT").executed == ["vlmrun-exporter"]
    assert last(FINAL, "HEALTHCHECK").executed == ["vlmrun-exporter", "healthcheck"]
    assert last(FINAL, "STOPSIGNAL").text == "SIGTERM"
    names = [each.name for each in FINAL]
    assert "RUN" not in names[names.index("USER") :]


def test_the_default_ledger_and_temporary_files_are_in_the_volume() -> None:
    (volume,) = last(FINAL, "VOLUME").executed
    ledger = PurePosixPath(last(FINAL, "WORKDIR").text) / Ledger().path
    assert ledger.parent == PurePosixPath(volume)
    assert f"TMPDIR={volume}" in last([each for each in FINAL if "TMPDIR" in each.text], "ENV").words


def test_the_port_is_the_programs() -> None:
    assert last(FINAL, "EXPOSE").text == DEFAULT_ADDRESS.removeprefix(":")


def test_the_engine_waits_longer_than_the_health_check_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        healthcheck(["--help"], {})
    (own,) = re.findall(r"wait for the answer \(default: (\d+)", " ".join(capsys.readouterr().out.split()))
    assert int(last(FINAL, "HEALTHCHECK").flags["timeout"].removesuffix("s")) > int(own)


def test_what_is_copied_enters_the_build_and_nothing_else_does() -> None:
    copied = {word for each in BUILD if each.name == "COPY" for word in each.words[:-1]}
    assert all((ROOT / path).exists() for path in copied)
    allowed = {path.name for path in ROOT.iterdir() if not ignored(path.name)}
    assert allowed | {"rules"} == copied
    for file in (ROOT / "rules").rglob("*"):
        assert ignored(file.relative_to(ROOT).as_posix()) == (not file.match("rules/*.rules.yml"))
    for path in (
        ".git/config",
        ".env",
        "config.yaml",
        "data/ledger.db",
        "exporter/web/__pycache__/app.cpython-311.pyc",
    ):
        assert ignored(path)
    assert not ignored("exporter/simulator/data/ATTRIBUTION.txt")
