"""The table of the proof: what was looked at, added up, and what was not looked at, however the long form ends."""

from __future__ import annotations

import pytest
import structlog

from tests.proof import __main__ as soak
from tests.proof.figures import Figures, table

KILLS = Figures(rows=5_000, kills=12, faults=3, scrapes=700, peak_rss=100 * 2**20)
DISKS = Figures(store_faults=10, store_faults_survived=9, problems=["the tenth did not survive"])


def test_each_part_has_a_row_and_what_nobody_looked_at_is_no_0() -> None:
    assert table({"kills": KILLS, "disks": DISKS}).splitlines() == [
        "        rows  faults  kills  lost  doubled  decreases  scrapes  mutants caught  store faults survived"
        "  malformed bodies  peak RSS",
        "kills  5,000       3     12     0        0          0      700               -                      -"
        "                 -   100 MiB",
        "disks      -       -      -     -        -          -        -               -                9 of 10"
        "                 -         -",
        "all    5,000       3     12     0        0          0      700               -                9 of 10"
        "                 -   100 MiB",
        "the tenth did not survive",
    ]


def test_no_decrease_is_claimed_where_nobody_scraped() -> None:
    cells = Figures(rows=5_000, kills=12).cells()
    assert (cells["lost"], cells["decreases"], cells["scrapes"]) == ("0", "-", "-")
    assert Figures(decreases=1).cells()["decreases"] == "1"


def test_a_single_part_is_not_added_up() -> None:
    assert len(KILLS.table().splitlines()) == 2


def test_what_was_lost_is_said_even_if_no_rows_were() -> None:
    cells = Figures(lost=3).cells()
    assert (cells["rows"], cells["lost"], cells["doubled"]) == ("-", "3", "-")


def test_a_claim_holds_if_nothing_was_lost_and_everything_was_caught_and_survived() -> None:
    assert KILLS.good
    assert not DISKS.good
    assert not Figures(rows=5, doubled=1).good
    assert not Figures(mutants=2, mutants_caught=1).good


# The long form


def parts(monkeypatch: pytest.MonkeyPatch, second: BaseException | None) -> None:
    """Give the long form three parts, of which the second fails."""

    def breaking(scale: soak.Scale) -> Figures:
        if second is not None:
            raise second
        return Figures(rows=2)

    fake = {"first": lambda scale: KILLS, "second": breaking, "third": lambda scale: Figures(rows=7)}
    monkeypatch.setattr(soak, "PARTS", fake)
    monkeypatch.setattr(structlog, "configure", lambda **_: None)


def rows_by_part(printed: str) -> dict[str, str]:
    return {line.split()[0]: line.split()[1] for line in printed.splitlines()[1:] if line.count("  ") > 5}


def test_all_parts_are_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    parts(monkeypatch, None)
    assert soak.main([]) == 0
    assert rows_by_part(capsys.readouterr().out) == {"first": "5,000", "second": "2", "third": "7", "all": "5,009"}


def test_a_part_that_breaks_off_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts(monkeypatch, OSError("no more processes"))
    assert soak.main([]) == 1
    printed = capsys.readouterr()
    assert rows_by_part(printed.out) == {"first": "5,000", "second": "-", "third": "7", "all": "5,007"}
    assert "second broke off:\nTraceback" in printed.out
    assert "OSError: no more processes" in printed.out
    assert "second ... DOES NOT HOLD" in printed.err


def test_what_was_done_is_told_if_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts(monkeypatch, KeyboardInterrupt())
    assert soak.main([]) == 130
    assert rows_by_part(capsys.readouterr().out) == {"first": "5,000"}
