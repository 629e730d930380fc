"""From the web configuration to what Python's ``ssl`` serves, and what is odd about it."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final

from exporter.config import ClientAuth, ConfigError, Pem, Tls
from exporter.web.tls_alerts import AlertingContext

_AEAD_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""TLS 1.2's default: forward secret and authenticated, what every scraper of today offers."""

_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_VERIFY_MODES: Final = {
    ClientAuth.VERIFY_IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRE_AND_VERIFY: ssl.CERT_REQUIRED,
}


def server_context(tls: Tls) -> ssl.SSLContext:
    """Read the certificates and keys as they are now and build the server's side of TLS of them.

    Raises ConfigError saying which file is missing or is of no use.
    """
    context = AlertingContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = tls.min_version, tls.max_version
    context.set_alpn_protocols(["http/1.1"])
    # No tickets: scrapers stay connected. Sessions of TLS 1.2 are still resumed by their ids, which Python cannot
    # forbid; they are the context's, hence gone with the files that admitted their clients.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if not tls.prefer_server_ciphers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        if tls.min_version is ssl.TLSVersion.TLSv1_2:
            context.set_ciphers(":".join(tls.ciphers) or _AEAD_CIPHERS)
        _set_curves(context, tls)
    except (ssl.SSLError, ValueError) as error:  # as OpenSSL in FIPS mode says
        raise ConfigError([f"tls_server_config: a cipher suite or curve that this OpenSSL lacks: {error}"]) from None
    _load_certificate(context, tls)
    _load_authorities(context, tls)
    return context


def curves_are_enforced(tls: Tls) -> bool:
    """Tell whether ``curve_preferences`` can be put in force: one always, several from Python 3.15 on."""
    return len(tls.curves) <= 1 or hasattr(ssl.SSLContext, "set_groups")


def refused_by_clients(context: ssl.SSLContext, certificate: Pem) -> str | None:
    """Say why clients would refuse our own certificate now (it has expired, or is not valid yet); None if they won't.

    A client in memory, which trusts the certificate itself, looks at it: Python offers no other way.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.set_ciphers("ALL")
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cadata=_certificates(certificate))
    wires = ssl.MemoryBIO(), ssl.MemoryBIO()
    # Not the context's own wrap_bio(), which is for connections: alerts of this handshake are for nobody.
    server = ssl.SSLContext.wrap_bio(context, wires[1], wires[0], server_side=True)
    ends = client.wrap_bio(wires[0], wires[1]), server
    for end in (*ends, ends[0]):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except ssl.SSLError as error:
            return f"no client can agree with it: {error.reason or error}"
    return None


def alternative_names(certificate: dict[str, Any]) -> frozenset[str]:
    """Return the names that a client's certificate carries, as Go writes them."""
    names = certificate.get("subjectAltName", ())
    return frozenset(_address(name) if kind == "IP Address" else name for kind, name in names)


def _address(text: str) -> str:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return text  # OpenSSL's words for bytes that are no address, which no list allows
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _set_curves(context: ssl.SSLContext, tls: Tls) -> None:
    set_groups = getattr(context, "set_groups", None)
    if tls.curves and set_groups is not None:
        set_groups(":".join(tls.curves))
    elif len(tls.curves) == 1:
        context.set_ecdh_curve(tls.curves[0])


def _load_certificate(context: ssl.SSLContext, tls: Tls) -> None:
    certificate, key = tls.certificate.read(), tls.key.read()
    if not _CERTIFICATE.search(certificate):
        raise tls.certificate.error("holds no certificate (allowed: a certificate and its chain in PEM form)")
    if b"PRIVATE KEY-----" not in key:
        raise tls.key.error("holds no private key (allowed: a private key in PEM form)")
    with _as_file(certificate) as certificate_file, _as_file(key) as key_file:
        try:
            context.load_cert_chain(certificate_file, key_file, password=_no_password)
        except ssl.SSLError as error:
            raise _explain(error, tls) from None
        except _EncryptedError:
            raise tls.key.error("is encrypted (allowed: a private key without a passphrase)") from None


def _explain(error: ssl.SSLError, tls: Tls) -> ConfigError:
    if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
        return tls.key.error("does not belong to the certificate (allowed: the certificate's own key)")
    if error.reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"):
        return tls.certificate.error("is too weak (allowed: RSA of 2048 bits or more, ECDSA; SHA-256 or better)")
    return ConfigError(
        [f"{tls.certificate.origin}: certificate or key can't be used: {error.reason or 'bad PEM form'}"]
    )


def _load_authorities(context: ssl.SSLContext, tls: Tls) -> None:
    context.verify_mode = _VERIFY_MODES.get(tls.client_auth, ssl.CERT_NONE)
    if context.verify_mode is ssl.CERT_NONE:
        return
    # As in Go, whatever stands in client_ca_file is trusted, be it an intermediate authority or a client's own.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if tls.client_ca is None:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    authorities = _certificates(tls.client_ca)
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError):
        authorities = ""
    if not authorities:
        raise tls.client_ca.error("holds no certificate (allowed: certificates of authorities in PEM form)")


def _certificates(pem: Pem) -> str:
    return b"\n".join(_CERTIFICATE.findall(pem.read())).decode("ascii", "replace")


class _EncryptedError(Exception):
    """The key asks for a passphrase."""


def _no_password() -> str:
    raise _EncryptedError


@contextmanager
def _as_file(content: bytes) -> Iterator[str | Path]:
    """Show bytes to OpenSSL as a file, as it takes nothing else; on Linux no disk ever holds them."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("pem", os.MFD_CLOEXEC), "wb") as stream:
            stream.write(content)
            stream.flush()
            yield f"/proc/self/fd/{stream.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as stream:  # readable by us alone
            stream.write(content)
            stream.flush()
            yield stream.name
