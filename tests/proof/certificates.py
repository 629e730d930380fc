"""Certificates that are right, and every kind that is wrong, with what the exporter has to say of each."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A server's certificate that must be refused, and what has to be in the message."""

    name: str
    context: ssl.SSLContext
    said: str


class Certificates:
    """A certificate authority that the exporter trusts, and what it and others have issued."""

    def __init__(self) -> None:
        self._trusted = trustme.CA()

    @property
    def right(self) -> ssl.SSLContext:
        """A server with a certificate that is in order."""
        return _serving(self._trusted.issue_cert(HOST))

    def wrong(self) -> list[Wrong]:
        """Servers with certificates that are not."""
        now = datetime.now(UTC)
        day = timedelta(days=1)
        expired = self._trusted.issue_cert(HOST, not_before=now - 2 * day, not_after=now - day)
        early = self._trusted.issue_cert(HOST, not_before=now + day, not_after=now + 2 * day)
        other = trustme.CA()
        return [
            Wrong("expired", _serving(expired), "certificate has expired"),
            Wrong("not valid yet", _serving(early), "certificate is not yet valid"),
            Wrong("another host", _serving(self._trusted.issue_cert("api.example")), "IP address mismatch"),
            Wrong("unknown authority", _serving(other.issue_cert(HOST)), "unable to get local issuer certificate"),
            Wrong("signed by itself", _serving_as_authority(trustme.CA()), "self-signed certificate"),
        ]

    def write(self, file: Path) -> Path:
        """Write what the exporter trusts to a file, and return it."""
        self._trusted.cert_pem.write_to_path(str(file))
        return file


def _serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def _serving_as_authority(authority: trustme.CA) -> ssl.SSLContext:
    """Serve with an authority's own certificate, which nobody else has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.cert_pem.tempfile() as certificate, authority.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
    return context
