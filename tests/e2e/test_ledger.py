"""The ledger in the hands of the world: shared, damaged, lost, restored from a copy, and on a disk that is full."""

from __future__ import annotations

import re
import resource
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e.process import Exporter, configuration, run, write
from tests.e2e.standin import Standin, compare, counted, expected, standin
from tests.e2e.waiting import until
from tests.e2e.watch import Watch

ANY_PORT = "--web.listen-address=127.0.0.1:0"
COUNTED = "vlmrun_completions_total"
FAILURES = "vlmrun_exporter_poll_failures_total"
GAP = "vlmrun_exporter_coverage_gap_seconds"
ROLLED_BACK = "vlmrun_exporter_ledger_rolled_back"
UP = "vlmrun_exporter_source_up"
WATERMARK = "vlmrun_exporter_watermark_timestamp_seconds"


def log_line(exporter: Exporter, words: str) -> str:
    """The one line of an exporter's log that says so."""
    (line,) = (line for line in exporter.logs.splitlines() if words in line)
    return line


def everything_is_counted(upstream: Standin, exporter: Exporter) -> bool:
    """Tell whether the exporter shows exactly what the stand-in has settled."""
    return bool(compare(expected(upstream.truth()), counted(exporter.scrape())))


def test_a_second_exporter_on_the_same_ledger_says_so_and_leaves(calm: Standin, tmp_path: Path) -> None:
    config = write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))
    with Exporter(config) as exporter:
        exporter.ready()
        second = run(f"--config.file={config}", ANY_PORT, cwd=tmp_path)
        assert second.returncode == 1
        assert second.stderr == (
            f"vlmrun-exporter: the ledger {tmp_path / 'ledger.db'} is in use by another process:"
            " only one exporter may count into it\n"
        )
        assert exporter.get("/-/healthy").status_code == 200


def test_a_ledger_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = write(tmp_path / "config.yaml", configuration("http://127.0.0.1:9/v1", tmp_path / "file"))
    end = run(f"--config.file={config}", ANY_PORT, cwd=tmp_path)
    assert end.returncode == 1
    (line,) = end.stderr.splitlines()
    assert line.startswith(
        f"vlmrun-exporter: the ledger {tmp_path / 'file' / 'ledger.db'} cannot be opened for writing"
    )
    assert line.endswith("(ledger.path must be on a writable local disk)")


def test_a_damaged_ledger_is_reported_in_one_line(calm: Standin, tmp_path: Path) -> None:
    assert len(damaged(calm, tmp_path).splitlines()) == 1


def test_a_damaged_ledger_is_reported_and_left_alone(calm: Standin, tmp_path: Path) -> None:
    message = damaged(calm, tmp_path)
    assert message.startswith(f"vlmrun-exporter: the ledger {tmp_path / 'ledger.db'} is damaged (")
    assert "To recover: restore ledger.db from a backup" in message


def damaged(calm: Standin, tmp_path: Path) -> str:
    """Damage a ledger in use, start again, and return what is said, once it is sure that the file is left alone."""
    config = write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))
    with Exporter(config) as exporter:
        until(lambda: exporter.scrape().sum(COUNTED) > 20, 60.0, "something is counted")
        assert exporter.stop().code == 0
    ledger = tmp_path / "ledger.db"
    content = bytearray(ledger.read_bytes())
    content[4096 : len(content) // 2] = bytes(len(content) // 2 - 4096)
    ledger.write_bytes(content)

    end = run(f"--config.file={config}", ANY_PORT, cwd=tmp_path)
    assert end.returncode == 1
    assert ledger.read_bytes() == content
    return end.stderr


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    ledger.write_text("dear diary, " * 1000, encoding="ascii")
    config = write(tmp_path / "config.yaml", configuration("http://127.0.0.1:9/v1", tmp_path))
    end = run(f"--config.file={config}", ANY_PORT, cwd=tmp_path)
    assert end.returncode == 1
    assert len(end.stderr.splitlines()) == 1
    assert "is damaged (file is not a database)" in end.stderr
    assert ledger.read_text(encoding="ascii") == "dear diary, " * 1000


def test_a_ledger_that_is_lost_is_told_from_a_first_start(calm: Standin, tmp_path: Path) -> None:
    config = write(tmp_path / "config.yaml", configuration(calm.url, tmp_path, poll={"start": "now"}))
    with Exporter(config) as exporter:
        exporter.ready()
        assert exporter.scrape().sum(GAP, state="lost") == 0
        assert "level=info" in log_line(exporter, "a new ledger")
        assert exporter.stop().code == 0
    with Exporter(config) as exporter:
        exporter.ready()
        assert " ledger=" not in exporter.logs, "it goes on, there is nothing to be said of it"
        complete = min(sample.value for sample in exporter.scrape().samples(WATERMARK))
        assert exporter.stop().code == 0
    (tmp_path / "ledger.db").unlink()
    with Exporter(config) as exporter:
        exporter.ready()
        said = log_line(exporter, "the ledger is gone")
        assert "level=error" in said
        (until_then,) = re.findall(r"complete_until=(\S+)", said)
        assert datetime.fromisoformat(until_then).timestamp() == pytest.approx(complete, abs=10)
        # From what the lost ledger had proven, which is poll.max_lateness ago, until now.
        for source in ("completions", "executions", "requests"):
            assert 600 <= exporter.scrape().value(GAP, source=source, state="lost") < 660
        assert "lost: what was created then may never be counted" in exporter.get("/").text


def test_a_ledger_restored_from_a_copy_withholds_its_counters_until_they_are_right_again(tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    with standin(rate=0.1, history=240.0) as upstream:
        # Rows to read again one page at a time, so that there is something to be seen of it.
        poll = {"page_size": 10, "interval": "1s", "requests_per_minute": 600}
        config = write(tmp_path / "config.yaml", configuration(upstream.url, tmp_path, poll=poll))
        with Exporter(config) as exporter:
            until(lambda: exporter.scrape().sum(COUNTED) > 10, 60.0, "a little is counted")
            assert exporter.stop().code == 0
        shutil.copy(tmp_path / "ledger.db", backup)
        upstream.clock.stop()
        with Exporter(config) as exporter:
            until(lambda: everything_is_counted(upstream, exporter), 60, "all is counted")
            before = exporter.scrape()
            assert exporter.stop().code == 0
        shutil.copy(backup, tmp_path / "ledger.db")
        with Exporter(config) as exporter:
            exporter.ready()
            withheld = exporter.scrape()
            assert withheld.value(ROLLED_BACK) == 1
            assert not list(withheld.samples(COUNTED))
            until(lambda: exporter.scrape().value(ROLLED_BACK) == 0, 60, "every list has been walked again")
            assert exporter.scrape().by(COUNTED, "model", "skill") == before.by(COUNTED, "model", "skill")
            assert everything_is_counted(upstream, exporter)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux can take a running process's disk away")
def test_a_disk_that_is_full_stops_counting_until_there_is_room(tmp_path: Path) -> None:
    with standin(rate=1.0, history=60.0) as upstream:
        config = write(tmp_path / "config.yaml", configuration(upstream.url, tmp_path))
        with Exporter(config) as exporter, Watch(f"{exporter.url}/metrics") as watch:
            exporter.ready()
            unlimited = resource.prlimit(exporter.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(exporter.process.pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
            until(lambda: exporter.scrape().sum(UP) == 0, 60.0, "no list is up")
            full = exporter.scrape()
            assert full.sum(FAILURES, reason="ledger") >= 3
            assert full.value("vlmrun_exporter_auth_ok") == 1
            assert "ledger \N{EN DASH} the ledger could not be used" in exporter.get("/").text
            failures = full.sum(FAILURES, reason="ledger")
            until(lambda: exporter.scrape().sum(FAILURES, reason="ledger") > failures + 3, 60.0, "polls go on")
            assert exporter.scrape().by(COUNTED, "model", "skill") == full.by(COUNTED, "model", "skill")

            resource.prlimit(exporter.process.pid, resource.RLIMIT_FSIZE, unlimited)
            until(lambda: exporter.scrape().sum(UP) == 3, 60.0, "all lists are up")
            upstream.clock.stop()
            until(lambda: everything_is_counted(upstream, exporter), 60, "all is counted, once")
        assert not watch.decreases
        assert not watch.gone
