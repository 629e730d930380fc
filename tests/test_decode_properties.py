"""Properties of any row, any list and any bytes."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decoders import CANARY, DECODER, FIELDS, OBSERVED, PAGES, decode, make_completion, make_row, outcome

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = sorted({key for paths in FIELDS.values() for path in paths for key in path.split(".")})
ROWS = st.dictionaries(
    st.sampled_from(KEYS), JSON | st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4), max_size=8
)


@given(ROWS | JSON)
def test_any_row_is_counted_or_rejected_and_spares_its_neighbours(row: Any) -> None:
    page = decode([make_row("before"), row, make_row("after")])
    assert page.rows[0] == make_completion("before")
    assert page.rows[-1] == make_completion("after")
    assert len(page.rows) + len(page.rejects) == page.size == 3


@given(st.lists(ROWS.map(lambda row: make_row() | row), max_size=6))
def test_row_decodes_alike_alone_and_in_company(rows: list[Any]) -> None:
    together = decode(rows)
    alone = [decode([row]) for row in rows]
    assert together.rows == tuple(row for page in alone for row in page.rows)
    assert [(reject.reason, reject.digest, reject.detail, reject.created) for reject in together.rejects] == [
        (reject.reason, reject.digest, reject.detail, reject.created) for page in alone for reject in page.rejects
    ]


@given(st.lists(ROWS.map(lambda row: make_row() | row) | JSON, max_size=6))
def test_strict_and_lenient_parser_agree(rows: list[Any]) -> None:
    strict = decode({"data": rows, "has_more": True})
    lenient = decode({"data": rows, "has_more": True, "odd": float("nan")})
    assert strict == lenient


@given(ROWS, st.sampled_from(KEYS))
def test_content_never_shows(row: dict[str, Any], key: str) -> None:
    content = {"prompt": CANARY, "messages": [{"content": CANARY}], CANARY: CANARY}
    assert CANARY not in repr(decode([make_row() | row | content]))
    # Neither where something else was expected.
    for place in ("created", "created_at", "completed_at", "usage", "metadata", "skills", "ttft_ms", "latency_ms"):
        assert CANARY not in repr(decode([make_row(**{place: CANARY}), make_row(usage={key: CANARY})]))


def test_recorded_content_never_shows() -> None:
    for path in PAGES.glob("*.json"):
        assert CANARY in path.read_text()
        assert CANARY not in repr(DECODER.decode(path.read_bytes(), OBSERVED))


@given(st.binary(max_size=200))
def test_any_bytes_have_an_outcome(body: bytes) -> None:
    outcome(body)


@given(st.lists(st.sampled_from([*b'[]{}",:\\0-9e.tfn \xff\xed\xa0\xef\xbb\xbf\x00']), max_size=60).map(bytes))
def test_bytes_that_look_like_json_have_an_outcome(body: bytes) -> None:
    outcome(body)


@settings(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_mutated_pages_have_an_outcome(rng: random.Random) -> None:
    body = bytearray((PAGES / rng.choice(["executions.json", "completions.json"])).read_bytes())
    for _ in range(rng.randint(1, 8)):
        start = rng.randrange(len(body))
        match rng.randrange(4):
            case 0:
                body[start] = rng.randrange(256)
            case 1:
                del body[start : start + rng.randint(1, 40)]
            case 2:
                body[start:start] = body[rng.randrange(len(body)) :][: rng.randint(1, 60)]
            case 3:
                body[start:start] = rng.choice([b"NaN", b"null", b"-1", b"1e999", b"\xff", b'"\\ud800"', b"[[[[", b"}"])
    outcome(bytes(body))


def test_page_cut_short_is_never_a_page() -> None:
    body = json.dumps({"data": [make_row("a"), make_row("b")]}).encode()
    for length in range(len(body)):
        assert outcome(body[:length]) is None


def test_order_of_the_wire_is_kept() -> None:
    names = [f"row-{number}" for number in range(1_000)]
    page = decode([make_row(name) for name in names])
    assert [row.id for row in page.rows] == names
