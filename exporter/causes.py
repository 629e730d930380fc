"""The chain of errors behind an error: the outer ones often only say that something broke."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error``, what caused it, and so on; of a group of errors the first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        inner = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else None
        cause = inner or cause.__cause__ or cause.__context__


def said(error: BaseException) -> str:
    """Return what one error says: the system's words for its number, else its own, else its name."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
