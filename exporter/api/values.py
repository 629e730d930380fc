r"""What the values of a row may look like on the wire, and what each becomes: one converter per kind of value.

A converter returns the value in our units, or None if there is none, or raises `BadValueError`. A null is no value
everywhere, and some kinds have another way to say that there is none:

=========== ================================================ ==================== ================================
kind        accepted                                         none of it           `BadValueError` for
=========== ================================================ ==================== ================================
id          text as it stands, integers as text              ""                   other types (`no_id`); too long,
                                                                                  not valid Unicode
timestamp   ISO 8601 date and time with Z, offset or neither                      date only, bare time, numbers in
            (= UTC), cut to µs; numbers since 1970: in the                        quotes, bool, NaN, anything that
            unit the wire name ends in, else seconds, above                       is not from 2015 to 2099
            10**11 milliseconds, above 10**14 microseconds
status      any spelling of a known word: `Done ` is `done`  "" and blanks        unknown words, other types
label       text, see `label_value`                          ""                   other types
tokens      0 to 10**9, whole (12.0 is whole)                                     other types, bool, NaN, negative,
                                                                                  fractions
credits     0 to 10**9, rounded half-even to micro-credits                        other types, bool, NaN, negative
duration    0 to 400 days, in the unit the wire name ends    0: not measured      other types, bool, NaN, negative
            in (`latency_ms`, `total_us`), else seconds
=========== ================================================ ==================== ================================

A duration of 0 is what the platform documents as the default of `usage.duration_seconds`, and no completion takes 0 s,
so it is taken for "not measured" under any name. Infinity and numbers beyond every limit are bad like NaN.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from types import NoneType
from typing import Any, Final, TypeAlias

from exporter.models import MICRO, SECOND, Field, RejectReason, Status

MAX_LABEL: Final = 128
"""Characters of a label value, the suffix of a changed one included."""

MAX_TOKENS: Final = 10**9
MAX_CREDITS: Final = 10**9
MAX_DURATION: Final = 400 * 86_400 * SECOND

Converter: TypeAlias = Callable[[Any], Any]
"""From a wire value to ours; None is a missing value, on either side. Raises `BadValueError`."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH: Final = datetime(1970, 1, 1)
_MICROSECOND: Final = timedelta(microseconds=1)
EARLIEST: Final = (datetime(2015, 1, 1) - _NAIVE_EPOCH) // _MICROSECOND
LATEST: Final = (datetime(2100, 1, 1) - _NAIVE_EPOCH) // _MICROSECOND
_NO_TIME: Final = -1
MINUTES_LENGTH: Final = len("2015-01-01T00:00")
TIME_MARKS: Final = frozenset("T t")

MILLISECONDS_ABOVE: Final = 10**11
_MICROSECONDS_ABOVE: Final = 10**14

_UNITS: Final = {
    **dict.fromkeys(("us", "micros", "microseconds"), 1),
    **dict.fromkeys(("ms", "millis", "milliseconds"), 1_000),
    **dict.fromkeys(("s", "secs", "seconds"), SECOND),
}
"""Microseconds of the unit that the last word of a wire name states."""

_PLAIN_LABEL: Final = re.compile(rf"[ !#-\[\]-}}]{{1,{MAX_LABEL}}}").fullmatch
"""Printable ASCII, but for the quote, the backslash and the ~ that may begin a suffix."""

_UNSAFE: Final = '"\\'
_SUFFIX: Final = re.compile(r"~[0-9a-f]{8}")
_SUFFIX_LENGTH: Final = 9

_LOOKS_LIKE_TIME: Final = re.compile(r"[0-9TtZz:+\-., /]{1,40}")
_MAX_SHOWN: Final = 40

_KINDS: Final = {
    NoneType: "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


class BadValueError(ValueError):
    """A wire value that means nothing we can count. The message repeats no text of the row, but for a status word."""

    def __init__(self, reason: RejectReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def converter(field: Field, path: str, statuses: Mapping[str, Status], max_id_length: int) -> Converter:
    """Return the converter of `field` when it is read from the dotted `path`, whose last segment may state a unit."""
    match field:
        case Field.ID:
            return _identifier(max_id_length)
        case Field.CREATED | Field.FINISHED:
            return _timestamp(unit(path))
        case Field.STATUS:
            return _status(statuses)
        case Field.MODEL | Field.SKILL:
            return _label
        case Field.INPUT_TOKENS | Field.OUTPUT_TOKENS:
            return _tokens
        case Field.CREDITS:
            return _credits
        case Field.DURATION | Field.TIME_TO_FIRST_TOKEN:
            return _duration(unit(path) or SECOND)


def known_words(statuses: Mapping[str, Status]) -> dict[str, Status]:
    """Return the words for a status in lower case: neither on the wire nor in the configuration does case matter."""
    return {word.strip().lower(): status for word, status in statuses.items()}


def label_value(text: str) -> str:
    """Return `text` fit for a label that notification templates embed in PromQL.

    Quotes, backslashes and whatever does not print become `_`, and the length is capped to `MAX_LABEL`. A text that is
    changed ends in a hash of what it was, so that two of them stay two; one that only looks so is given a hash too.
    """
    if _PLAIN_LABEL(text):
        return text
    safe = "".join(char if char.isprintable() and char not in _UNSAFE else "_" for char in text[:MAX_LABEL])
    if safe == text and not _SUFFIX.fullmatch(text[-_SUFFIX_LENGTH:]):
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{safe[: MAX_LABEL - _SUFFIX_LENGTH]}~{digest}"


def describe(value: object) -> str:
    """Say of which JSON type a value is, without showing any of it."""
    return _KINDS[type(value)]


def _identifier(max_length: int) -> Converter:
    """Ids are compared, never shown as labels, so they are not altered."""

    def convert(value: Any) -> str | None:
        if type(value) is int:
            value = str(value)
        if type(value) is str:
            if len(value) > max_length:
                raise BadValueError(
                    RejectReason.BAD_VALUE, f"{len(value)} characters, at most {max_length} are allowed"
                )
            if not (value.isascii() or _is_unicode(value)):
                raise BadValueError(RejectReason.BAD_VALUE, "not valid Unicode")
            return value or None
        _check_null(value, RejectReason.NO_ID, "a string")
        return None

    return convert


def _timestamp(unit: int | None) -> Converter:
    """`unit` is in microseconds, None to tell it from the size of the number."""

    def convert(value: Any) -> int | None:
        if type(value) is str:
            micros = _parse_iso(value)
        elif type(value) is int or type(value) is float:
            micros = _since_epoch(value, unit)
        else:
            _check_null(value, RejectReason.BAD_TIMESTAMP, "a date and time")
            return None
        if EARLIEST <= micros < LATEST:
            return micros
        raise BadValueError(RejectReason.BAD_TIMESTAMP, f"{_show_time(value)} is not between 2015 and 2099")

    return convert


def _parse_iso(text: str) -> int:
    # fromisoformat also takes a date without a time, and any character at all between the two.
    if len(text) < MINUTES_LENGTH or text[10] not in TIME_MARKS:
        raise _no_timestamp(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _no_timestamp(text) from None
    since = moment - (_NAIVE_EPOCH if moment.tzinfo is None else EPOCH)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def _no_timestamp(text: str) -> BadValueError:
    return BadValueError(RejectReason.BAD_TIMESTAMP, f"{_show_time(text)} is not an ISO 8601 date and time")


def _since_epoch(value: float, unit: int | None) -> int:
    # Keeps NaN, infinity and what would overflow away from the arithmetic; no unit writes a good time as large as this.
    if not 0 <= value < LATEST:
        return _NO_TIME
    if unit is None:
        unit = SECOND if value <= MILLISECONDS_ABOVE else 1_000 if value <= _MICROSECONDS_ABOVE else 1
    return round(value * unit)


def _status(statuses: Mapping[str, Status]) -> Converter:
    known = known_words(statuses)

    def convert(value: Any) -> Status | None:
        if type(value) is str:
            word = value.strip().lower()
            status = known.get(word)
            if status is None and word:
                shown = label_value(word[:_MAX_SHOWN])
                raise BadValueError(
                    RejectReason.UNKNOWN_STATUS, f'"{shown}" is not listed under the source\'s `status`'
                )
            return status
        _check_null(value, RejectReason.UNKNOWN_STATUS, "a string")
        return None

    return convert


def _label(value: Any) -> str | None:
    if type(value) is str:
        return label_value(value) if value else None
    _check_null(value, RejectReason.BAD_VALUE, "a string")
    return None


def _tokens(value: Any) -> int | None:
    if type(value) is int and 0 <= value <= MAX_TOKENS:
        return value
    if type(value) is float and 0 <= value <= MAX_TOKENS:
        if value.is_integer():
            return int(value)
        raise BadValueError(RejectReason.BAD_VALUE, f"{value!r} is not whole")
    _check_no_amount(value, MAX_TOKENS)
    return None


def _credits(value: Any) -> int | None:
    if type(value) is int and 0 <= value <= MAX_CREDITS:
        return value * MICRO
    if type(value) is float and 0 <= value <= MAX_CREDITS:
        scaled = value * MICRO
        nearest = round(scaled)
        # The product is off by less than 0.25 up to MAX_CREDITS, so that only a near tie needs the digits of the wire.
        return nearest if -0.25 < scaled - nearest < 0.25 else round(Decimal(repr(value)) * MICRO)
    _check_no_amount(value, MAX_CREDITS)
    return None


def _duration(unit: int) -> Converter:
    """`unit` is in microseconds."""
    limit = MAX_DURATION // unit

    def convert(value: Any) -> int | None:
        if (type(value) is int or type(value) is float) and 0 <= value <= limit:
            return round(value * unit) or None
        _check_no_amount(value, limit)
        return None

    return convert


def _check_null(value: Any, reason: RejectReason, expected: str) -> None:
    if value is not None:
        raise BadValueError(reason, f"{describe(value)}, not {expected}")


def _check_no_amount(value: Any, limit: int) -> None:
    if type(value) is int or type(value) is float:
        wrong = "is negative" if value < 0 else f"is above {limit}" if value > limit else "is not a number"
        raise BadValueError(RejectReason.BAD_VALUE, f"{_show(value)} {wrong}")
    _check_null(value, RejectReason.BAD_VALUE, "a number")


def unit(path: str) -> int | None:
    """Microseconds of the unit that the name at the end of `path` states, None if it does not."""
    return _UNITS.get(re.split(r"[._]", path)[-1].lower())


def _is_unicode(text: str) -> bool:
    """Whether `text` has no lone surrogate, which is also what invalid UTF-8 is decoded to."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _show(number: float) -> str:
    text = repr(number)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _show_time(value: Any) -> str:
    """Only what is spelled like a time is repeated: any other text might be somebody's prompt."""
    if type(value) is not str:
        return _show(value)
    return f'"{value}"' if _LOOKS_LIKE_TIME.fullmatch(value) else f"a text of {len(value)} characters"
