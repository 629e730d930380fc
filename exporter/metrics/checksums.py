"""CRC-32 of a whole from the checksums of its parts, which need not be at hand any more. Pure.

A CRC is a polynomial with coefficients 0 and 1, modulo a fixed one, and that of ``a + b`` is
``crc(a) * x**(8 * len(b)) + crc(b)``. Python has no product without carries. So each coefficient gets a byte of an
integer: the ordinary product adds up 33 ones at most in a byte, of which the lowest bit is the coefficient wanted.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import accumulate, repeat
from typing import Final, NamedTuple


class Checksum(NamedTuple):
    """The CRC of some bytes, and the factor that makes room for them behind others: both as polynomials."""

    crc: int
    factor: int

    @classmethod
    def of(cls, data: bytes) -> Checksum:
        """Take the checksum of less than 4 GiB."""
        return cls(_spread(f"{zlib.crc32(data):032b}"[::-1]), _factor(len(data)))

    @classmethod
    def joined(cls, parts: Iterable[Checksum], size: int) -> Checksum:
        """Take the checksum of what the parts are the checksums of, joined: ``size`` bytes."""
        whole = 0
        for crc, factor in parts:
            whole = _product(whole, factor) ^ crc
        return cls(whole, _factor(size))

    @property
    def value(self) -> int:
        """The CRC-32, as zlib has it."""
        return int(bytes(ord("0") + coefficient for coefficient in self.crc.to_bytes(32, "little")), 2)


def _product(one: int, other: int) -> int:
    """Multiply modulo the CRC's polynomial, by Barrett's reduction."""
    product = one * other & _ONES
    quotient = ((product >> _DEGREE) * _RECIPROCAL >> _DEGREE) & _ONES
    return (product ^ quotient * _MODULUS) & _LOW_ONES


def _factor(length: int) -> int:
    """``x**(8 * length)``."""
    factor = _ONE
    for powers in _POWERS:
        length, digit = divmod(length, len(powers))
        if digit:
            factor = _product(factor, powers[digit])
    return factor


def _spread(coefficients: str) -> int:
    """Put binary digits, the highest power's first, a byte apart."""
    return int.from_bytes(coefficients.encode(), "big") & _ONES


def _powers() -> tuple[tuple[int, ...], ...]:
    """Powers of ``x**8`` by the digits of the exponent to base 16, the lowest of eight digits first."""
    tables = []
    base = _spread("100000000")
    for _ in range(8):
        tables.append(tuple(accumulate(repeat(base, 15), _product, initial=_ONE)))
        base = _product(tables[-1][-1], base)
    return tuple(tables)


_DEGREE: Final = 8 * 32
_ONES: Final = int.from_bytes(b"\1" * 64, "big")
_LOW_ONES: Final = int.from_bytes(b"\1" * 32, "big")
_ONE: Final = 1
_MODULUS: Final = _spread(f"{0x104C11DB7:b}")
_RECIPROCAL: Final = _spread(f"{0x104D101DF:b}")
"""``x**64`` divided by the modulus."""
_POWERS: Final = _powers()
