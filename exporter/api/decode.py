"""From the bytes of a list response to a `Page`: the only place that knows what the wire calls things.

A body is either a bare list of rows or an object that holds one: under `data`, else under the only one of `LIST_KEYS`
that holds a list. Beside it, `has_more` is believed if it is a boolean, and anything but nothing under `error` makes
the body unusable, because an empty list that comes with an error proves nothing.

The whole body is parsed in one go into typed structs, so that prompts and responses are skipped by the parser and never
become objects. Python servers also write what is no JSON (NaN, lone surrogates, raw control characters); such a body is
read again by a parser that puts up with that, and its odd values are judged like all others.

A few bytes can describe what takes many times their size in memory: `{},` becomes an object of a few hundred bytes. So
what a body may hold is limited before it is parsed, and what may be rejected row by row before it is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain, compress
from typing import Any, Final

import msgspec

from exporter.api.candidates import Candidate, find
from exporter.api.fields import ANYTHING_ELSE, RowReader, Table
from exporter.api.values import MAX_DURATION, BadValueError, describe
from exporter.foreign import one_line
from exporter.models import Completion, FailureReason, Field, Page, PollError, Reject, RejectReason, Source, Status

LIST_KEYS: Final = ("data", "items", "results", "completions", "executions", "predictions")
"""Where an object may hold the rows, the preferred key first."""

MAX_ID_LENGTH: Final = 1024
"""Characters. An id is never cut, since two rows must not become one."""

MAX_ROWS: Final = 10_000
"""Rows of a page: ten times the most that is asked for, for servers that do not mind the limit."""

MAX_VALUES: Final = 500_000
"""Values in a body, commas in texts included: 500 for each of 1,000 rows."""

MAX_ODD_BYTES: Final = 8 * 1024 * 1024
MAX_ODD_VALUES: Final = MAX_VALUES // 4
"""What the second parser takes: of a character outside Latin it makes four bytes, and it skips nothing."""

_NO_SEPARATORS: Final = bytes(set(range(256)) - set(b",[{"))
"""All bytes but those before a value: what is left without them is counted in one pass, not in three."""

_PIECE: Final = 256 * 1024
_MAX_MESSAGE: Final = 300

_UNREADABLE: Final = (msgspec.DecodeError, ValueError)
"""What parsers raise. Only newer versions of msgspec raise a ValueError too."""

_DETAILS: Final = (
    Field.MODEL,
    Field.SKILL,
    Field.FINISHED,
    Field.INPUT_TOKENS,
    Field.OUTPUT_TOKENS,
    Field.CREDITS,
    Field.DURATION,
    Field.TIME_TO_FIRST_TOKEN,
)
"""What a row may lack, in the order of `Completion`."""

_CREATED, _FINISHED, _DURATION = map(
    Completion.__struct_fields__.index, (Field.CREATED, Field.FINISHED, Field.DURATION)
)
"""Places of the columns that are about times among those of a `Completion`."""


class _Unread(msgspec.Struct, frozen=True, gc=False):
    """An object whose content does not matter."""


class Decoder:
    """Decodes the list responses of one source. Raises ValueError for a path in `source.fields` that is not one."""

    def __init__(self, source: Source, *, max_id_length: int = MAX_ID_LENGTH) -> None:
        self._reader = RowReader(path for paths in source.fields.values() for path in paths)
        self._candidates = {
            field: tuple(
                Candidate.of(field, path, source, self._reader, max_id_length=max_id_length)
                for path in source.fields.get(field, ())
            )
            for field in Field
        }
        self._missing_status = source.missing_status
        self._body_type = _body_type(self._reader.row_type)
        self._parser = msgspec.json.Decoder(self._body_type)

    def decode(self, body: bytes, observed: int) -> Page:
        """Return the page in `body`, with `observed` passed on; a bad row in it is rejected alone.

        Raises PollError if the body as a whole is not a list of rows (`bad_body`), or holds too much (`too_large`).
        """
        try:
            rows, has_more = self._open(body)
            if len(rows) > MAX_ROWS:
                raise PollError(
                    FailureReason.TOO_LARGE, f"the answer holds {len(rows)} rows, at most {MAX_ROWS} can be read"
                )
            completions, rejects = self._decode_rows(rows)
        except RecursionError:
            raise _unusable("the answer is nested too deeply to be read") from None
        return Page(completions, len(rows), observed, rejects, has_more)

    def _open(self, body: bytes) -> tuple[list[Any], bool | None]:
        """Return the rows of the body, and whether the server says that there are more."""
        content = self._parse(body)
        if isinstance(content, list):
            return content, None
        if not isinstance(content, msgspec.Struct):
            raise _unusable(f"the answer is {describe(content)}, neither a list nor an object that holds one")
        has_more, error, *places = msgspec.structs.astuple(content)
        lists = [rows for rows in places if isinstance(rows, list)]
        if error or not (isinstance(places[0], list) or len(lists) == 1):
            raise _unusable(_no_page(body, bool(error), len(lists)))
        return lists[0], has_more if isinstance(has_more, bool) else None

    def _parse(self, body: bytes) -> Any:
        if _holds_more_than(body, MAX_VALUES):
            raise PollError(
                FailureReason.TOO_LARGE,
                f"the answer of {len(body)} bytes holds too many values to be read; lower page_size",
            )
        try:
            return self._parser.decode(body)
        except _UNREADABLE as error:
            if _is_too_large_if_odd(body):
                raise _unusable(f"{_no_json(body, error)}; lower page_size, a smaller one may be readable") from None
            try:
                return msgspec.convert(_parse_odd(body), self._body_type)
            except _UNREADABLE:
                raise _unusable(_no_json(body, error)) from None

    def _decode_rows(self, rows: Sequence[Any]) -> tuple[tuple[Completion, ...], tuple[Reject, ...]]:
        objects: Sequence[int] = range(len(rows))
        rejects: list[Reject] = []
        if set(map(type, rows)) != {self._reader.row_type}:
            objects = [index for index, row in enumerate(rows) if isinstance(row, msgspec.Struct)]
            rejects = [
                _not_an_object(place, row) for place, row in enumerate(rows) if not isinstance(row, msgspec.Struct)
            ]
            if not objects:
                return (), tuple(rejects)
        table = Table([rows[index] for index in objects])
        bad: dict[int, BadValueError] = {}
        ids = find(self._candidates[Field.ID], table, bad)
        _require(ids, bad, RejectReason.NO_ID, "the row has no id")
        created = find(self._candidates[Field.CREATED], table, bad)
        _require(created, bad, RejectReason.BAD_TIMESTAMP, "the row has no creation time")
        statuses = [status or self._missing_status for status in find(self._candidates[Field.STATUS], table, bad)]
        _require(statuses, bad, RejectReason.UNKNOWN_STATUS, "the row has no status")
        unsure: dict[int, BadValueError] = {}
        details = [find(self._candidates[field], table, unsure) for field in _DETAILS]
        for place, error in unsure.items():
            # What a pending row says beside is not final, and will be read again.
            if statuses[place] is not Status.PENDING:
                bad.setdefault(place, error)
        columns: list[Sequence[Any]] = [ids, created, statuses, *details]
        if bad:
            good = [place not in bad for place in range(len(objects))]
            columns = [tuple(compress(column, good)) for column in columns]
        columns[_FINISHED], columns[_DURATION] = _ends(columns[_CREATED], columns[_FINISHED], columns[_DURATION])
        completions = tuple(map(Completion, *columns))
        rejects += [
            Reject(objects[place], error.reason, self._digest(table, place), str(error), created[place])
            for place, error in bad.items()
        ]
        return completions, tuple(sorted(rejects, key=lambda reject: reject.index))

    def _digest(self, table: Table, row: int) -> bytes:
        candidates = chain.from_iterable(self._candidates.values())
        return _digest([table.column(candidate.place)[row] for candidate in candidates])


def _body_type(row_type: type[msgspec.Struct]) -> Any:
    """Return the type of a body. Whatever is JSON fits it, so that parsing fails only for what is not."""
    rows = list[row_type | ANYTHING_ELSE]  # type: ignore[valid-type]
    place = rows | _Unread | str | int | float | bool | None
    fields: list[tuple[str, Any, Any]] = [("has_more", Any, None), ("error", Any, None)]
    fields += [(key, place, None) for key in LIST_KEYS]
    return msgspec.defstruct("Body", fields, frozen=True, gc=False) | rows | str | int | float | bool | None


def _require(column: Sequence[Any], bad: dict[int, BadValueError], reason: RejectReason, detail: str) -> None:
    """Note which rows have no value, unless something is known to be wrong with them."""
    if None in column:
        for place, value in enumerate(column):
            if value is None:
                bad.setdefault(place, BadValueError(reason, detail))


def _ends(
    created: Sequence[int], finished: Sequence[int | None], durations: Sequence[int | None]
) -> tuple[Sequence[int | None], Sequence[int | None]]:
    """Return when each row finished, not before it began, and how long it took: if it does not say, as its times tell.

    All times are in microseconds, column by column.
    """
    ends = [end if end is None or end >= begin else None for begin, end in zip(created, finished, strict=True)]
    if None not in durations:
        return ends, durations
    return ends, [
        end - begin if took is None and end is not None and end - begin <= MAX_DURATION else took
        for begin, end, took in zip(created, ends, durations, strict=True)
    ]


def _not_an_object(index: int, row: object) -> Reject:
    return Reject(index, RejectReason.NOT_AN_OBJECT, _digest(row), f"{describe(row)}, not an object")


def _digest(content: object) -> bytes:
    return blake2b(repr(content).encode(), digest_size=8).digest()


def _holds_more_than(body: bytes, values: int) -> bool:
    """Whether a body may hold more values than that: each but the first has a comma or a bracket before it."""
    if len(body) <= values:
        return False
    pieces = (body[start : start + _PIECE] for start in range(0, len(body), _PIECE))
    return sum(len(piece.translate(None, _NO_SEPARATORS)) for piece in pieces) > values


def _is_too_large_if_odd(body: bytes) -> bool:
    return len(body) > MAX_ODD_BYTES or _holds_more_than(body, MAX_ODD_VALUES)


def _parse_odd(body: bytes) -> Any:
    """Parse JSON as Python servers write it, after a byte order mark or not. Invalid UTF-8 becomes lone surrogates."""
    return _ODD_JSON.decode(body.decode("utf-8-sig", "surrogateescape"))


def _parse_odd_integer(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        # Python refuses to read thousands of digits. Infinity is as bad a value.
        return float(text)


def _parse_odd_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # msgspec cannot look up a key that has a lone surrogate; with a question mark instead it still is no key of ours.
    return {key.encode(errors="replace").decode(): value for key, value in pairs}


_ODD_JSON: Final = json.JSONDecoder(strict=False, parse_int=_parse_odd_integer, object_pairs_hook=_parse_odd_object)


def _unusable(message: str) -> PollError:
    return PollError(FailureReason.BAD_BODY, message)


def _no_json(body: bytes, error: Exception) -> str:
    start = body.lstrip()[:1]
    if not start:
        return "the answer is empty"
    if start == b"<":
        return "the answer is HTML or XML, not JSON: check base_url, and whether a proxy answers in its place"
    return f"the answer of {len(body)} bytes is not JSON: {error}"


def _no_page(body: bytes, error: bool, lists: int) -> str:
    """Say why an object is no page: mostly for an error, in the server's words."""
    try:
        content = None if _is_too_large_if_odd(body) else _parse_odd(body)
    except ValueError:
        content = None
    # A completion where a list was expected has an id, and its message would be what somebody wrote.
    said = _said(content) if error or "id" not in (content or ()) else ""
    if said:
        return f"the server answers 200 with an error: {one_line(said)[:_MAX_MESSAGE]}"
    if error:
        return "the server answers 200 with an error, and does not say which"
    held = f"{lists} lists" if lists else "none"
    return f"the answer is an object that must hold one list of rows, under {', '.join(LIST_KEYS)}; it holds {held}"


def _said(content: Any) -> str:
    """Return the message of an error in any of the API's shapes: `detail` and `error`, also one within the other."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return _said(content[0]) if content else ""
    if isinstance(content, dict):
        for key in ("error", "detail", "message", "msg"):
            if said := _said(content.get(key)):
                return said
    return ""
