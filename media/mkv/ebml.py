"""Elements of EBML (RFC 8794): an id, a size, and the content."""

from __future__ import annotations

import struct

_LARGEST_SHORT = 0x7E


def element(element_id: int, *content: bytes) -> bytes:
    """Return an element. Its id includes the length marker, as RFC 9559 lists it."""
    body = b"".join(content)
    size = bytes([0x80 | len(body)]) if len(body) <= _LARGEST_SHORT else long_size(len(body))
    return id_bytes(element_id) + size + body


def id_bytes(element_id: int) -> bytes:
    return element_id.to_bytes((element_id.bit_length() + 7) // 8, "big")


def long_size(size: int) -> bytes:
    """Return a size in eight bytes."""
    return (1 << 56 | size).to_bytes(8, "big")


def unsigned(element_id: int, number: int) -> bytes:
    """Return an element with a number in as few bytes as it needs."""
    return element(element_id, number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))


def unsigned8(element_id: int, number: int) -> bytes:
    """Return an element with a number in eight bytes, so that its length does not depend on the number."""
    return element(element_id, number.to_bytes(8, "big"))


def signed8(element_id: int, number: int) -> bytes:
    return element(element_id, number.to_bytes(8, "big", signed=True))


def real(element_id: int, number: float) -> bytes:
    return element(element_id, struct.pack(">d", number))


def text(element_id: int, value: str) -> bytes:
    return element(element_id, value.encode())
