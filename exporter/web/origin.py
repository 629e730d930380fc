"""Who a client is, as far as its address tells."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address


def origin(address: str) -> str:
    """Return the address, or for IPv6 the network (/64) that one machine usually has all addresses of."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed)
