"""Logging: both formats, no secrets, no forged lines, and one chain for structlog and the standard library."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs import FORMATS, LEVELS, REDACTED, Redactor, configure, log_crashes

SECRET = "sk-canary/4f1e9a+"
TIMESTAMP = r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9:.]+Z"
FORBIDDEN = "".join(
    chr(code)
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        0x061C,
        0x200E,
        0x200F,
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    )
)
"""Control characters (C0, DEL, C1), line separators, and what changes the direction of text."""

PAIR = re.compile(r'([^ ="]+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)')

FOREIGN = ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore", "hpack")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what ``configure`` does to the process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in FOREIGN}
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    for name in FOREIGN:
        logging.getLogger(name).setLevel(logging.NOTSET)  # a web server of another test has set some
    yield
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def logged(write: Callable[[], object], *, level: str = "info", format: str = "logfmt", secret: str = SECRET) -> str:
    """Return what is logged by ``write``."""
    stream = io.StringIO()
    logging.getLogger().handlers.clear()  # pytest's own raise where ours must not
    configure(level, format, stream).add(secret)
    write()
    return stream.getvalue()


def log() -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger("exporter.test")
    return logger


def logfmt(line: str) -> dict[str, str]:
    """Read a line of logfmt: bare values end at a space, quoted ones are JSON strings."""
    record: dict[str, str] = {}
    position = 0
    while position < len(line):
        pair = PAIR.match(line, position)
        assert pair, line[position:]
        key, value = pair.groups()
        record[key] = json.loads(value) if value.startswith('"') else value
        position = pair.end()
    return record


def fail(message: str) -> None:
    local = SECRET  # a traceback with local variables would show it
    raise RuntimeError(message + local[:0])


def test_logfmt_has_time_level_logger_and_message_first() -> None:
    line = logged(lambda: log().info("page read", rows=100, source="requests", took=0.25, done=True, error=None))

    assert re.fullmatch(
        rf'ts={TIMESTAMP} level=info logger=exporter\.test msg="page read" '
        r"rows=100 source=requests took=0\.25 done=true error=null\n",
        line,
    )


def test_json_has_the_same_keys() -> None:
    line = logged(lambda: log().warning("page read", rows=100, ratio=0.5, names=("a", "b")), format="json")

    record = json.loads(line)
    assert re.fullmatch(TIMESTAMP, record.pop("ts"))
    assert list(record.items()) == [
        ("level", "warning"),
        ("logger", "exporter.test"),
        ("msg", "page read"),
        ("rows", 100),
        ("ratio", 0.5),
        ("names", ["a", "b"]),
    ]


def test_logfmt_quotes_what_would_be_ambiguous() -> None:
    line = logged(lambda: log().info("m", a="x=y", b='say "no"', c="back\\slash", d="", e={"k": [1]}, f="größe"))

    assert line.split("msg=m ")[1] == (r'a="x=y" b="say \"no\"" c="back\\slash" d="" e="{\"k\": [1]}" f="größe"' + "\n")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "text", ["a\nts=0 level=info msg=forged", "\x1b[2Jcleared", "\x85", "\u2028", "\u202egnp", "\x7f"]
)
def test_control_characters_never_reach_the_terminal(format: str, text: str) -> None:
    output = logged(lambda: log().info(text, **{"value": text, f"key {text}": 1}), format=format)

    assert output.endswith("\n")
    assert output[:-1].isprintable()


ANY_TEXT = st.text() | st.text(st.sampled_from(FORBIDDEN + 'a ="\\'))


@given(ANY_TEXT, st.dictionaries(ANY_TEXT, ANY_TEXT | st.floats() | st.integers() | st.lists(ANY_TEXT)))
def test_any_record_is_one_printable_line_that_can_be_read_back(text: str, values: dict[str, object]) -> None:
    for format in FORMATS:
        output = logged(lambda: log().info(text, data=values), format=format)
        line = output.removesuffix("\n")

        assert output.endswith("\n")
        assert line.isprintable() and not set(line) & set(FORBIDDEN)
        record = json.loads(line) if format == "json" else logfmt(line)
        assert list(record) == ["ts", "level", "logger", "msg", "data"]
        assert record["msg"] == text


@given(ANY_TEXT.filter(lambda text: text.isprintable() and text.isascii()), ANY_TEXT)
def test_any_value_can_be_read_back(name: str, value: str) -> None:
    key = re.sub(r"[^a-z]", "", name) or "key"
    for format in FORMATS:
        line = logged(lambda: log().info("m", **{f"x_{key}": value}), format=format).removesuffix("\n")
        assert (json.loads(line) if format == "json" else logfmt(line))[f"x_{key}"] == value


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "write",
    [
        lambda: log().info(f"key {SECRET}"),
        lambda: log().info("m", key=SECRET),
        lambda: log().info("m", request={"headers": [("Authorization", f"Token {SECRET}")]}),
        lambda: log().info("m", **{SECRET: 1}),
        lambda: log().info("m", keys={SECRET: {SECRET}}),
        lambda: log().info("m", raw=f"x{SECRET}x".encode()),
        lambda: log().info("m", error=RuntimeError(SECRET)),
        lambda: log().info("m", url="https://a/?key=sk-canary%2F4f1e9a%2B"),
        lambda: log().info("key %s", SECRET),
        lambda: log().bind(key=SECRET).info("m"),
        lambda: logging.getLogger("uvicorn.error").error("key %s", SECRET),
        lambda: logging.getLogger("uvicorn.error").error({"key": SECRET}),
    ],
)
def test_a_secret_is_redacted_wherever_it_is(write: Callable[[], object], format: str) -> None:
    output = logged(write, format=format)

    assert "canary" not in output
    assert REDACTED.strip("<>") in output  # logfmt keys have no brackets


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("through", ["structlog", "logging"])
def test_a_traceback_has_neither_secrets_nor_locals(through: str, format: str) -> None:
    def write() -> None:
        try:
            fail(f"refused: {SECRET}")
        except RuntimeError:
            if through == "structlog":
                log().exception("poll failed")
            else:
                logging.getLogger("uvicorn.error").exception("poll failed")

    output = logged(write, format=format)

    assert f"RuntimeError: refused: {REDACTED}" in output
    assert "Traceback (most recent call last)" in output
    assert "canary" not in output
    assert output.count("\n") == 1


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("where", ["program", "thread", "finalizer"])
def test_an_exception_that_nobody_catches_is_one_record_without_secrets(
    where: str, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class Garbage:
        def __del__(self) -> None:
            fail(SECRET)

    def write() -> None:
        log_crashes()
        match where:
            case "program":
                try:
                    fail(SECRET)
                except RuntimeError as error:
                    sys.excepthook(RuntimeError, error, error.__traceback__)
            case "thread":
                thread = threading.Thread(target=fail, args=(SECRET,))
                thread.start()
                thread.join()
            case "finalizer":
                Garbage()

    output = logged(write, format=format)

    assert "unexpected error" in output and f"RuntimeError: {REDACTED}" in output
    assert "canary" not in output
    assert output.count("\n") == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["Bearer abc.def-1_2~3+/==", "authorization: bearer  abc", "BEARER\tabc"])
def test_a_bearer_token_is_redacted_without_being_known(text: str) -> None:
    cleaned = Redactor().text(f"sent {text}, got 401")

    assert "abc" not in cleaned
    assert cleaned.endswith(f"{REDACTED}, got 401")


def test_a_rotated_secret_stays_redacted() -> None:
    redactor = Redactor()
    redactor.add("old-key")
    redactor.add("old-key-2")
    redactor.add("")

    assert redactor.text("old-key old-key-2 other") == f"{REDACTED} {REDACTED} other"


def test_a_secret_of_digits_is_redacted_as_a_number_too() -> None:
    assert json.loads(logged(lambda: log().info("m", id=12345678), format="json", secret="12345678"))["id"] == REDACTED


@pytest.mark.parametrize("format", FORMATS)
def test_a_value_that_cannot_be_printed_does_not_lose_the_record(format: str) -> None:
    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError(SECRET)

    circle: list[object] = []
    circle.append(circle)

    output = logged(lambda: log().info("m", value=Unprintable(), number=float("inf"), circle=circle), format=format)

    assert "<unprintable Unprintable>" in output
    assert "inf" in output
    assert "canary" not in output


def test_a_record_that_cannot_be_written_is_told_without_its_content(capsys: pytest.CaptureFixture[str]) -> None:
    output = logged(lambda: logging.getLogger("uvicorn.error").error("%d rows", SECRET))

    assert re.search(r'level=error logger=exporter\.logs msg="log record lost at test_logs:[0-9]+"\n', output)
    assert "canary" not in output
    assert capsys.readouterr() == ("", "")


def test_a_stream_that_fails_does_not_stop_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(28, "No space left on device")

    configure("info", "logfmt", Full())
    log().info("m")

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("level", "shown"), list(zip(LEVELS, (4, 3, 2, 1), strict=True)))
def test_a_level_shows_itself_and_what_is_worse(level: str, shown: int) -> None:
    def write() -> None:
        for method in (log().debug, log().info, log().warning, log().error):
            method("m")
        for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logging.getLogger("foreign").log(number, "m")

    assert logged(write, level=level).count("\n") == 2 * shown


def test_libraries_that_log_requests_are_quiet_even_at_debug() -> None:
    def write() -> None:
        for name in ("httpx", "httpcore.http11", "hpack.hpack"):
            logging.getLogger(name).info("m")
            logging.getLogger(name).warning("m")

    assert len(re.findall("level=warning", logged(write, level="debug"))) == 3
    assert "level=info" not in logged(write, level="debug")
    assert logged(write, level="error") == ""


def test_uvicorn_has_no_handlers_of_its_own_left() -> None:
    own = io.StringIO()
    logging.getLogger("uvicorn.access").addHandler(logging.StreamHandler(own))
    logging.getLogger("uvicorn.access").propagate = False

    output = logged(lambda: logging.getLogger("uvicorn.access").warning("m"))

    assert own.getvalue() == ""
    assert "logger=uvicorn.access msg=m" in output


def test_a_second_set_up_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    redactor = Redactor()
    assert configure("info", "logfmt", first, redactor) is redactor
    assert configure("info", "json", second, redactor) is redactor

    log().info("m")

    assert first.getvalue() == ""
    assert json.loads(second.getvalue())["msg"] == "m"


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "logfmt")

    log().info("m")

    assert "msg=m" in capsys.readouterr().err


def test_unknown_levels_and_formats_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'verbose' is unknown \(allowed: debug, info, warn, error\)"):
        configure("verbose", "logfmt")
    with pytest.raises(ValueError, match=r"'xml' is unknown \(allowed: logfmt, json\)"):
        configure("info", "xml")
