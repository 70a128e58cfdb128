"""Boxes (ISO/IEC 14496-12 section 4.2): a length, a type of four letters, and the content."""

from __future__ import annotations

import struct
from collections.abc import Iterator


def box(kind: bytes, *content: bytes) -> bytes:
    """Return a plain box."""
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full_box(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """Return a box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def u16(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}H", *numbers)


def u32(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


def boxes_in(data: memoryview, kind: bytes) -> Iterator[memoryview]:
    """Yield the contents of the boxes of this type that lie one behind the other in `data`, up to a broken one."""
    place = 0
    while place + 8 <= len(data):
        size, found = struct.unpack_from(">I4s", data, place)
        if size < 8:
            return
        if found == kind:
            yield data[place + 8 : place + size]
        place += size


def box_in(data: memoryview, kind: bytes) -> memoryview:
    """Return the content of the first box of this type in `data`. Raises ValueError if there is none."""
    found = next(boxes_in(data, kind), None)
    if found is None:
        raise ValueError(f"no box {kind!r}")
    return found
