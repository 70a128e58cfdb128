"""Bits and Exp-Golomb numbers, as in parameter sets (ITU-T H.264 and H.265, section 9), and emulation prevention."""

from __future__ import annotations

import re

_NEEDS_PREVENTION = re.compile(rb"\0\0(?=[\0-\3])")


class BitsEnded(ValueError):
    """The bytes are too few, or a number in them is out of range."""


def escaped(rbsp: bytes) -> bytes:
    """Return the payload of a NAL unit with emulation prevention bytes (ITU-T H.264 section 7.4.1)."""
    return _NEEDS_PREVENTION.sub(b"\0\0\3", rbsp)


def unescaped(payload: bytes) -> bytes:
    """Return the payload of a NAL unit without its emulation prevention bytes."""
    return payload.replace(b"\0\0\3", b"\0\0")


class BitReader:
    """Reads the payload of a NAL unit, without its emulation prevention bytes; or any bytes with `is_escaped` False."""

    def __init__(self, data: bytes, *, is_escaped: bool = True) -> None:
        plain = unescaped(data) if is_escaped else data
        self._value = int.from_bytes(plain, "big")
        self._left = len(plain) * 8

    @property
    def left(self) -> int:
        """Number of bits that are left."""
        return self._left

    def u(self, count: int) -> int:
        """Return an unsigned number of `count` bits."""
        if count > self._left:
            raise BitsEnded("past the end")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def peek(self, count: int) -> int:
        """Return the next `count` bits without reading them; -1 if there are fewer."""
        return self._value >> (self._left - count) & (1 << count) - 1 if count <= self._left else -1

    def ue(self) -> int:
        """Return ue(v), of at most 32 bits as in the standards."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise BitsEnded("no such number")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Return se(v)."""
        number = self.ue()
        return (number + 1) // 2 if number & 1 else -(number // 2)


class BitWriter:
    """Writes what BitReader reads. Raises ValueError for a number that does not fit."""

    def __init__(self) -> None:
        self._value = 0
        self._count = 0

    def u(self, number: int, count: int) -> None:
        """Write an unsigned number of `count` bits."""
        if number < 0 or number >> count:
            raise ValueError("a number that does not fit")
        self._value = self._value << count | number
        self._count += count

    def ue(self, number: int) -> None:
        """Write ue(v)."""
        if number < 0:
            raise ValueError("a negative number")
        length = (number + 1).bit_length()
        self.u(number + 1, 2 * length - 1)

    def se(self, number: int) -> None:
        """Write se(v)."""
        self.ue(2 * number - 1 if number > 0 else -2 * number)

    def rbsp(self) -> bytes:
        """Return all bits and rbsp_trailing_bits (ITU-T H.264 section 7.3.2.11): a one, then zeros up to a byte."""
        zeros = -(self._count + 1) % 8
        return ((self._value << 1 | 1) << zeros).to_bytes((self._count + 1 + zeros) // 8, "big")
