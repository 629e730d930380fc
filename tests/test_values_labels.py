"""Labels: harmless text is kept, and hostile text is made safe to embed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.values import MAX_LABEL, label_value
from exporter.models import Field, RejectReason
from tests.conversions import convert, refuse


@pytest.mark.parametrize("field", [Field.MODEL, Field.SKILL])
def test_label_is_text_or_nothing(field: Field) -> None:
    assert convert(field, "vlmrun-orion-1:auto") == "vlmrun-orion-1:auto"
    assert convert(field, "") is None
    assert refuse(field, 3) == (RejectReason.BAD_VALUE, "a number, not a string")
    assert refuse(field, math.nan) == (RejectReason.BAD_VALUE, "a number, not a string")


@pytest.mark.parametrize("text", ["a", "vlmrun-orion-2:pro", "document.invoice", "文書", "é ü", "a~b", "x" * MAX_LABEL])
def test_harmless_label_is_not_changed(text: str) -> None:
    assert label_value(text) == text


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ('a"} or up{', "a_} or up{~"),
        ("a\\", "a_~"),
        ("a\nb\x00\x7f", "a_b__~"),
        ("a\u202eb\u200b", "a_b_~"),
        ("\ud800", "_~"),
        ("x" * (MAX_LABEL + 1), "x" * 119 + "~"),
        ("x" * 1_000_000, "x" * 119 + "~"),
        ("a~0123abcd", "a~0123abcd~"),
    ],
)
def test_hostile_label_is_made_harmless_and_marked(text: str, start: str) -> None:
    safe = label_value(text)
    assert safe[:-8] == start
    assert len(safe) <= MAX_LABEL
    assert int(safe[-8:], 16) >= 0


@given(st.text(st.characters(), max_size=MAX_LABEL * 2))
def test_label_is_always_safe_to_embed(text: str) -> None:
    safe = label_value(text)
    assert safe.isprintable()
    assert not set(safe) & set('"\\')
    assert len(safe) <= MAX_LABEL


@given(st.lists(st.text('ab"\\\n~0', max_size=12), unique=True, max_size=50))
def test_different_labels_stay_different(texts: list[str]) -> None:
    assert len({label_value(text) for text in texts}) == len(texts)


def test_changed_label_cannot_be_forged() -> None:
    assert label_value(label_value('a"')) != label_value('a"')
