"""Checks of single values of the web configuration, with the names that Go and exporter-toolkit have for them.

Each returns the value in our units, or raises ValueError with what is wrong and allowed, as those of ``values`` do.
"""

from __future__ import annotations

import re
import ssl
from enum import StrEnum
from typing import Final

from exporter.config import values
from exporter.config.problems import UnshownValueError

CIPHERS: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
"""TLS 1.2's cipher suites that Go's ``tls.CipherSuites()`` lists, and OpenSSL's names of them."""

TLS13_CIPHERS: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""Those of TLS 1.3, which neither Go nor Python lets one choose from."""

CURVES: Final = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
"""Go's names of curves, and OpenSSL's."""

HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
"""The headers that may be set, and the values of those that are enumerations."""

_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_BOOLEANS: Final = dict.fromkeys(("yes", "on", "y"), True) | dict.fromkeys(("no", "off", "n"), False)
_BCRYPT: Final = re.compile(r"\$2[aby]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_DURATION: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_MAX_TEXT: Final = 2000


class ClientAuth(StrEnum):
    """What is asked of a client's certificate, as Go's ``tls.ClientAuthType`` calls it."""

    NONE = "NoClientCert"
    REQUEST = "RequestClientCert"
    VERIFY_IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRE_AND_VERIFY = "RequireAndVerifyClientCert"

    @property
    def verifies(self) -> bool:
        """Whether a client's certificate is checked at all."""
        return self in (ClientAuth.VERIFY_IF_GIVEN, ClientAuth.REQUIRE_AND_VERIFY)


def client_auth(value: object) -> ClientAuth:
    """Check a policy; an empty one is ``NoClientCert``."""
    if value in ("RequireAnyClientCert", "RequireClientCert"):
        raise ValueError(
            "takes any certificate, which protects nothing, and is not supported (allowed: RequireAndVerifyClientCert)"
        )
    return values.choice(ClientAuth, "a policy")(value or ClientAuth.NONE.value)


def version(value: object) -> ssl.TLSVersion:
    """Check a version of TLS."""
    if value in ("TLS10", "TLS11"):
        raise ValueError("is broken and not supported (allowed: TLS12, TLS13)")
    if isinstance(value, str) and value in _VERSIONS:
        return _VERSIONS[value]
    raise ValueError("is not a version of TLS (allowed: TLS12, TLS13)")


def cipher(value: object) -> str:
    """Check the name of a cipher suite; return it as it is."""
    allowed = (*CIPHERS, *TLS13_CIPHERS)
    if isinstance(value, str) and value in allowed:
        return value
    raise ValueError(f"is not a cipher suite that can be used (allowed: {', '.join(allowed)})")


def curve(value: object) -> str:
    """Check the name of a curve; return OpenSSL's."""
    if isinstance(value, str) and value in CURVES:
        return CURVES[value]
    raise ValueError(f"is not a curve (allowed: {', '.join(CURVES)})")


def boolean(value: object) -> bool:
    """Check a truth value; unlike elsewhere YAML 1.1's words count, as they do for the toolkit."""
    return _BOOLEANS[value.lower()] if isinstance(value, str) and value.lower() in _BOOLEANS else values.boolean(value)


def path(value: object) -> str:
    """Check the path of a file; an empty one is as none."""
    return str(values.file_path(value)) if value else ""


def pem(value: object) -> str:
    """Check text in PEM form, which no message may show; empty text is as none."""
    if value and not (isinstance(value, str) and value.isascii()):
        raise UnshownValueError("is not text in PEM form (allowed: a block of text after |)")
    return value if isinstance(value, str) else ""


def alternative_name(value: object) -> str:
    """Check a name that a client's certificate may carry."""
    if isinstance(value, str) and 1 <= len(value) <= _MAX_TEXT and value.isprintable():
        return value
    raise ValueError("is not a name (allowed: a DNS name, IP address, e-mail address or URI, as text)")


def header_name(value: object) -> str:
    """Check the name of a header; case counts, as it does for the toolkit."""
    return values.key(tuple(HEADERS), "header")(value)


def header_value(value: object) -> str:
    """Check the value of a header; a whole number needs no quotes, and an empty value is as none."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value or ""
    if isinstance(text, str) and len(text) <= _MAX_TEXT and text.isascii() and text.isprintable():
        return text
    raise ValueError(f"is not a header's value (allowed: up to {_MAX_TEXT} printable ASCII characters, in quotes)")


def user(value: object) -> str:
    """Check a user's name."""
    if isinstance(value, str) and value.isprintable() and 1 <= len(value) <= 255 and ":" not in value:
        return value
    raise UnshownValueError("is not a user's name (allowed: 1 to 255 printable characters, without a colon)")


def password_hash(value: object) -> str:
    """Check a bcrypt hash, which no message may show: it may be a password by mistake."""
    if isinstance(value, str) and _BCRYPT.fullmatch(value):
        return value
    raise UnshownValueError("is not a bcrypt hash (allowed: what `htpasswd -nBC 10 USER` prints after the colon)")


def interval(value: object) -> float:
    """Check the time between two requests, in Go's notation; the result is in seconds, 0 for no limit."""
    allowed = "(allowed: a duration such as 500ms, 1s or 1m30s; 0 for no limit)"
    if value in (None, 0, "0", "") and not isinstance(value, bool):
        return 0.0
    text = value if isinstance(value, str) else ""
    parts = _DURATION.findall(text)
    if not parts or "".join(parts) != text or len(text) > 30:
        raise ValueError(f"is not a duration {allowed}")
    seconds = sum(_seconds(part) for part in parts)
    if seconds > 86_400:
        raise ValueError("is out of bounds (allowed: at most 24h)")
    return seconds


def _seconds(part: str) -> float:
    number = re.match(r"[0-9.]+", part)
    assert number is not None
    return float(number.group()) * _SECONDS[part[number.end() :]]


burst = values.integer(0, 1_000_000)
