"""Bodies that are not what they should be, made from pages of the stand-in: any number of them, by a seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

DEPTH = 100_000

TOKENS = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"-0", b"-1", b"0.1", b"00", b"1.", b".5"),
    *(b"9" * 400, b"1" + b"0" * 5_000, b"1e" + b"9" * 50, b"9007199254740993", b"18446744073709551616"),
    *(b"null", b"true", b"false", b"nul", b"[]", b"{}", b"[[[[", b"}", b"]", b",", b":", b'"', b"\\", b"//", b"\x00"),
    *(b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u0000"', b'"\\x"', b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90"),
    *(b"\xef\xbb\xbf", b"\xfe\xff", b"\xe2\x80\xae", b"'id'", b'"id":1,', b'"data":[],', b'"has_more":"no",'),
)
"""What is put where it does not belong."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, 12.0, -0.0, 1e300, 10**30, 10**18, 1e-300, float("nan"), float("inf")),
    *("", " ", "a", "completed", "Done ", "teleported", "1", "NaN", "2026-01-01", "2026-01-01T00:00:00", "\ud800"),
    *("2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "é\n\"\\'", "x" * 2_000, "\x00"),
    *([], {}, [[]], [None], {"a": 1}, {"": ""}, [{"skill_id": 7}], [1] * 50, {"id": {"id": {"id": None}}}),
)
"""What is put in the place of a value."""


class Corruptor:
    """Spoils good bodies. The same seed gives the same bodies."""

    def __init__(self, good: Sequence[bytes], random: Random) -> None:
        self._good = good
        self._random = random
        self._documents = [json.loads(body) for body in good]
        self._ways: tuple[tuple[Callable[[], bytes], int], ...] = (
            (self._bytes, 30),
            (self._tokens, 20),
            (self._splice, 12),
            (self._values, 25),
            (self._envelope, 6),
            (self._twice, 5),
            (self._noise, 2),
        )
        self._choices = [way for way, _ in self._ways]
        self._weights = [weight for _, weight in self._ways]

    def next(self) -> bytes:
        """Return the next body."""
        way = self._random.choices(self._choices, self._weights)[0]
        body = way()
        # Of each thousand, a few are worse than that.
        return self._rarely(body) if self._random.random() < 0.003 else body

    def _bytes(self) -> bytes:
        """Flip, drop, repeat and exchange a few bytes anywhere."""
        random = self._random
        body = bytearray(random.choice(self._good))
        for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
            at = random.randrange(len(body))
            match random.randrange(5):
                case 0:
                    body[at] ^= 1 << random.randrange(8)
                case 1:
                    body[at] = random.randrange(256)
                case 2:
                    del body[at : at + random.randint(1, 60)]
                case 3:
                    body[at:at] = body[at : at + random.randint(1, 60)]
                case 4:
                    del body[max(1, at) :]
            if not body:
                break
        return bytes(body)

    def _tokens(self) -> bytes:
        """Put something between two tokens, or in the place of one."""
        random = self._random
        body = random.choice(self._good)
        for _ in range(random.choice((1, 1, 2, 5))):
            at = body.find(random.choice((b",", b":", b"{", b"[", b"}", b"]", b'"')), random.randrange(len(body))) + 1
            until = at if random.random() < 0.5 else _token_end(body, at)
            body = body[:at] + random.choice(TOKENS) + body[until:]
        return body

    def _splice(self) -> bytes:
        """Go over from one page to another in the middle."""
        random = self._random
        one, other = random.choice(self._good), random.choice(self._good)
        return one[: random.randrange(len(one))] + other[random.randrange(len(other)) :]

    def _values(self) -> bytes:
        """Change values of rows, leave some out, nest and repeat them."""
        random = self._random
        document = json.loads(random.choice(self._good))
        rows = document if isinstance(document, list) else document["data"]
        for _ in range(random.choice((1, 1, 2, 8))):
            place = random.randrange(len(rows))
            if not isinstance(rows[place], dict) or not rows[place] or random.random() < 0.1:
                rows[place] = json.loads(_dump(random.choice((*VALUES, [rows[place]], {"data": rows[:2]}))))
                continue
            target = rows[place]
            if random.random() < 0.4 and isinstance(target.get("usage"), dict) and target["usage"]:
                target = target["usage"]
            key = random.choice(list(target))
            match random.randrange(5):
                case 0:
                    del target[key]
                case 1:
                    target[key] = [target[key]]
                case 2:
                    target[key] = target[random.choice(list(target))]
                case _:
                    target[key] = random.choice(VALUES)
        return _dump(document)

    def _envelope(self) -> bytes:
        """Hand rows over in ways that no list has."""
        random = self._random
        document = random.choice(self._documents)
        rows = document if isinstance(document, list) else document["data"]
        return _dump(
            random.choice(
                (
                    {"data": rows, "items": rows, "has_more": random.choice(VALUES)},
                    {"items": rows, "results": rows},
                    {"data": {"data": rows}},
                    {"data": None, "results": rows, "error": random.choice(VALUES)},
                    {"data": rows, "error": random.choice(VALUES)},
                    {"object": "list", "data": rows, "has_more": random.choice(VALUES), "first_id": []},
                    {"error": {"message": rows}},
                    {"detail": [{"msg": "no", "loc": [1]}]},
                    [rows],
                    [*rows, *random.choices(VALUES, k=5)],
                    rows[0],
                    random.choice(VALUES),
                    dict.fromkeys(("data", "items", "rows", "results"), random.choice(VALUES)),
                )
            )
        )

    def _twice(self) -> bytes:
        """Name keys twice, with another value the second time or the first."""
        random = self._random
        body = random.choice(self._good)
        key = random.choice((b'"id":', b'"created":', b'"created_at":', b'"status":', b'"usage":', b'"model":'))
        value = _dump(random.choice(VALUES))
        return body.replace(b'{"', b"{" + key + value + b',"', random.choice((1, 1, -1)))

    def _noise(self) -> bytes:
        random = self._random
        if random.random() < 0.5:
            return random.randbytes(random.randrange(64))
        return bytes(random.choices(b'[]{}",:\\0-9e.tfn \xff\xed\xa0\xef\xbb\xbf\x00', k=random.randrange(80)))

    def _rarely(self, body: bytes) -> bytes:
        """Make it deep, long or wide."""
        random = self._random
        count = random.choice((100, 1_000, 10_000))
        match random.randrange(8):
            case 0:
                return random.choice((b"[", b'{"data":', b'[{"usage":', b'[{"id":', b'{"data":[[')) * DEPTH
            case 1:
                before = random.choice((b'[{"id":', b'[{"skip":', b'{"data":[{"usage":{"a":', b'{"error":'))
                return before + b"[" * DEPTH + b"]" * DEPTH + b"}]"
            case 2:
                return b"[" + b",".join([random.choice((b"{}", b"0", b'""', b"[]", b"null"))] * count * 5) + b"]"
            case 3:
                return body.replace(b'"model":', b'"model":"' + b"m" * count * 20 + b'","_":', 1)
            case 4:
                return body.replace(b'"id":', b'"id":' + b"7" * count + b',"_":', 1)
            case 5:
                return body.replace(b'"created', b'"skip":' + b"[" * count + b"]" * count + b',"created', 1)
            case 6:
                return b"\xef\xbb\xbf" * random.randint(1, 3) + body
            case _:
                return body + b" " * count + random.choice((b"", body))


def _token_end(body: bytes, start: int) -> int:
    ends = (body.find(mark, start) for mark in (b",", b"}", b"]", b":"))
    return min((end for end in ends if end >= 0), default=len(body))


def _dump(document: Any) -> bytes:
    # As Python servers write it: NaN as such, and lone surrogates as escapes.
    return json.dumps(document, separators=(",", ":")).encode("ascii")
