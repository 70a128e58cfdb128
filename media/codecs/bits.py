"""Reads bits and Exp-Golomb numbers out of a parameter set (H.264 and H.265, section 9)."""

from __future__ import annotations


class BitsEnded(ValueError):
    """The parameter set is shorter than it claims, or a number in it cannot be."""


class BitReader:
    """Over the payload of a NAL unit; emulation prevention bytes are taken out first."""

    def __init__(self, data: bytes) -> None:
        plain = data.replace(b"\0\0\3", b"\0\0")
        self._value = int.from_bytes(plain, "big")
        self._left = len(plain) * 8

    def u(self, count: int) -> int:
        """An unsigned number of so many bits."""
        if count > self._left:
            raise BitsEnded("past the end")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def ue(self) -> int:
        """ue(v): at most 32 bits, as the standards allow."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise BitsEnded("no such number")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """se(v)."""
        number = self.ue()
        return (number + 1) // 2 if number & 1 else -(number // 2)
