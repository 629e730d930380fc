"""Several exporters of one configuration: together they count every account once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.process import KEY, Exporter, configuration, run, write
from tests.e2e.standin import Standin

ACCOUNTS = ("red", "green", "blue")


def test_shards_divide_the_accounts_among_them(calm: Standin, tmp_path: Path) -> None:
    polled = []
    for index in range(4):
        folder = tmp_path / str(index)
        folder.mkdir()
        # A shard needs the keys of its own accounts alone.
        for name in ACCOUNTS:
            (folder / name).write_text(KEY, encoding="ascii")
        accounts = [{"name": name, "base_url": calm.url, "api_key": {"file": str(folder / name)}} for name in ACCOUNTS]
        document = configuration(calm.url, folder, accounts=accounts)
        with Exporter(write(folder / "config.yaml", document), f"--shard.index={index}", "--shard.count=4") as exporter:
            exporter.ready()
            polled.append({sample.labels["account"] for sample in exporter.scrape().samples("vlmrun_exporter_auth_ok")})
            if not polled[-1]:
                assert "No sources are configured" in exporter.get("/").text
    assert polled == [{"green"}, set(), {"red"}, {"blue"}]


def test_a_bad_shard_is_explained_in_one_line(tmp_path: Path) -> None:
    end = run("--shard.index=one", cwd=tmp_path)
    assert (end.returncode, end.stdout, end.stderr) == (
        2,
        "",
        "vlmrun-exporter: --shard.index: 'one' is no whole number\n",
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("index", "polled"), [(0, "green"), (1, "no account"), (2, "red"), (3, "blue")], ids=["0", "1", "2", "3"]
)
def test_a_check_tells_whose_accounts_are_polled_and_wants_no_other_keys(
    index: int, polled: str, tmp_path: Path
) -> None:
    accounts = [{"name": name, "api_key": {"file": str(tmp_path / name)}} for name in ACCOUNTS]
    write(tmp_path / "config.yaml", {"accounts": accounts})
    shard = (f"--shard.index={index}", "--shard.count=4")
    lacking = run("--config.file=config.yaml", "--config.check", *shard, cwd=tmp_path)
    assert lacking.returncode == (0 if polled == "no account" else 2)
    assert [name for name in ACCOUNTS if name in lacking.stderr] == ([] if polled == "no account" else [polled])
    (tmp_path / polled).write_text(KEY, encoding="ascii")
    end = run("--config.file=config.yaml", "--config.check", *shard, cwd=tmp_path)
    assert (end.returncode, end.stdout) == (0, f"the configuration is good; shard {index} of 4 polls {polled}\n")


def test_a_check_refuses_a_shard_that_cannot_be(tmp_path: Path) -> None:
    end = run("--config.check", "--shard.index=3", "--shard.count=3", cwd=tmp_path)
    assert (end.returncode, end.stderr) == (
        2,
        "vlmrun-exporter: --shard.index: 3 with --shard.count=3 (allowed: 0 to 2)\n",
    )
