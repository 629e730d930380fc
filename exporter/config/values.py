"""Checks of single values: each returns the value in our units, or raises ValueError with what is wrong and allowed.

The message of a ValueError follows the value it is about; that of an UnshownValueError stands alone.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Collection
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TypeGuard, TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from exporter.config.problems import UnshownValueError, unknown
from exporter.config.units import format_duration, parse_credits, parse_duration

Choice = TypeVar("Choice", bound=StrEnum)

PLACEHOLDERS: Final = ("id", "source", "account", "model", "skill")
"""What ``links.completion`` may hold in braces."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_URL: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,2000}")
_URL_PATH: Final = re.compile(r"/[A-Za-z0-9\-._~:/@!$&'()*+,;=%]{0,499}")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_FIELD_PATH: Final = re.compile(r"[^\s.]+(?:\.[^\s.]+)*")
_MAX_CREDITS: Final = 10**12
_MAX_WIRE_TEXT: Final = 200


def integer(least: int, most: int) -> Callable[[object], int]:
    """Return the check of an integer within bounds, both included."""

    def check(value: object) -> int:
        allowed = f"(allowed: an integer from {least} to {most})"
        number = _number(value, allowed)
        if not isinstance(number, int):
            raise ValueError(f"is not an integer {allowed}")
        if not least <= number <= most:
            raise ValueError(f"is out of bounds {allowed}")
        return number

    return check


def ratio(*, one: bool) -> Callable[[object], float]:
    """Return the check of a ratio above 0, and below 1 unless ``one`` itself is allowed."""
    bound = "at most 1" if one else "below 1"

    def check(value: object) -> float:
        allowed = f"(allowed: a number above 0 and {bound}, 0.01 for 1%)"
        ratio = _number(value, allowed)
        if 0 < ratio < 1 or (one and ratio == 1):
            return float(ratio)
        raise ValueError(f"is out of bounds {allowed}")

    return check


def credits_amount(value: object) -> int:
    """Check a number of credits; return micro-credits."""
    allowed = f"(allowed: a number of credits above 0, at most {_MAX_CREDITS}, with at most 6 decimals)"
    number = _number(value, allowed)
    if not 0 < number <= _MAX_CREDITS:
        raise ValueError(f"is out of bounds {allowed}")
    try:
        return parse_credits(number)
    except ValueError as error:
        raise ValueError(f"{error} {allowed}") from None


def boolean(value: object) -> bool:
    """Check a truth value."""
    if isinstance(value, bool):
        return value
    raise ValueError("is neither true nor false (allowed: true, false)")


def duration(most: float, *, zero: bool = False) -> Callable[[object], float]:
    """Return the check of a duration of at most ``most`` seconds; the result is in seconds."""
    least = "at least 0s" if zero else "more than 0s"
    allowed = f"(allowed: a duration such as 30s, 15m or 1h30m, {least}, at most {format_duration(most)})"

    def check(value: object) -> float:
        if _is_number(value) and value != 0:
            raise ValueError(f"is a bare number: write {value}s {allowed}")
        try:
            seconds = parse_duration("0" if _is_number(value) else _string(value))
        except ValueError as error:
            raise ValueError(f"{error} {allowed}") from None
        if not (0 < seconds <= most or (zero and seconds == 0)):
            raise ValueError(f"is out of bounds {allowed}")
        return seconds

    return check


def start(most: float) -> Callable[[object], float]:
    """Return the check of how far to look back on the first start, in seconds: ``now`` is 0."""
    look_back = duration(most, zero=True)

    def check(value: object) -> float:
        if value == "now":
            return 0.0
        try:
            return look_back(value)
        except ValueError as error:
            raise ValueError(str(error).replace("(allowed: ", "(allowed: now, or ")) from None

    return check


def name(value: object) -> str:
    """Check a name that becomes a label value and part of keys."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise ValueError("is not a name (allowed: text of 1 to 64 letters, digits, _ . -)")


def label(value: object) -> str:
    """Check the name of a model or skill, or ``*`` for any."""
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= 128:
        raise ValueError("is not a name (allowed: text of 1 to 128 printable characters, or * for any)")
    if "*" in value and value != "*":
        raise ValueError("holds a * that is not alone (allowed: an exact name, or * for any)")
    return value


def choice(options: type[Choice], what: str) -> Callable[[object], Choice]:
    """Return the check of one of some words."""

    def check(value: object) -> Choice:
        for option in options:
            if value == option.value:
                return option
        raise ValueError(f"is not {what} (allowed: {', '.join(options)})")

    return check


def key(options: Collection[str], what: str) -> Callable[[object], str]:
    """Return the check of a mapping's key."""

    def check(value: object) -> str:
        if isinstance(value, str) and value in options:
            return value
        raise UnshownValueError(unknown(value, what, options))

    return check


def field_path(value: object) -> str:
    """Check one place of a value in a row: keys and list indexes with dots between them."""
    if isinstance(value, str) and len(value) <= _MAX_WIRE_TEXT and value.isprintable() and _FIELD_PATH.fullmatch(value):
        return value
    raise ValueError("is not a dotted path (allowed: text such as usage.credits_used or skills.0.id)")


def wire_status(value: object) -> str:
    """Check a word of the API for a status; return it in lower case, without space around it."""
    word = value.strip().lower() if isinstance(value, str) else ""
    if 1 <= len(word) <= _MAX_WIRE_TEXT and word.isprintable():
        return word
    raise ValueError("is not a word (allowed: text as the API sends it, in upper or lower case)")


def timezone(value: object) -> str:
    """Check the name of a time zone."""
    try:
        return ZoneInfo(_string(value)).key
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a time zone (allowed: an IANA name such as UTC or Europe/Berlin)") from None


def file_path(value: object) -> Path:
    """Check the path of a file that need not exist yet."""
    if isinstance(value, str) and value.isprintable() and value and not value.endswith("/"):
        return Path(value)
    raise ValueError("is not a path (allowed: the path of a file)")


def ca_file(value: object) -> Path:
    """Check a bundle of CA certificates by reading it."""
    path = file_path(value)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError("holds no certificate (allowed: a file of CA certificates in PEM form)") from None
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror} (allowed: a file of CA certificates in PEM form)") from None
    return path


def url_path(value: object) -> str:
    """Check the path of a list, which is appended to the base URL."""
    if isinstance(value, str) and _URL_PATH.fullmatch(value):
        return value
    raise UnshownValueError("is not a path (allowed: text such as /agent/executions, without a query)")


def base_url(value: object) -> str:
    """Check the address of an API; return it without a trailing slash. Nothing of it is shown: it may hold a key."""
    allowed = "(allowed: an http or https address such as https://api.vlm.run/v1)"
    parts = _split_url(value)
    if parts is None:
        raise UnshownValueError(f"is not an address {allowed}")
    if "@" in parts.netloc:
        raise UnshownValueError(f"must not hold a user name or password; use api_key {allowed}")
    if parts.query or parts.fragment:
        raise UnshownValueError(f"must not hold a query or fragment {allowed}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def is_loopback(url: str) -> bool:
    """Tell whether an address never leaves this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def completion_link(value: object) -> str:
    """Check the template of a completion's address; empty for none."""
    if value == "":
        return ""
    names = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
    allowed = f"(allowed: empty, or an http or https address that holds {{id}}; all placeholders: {names})"
    text = value if isinstance(value, str) else ""
    found = _PLACEHOLDER.findall(text)
    if any(placeholder not in PLACEHOLDERS for placeholder in found):
        raise UnshownValueError(f"holds a placeholder that is not known {allowed}")
    if _split_url(_PLACEHOLDER.sub("x", text)) is None:
        raise UnshownValueError(f"is not an address {allowed}")
    if "id" not in found:
        raise UnshownValueError(f"lacks {{id}} {allowed}")
    return text


def link_base(value: object) -> str:
    """Check an address that links begin with; return it without a trailing slash. Empty for none."""
    if value == "":
        return ""
    parts = _split_url(value)
    if parts is None or "@" in parts.netloc or parts.query or parts.fragment:
        raise UnshownValueError(
            "is not an address (allowed: empty, or an http or https address without user name, query or fragment)"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _split_url(value: object) -> SplitResult | None:
    if not isinstance(value, str) or not _URL.fullmatch(value):
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is not text")
    return value


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: object, allowed: str) -> int | float:
    if not _is_number(value):
        raise ValueError(f"is not a number {allowed}")
    return value
