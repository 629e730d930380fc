"""Structured logging: one line a record in logfmt or JSON, without secrets and without control characters.

structlog and the standard library's logging (uvicorn, httpx) share one handler and one chain.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS: Final = ("debug", "info", "warn", "error")
FORMATS: Final = ("logfmt", "json")

_NUMBERS: Final = dict(zip(LEVELS, (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR), strict=True))

REDACTED: Final = "<redacted>"
_BEARER: Final = re.compile(r"\b(bearer)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_MAX_DEPTH: Final = 8

_BARE: Final = re.compile(r"[A-Za-z0-9_.:/@+,<>()%*~-]+")
_FIRST_KEYS: Final = ("ts", "level", "logger", "msg")

# httpx logs addresses at info and httpcore headers at debug.
_QUIET_LOGGERS: Final = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "hpack": logging.WARNING,
}
# uvicorn gives these handlers of their own unless told otherwise.
_ROUTED_LOGGERS: Final = ("uvicorn", "uvicorn.error", "uvicorn.access")


class Redactor:
    """A processor that replaces known secrets, and whatever follows ``Bearer``, in everything that is logged.

    It comes after the traceback has become text. A value that isn't plain data becomes text too, as the renderer would
    write it, so that nothing reaches the renderer unseen.
    """

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()

    def add(self, secret: str) -> None:
        """Keep a secret out of all later records, also in the form it takes in a URL. An old one stays out."""
        forms = {form for form in (secret, quote(secret, safe="")) if form}
        # Longest first: a secret may hold another one.
        self._secrets = tuple(sorted(forms.union(self._secrets), key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return _BEARER.sub(rf"\1 {REDACTED}", text)

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {self.text(str(key)): self._clean(value, _MAX_DEPTH) for key, value in event.items()}

    def _clean(self, value: object, depth: int) -> object:
        match value:
            case None | bool():
                return value
            case str():
                return self.text(value)
            case Mapping() if depth:
                return {self.text(str(key)): self._clean(item, depth - 1) for key, item in value.items()}
            case list() | tuple() | set() | frozenset() if depth:
                return [self._clean(item, depth - 1) for item in value]
        try:
            text = str(value)
        except Exception:  # a record is worth more than what one of its values has to say
            return f"<unprintable {type(value).__name__}>"
        cleaned = self.text(text)
        # A secret of digits is a secret too; and JSON knows no infinity.
        is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
        return value if is_number and cleaned == text else cleaned


def configure(level: str, format: str, stream: TextIO | None = None, redactor: Redactor | None = None) -> Redactor:
    """Send all logging of this process to a stream, standard error by default; return the redactor in use.

    ``level`` is one of LEVELS and ``format`` one of FORMATS; raises ValueError otherwise. A second call replaces the
    first one's set-up.
    """
    if level not in LEVELS:
        raise ValueError(f"log level {level!a} is unknown (allowed: {', '.join(LEVELS)})")
    if format not in FORMATS:
        raise ValueError(f"log format {format!a} is unknown (allowed: {', '.join(FORMATS)})")
    redactor = redactor or Redactor()
    # What structlog and foreign records have in common before they are rendered.
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(stream if stream is not None else sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,  # the plain traceback: frames without their locals
                structlog.processors.EventRenamer("msg"),
                redactor,
                _common_keys_first,
                # JSON in ASCII: the renderer itself escapes every control and direction character.
                structlog.processors.JSONRenderer() if format == "json" else _render_logfmt,
            ],
        )
    )
    _install(handler, _NUMBERS[level])
    return redactor


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to the stream. A record that can't be written is told without its content, which may hold a secret."""

    def handleError(self, record: logging.LogRecord) -> None:
        where = f"{record.module}:{record.lineno}"
        lost = {"name": __name__, "levelno": logging.ERROR, "levelname": "ERROR", "msg": f"log record lost at {where}"}
        with suppress(Exception):  # the stream itself may be what fails
            self.stream.write(self.format(logging.makeLogRecord(lost)) + self.terminator)


def _install(handler: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name, least in _QUIET_LOGGERS.items():
        logging.getLogger(name).setLevel(max(level, least))
    for name in _ROUTED_LOGGERS:
        routed = logging.getLogger(name)
        routed.handlers.clear()
        routed.propagate = True


def log_crashes() -> None:
    """Have the exceptions that nobody catches logged: Python itself would print them as they are, with secrets.

    For a whole process, once ``configure`` was called.
    """

    def crashed(what: str, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error or kind(), trace)
            return
        logging.getLogger(__name__).critical("unexpected error %s", what, exc_info=(kind, error or kind(), trace))

    sys.excepthook = lambda kind, error, trace: crashed("ends the program", kind, error, trace)
    threading.excepthook = lambda at: crashed("ends a thread", at.exc_type, at.exc_value, at.exc_traceback)
    sys.unraisablehook = lambda at: crashed("in a finalizer", at.exc_type, at.exc_value, at.exc_traceback)


def _common_keys_first(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {key: event[key] for key in _FIRST_KEYS if key in event} | dict(event)


def _render_logfmt(logger: WrappedLogger, method: str, event: EventDict) -> str:
    # Not structlog's renderer: that one passes control characters and refuses a key with a space.
    return " ".join(f"{re.sub('[^A-Za-z0-9_.-]', '_', key)}={_logfmt_value(value)}" for key, value in event.items())


def _logfmt_value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if _BARE.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in quoted)
