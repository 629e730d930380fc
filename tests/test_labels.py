from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.counting.labels import LabelCaps
from exporter.models import SeriesKey


def series(account: str = "a", model: str = "m", skill: str = "s") -> SeriesKey:
    return SeriesKey(account, "completions", model, skill, "success", "false")


def test_the_first_so_many_values_keep_their_names() -> None:
    caps = LabelCaps(max_models=2, max_skills=9)
    assert [caps.admit("a", "model", name) for name in ("x", "y", "z")] == [True, True, False]


def test_a_value_that_has_a_place_keeps_it() -> None:
    caps = LabelCaps(max_models=1, max_skills=9)
    assert [caps.admit("a", "model", name) for name in ("x", "y", "x", "y", "x")] == [True, False, True, False, True]


def test_models_and_skills_have_places_of_their_own() -> None:
    caps = LabelCaps(max_models=1, max_skills=2)
    assert caps.admit("a", "model", "x")
    assert [caps.admit("a", "skill", name) for name in ("x", "y", "z")] == [True, True, False]


def test_accounts_have_places_of_their_own() -> None:
    caps = LabelCaps(max_models=1, max_skills=1)
    assert [caps.admit(account, "model", name) for account, name in (("a", "x"), ("b", "y"), ("a", "y"))] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("value", ["other", "none", "unknown"])
@pytest.mark.parametrize("label", ["model", "skill"])
def test_our_own_values_need_no_place_and_take_none(label: str, value: str) -> None:
    caps = LabelCaps(max_models=1, max_skills=1)
    assert [caps.admit("a", label, name) for name in (value, "x", "y", value)] == [True, True, False, True]


def test_after_a_restart_the_series_keep_their_places() -> None:
    caps = LabelCaps(2, 1, known=[series(model="x", skill="s"), series(model="x", skill="none")])
    assert [caps.admit("a", "model", name) for name in ("x", "y", "z")] == [True, True, False]
    assert [caps.admit("a", "skill", name) for name in ("t", "s")] == [False, True]


def test_series_known_by_our_own_values_take_no_place() -> None:
    caps = LabelCaps(1, 1, known=[series(model="unknown", skill="none"), series(model="other", skill="other")])
    assert caps.admit("a", "model", "x")
    assert caps.admit("a", "skill", "s")


def test_a_lowered_cap_renames_no_series_that_exists() -> None:
    caps = LabelCaps(1, 1, known=[series(model="x"), series(model="y"), series(account="b", model="z")])
    admitted = {name: caps.admit("a", "model", name) for name in ("x", "y", "z")}
    assert admitted == {"x": True, "y": True, "z": False}


@given(
    asked=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(("model", "skill")), st.sampled_from("pqrstuvw"))),
    max_models=st.integers(1, 4),
    max_skills=st.integers(1, 4),
)
def test_an_account_never_has_more_values_than_its_caps(
    asked: list[tuple[str, str, str]], max_models: int, max_skills: int
) -> None:
    caps = LabelCaps(max_models, max_skills)
    admitted = {(account, label, value) for account, label, value in asked if caps.admit(account, label, value)}
    for account in "ab":
        assert sum(place[:2] == (account, "model") for place in admitted) <= max_models
        assert sum(place[:2] == (account, "skill") for place in admitted) <= max_skills
    assert all(caps.admit(*place) for place in admitted)
