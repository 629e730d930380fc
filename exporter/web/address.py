"""Listen addresses: from ``HOST:PORT`` to a listening socket."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final

BACKLOG: Final = 64
"""Connections the kernel holds for us to accept. asyncio accepts this many in one turn of its loop, and a surplus one
is closed only a few turns later: a small number keeps a flood's peak of open files small."""

UNSENT_BYTES: Final = 256 * 1024
"""Bytes the kernel takes of an answer before it is sent; enough to keep the fastest connection busy."""

_HOSTNAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_EXAMPLES: Final = 'want HOST:PORT, for example ":9877" (all interfaces), "127.0.0.1:9877" or "[::1]:9877"'
_HINTS: Final = {
    errno.EADDRINUSE: "the port is already in use; stop the process that holds it, or listen elsewhere",
    errno.EACCES: "permission denied; ports below 1024 need privileges",
    errno.EADDRNOTAVAIL: "no network interface of this machine has that address",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: ``host`` is a name, an IPv4 or an IPv6 address, or empty for all interfaces."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read ``HOST:PORT``, ``[IPV6]:PORT`` or ``:PORT``; port 0 lets the system choose.

    Raises ValueError saying what is wrong and what is allowed.
    """
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"bad listen address {text!r}: it has no port; {_EXAMPLES}")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise ValueError(f"bad listen address {text!r}: port {port!r} is not a number from 0 to 65535; {_EXAMPLES}")
    return Address(_parse_host(host, text), int(port))


def _parse_host(host: str, text: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise ValueError(f"bad listen address {text!r}: {host} is not an IPv6 address; {_EXAMPLES}") from None
    if ":" in host:
        raise ValueError(f"bad listen address {text!r}: an IPv6 address needs brackets; {_EXAMPLES}")
    if re.fullmatch(r"[0-9.]+", host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError(f"bad listen address {text!r}: {host} is not an IPv4 address; {_EXAMPLES}") from None
    if host and not _HOSTNAME.fullmatch(host):
        raise ValueError(f"bad listen address {text!r}: {host!r} is not a host name; {_EXAMPLES}")
    return host


async def bind(address: Address) -> socket.socket:
    """Return a socket listening on ``address``; an empty host means every interface, over IPv4 and IPv6.

    Raises OSError naming the address and the likely remedy.
    """
    try:
        family, target = await _resolve(address)
        dual = not address.host and family == socket.AF_INET6
        sock = socket.create_server(target, family=family, backlog=BACKLOG, dualstack_ipv6=dual)
    except socket.gaierror as error:
        raise OSError(f"cannot listen on {address}: the host name cannot be resolved ({error.strerror})") from error
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, error.strerror)
        raise OSError(f"cannot listen on {address}: {hint}") from error
    # Accepted connections inherit it. asyncio would set it, but overlooks sockets that don't name TCP as their
    # protocol, and an answer of two writes then waits 40 ms for the client's delayed acknowledgement.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Inherited, too. What a client does not take stays with us, where it is bounded, and not in the kernel, which would
    # hold megabytes for each connection, on our container's account.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return sock


async def _resolve(address: Address) -> tuple[socket.AddressFamily, tuple[str, int]]:
    if not address.host:
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        return family, ("", address.port)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # A name may have several addresses. Like Go's net.Listen, take one, IPv4 first: containers often name ::1
    # "localhost" without having IPv6.
    family, _, _, _, target = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, (str(target[0]), int(target[1]))
