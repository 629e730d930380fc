"""The web configuration file: who may connect, how, and what answers carry. Its keys are exporter-toolkit's."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from exporter.config.document import MAX_BYTES, parse, read
from exporter.config.explain import explain
from exporter.config.problems import ConfigError, Location, Places, Problem
from exporter.config.webschema import TlsServerConfig, WebConfigFile
from exporter.config.webvalues import CIPHERS, HEADERS, TLS13_CIPHERS, ClientAuth

_TLS: Final = "tls_server_config"
_HTTP2_CIPHERS: Final = ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")


@dataclass(frozen=True, slots=True)
class Pem:
    """Something in PEM form that the configuration holds or refers to; ``origin`` is where it does, for messages."""

    origin: str
    file: Path | None = None
    text: str = field(default="", repr=False)

    def read(self) -> bytes:
        """Return the content as it is now. Raises ConfigError if the file can't be read."""
        if self.file is None:
            return self.text.encode()
        try:
            with self.file.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise self.error(f"can't be read: {error.strerror} (allowed: a readable file in PEM form)") from None
        if len(content) > MAX_BYTES:
            raise self.error("is larger than 1 MiB (allowed: a file in PEM form)")
        return content

    def error(self, message: str) -> ConfigError:
        """Return what to raise if the content is of no use."""
        name = f"{str(self.file)!a} " if self.file is not None else ""
        return ConfigError([f"{self.origin}: {name}{message}"])


@dataclass(frozen=True, slots=True)
class Tls:
    """How connections are encrypted. ``ciphers`` and ``curves`` are OpenSSL's names, empty for its own choice."""

    certificate: Pem
    key: Pem
    client_auth: ClientAuth
    client_ca: Pem | None
    allowed_sans: frozenset[str] | None
    min_version: ssl.TLSVersion
    max_version: ssl.TLSVersion
    ciphers: tuple[str, ...]
    prefer_server_ciphers: bool
    curves: tuple[str, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it is made of."""
        pems = (self.certificate, self.key, self.client_ca)
        return tuple(pem.file for pem in pems if pem is not None and pem.file is not None)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A request each ``interval`` seconds, and ``burst`` at once."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The web configuration, without the content of the files that it names. ``users`` are bcrypt hashes by name."""

    tls: Tls | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    rate_limit: RateLimit | None = None


def load_web(path: Path) -> WebConfig:
    """Read and check a web configuration; certificates and keys are not read. Raises ConfigError with all problems."""
    data, lines, problems = parse(read(path))
    places = Places(str(path), lines)
    if problems and data is None:
        raise ConfigError(places.report(problems))
    file = None
    try:
        file = WebConfigFile.model_validate(data)
    except ValidationError as error:
        problems.extend(explain(error, places, WebConfigFile))
    if file is not None:
        problems.extend(_cross_check(file))
    if problems or file is None:
        raise ConfigError(places.report(problems))
    limit = file.rate_limit
    return WebConfig(
        tls=_tls(file.tls_server_config, places, path.parent),
        headers={name: value for name, value in file.http_server_config.headers.items() if value},
        users=dict(file.basic_auth_users),
        rate_limit=RateLimit(limit.interval, limit.burst) if limit.interval else None,
    )


def _cross_check(file: WebConfigFile) -> Iterator[Problem]:
    for name, value in file.http_server_config.headers.items():
        if HEADERS[name] and value not in HEADERS[name]:
            message = f"{value!a} is not a value of this header (allowed: {', '.join(HEADERS[name])})"
            yield Problem(("http_server_config", "headers", name), message)
    tls = file.tls_server_config
    if tls.model_fields_set:
        yield from _check_certificates(tls)
        yield from _check_clients(tls)
        yield from _check_ciphers(tls, http2=file.http_server_config.http2)


def _check_certificates(tls: TlsServerConfig) -> Iterator[Problem]:
    for what, inline, file in (
        ("cert", tls.cert, tls.cert_file),
        ("key", tls.key, tls.key_file),
        ("client_ca", tls.client_ca, tls.client_ca_file),
    ):
        if inline and file:
            yield Problem((_TLS, what), f"stands beside {what}_file (allowed: one of the two)")
        elif not (inline or file or what == "client_ca"):
            yield Problem((_TLS,), f"lacks {what}_file (allowed: {what}_file or {what}; no key at all for plain HTTP)")


def _check_clients(tls: TlsServerConfig) -> Iterator[Problem]:
    policy = tls.client_auth_type
    if (tls.client_ca or tls.client_ca_file) and not policy.verifies:
        at: Location = (_TLS, "client_ca_file" if tls.client_ca_file else "client_ca")
        yield Problem(at, f"{policy} checks no certificate (allowed: with client_auth_type RequireAndVerifyClientCert)")
    if policy is ClientAuth.REQUIRE_AND_VERIFY and not (tls.client_ca or tls.client_ca_file):
        message = "lacks client_ca_file: any public authority's certificates would do (allowed: with client_ca_file)"
        yield Problem((_TLS, "client_auth_type"), message)
    if tls.client_allowed_sans is not None:
        at = (_TLS, "client_allowed_sans")
        if not policy.verifies:
            allowed = "(allowed: with client_auth_type RequireAndVerifyClientCert)"
            yield Problem(at, f"{policy} checks no certificate {allowed}")
        elif not tls.client_allowed_sans:
            yield Problem(at, "allows no name, so that nobody could connect (allowed: at least one name)")


def _check_ciphers(tls: TlsServerConfig, *, http2: bool) -> Iterator[Problem]:
    if tls.min_version > tls.max_version:
        yield Problem((_TLS, "min_version"), "is above max_version (allowed: TLS12, TLS13, at most max_version)")
    elif tls.cipher_suites and tls.min_version is ssl.TLSVersion.TLSv1_2:
        at = (_TLS, "cipher_suites")
        if http2 and not set(tls.cipher_suites) & set(_HTTP2_CIPHERS):
            allowed = f"(allowed: with one of {', '.join(_HTTP2_CIPHERS)}; or http_server_config.http2: false)"
            yield Problem(at, f"lacks the suite that HTTP/2 demands {allowed}")
        elif tls.max_version is ssl.TLSVersion.TLSv1_2 and set(tls.cipher_suites) <= set(TLS13_CIPHERS):
            yield Problem(at, f"has no suite of TLS 1.2, the only version (allowed: some of {', '.join(CIPHERS)})")


def _tls(tls: TlsServerConfig, places: Places, folder: Path) -> Tls | None:
    if not tls.model_fields_set:
        return None

    def pem(name: str, text: str, file: str) -> Pem:
        location = (_TLS, f"{name}_file" if file else name)
        line = places.line(location)
        origin = f"{places.name}:{line}: {places.path(location)}"
        return Pem(origin, folder / file) if file else Pem(origin, text=text)

    suites = tls.cipher_suites or ()
    ciphers = tuple(CIPHERS[suite] for suite in suites if suite in CIPHERS)
    return Tls(
        certificate=pem("cert", tls.cert, tls.cert_file),
        key=pem("key", tls.key, tls.key_file),
        client_auth=tls.client_auth_type,
        client_ca=pem("client_ca", tls.client_ca, tls.client_ca_file) if tls.client_ca or tls.client_ca_file else None,
        allowed_sans=None if tls.client_allowed_sans is None else frozenset(tls.client_allowed_sans),
        # Suites of TLS 1.3 alone leave nothing for 1.2, as in Go.
        min_version=tls.min_version if ciphers or not suites else ssl.TLSVersion.TLSv1_3,
        max_version=tls.max_version,
        ciphers=ciphers,
        prefer_server_ciphers=tls.prefer_server_cipher_suites,
        curves=tls.curve_preferences or (),
    )
