"""Reads bits and Exp-Golomb numbers, as in parameter sets (ITU-T H.264 and H.265, section 9)."""

from __future__ import annotations


class BitsEnded(ValueError):
    """The bytes are too few, or a number in them is out of range."""


class BitReader:
    """Reads the payload of a NAL unit, without its emulation prevention bytes; or any bytes with `is_escaped` False."""

    def __init__(self, data: bytes, *, is_escaped: bool = True) -> None:
        plain = data.replace(b"\0\0\3", b"\0\0") if is_escaped else data
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
