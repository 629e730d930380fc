"""A history from a file: what is read, what is left out, and what is refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alerts.drill.openmetrics import FileError, history
from exporter.alerts.drill.samples import series
from tests.alerts.drilling import Samples, collected, dump

TARGET = [("instance", "i"), ("job", "j")]


def read(folder: Path, text: str, *needed: str) -> Samples:
    path = folder / "history.txt"
    path.write_text(text, encoding="utf-8")
    return collected(history(path, needed or ("a", "b")))


def test_samples_of_the_metrics_needed_are_read_with_their_times(tmp_path: Path) -> None:
    text = (
        "# TYPE a counter\n# HELP a Words.\n"
        'a{x="1",y="two"} 3 1700000000.123\na{x="1",y="two"} 4.5e0 1700000060\n'
        "b +Inf 1700000000\nc NaN 1700000000\n# EOF\n"
    )
    assert read(tmp_path, text) == {
        series("a", [("x", "1"), ("y", "two")]): [(1_700_000_000_123, 3.0), (1_700_000_060_000, 4.5)],
        series("b", []): [(1_700_000_000_000, float("inf"))],
    }


def test_labels_are_unescaped_and_exemplars_passed_over(tmp_path: Path) -> None:
    text = 'a{x="q\\"} # {\\n\\\\"} 3 1 # {id="x"} 0.5 1\n# EOF\n'
    assert read(tmp_path, text) == {series("a", [("x", 'q"} # {\n\\')]): [(1000, 3.0)]}


def test_a_label_without_a_value_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, 'a{x="",y="1"} 3 1\n# EOF\n') == {series("a", [("y", "1")]): [(1000, 3.0)]}


def test_series_end_where_their_target_could_not_be_scraped(tmp_path: Path) -> None:
    text = (
        'a{instance="i",job="j"} 1 60\na{instance="i",job="j"} 2 240\n'
        'a{instance="other",job="j"} 1 60\n'
        'b{instance="i",job="j"} 1 60\n'
        'up{instance="i",job="j"} 1 60\nup{instance="i",job="j"} 0 120\nup{instance="i",job="j"} 0 180\n# EOF\n'
    )
    assert read(tmp_path, text) == {
        series("a", TARGET): [(60_000, 1.0), (120_000, float("inf")), (240_000, 2.0)],
        series("a", [("instance", "other"), ("job", "j")]): [(60_000, 1.0)],
        series("b", TARGET): [(60_000, 1.0), (120_000, float("inf"))],
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a 1 60\n", "does not end in # EOF"),
        ("", "does not end in # EOF"),
        ("a 1 60\n# EOF\na 2 120\n", ":3: there is more after # EOF"),
        ("a 1\n# EOF\n", ":1: has no time"),
        ("a 1 soon\n# EOF\n", ":1: has no valid time ('soon')"),
        ("a 1 -1\n# EOF\n", ":1: has no valid time ('-1')"),
        ("a 1 nan\n# EOF\n", ":1: has no valid time ('nan')"),
        ("a 1 1700000000000\n# EOF\n", ":1: has no valid time"),
        ("a one 60\n# EOF\n", ":1: is no sample"),
        ("a 1.2.3 60\n# EOF\n", ":1: could not convert string to float"),
        ("not what it should be\n# EOF\n", ":1: is no sample"),
        ("{} 1 60\n# EOF\n", ":1: is no sample"),
        ('a{x="1} 1 60\n# EOF\n', ":1: is no sample"),
        ("a{x=1} 1 60\n# EOF\n", ":1: has labels that cannot be read"),
        ("a 1 60\nb 1 60\na 2 60\n# EOF\n", ":3: is not later than the series' sample before it"),
        ("<html>\n# EOF\n", ":1: is no sample"),
    ],
)
def test_what_is_no_history_is_refused_with_file_and_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(FileError) as caught:
        read(tmp_path, text)
    assert why in str(caught.value) and "history.txt" in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.txt: No such file"):
        list(history(tmp_path / "none.txt", ["a"]))
    (tmp_path / "bytes.txt").write_bytes(b"a 1 60\n\xff\xfe\n")
    with pytest.raises(FileError, match=r"bytes\.txt: is not UTF-8"):
        list(history(tmp_path / "bytes.txt", ["a"]))


@given(
    labels=st.dictionaries(
        st.sampled_from(["x", "y", "account"]),
        st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters="\r\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e"),
            min_size=1,
        ),
    ),
    times=st.lists(st.integers(0, 2**42 - 1), min_size=1, unique=True),
    value=st.floats(allow_nan=False, allow_infinity=False),
)
def test_what_a_dump_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, labels: dict[str, str], times: list[int], value: float
) -> None:
    samples: Samples = {series("a", labels.items()): [(time, value) for time in sorted(times)]}
    assert read(tmp_path_factory.mktemp("dump"), dump(samples)) == samples
