"""The table of the proof: what was looked at, added up, and what was not looked at."""

from __future__ import annotations

from tests.proof.figures import Figures, table

KILLS = Figures(rows=5_000, kills=12, faults=3, peak_rss=100 * 2**20)
DISKS = Figures(store_faults=10, store_faults_survived=9, problems=["the tenth did not survive"])


def test_each_part_has_a_row_and_what_nobody_looked_at_is_no_0() -> None:
    assert table({"kills": KILLS, "disks": DISKS}).splitlines() == [
        "        rows  faults  kills  lost  doubled  decreases  mutants caught  store faults survived  malformed bodies"
        "  peak RSS",
        "kills  5,000       3     12     0        0          0               -                      -                 -"
        "   100 MiB",
        "disks      -       -      -     -        -          -               -                9 of 10                 -"
        "         -",
        "all    5,000       3     12     0        0          0               -                9 of 10                 -"
        "   100 MiB",
        "the tenth did not survive",
    ]


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
