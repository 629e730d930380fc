"""A mail server on loopback that keeps what comes: enough of SMTP for Alertmanager, without TLS or a password."""

from __future__ import annotations

import email.policy
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

from tests.e2e.inthread import serving


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A running server: where it listens (HOST:PORT), and what came, oldest first."""

    address: str
    mails: list[EmailMessage] = field(default_factory=list)


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Run a mail server on a free port."""
    mails: list[EmailMessage] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mailbox\r\n")
            while command := self.rfile.readline().strip().upper():
                if command == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    written = b"".join(line.removeprefix(b".") for line in lines)
                    mails.append(email.message_from_bytes(written, EmailMessage, policy=email.policy.default))
                self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 fine\r\n")
                if command == b"QUIT":
                    return

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield Mailbox(f"127.0.0.1:{server.server_address[1]}", mails)
