"""The keys of the web configuration, with exporter-toolkit's defaults."""

from __future__ import annotations

import ssl
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, PlainValidator

from exporter.config import webvalues
from exporter.config.schema import Section
from exporter.config.webvalues import ClientAuth

_none_if_empty = BeforeValidator(lambda value: {} if value is None else value)

Path: TypeAlias = Annotated[str, PlainValidator(webvalues.path)]
Pem: TypeAlias = Annotated[str, PlainValidator(webvalues.pem)]
Version: TypeAlias = Annotated[ssl.TLSVersion, PlainValidator(webvalues.version)]
Boolean: TypeAlias = Annotated[bool, PlainValidator(webvalues.boolean)]


class WebSection(Section):
    """A section of the web configuration, whose keys are not those of the exporter's own."""


class TlsServerConfig(WebSection):
    """How connections are encrypted, and which clients may connect."""

    cert: Pem = ""
    key: Pem = ""
    client_ca: Pem = ""
    cert_file: Path = ""
    key_file: Path = ""
    client_auth_type: Annotated[ClientAuth, PlainValidator(webvalues.client_auth)] = ClientAuth.NONE
    client_ca_file: Path = ""
    client_allowed_sans: tuple[Annotated[str, PlainValidator(webvalues.alternative_name)], ...] | None = None
    min_version: Version = ssl.TLSVersion.TLSv1_2
    max_version: Version = ssl.TLSVersion.TLSv1_3
    cipher_suites: tuple[Annotated[str, PlainValidator(webvalues.cipher)], ...] | None = None
    prefer_server_cipher_suites: Boolean = True
    curve_preferences: tuple[Annotated[str, PlainValidator(webvalues.curve)], ...] | None = None


class HttpServerConfig(WebSection):
    """What answers carry. HTTP/1.1 is served whatever ``http2`` says."""

    http2: Boolean = True
    headers: Annotated[
        dict[
            Annotated[str, PlainValidator(webvalues.header_name)],
            Annotated[str, PlainValidator(webvalues.header_value)],
        ],
        _none_if_empty,
    ] = Field(default_factory=dict)


class RateLimitConfig(WebSection):
    """How many requests are answered in all; an interval of 0 is no limit."""

    interval: Annotated[float, PlainValidator(webvalues.interval)] = 0.0
    burst: Annotated[int, PlainValidator(webvalues.burst)] = 0


class WebConfigFile(WebSection):
    """The whole document."""

    tls_server_config: TlsServerConfig = TlsServerConfig()
    http_server_config: HttpServerConfig = HttpServerConfig()
    rate_limit: RateLimitConfig = RateLimitConfig()
    basic_auth_users: Annotated[
        dict[Annotated[str, PlainValidator(webvalues.user)], Annotated[str, PlainValidator(webvalues.password_hash)]],
        _none_if_empty,
    ] = Field(default_factory=dict)
