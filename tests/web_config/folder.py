"""Folders with certificates made for the occasion, and with the files of exporter-toolkit's own tests.

``toolkit/`` holds the files of web/testdata of exporter-toolkit 0.15.0 under their names there (Apache-2.0), but for
certificates, keys, and the two files that hold a key; ``cases/`` holds ours.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

HERE = Path(__file__).parent
CASES = sorted([*HERE.glob("toolkit/*.y*ml"), *HERE.glob("cases/*.yml")])


class Certificates:
    """An authority, a server's certificate for this machine, and two clients'."""

    def __init__(self) -> None:
        self.authority = trustme.CA(key_type=trustme.KeyType.RSA)
        self.server = self.authority.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.RSA)
        self.client = trustme.CA().issue_cert("client.example")
        key = load_pem_private_key(self.server.private_key_pem.bytes(), None)
        encryption = BestAvailableEncryption(b"passphrase")
        self.encrypted_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        self.client2 = trustme.CA().issue_cert("test3", "192.0.2.7", "2001:db8::7")

    def fill(self, folder: Path) -> Path:
        """Write everything under the names that the files of the cases use; return the folder."""
        write_pair(self.server, folder / "server.crt", folder / "server.key")
        for name, leaf in (("client_selfsigned", self.client), ("client2_selfsigned", self.client2)):
            write_pair(leaf, folder / f"{name}.pem", folder / f"{name}.key")
        self.authority.cert_pem.write_to_path(str(folder / "tls-ca-chain.pem"))
        (folder / "empty.pem").write_bytes(b"")
        (folder / "encrypted.key").write_bytes(self.encrypted_key)
        for case in CASES:
            shutil.copyfile(case, folder / case.name)
        return folder


def write_pair(leaf: trustme.LeafCert, certificate: Path, key: Path) -> None:
    """Write a certificate with its chain, and its key, in place."""
    certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())


def indented(text: bytes, by: int = 4) -> str:
    """Return text as the block of a YAML key."""
    return "".join(f"\n{' ' * by}{line}" for line in text.decode().splitlines())
